"""Pictures of every page for people to look at: both themes, both languages, laptop and phone.

    python -m tests.browser.screens http://127.0.0.1:8050 demo@tds.example PASSWORD [--account NAME] [--out FOLDER]

Run it against `make demo`, and once more as somebody whose account is empty.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import settle
from tests.chromium import ARGUMENTS, PROGRAM

PAGES = {
    "overview": "/",
    "consumption": "/consumption",
    "consumption-days": "/consumption?period=month&step=day",
    "device": "/device/{device}",
    "peaks": "/peaks",
    "costs": "/costs",
    "tariffs": "/tariffs",
    "reports": "/reports",
    "alarms": "/alarms",
    "bills": "/bills",
    "readings": "/readings",
    "gateways": "/gateways",
    "gateway": "/gateway/{gateway}",
    "devices": "/devices",
    "device-edit": "/devices?edit={device}",
    "gateway-edit": "/gateways?edit={gateway}",
    "tokens": "/tokens",
    "events": "/events",
    "certificates": "/certificates",
    "audit": "/audit",
    "users": "/users",
    "account": "/account",
    "delete-account": "/account/delete",
    "profile": "/profile",
    "rejections": "/rejections",
    "not-found": "/nowhere",
}
THEMES, LANGUAGES, WIDTHS = ("light", "dark"), ("pt-BR", "en"), (1440, 390)


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; gives 0 when all were taken."""
    parser = argparse.ArgumentParser(description="Take pictures of every page.")
    parser.add_argument("address")
    parser.add_argument("email")
    parser.add_argument("password", nargs="?", default=os.environ.get("TDS_PASSWORD", ""))
    parser.add_argument("--account", default="")
    parser.add_argument("--only", default="", help="page, theme, language or width that a picture's name must contain")
    parser.add_argument("--out", type=Path, default=Path(".demo-screens"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        taken = sum(one_look(browser, given, *look) for look in product(LANGUAGES, THEMES, WIDTHS))
        browser.close()
    print(f"{taken} pictures in {given.out}")
    return 0 if taken else 1


def one_look(browser: Browser, given: argparse.Namespace, language: str, theme: str, width: int) -> int:
    """Take every page in one language, theme and width."""
    context = browser.new_context(base_url=given.address, viewport={"width": width, "height": 900}, locale=language)
    cookies = {"tds-theme": theme, "tds-locale": language}
    context.add_cookies([{"name": name, "value": value, "url": given.address} for name, value in cookies.items()])
    page = context.new_page()
    page.set_default_timeout(60_000)
    look = f"{language}-{theme}-{width}"
    page.goto("/login")
    taken = picture(page, given, f"sign-in-{look}")
    sign_in(page, given, language)
    devices, gateways = (context.request.get(f"/api/v1/{name}").json() for name in ("devices", "gateways"))
    for name, path in PAGES.items():
        if given.only in f"{name}-{look}" and (devices or "{" not in path):
            page.goto(path.format(device=devices[0]["id"], gateway=gateways[0]["id"]) if devices else path)
            settle(page)
            taken += picture(page, given, f"{name}-{look}")
    context.close()
    return taken


def sign_in(page: Page, given: argparse.Namespace, language: str) -> None:
    """Sign in, choose the account, read in a language."""
    page.fill("#email", given.email)
    page.fill("#password", given.password)
    page.click("button[type=submit]")
    if "/accounts" in page.url:
        button = page.get_by_role("button", name=given.account) if given.account else page.locator("button[name=account]")
        button.first.click()
    page.context.request.post("/language", form={"locale": language})


def picture(page: Page, given: argparse.Namespace, name: str) -> int:
    """Take one picture of the whole page."""
    if given.only not in name:
        return 0
    page.wait_for_timeout(700)  # charts fade in
    page.screenshot(path=given.out / f"{name}.png", full_page=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
