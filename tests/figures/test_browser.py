"""The gallery in Chromium: what figures and components do where they are seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.conftest import stand_still
from tests.chromium import PROGRAM
from tests.figures.gallery import gallery

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: apt-get install chromium"),
]


# Every chart, and not just the first ones.
DRAWN = """() => {
    const charts = [...document.querySelectorAll('.js-plotly-plot')];
    return document.querySelector('#history .trace') && charts.every(one => one._fullLayout && one.querySelector('.main-svg'));
}"""


class Silent(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the Portuguese gallery on a free port."""
    server = make_server("127.0.0.1", 0, gallery("pt-BR"), threaded=True, request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open the gallery on a laptop; an error in the console or a request to another host fails the module's last test."""
    yield from opened(browser, address, {"viewport": {"width": 1440, "height": 900}})


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """Open the gallery on a phone."""
    yield from opened(browser, address, {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True})


def opened(browser: Browser, address: str, settings: dict[str, Any]) -> Iterator[Page]:
    context = browser.new_context(**settings, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url) if not request.url.startswith((address, "data:")) else None)
    page.goto(address)
    page.wait_for_function(DRAWN)
    yield page
    context.close()
    assert errors == []


def plot(page: Page, name: str) -> dict[str, float]:
    """Bring a chart into the middle of the window; gives where it draws."""
    page.evaluate("name => document.getElementById(name).scrollIntoView({block: 'center', behavior: 'instant'})", name)
    stand_still(page, f"#{name} .nsewdrag")
    box = page.locator(f"#{name} .nsewdrag").first.bounding_box()
    assert box
    return {name: float(value) for name, value in box.items()}  # type: ignore[arg-type]


def test_hovering_a_day_says_everything_about_it(page: Page) -> None:
    box = plot(page, "bars-3-day")
    page.mouse.move(box["x"] + box["width"] * 8.5 / 30, box["y"] + box["height"] * 0.7)
    said = page.locator("#bars-3-day .hoverlayer")
    for part in (
        "seg. 02/11/2026",
        "Entrada geral: 113,26 kWh",
        "Entrada geral (estimado): 169,89 kWh",
        "Bomba 2:",
        "Total: 659,45",
        "26 % estimado · cobertura de 80 %",
    ):
        expect(said).to_contain_text(part)


def test_a_gap_speaks_too(page: Page) -> None:
    box = plot(page, "bars-3-day")
    page.mouse.move(box["x"] + box["width"] * 15.5 / 30, box["y"] + box["height"] * 0.7)
    expect(page.locator("#bars-3-day .hoverlayer")).to_contain_text("Sem dados neste período")


def test_a_click_anywhere_over_a_bar_gives_its_bucket(page: Page) -> None:
    box = plot(page, "bars-3-day")
    page.evaluate(
        "document.querySelector('#bars-3-day .js-plotly-plot')"
        ".on('plotly_click', event => { window.clicked = event.points.map(point => point.customdata) })"
    )
    page.mouse.click(box["x"] + box["width"] * 3.5 / 30, box["y"] + 4)
    page.wait_for_function("window.clicked")
    assert "2026-10-28" in page.evaluate("window.clicked")


def test_bars_do_not_move_when_the_step_is_drawn_at_wall_times(page: Page) -> None:
    axis = page.evaluate(
        "document.querySelector('#month-electricity .js-plotly-plot')._fullLayout.xaxis._vals.map(tick => tick.text)"
    )
    shown = [text for text in axis if text]
    assert shown[0] == "nov.<br>2025"
    assert "jan.<br>2026" in shown


def test_charts_have_their_height_before_their_data(page: Page) -> None:
    heights = page.evaluate(
        "['waiting', 'month-water'].map(name => document.getElementById(name).closest('figure').getBoundingClientRect().height)"
    )
    assert heights == [232, 320]


def test_dark_is_a_matter_of_style_alone(page: Page) -> None:
    def colours() -> list[str]:
        found: list[str] = page.evaluate(
            "['.ytick text', '.gridlayer path', '.legendtext'].map(part => {"
            " const style = getComputedStyle(document.querySelector('#bars-3-day ' + part));"
            " return part.includes('path') ? style.stroke : style.fill })"
        )
        return found

    light = colours()
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    dark = colours()
    page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
    assert light == ["rgb(91, 103, 118)", "rgb(221, 226, 232)", "rgb(27, 36, 48)"]
    assert dark == ["rgb(154, 167, 181)", "rgb(42, 51, 62)", "rgb(230, 235, 241)"]


def test_the_toolbar_has_one_button_in_portuguese(page: Page) -> None:
    titles = page.locator("#bars-3-day .modebar-btn").evaluate_all("all => all.map(one => one.dataset.title)")
    assert titles == ["Baixar como PNG"]


def test_the_table_of_a_chart_opens_by_keyboard(page: Page) -> None:
    summary = page.locator("#month-electricity").locator("xpath=ancestor::section").locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert summary.evaluate("one => one.parentElement.open") is True


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_has_the_focus_is_seen(page: Page, theme: str) -> None:
    page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
    page.locator("#period-from").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "(() => { const one = document.activeElement, style = getComputedStyle(one.matches('.btn-check') ? one.nextSibling : one);"
            " return one === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none' })()"
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")
    page.evaluate("document.documentElement.dataset.bsTheme = 'light'")


def test_nothing_is_wider_than_a_phone(phone: Page) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_a_finger_on_a_chart_scrolls_the_page(phone: Page) -> None:
    box = plot(phone, "bars-16-hour")
    before = phone.evaluate("scrollY")
    devtools = phone.context.new_cdp_session(phone)

    def touch(kind: str, points: list[dict[str, float]]) -> None:
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch("touchStart", [{"x": x, "y": y}])
    for moved in range(20, 220, 20):
        touch("touchMove", [{"x": x, "y": y - moved}])
        phone.wait_for_timeout(16)
    touch("touchEnd", [])
    phone.wait_for_function("before => scrollY > before + 100", arg=before)
    assert phone.evaluate("document.querySelector('#bars-16-hour .js-plotly-plot')._fullLayout.xaxis.range[0]").endswith("00:00")


def test_a_tap_on_a_chart_says_what_is_there(phone: Page) -> None:
    box = plot(phone, "bars-3-day")
    phone.touchscreen.tap(5, 5)
    phone.touchscreen.tap(box["x"] + box["width"] * 3.5 / 30, box["y"] + box["height"] * 0.7)
    expect(phone.locator("#bars-3-day .hoverlayer")).to_contain_text("28/10/2026")
