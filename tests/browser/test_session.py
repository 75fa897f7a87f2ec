"""Signing in, languages, and what a page says when the server does not answer, in Chromium."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, expect

from tds_dash.wording import words
from tests.browser.conftest import patient, settle, sign_in, visit
from tests.web.world import PASSWORD

Open = Callable[..., Page]
PAGES = ("/", "/consumption", "/readings", "/gateways", "/devices", "/events", "/device/1", "/nowhere")


def test_signing_in_works_without_javascript(browser: Browser, address: str) -> None:
    context = patient(browser.new_context(base_url=address, java_script_enabled=False, locale="en"))
    page = context.new_page()
    page.goto("/readings")
    assert "/login?next=/readings" in page.url
    page.fill("#email", "both@example.com")
    page.fill("#password", "wrong")
    page.click("button[type=submit]")
    expect(page.locator("[role=alert]")).to_contain_text("do not match")
    assert page.input_value("#email") == "both@example.com"
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.get_by_role("button", name="Boreal").click()
    expect(page).to_have_url(f"{address}/readings")
    context.close()


def test_accounts_are_switched_from_the_menu(browser: Browser, address: str) -> None:
    context = patient(browser.new_context(base_url=address, locale="en"))
    page = context.new_page()
    sign_in(page, "both@example.com")
    page.get_by_role("button", name="Aurora").click()
    settle(page)
    expect(page.locator("#shell-account")).to_have_text("Aurora")
    page.locator(".tds-menu summary").first.click()
    page.get_by_role("button", name="Boreal").click()
    settle(page)
    expect(page.locator("#shell-account")).to_have_text("Boreal")
    expect(page.locator("main")).to_contain_text("Forbidden boiler")
    page.locator(".tds-menu summary").first.click()
    page.locator(".tds-menu form[action='/logout'] button").click()
    page.wait_for_url("**/login")
    page.goto("/")
    assert "/login" in page.url
    context.close()


def test_in_portuguese_no_english_is_left(browser: Browser, address: str) -> None:
    """Nothing a person can read or hear is a sentence of the English table that differs from the Portuguese one."""
    context = patient(browser.new_context(base_url=address, locale="pt-BR", viewport={"width": 1440, "height": 900}))
    page = context.new_page()
    page.goto("/login")
    english = english_only()
    assert left_in_english(page, english) == set()
    sign_in(page, "stranger@boreal.example")
    for path in PAGES:
        visit(page, "/device/6" if path == "/device/1" else path)
        assert left_in_english(page, english) == set(), path
        assert page.evaluate("document.documentElement.lang") == "pt-BR"
    context.close()


def english_only() -> set[str]:
    """List the English sentences without gaps that are not Portuguese as well."""
    portuguese = {value for value in words("pt-BR").values() if isinstance(value, str)}
    english = {value for value in words("en").values() if isinstance(value, str)}
    return {value for value in english - portuguese if "{" not in value and len(value) > 3}


def left_in_english(page: Page, english: set[str]) -> set[str]:
    """Give the English sentences found among the texts, titles, labels and placeholders of a page."""
    said = page.evaluate(
        """() => {
            const found = [document.title];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('script, style')) found.push(walk.currentNode.data.trim());
            for (const one of document.querySelectorAll('*'))
                for (const name of ['title', 'aria-label', 'placeholder', 'alt', 'data-title']) if (one.getAttribute(name)) found.push(one.getAttribute(name));
            return found;
        }"""
    )
    return english & set(said)


def test_the_language_is_changed_from_the_menu(open_page: Open) -> None:
    page = open_page("/readings?device=1", who="viewer@aurora.example")
    page.locator(".tds-menu summary").first.click()
    page.get_by_role("button", name="Português").click()
    page.wait_for_function("document.documentElement.lang === 'pt-BR'")
    settle(page)
    assert page.url.endswith("/readings?device=1")
    page.locator(".tds-menu summary").first.click()
    page.get_by_role("button", name="English").click()
    page.wait_for_function("document.documentElement.lang === 'en'")
    settle(page)


def test_a_session_that_ended_leads_to_the_form_and_back(browser: Browser, address: str) -> None:
    context = patient(browser.new_context(base_url=address, locale="en"))
    page = context.new_page()
    sign_in(page, "viewer@aurora.example")
    page.goto("/gateways")
    settle(page)
    context.clear_cookies()
    page.evaluate("dash_clientside.set_props('gateways-refresh', {n_intervals: 1001})")
    page.wait_for_url("**/login?next=**")
    page.fill("#email", "viewer@aurora.example")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/gateways")
    context.close()


def test_a_fault_is_said_with_its_id(open_page: Open) -> None:
    page = open_page("/gateways", faulty=True)
    body = '{"error": {"code": "failure", "message": "It did not work.", "id": "0badcafe"}}'

    def fail(route: Route) -> None:
        if "gateways-refresh" in (route.request.post_data or ""):
            route.fulfill(status=500, content_type="application/json", body=body)
        else:
            route.continue_()

    page.route("**/_dash-update-component**", fail)
    page.evaluate("dash_clientside.set_props('gateways-refresh', {n_intervals: 1001})")
    expect(page.locator("#toast")).to_contain_text("It did not work.")
    expect(page.locator("#toast")).to_contain_text("0badcafe")
    expect(page.locator("#gateways-table")).to_contain_text("Main building")
    page.unroute("**/_dash-update-component**", fail)
    page.evaluate("dash_clientside.set_props('gateways-refresh', {n_intervals: 1002})")
    expect(page.locator("#toast")).to_be_hidden()


def test_a_page_that_does_not_come_says_so_under_its_address_and_comes_by_itself(open_page: Open) -> None:
    page = open_page("/gateways", faulty=True)
    body = '{"error": {"code": "unavailable", "message": "The database does not answer.", "id": "0badcafe"}}'
    page.route("**/_dash-update-component**", lambda route: route.fulfill(status=503, content_type="application/json", body=body))
    page.locator(".tds-brand").click()
    lost = page.locator("[data-lost]")
    expect(lost).to_contain_text("The database does not answer.")
    expect(lost).to_contain_text("0badcafe")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("#gateways-table")).to_have_count(0)
    expect(page.locator("#toast")).to_be_hidden()
    assert not page.url.endswith("/gateways")
    page.go_back()
    expect(page.locator("h1")).to_have_text("This page could not be loaded")
    with page.expect_request("**/_dash-update-component**"):
        page.locator(
            "[data-retry]"
        ).click()  # while it still does not answer: else the page may come by itself before it is pressed
    page.unroute("**/_dash-update-component**")
    expect(page.locator("#gateways-table")).to_contain_text("Main building")
    page.route("**/_dash-update-component**", lambda route: route.abort("connectionrefused"))
    page.locator(".tds-brand").click()
    expect(lost).to_contain_text("does not answer")
    page.unroute("**/_dash-update-component**")
    expect(page.locator("#overview-cards")).to_be_visible()


def test_a_lost_connection_is_said_and_forgotten(open_page: Open) -> None:
    page = open_page("/gateways", faulty=True)

    def cut(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/_dash-update-component**", cut)
    page.evaluate("dash_clientside.set_props('gateways-refresh', {n_intervals: 1001})")
    expect(page.locator("#toast")).to_contain_text("does not answer")
    page.unroute("**/_dash-update-component**")
    page.evaluate("dash_clientside.set_props('gateways-refresh', {n_intervals: 1002})")
    expect(page.locator("#toast")).to_be_hidden()


def test_connections_that_say_nothing_hold_nobody_up(address: str) -> None:
    """Browsers open spare connections; workers of four threads must not wait for them, five seconds for each: it would be a minute."""
    where = urlsplit(address)
    spare = [socket.create_connection((str(where.hostname), int(where.port or 0))) for _ in range(96)]
    for _ in range(10):
        urllib.request.urlopen(f"{address}/healthz", timeout=30).close()
    for one in spare:
        one.close()
