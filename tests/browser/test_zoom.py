"""Zooming a device's history in Chromium: in by dragging, out by a double click, and by buttons; the address keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Page, expect

from tests.browser.conftest import settle, stand_still
from tests.web.world import World

Open = Callable[..., Page]
TITLE = "#device-history-title"


def drag(page: Page, low: float, high: float) -> None:
    """Drag from one share of the chart's width to another."""
    stand_still(page, "#device-history .nsewdrag")
    box = page.locator("#device-history .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * low, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * high, box["y"] + 80, steps=6)
    page.mouse.up()


def double_click_until(page: Page, title: str) -> None:
    """Double-click the chart, again where a busy machine let too much time pass between two clicks, as a person would."""
    for _ in range(4):
        box = page.locator("#device-history .nsewdrag").bounding_box()
        assert box is not None
        page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 80)
        with suppress(AssertionError):
            expect(page.locator(TITLE)).to_have_text(title, timeout=10_000)
            return
    expect(page.locator(TITLE)).to_have_text(title)


def test_a_zoom_goes_in_to_the_readings_and_back_out(open_page: Open, world: World) -> None:
    page = open_page(f"/device/{world.devices['D02']}?period=quarter")
    expect(page.locator(TITLE)).to_have_text("Lighting, kWh per day")
    drag(page, 0.7, 0.72)
    expect(page.locator(TITLE)).to_have_text("Lighting, kWh per 15 minutes")
    page.wait_for_url("**zoom=**")
    settle(page)
    seen = page.locator("#device-history-note").inner_text()
    zoomed = page.url
    page.reload()
    settle(page)
    expect(page.locator("#device-history-note")).to_have_text(seen)
    drag(page, 0.4, 0.45)
    expect(page.locator(TITLE)).to_have_text("Lighting, kWh: readings as received")
    settle(page)
    page.go_back()
    expect(page.locator("#device-history-note")).to_have_text(seen)
    settle(page)
    expect(page).to_have_url(zoomed)
    double_click_until(page, "Lighting, kWh per day")
    expect(page).not_to_have_url(re.compile("zoom"))
    settle(page)
    page.locator("#device-zoom-closer").press("Enter")
    expect(page.locator("#device-history-note")).to_contain_text("Double-click")
    settle(page)
    page.locator("#device-zoom-wider").press("Enter")
    expect(page.locator("#device-history-note")).to_have_text("")
