"""Every page held against the WCAG by axe-core, its tables and dialogs opened, in light and dark: nothing serious is found.

Every other page is looked at in Portuguese and on a phone, the others in English and on a laptop: each once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from sql import alarm_recipients, alarm_rules, budgets, fleet, invoices, ledger, links, people, report_recipients, tariffs, tokens
from sql.alarm_watch import watch
from sql.audit import Actor
from sql.tariff_rules import Terms
from tds_dash.needs import PAGES as REGISTERED
from tests.browser.conftest import settle, sign_in
from tests.sql.plant import put
from tests.web.queue import quarters
from tests.web.refusals import Refusals
from tests.web.world import PASSWORD, World

Open = Callable[..., Page]
SOURCE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
REFUSED = ("critical", "serious")
RUN = """async ([where, only]) => {
    const found = await axe.run(where, {runOnly: only, resultTypes: ["violations"], iframes: false, preload: false});
    return found.violations.flatMap(one => one.nodes.map(node => [one.impact, one.id, node.html.slice(0, 200), node.failureSummary]));
}"""
UNFOLD = "document.querySelectorAll('main details').forEach(one => one.open = true)"
SHOW = "theme => document.documentElement.dataset.bsTheme = theme"
ME, MAC = Actor("admin@gaia.example"), "02:00:00:00:09:01"
LIA, OPERATOR = "lia@gaia.example", "operator@gaia.example"
LOOKS = ((ME.name, 1440), (LIA, 390))
# Each page of the register, and what opens a dialog on it. Neighbours have each another look.
NEW, EDIT = ".tds-actions [data-fleet=new]", "#content [data-fleet=edit]"
PAGES = {
    "overview": ("/", None),
    "consumption": ("/consumption?period=month&step=day&compare=previous", None),
    "peaks": ("/peaks", None),
    "costs": ("/costs", None),
    "tariffs": ("/tariffs", NEW),
    "bills": ("/bills", NEW),
    "device": ("/device/{device}", "#device-replace-open"),
    "devices": ("/devices", EDIT),
    "gateway": ("/gateway/{gateway}", None),
    "gateways": ("/gateways", EDIT),
    "readings": ("/readings?device={device}", None),
    "events": ("/events", None),
    "alarms": ("/alarms?view=rules", "[data-fleet=rule]"),
    "rejections": ("/rejections", None),
    "certificates": ("/certificates", None),
    "audit": ("/audit", None),
    "users": ("/users", "#users-invite-open"),
    "account": ("/account", None),
    "tokens": ("/tokens", None),
    "reports": ("/reports", None),
    "not_found_404": ("/nowhere", None),
}

# Dialogs that those do not open: where, and what opens them, one thing after the other.
THEN = " then "
DIALOGS = (
    ("/tariffs", "#tariffs-table [data-fleet=remove]"),
    ("/bills", "#bills-table [data-fleet=remove]"),
    (
        "/devices",
        "[data-fleet=import]",
        f"{EDIT}{THEN}.modal.show [data-fleet=move]",
        f"{EDIT}{THEN}.modal.show [data-fleet=retire]",
    ),
    ("/gateways", ".tds-actions [data-fleet=new]", f"{EDIT}{THEN}.modal.show [data-fleet=retire]"),
    ("/events", "[data-verb=correct]"),
    ("/alarms", "[data-fleet=acknowledge]"),
    ("/alarms?view=rules", "[data-fleet=delete]"),
    ("/rejections", "[data-mend=adopt]"),
    ("/alarms?view=told", "[data-fleet=recipient]", "[data-fleet=wishes]"),
    ("/users", "[data-users=role]", "[data-users=remove]"),
)


@pytest.fixture(scope="module")
def plant(world: World) -> dict[str, int]:
    """An account with something on every page: meters that did what has to be reviewed, prices, limits, people, refusals."""
    database, now = world.database, datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    account = database.account("Gaia", locale="en")
    with database.owner.transaction() as conn:
        person = people.add_user(conn, ME.name, "Gaia", "admin", PASSWORD)
        people.add_user(conn, LIA, "Gaia", "admin", PASSWORD)
        people.add_user(conn, OPERATOR, "Gaia", "viewer", PASSWORD)
        conn.execute(text("UPDATE tds.app_user SET locale = 'pt-BR' WHERE email = :e"), {"e": LIA})
        conn.execute(text("UPDATE tds.app_user SET operator = true WHERE email = :e"), {"e": OPERATOR})
        gateway = fleet.add_gateway(conn, MAC, "Gaia", "Roof")
        meters = {
            resource: fleet.add_device(
                conn, MAC, f"A{n}", kind=kind, resource=resource, unit=unit, interval=3600, max_rate=Decimal(1000)
            )
            for n, (resource, kind, unit) in enumerate(
                (("electricity", "counter", "kWh"), ("water", "counter", "m³"), ("temperature", "gauge", "°C"))
            )
        }
        day = now.date()
        terms = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": Decimal("0.5")}, tax=Decimal(20))
        tariffs.add_tariff(conn, account, terms)
        asked = invoices.Invoice(
            0, "electricity", day - timedelta(9), day - timedelta(5), Decimal(900), "kWh", Decimal(500), None, ME.name
        )
        invoices.add_invoice(conn, account, asked)
        budgets.set_budget(conn, account, budgets.Budget("electricity", day.replace(day=1), "money", "", Decimal(10)))
        alarm_rules.add_rule(conn, account, alarm_rules.Draft("daily", alarm_rules.Target(meters["electricity"]), Decimal(5)), ME)
        alarm_recipients.add_recipient(conn, account, "mail", "told@gaia.example", alarm_recipients.Wishes(), ME)
        report_recipients.add_recipient(conn, account, "told@gaia.example", "en", 3, 7, ME)
        links.invite(conn, account, "guest@gaia.example", "viewer", ME.name)
        tokens.add_token(conn, account, person, "Script", "viewer", "admin", 30)
        conn.execute(
            text(
                "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
                " VALUES (:m, 'gateway', :m, 'f', now(), now() + interval '5 days')"
            ),
            {"m": MAC},
        )
    start, hours = now - timedelta(hours=480), range(481)
    # The electricity meter began again at zero on its way.
    put(database, meters["electricity"], quarters([n * 7 % 2000 for n in hours], start, 60))
    put(database, meters["water"], quarters([n * 2 for n in hours], start, 60))
    put(database, meters["temperature"], quarters([20 + n % 24 / 4 for n in hours], start, 60))
    ledger.drain(database.owner)
    watch(database.owner, now, range(60), silences=False)
    Refusals(database, account).say(MAC, "Z9")
    return {"device": meters["electricity"], "gateway": gateway}


def test_no_page_is_left_out() -> None:
    assert set(PAGES) == set(REGISTERED)


def test_it_finds_what_is_wrong(open_page: Open, plant: dict[str, int]) -> None:
    page = gone_to(open_page, "/tokens")
    page.evaluate(
        "document.querySelector('main h1').insertAdjacentHTML('afterend', '<p><img src=\"/assets/favicon.svg\"><button></button></p>')"
    )
    assert {name for _, name, *_ in findings(page, RULES)} >= {"image-alt", "button-name"}
    page.evaluate("document.querySelector('main h1 + p').remove()")


@pytest.mark.parametrize(("name", "number"), [(name, number) for number, name in enumerate(PAGES)])
def test_pages(open_page: Open, plant: dict[str, int], name: str, number: int) -> None:
    path, opener = PAGES[name]
    page = gone_to(open_page, path.format(**plant), *LOOKS[number % 2])
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing sticks out"
    page.evaluate(UNFOLD)
    settle(page)
    held(page)
    if opener:
        page.locator(opener).first.click()
        page.locator(".modal.show").wait_for()
        settle(page)
        held(page, ".modal.show")
        page.keyboard.press("Escape")
        page.locator(".modal").wait_for(state="detached")


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(DIALOGS)), ids=[path for path, *_ in DIALOGS])
def test_dialogs(open_page: Open, plant: dict[str, int], number: int) -> None:
    """The dialogs that no page opened above; where it opened from has the focus again once it is closed."""
    path, *openers = DIALOGS[number]
    page = gone_to(open_page, path, *LOOKS[number % 2])
    for opener in openers:
        *first, last = opener.split(THEN)
        for one in first:
            page.locator(one).first.click()
        button = page.locator(last).first
        button.focus()
        page.keyboard.press("Enter")
        page.locator(".modal.show").wait_for()
        settle(page)
        held(page, ".modal.show")
        assert page.evaluate("document.querySelector('.modal.show').contains(document.activeElement)"), opener
        page.keyboard.press("Escape")
        page.locator(".modal").wait_for(state="detached")
        if not first:
            expect(button).to_be_focused(timeout=3000)


def test_a_dropdown_is_one_stop_and_says_its_label(open_page: Open, plant: dict[str, int]) -> None:
    page = gone_to(open_page, "/readings?device={device}".format(**plant))
    page.get_by_label("Device").focus()
    expect(page.get_by_role("button", name=re.compile("^Device .*A0"))).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#readings-device")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".dash-dropdown-content")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".dash-dropdown-content")).to_have_count(0)


def test_plain_pages(open_page: Open, plant: dict[str, int]) -> None:
    page = gone_to(open_page, "/tokens", fresh=True)  # others are not signed out with it
    page.locator(".tds-menu:not(.tds-nav-menu) > summary").first.click()
    held(page, ".tds-navbar")
    for path in ("/profile", "/account/delete"):
        page.goto(path)
        held(page)
    page.context.clear_cookies()
    page.goto("/login")
    held(page)
    sign_in(page, "both@example.com")
    assert "/accounts" in page.url
    held(page)
    page.context.clear_cookies()
    sign_in(page, OPERATOR)
    page.goto("/operator")
    held(page)


def gone_to(open_page: Open, path: str, who: str = ME.name, width: int = 1440, fresh: bool = False) -> Page:
    """Open a page without what moves: a colour on its way to another has a contrast of its own."""
    return open_page(path, who=who, width=width, fresh=fresh, reduced_motion="reduce")


def held(page: Page, where: str = "html") -> None:
    """Hold a page, or a part of it, against every rule, and its colours in both themes."""
    found = findings(page, RULES, where)
    page.evaluate(SHOW, "dark")
    found += findings(page, CONTRAST, where)
    page.evaluate(SHOW, "light")
    assert [one for one in found if one[0] in REFUSED] == []


def findings(page: Page, only: Any, where: str = "html") -> list[list[str]]:
    """Run axe-core: impact, rule, element and what is wrong with it; by the debugger, since the pages' own policy lets no script in."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SOURCE)
    found: list[list[str]] = page.evaluate(RUN, [where, only])
    return found
