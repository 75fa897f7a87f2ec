"""How long an open overview takes, from its next refresh on, to show a reading that was stored meanwhile.

The page is left alone in Chromium while the demo's gateways publish; a few lines in the page note when its 30-second
refresh asks the server and when the table of the last readings has changed.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.chromium import ARGUMENTS, PROGRAM
from tests.performance.overview import sign_in

REFRESHES = 3
PATIENCE_MS = 40_000
NOTE = """() => {
    const noted = window.noted = { asked: 0, shown: [] };
    const fetching = window.fetch;
    window.fetch = (...given) => {
        const body = String((given[1] || {}).body || "");
        if (!noted.asked && body.includes("overview-latest") && body.includes("n_intervals")) noted.asked = performance.now();
        return fetching(...given);
    };
    const changed = () => {
        if (!noted.asked) return;
        requestAnimationFrame(() => { if (noted.asked) { noted.shown.push(performance.now() - noted.asked); noted.asked = 0; } });
    };
    new MutationObserver(changed).observe(document.getElementById("overview-latest"),
        { childList: true, subtree: true, characterData: true });
}"""


def measure_refreshes(address: str, email: str, password: str) -> dict[str, Any]:
    """Give the milliseconds from each refresh until what is new is on the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        try:
            page = browser.new_page()
            sign_in(page, address, email, password)
            shown = _watched(page)
        finally:
            browser.close()
    return {"refreshes": len(shown), "longest_ms": round(max(shown), 1), "shown_ms": [round(one, 1) for one in shown]}


def _watched(page: Page) -> list[float]:
    page.wait_for_selector("#overview-latest tbody tr")
    page.evaluate(NOTE)
    page.wait_for_function("wanted => window.noted.shown.length >= wanted", arg=REFRESHES, timeout=REFRESHES * PATIENCE_MS)
    found: list[float] = page.evaluate("window.noted.shown")
    return found
