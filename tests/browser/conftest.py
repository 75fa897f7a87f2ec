"""Chromium against the application as it is served: `tds web` as a process of its own on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from settings import Settings
from tests.chromium import PROGRAM
from tests.ports import free_port
from tests.web.conftest import world  # noqa: F401 - a fixture
from tests.web.world import PASSWORD, World

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 120_000
# Rather than at each frame: a frame that is drawn for a question is a tenth of a processor.
POLLING_MS = 50
# Nothing is loading, and Dash's own store knows of no callback that is asked for, runs or has yet to be drawn.
QUIET = """() => {
    if ([...document.querySelectorAll('[data-dash-is-loading=true], .tds-skeleton')].some(one => one.offsetParent)) return false;
    const root = document.querySelector('#react-entry-point');
    const key = root && Object.keys(root).find(name => name.startsWith('__reactContainer'));
    if (!key) return !root;
    let fiber = root[key];
    while (fiber && !fiber.memoizedProps?.store) fiber = fiber.child;
    if (!fiber) return false;
    const {callbacks, isLoading} = fiber.memoizedProps.store.getState();
    const open = ['requested', 'prioritized', 'blocked', 'executing', 'watched', 'executed'];
    return !isLoading && open.every(name => callbacks[name].length === 0);
}"""
# At two looks, a little while apart, in the same place and as large.
STANDS = """selector => {
    const one = document.querySelector(selector), stood = window.stood;
    window.stood = one && JSON.stringify(one.getBoundingClientRect());
    return Boolean(stood) && stood === window.stood;
}"""
WITHIN = "() => !location.pathname.startsWith('/login') && document.querySelector('h1') !== null"
NOWHERE, ELSEWHERE, SOMEWHERE = "/nowhere", "/elsewhere", "/gateways"
ARRIVED = "() => !document.querySelector('h1[data-left]') && document.querySelector('h1') !== null"
FOLLOW = """path => {
    for (const title of document.querySelectorAll('h1')) title.dataset.left = '';
    history.pushState({}, '', path);
    dispatchEvent(new CustomEvent('_dashprivate_pushstate'));
    scrollTo(0, 0);
}"""
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
    port = free_port()
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
            with closing(patient(browser.new_context(base_url=address, locale="en"))) as context:
                sign_in(context.new_page(), email)
                states[email] = context.storage_state()
        return states[email]

    return state


def patient(context: BrowserContext) -> BrowserContext:
    """Have whatever is done in a context wait as long as a busy machine takes."""
    context.set_default_timeout(PATIENCE_MS)
    return context


def sign_in(page: Page, email: str) -> None:
    """Fill the form."""
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_function(WITHIN, polling=POLLING_MS)


@dataclass
class Tabs:
    """Pages that stay open from one test to the next: to load the application anew takes seconds of a processor."""

    browser: Browser
    address: str
    open: dict[str, Page] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    faulty: bool = False

    def page(self, state: object, width: int, **options: object) -> Page:
        """Open a page of its own for somebody; what goes wrong there is noted."""
        size = {"width": width, "height": 900}
        context = patient(
            self.browser.new_context(base_url=self.address, viewport=size, locale="en", storage_state=state, **options)
        )
        page = context.new_page()
        page.on("request", lambda request: None if is_ours(request.url, self.address) else self.faults.append(request.url))
        page.on("console", lambda message: self.note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        return page

    def note(self, fault: str) -> None:
        """Keep what the console says, but where a test provokes it."""
        if not self.faulty:
            self.faults.append(fault)

    def drop(self, names: Collection[str]) -> None:
        """Close pages, of those that were opened at all."""
        for name in names:
            if name in self.open:
                self.open.pop(name).context.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser, address: str) -> Iterator[Tabs]:
    made = Tabs(browser, address)
    yield made
    made.drop(list(made.open))


@pytest.fixture
def open_page(request: pytest.FixtureRequest, tabs: Tabs, kept: Callable[[str], object]) -> Iterator[Callable[..., Page]]:
    """Give a function that opens a page as somebody; a console error or a request to another host fails the test.

    Who opened a page at that width before in this module goes on in it, by the application's own links; `fresh` loads it anew.
    """
    fresh_ones: list[BrowserContext] = []
    used: list[str] = []
    tabs.faults.clear()
    tabs.faulty = False

    def opened(
        path: str = "/",
        who: str = "admin@aurora.example",
        width: int = 1440,
        faulty: bool = False,
        fresh: bool = False,
        **options: object,
    ) -> Page:
        tabs.faulty = tabs.faulty or faulty
        name = f"{who} {width} {options}"
        if fresh or faulty or name in used:
            page = tabs.page(kept(who), width, **options)
            fresh_ones.append(page.context)
            page.goto(path)
            settle(page)
            return page
        used.append(name)
        if name in tabs.open:
            visit(tabs.open[name], path)
        else:
            tabs.open[name] = tabs.page(kept(who), width, **options)
            # Chromium notes as a fault what nothing is at.
            tabs.open[name].goto(SOMEWHERE if path == NOWHERE else path)
            settle(tabs.open[name])
            if path == NOWHERE:
                visit(tabs.open[name], path)
        return tabs.open[name]

    failed = request.session.testsfailed
    yield opened
    for context in fresh_ones:
        context.close()
    if request.session.testsfailed > failed:
        tabs.drop(used)
    assert tabs.faults == []


def visit(page: Page, path: str) -> None:
    """Go to a page as a link of the application does, from whatever a test left behind."""
    if page.evaluate("!window.dash_clientside"):
        page.goto(path)
    else:
        # Within one page, and from one address that nothing is at to another, what stands there would stay.
        here, there = urlsplit(page.url).path, urlsplit(path).path
        lost = {NOWHERE, ELSEWHERE}
        same = here == there or {here, there} <= lost
        for step in [SOMEWHERE if there in lost else ELSEWHERE, path] if same else [path]:
            page.evaluate(FOLLOW, step)
            page.wait_for_function(ARRIVED, polling=POLLING_MS)
    settle(page)


def stand_still(page: Page, selector: str) -> None:
    """Wait until something has stopped moving, before it is pointed at by its place in the window."""
    page.evaluate("window.stood = null")
    page.wait_for_function(STANDS, arg=selector, timeout=PATIENCE_MS, polling=POLLING_MS)


def is_ours(url: str, address: str) -> bool:
    """Tell whether a request stays on this host."""
    return url.startswith((f"{address}/", "data:", "blob:"))


def settle(page: Page) -> None:
    """Wait until everything that a page asked for is drawn."""
    page.wait_for_selector("h1")
    page.wait_for_load_state("load", timeout=PATIENCE_MS)
    page.wait_for_function(QUIET, timeout=PATIENCE_MS, polling=POLLING_MS)
