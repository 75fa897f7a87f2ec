"""Chromium against the application as it is served: `tds web` as a process of its own on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from settings import Settings
from tests.chromium import PROGRAM
from tests.web.conftest import world  # noqa: F401 - a fixture
from tests.web.world import PASSWORD, World

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 30_000
QUIET = "() => ![...document.querySelectorAll('[data-dash-is-loading=true], .tds-skeleton')].some(one => one.offsetParent)"
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that drives Chromium, and skip them where there is none."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if PROGRAM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:  # noqa: F811
    """Serve the world with `tds web`; gives its address."""
    with served(world.database.settings) as found:
        yield found


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Run `tds web` on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {
        "TDS_DATABASE_URL": str(settings.database_url),
        "TDS_STATE_DIR": str(settings.state_dir),
        "TDS_WEB_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "cli", "web"], cwd=ROOT, env={**os.environ, **given})
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(20) == 0


def wait_for(url: str, seconds: float = 60) -> None:
    """Wait until an address answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def kept(browser: Browser, address: str) -> Callable[[str], object]:
    """Give a function that signs somebody in once and gives their cookies."""
    states: dict[str, object] = {}

    def state(email: str) -> object:
        if email not in states:
            context = browser.new_context(base_url=address, locale="en")
            sign_in(context.new_page(), email)
            states[email] = context.storage_state()
            context.close()
        return states[email]

    return state


def sign_in(page: Page, email: str) -> None:
    """Fill the form."""
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("h1")


@pytest.fixture
def open_page(browser: Browser, address: str, kept: Callable[[str], object]) -> Iterator[Callable[..., Page]]:
    """Give a function that opens a page as somebody; a console error or a request to another host fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(
        path: str = "/", who: str = "admin@aurora.example", width: int = 1440, faulty: bool = False, **options: object
    ) -> Page:
        context = browser.new_context(
            base_url=address, viewport={"width": width, "height": 900}, locale="en", storage_state=kept(who), **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: faults.append(request.url) if not is_ours(request.url, address) else None)
        if not faulty:
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def is_ours(url: str, address: str) -> bool:
    """Tell whether a request stays on this host."""
    return url.startswith((f"{address}/", "data:", "blob:"))


def settle(page: Page) -> None:
    """Wait until everything that a page asked for is drawn."""
    page.wait_for_selector("h1")
    page.wait_for_load_state("networkidle", timeout=PATIENCE_MS)
    page.wait_for_function(QUIET, timeout=PATIENCE_MS)
