"""People in Chromium: invited, joining, asked for a code, removed; names that would be markup; everything by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from sql import fleet, people
from tds_dash.needs import PAGES as REGISTERED
from tests.browser.conftest import patient, settle, sign_in, visit
from tests.web.world import PASSWORD, World

Open = Callable[..., Page]
FRESH = "a much newer password"


def test_somebody_is_invited_joins_and_is_removed(open_page: Open, browser: Browser, address: str) -> None:
    admin = open_page("/users")
    admin.get_by_role("button", name="Invite", exact=True).first.click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("not an address")
    dialog.get_by_role("button", name="Invite").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not an e-mail address")
    assert dialog.get_by_label("E-mail").input_value() == "not an address"  # what was typed stays
    dialog.get_by_label("E-mail").fill("guest@aurora.example")
    dialog.get_by_label("E-mail").press("Tab")
    dialog.get_by_role("radio", name=re.compile("Editor")).check()
    dialog.get_by_role("button", name="Invite").press("Enter")
    link = admin.locator("#users-told code").inner_text()
    expect(admin.locator("#users-invitations")).to_contain_text("guest@aurora.example")

    context = patient(browser.new_context(locale="en"))
    guest = context.new_page()
    guest.goto(link.replace(re.sub(r"/invitation/.*", "", link), address))
    expect(guest.locator("h1")).to_have_text("Join Aurora")
    guest.get_by_label("Choose a password").fill(FRESH)
    guest.get_by_label("The same again").fill("something else")
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_role("alert")).to_contain_text("not the same")
    guest.get_by_label("Choose a password").fill(FRESH)
    guest.get_by_label("The same again").fill(FRESH)
    guest.get_by_role("button", name="Join").click()
    settle(guest)
    expect(guest.locator("h1")).to_be_visible()
    guest.goto(f"{address}/users")
    settle(guest)
    expect(guest.locator("main")).to_contain_text("needs the role Administrator")

    admin.reload()
    settle(admin)
    admin.get_by_role("button", name="Remove guest@aurora.example").click()
    expect(admin.get_by_role("dialog")).to_contain_text("guest@aurora.example")
    admin.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(admin.locator("#users-told")).to_contain_text("does not belong")
    guest.goto(f"{address}/readings")
    expect(guest).to_have_url(re.compile("/login"))
    context.close()


def test_a_second_factor_is_set_up_and_asked_for(browser: Browser, address: str, world: World) -> None:
    with world.database.owner.transaction() as conn:
        people.add_user(conn, "careful@aurora.example", "Aurora", "viewer", PASSWORD)
    context = patient(browser.new_context(base_url=address, locale="en"))
    page = context.new_page()
    faults: list[str] = []
    page.on(
        "console", lambda message: faults.append(message.text) if message.type == "error" and "40" not in message.text else None
    )
    sign_in(page, "careful@aurora.example")
    page.goto("/profile")
    section = page.locator("#second-factor")
    section.get_by_label("Your password").fill(PASSWORD)
    section.get_by_role("button", name="Set up").click()
    expect(section.locator("svg")).to_be_visible()
    box = section.locator("svg").bounding_box()
    assert box is not None
    assert box["width"] >= 200
    app = pyotp.TOTP(section.locator(".tds-secret").inner_text().replace(" ", ""))
    section.get_by_label("Code from the app").fill(app.at(0))
    section.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    page.get_by_label("Code from the app").fill(app.now())
    page.get_by_role("button", name="Turn on").click()
    code = page.locator(".tds-codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#second-factor")).to_contain_text("10 recovery codes are left")
    page.get_by_role("button", name="Sign out everywhere").click()
    page.fill("#email", "careful@aurora.example")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    context.close()
    assert faults == []


EVIL = '"><img src=x onerror="window.bad=1"> {{7*7}} javascript:window.bad=1'
# Every column that a person or a gateway fills with text of their own, in the account of the test.
FILLED = (
    "UPDATE tds.account SET name = :evil WHERE id = :account",
    "UPDATE tds.gateway SET name = :evil WHERE account_id = :account",
    "UPDATE tds.device SET name = :evil, code = left(:evil, 60), unit = left(:evil, 16), changed_by = :evil WHERE account_id = :account",
    "INSERT INTO tds.audit (account_id, actor, action, object, before, after, agent)"
    " VALUES (:account, :evil, 'user.added', :evil, jsonb_build_object('name', :evil, :evil, :evil), jsonb_build_object('name', :evil), left(:evil, 100))",
    "INSERT INTO tds.rejection (received_at, account_id, gateway_id, mac, device_code, reason, detail, topic, payload, digest)"
    " SELECT now(), :account, id, mac, :evil, r, :evil, :evil, convert_to(:evil, 'UTF8'), sha256(convert_to(mac || r, 'UTF8'))"
    " FROM tds.gateway, unnest(ARRAY['schema', 'unknown_device', 'unit_mismatch']) r WHERE account_id = :account",
    "INSERT INTO tds.fleet_import (account_id, name, gateways, devices, created_by) VALUES (:account, :evil, 0, 1, :evil)",
    "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after, issued_by, revoked_at, reason)"
    " SELECT 'e' || id, 'gateway', mac, :evil, now(), now() + interval '1 day', :evil, now(), :evil FROM tds.gateway WHERE account_id = :account",
    "INSERT INTO tds.certificate_batch (account_id, name, created_by) VALUES (:account, :evil, :evil)",
    "INSERT INTO tds.link (kind, digest, email, account_id, role, created_by, expires_at)"
    " VALUES ('invitation', sha256(convert_to(:evil, 'UTF8')), lower(:evil), :account, 'viewer', :evil, now() + interval '1 day')",
    "INSERT INTO tds.token (account_id, user_id, name, role, hash, hint, expires_at)"
    " SELECT :account, user_id, :evil, 'viewer', sha256(convert_to(:evil, 'UTF8')), left(:evil, 12), now() + interval '1 day'"
    " FROM tds.membership WHERE account_id = :account",
    "INSERT INTO tds.session (user_id, address, agent) SELECT user_id, left(:evil, 100), left(:evil, 100) FROM tds.membership WHERE account_id = :account",
    "INSERT INTO tds.tariff (account_id, resource, valid_from, name, unit, bands, prices, changed_by)"
    " VALUES (:account, 'water', '2026-01-01', :evil, left(:evil, 16), '{0}', '{1}', :evil)",
    "INSERT INTO tds.holiday (account_id, day, name) VALUES (:account, '2026-01-01', :evil)",
    "INSERT INTO tds.alarm_rule (account_id, kind, resource, unit, threshold, created_by, changed_by)"
    " VALUES (:account, 'daily', 'water', left(:evil, 16), 1, :evil, :evil)",
    "INSERT INTO tds.alarm (account_id, rule_id, rule_version, kind, device_id, unit, value, since, opened_at, acknowledged_at, acknowledged_by, note)"
    " SELECT :account, r.id, 1, 'daily', d.id, :evil, 1, now(), now(), now(), :evil, :evil FROM tds.device d, tds.alarm_rule r"
    " WHERE d.account_id = :account AND r.account_id = :account",
    "INSERT INTO tds.alarm_recipient (account_id, channel, address, kinds, created_by, fault, failing_since)"
    " VALUES (:account, 'mail', :evil, '{daily}', :evil, :evil, now())",
    "INSERT INTO tds.report_recipient (account_id, address, locale, day, hour, created_by) VALUES (:account, :evil, 'en', 1, 0, :evil)",
    "INSERT INTO tds.report_mail (recipient_id, account_id, month, attempts, fault) SELECT id, :account, '2026-01-01', 1, :evil FROM tds.report_recipient"
    " WHERE account_id = :account",
    "INSERT INTO tds.invoice (account_id, resource, first_day, last_day, quantity, unit, amount, created_by)"
    " VALUES (:account, 'water', '2026-01-01', '2026-01-31', 1, left(:evil, 16), 1, :evil)",
    "INSERT INTO tds.registration (mac, serial_number, model, firmware, key, request, state, account_id, gateway_id, decided_at, decided_by, fault)"
    " SELECT mac, left(:evil, 64), left(:evil, 64), left(:evil, 64), repeat('7', 64), '', 'allocated', :account, id, now(), :evil, :evil"
    " FROM tds.gateway WHERE account_id = :account",
    "INSERT INTO tds.event (device_id, kind, at, since, value_before, value_after, correction)"
    " SELECT id, 'unresolved', now(), now() - interval '1 hour', 2, 1, 0 FROM tds.device WHERE account_id = :account",
)
SHOWN = ("/", "/consumption", "/peaks", "/costs", "/tariffs", "/bills", "/alarms", "/readings", "/gateways", "/devices", "/events", "/rejections", "/certificates", "/users", "/account", "/audit", "/tokens", "/reports",
         "/profile", "/accounts", "/account/delete", "/gateway/{gateway}", "/device/{device}", "/devices?edit={device}", "/gateways?edit={gateway}")  # fmt: skip


def test_names_that_would_be_markup_are_text(open_page: Open, world: World) -> None:
    """Whatever text people and gateways can fill in, on every page that shows it."""
    email = "evil@markup.example"
    account = world.database.account("Markup", locale="en")
    with world.database.owner.transaction() as conn:
        people.add_user(conn, email, "Markup", "admin", PASSWORD)
        gateway = fleet.add_gateway(conn, "02:00:00:00:0e:01", "Markup")
        device = fleet.add_device(conn, "02:00:00:00:0e:01", "D01", kind="counter", resource="water", unit="m³")
        for statement in FILLED:
            conn.execute(text(statement), {"evil": EVIL, "account": account})
    page = open_page(who=email)
    assert {one for one in REGISTERED if one not in ("overview", "not_found_404")} <= {
        re.findall(r"\w*", path[1:])[0] for path in SHOWN
    }
    for path in SHOWN:
        visit(page, path.format(gateway=gateway, device=device))
        assert page.evaluate("window.bad") is None, path
        assert page.locator("img[src=x]").count() == 0, path
        assert page.locator("a[href^='javascript']").count() == 0, path
        assert "49 javascript" not in page.content(), path


def test_an_export_is_downloaded_and_its_progress_said(open_page: Open) -> None:
    page = open_page("/account")
    expect(page.locator("#account-export-told")).not_to_be_empty()
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Export everything").click()
    assert arriving.value.suggested_filename.startswith("tds-account-")
    expect(page.locator("#account-export-told")).to_contain_text("is whole")
