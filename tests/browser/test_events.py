"""Events and books in Chromium: deciding with the mouse and the keyboard, opening the books of a bar."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.browser.conftest import settle, stand_still
from tests.sql.plant import ledger_text
from tests.web.conftest import queue  # noqa: F401 - a fixture
from tests.web.queue import Queue, quarters
from tests.web.world import World

EDITOR = "editor@cedro.example"
Open = Callable[..., Page]
# Where in the window the n-th bar of a graph is, counted from the end, a little above the axis.
BAR = """([graph, back]) => {
    const plot = document.querySelector(`#${graph} .js-plotly-plot`);
    const layout = plot._fullLayout, trace = plot.data[plot.data.length - 1];
    const index = trace.x.length - 1 - back;
    const width = Array.isArray(trace.width) ? trace.width[index] : trace.width;
    const middle = layout.xaxis.d2c(trace.x[index]) + width / 0.8 / 2;
    const place = plot.getBoundingClientRect();
    return [place.left + layout._size.l + layout.xaxis.c2p(middle), place.top + layout._size.t + layout._size.h * 0.9];
}"""


def click_bar(page: Page, graph: str, back: int) -> None:
    """Click a bar as a person does: point at it, then press."""
    page.locator(f"#{graph} .main-svg").first.wait_for()  # Dash has done its part a moment before the chart is drawn
    page.locator(f"#{graph}").scroll_into_view_if_needed()
    stand_still(page, f"#{graph} .nsewdrag")
    x, y = page.evaluate(BAR, [graph, back])
    page.mouse.move(x, y)
    page.locator(f"#{graph} .hoverlayer .legend").wait_for()
    page.mouse.click(x, y)


def test_a_bar_opens_its_period_and_its_books(open_page: Open, world: World) -> None:
    page = open_page("/consumption?period=month&step=day", who="viewer@aurora.example")
    panel = page.locator("#consumption-books")
    expect(panel).to_be_hidden()
    click_bar(page, "consumption-chart", 2)
    expect(panel).to_be_visible()
    expect(panel.locator(".tds-account")).to_have_count(2)
    expect(panel.locator(".tds-verdict-balanced")).to_have_count(4)  # two behind the lines
    expect(panel.locator(".tds-accounts-total")).to_contain_text("312")
    expect(panel).to_be_in_viewport()
    expect(page.locator("#consumption-chart-title")).to_contain_text("per hour")
    panel.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".tds-statement").first).to_contain_text("Register at the start")
    page.locator("#consumption-books-close").click()
    expect(panel).to_be_hidden()
    click_bar(page, "consumption-chart", 3)
    expect(panel).to_be_visible()
    expect(page.locator("#consumption-books-title")).to_contain_text("20:00")
    page.locator("#consumption-resource label", has_text="Water").click()
    expect(panel).to_be_hidden()


def test_a_month_of_the_overview_opens_its_books(open_page: Open, world: World) -> None:
    page = open_page("/", who="viewer@aurora.example")
    panel = page.locator("#overview-books")
    expect(panel).to_be_hidden()
    for _ in range(2):
        click_bar(page, "overview-electricity", 0)
        expect(panel.locator(".tds-account").first).to_be_visible()
        expect(panel.locator(".tds-verdict-balanced").first).to_be_attached()
        expect(panel).to_be_in_viewport()
        page.locator("#overview-books-close").click()
        expect(panel).to_be_hidden()


def test_the_same_bar_opens_again_after_it_was_closed(open_page: Open, world: World) -> None:
    page = open_page(f"/device/{world.devices['D02']}?period=week&step=day", who="viewer@aurora.example")
    for _ in range(2):
        click_bar(page, "device-history", 2)
        expect(page.locator("#device-books .tds-verdict-balanced")).to_be_visible()
        expect(page.locator("#device-books .tds-statement")).to_contain_text("72")
        page.locator("#device-books-close").click()
        expect(page.locator("#device-books")).to_be_hidden()


def test_the_books_of_a_period_open_by_keyboard(open_page: Open, world: World) -> None:
    page = open_page(f"/device/{world.devices['D02']}?period=week&step=day", who="viewer@aurora.example")
    page.locator("#device-books-whole").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#device-books .tds-verdict-balanced")).to_be_visible()


def test_an_event_is_accepted_and_taken_back(open_page: Open, queue: Queue) -> None:  # noqa: F811
    device, _ = queue.reset("Boiler")
    page = open_page(f"/events?device={device}", who=EDITOR)
    review, decided = page.locator("#events-review"), page.locator("#events-decided")
    expect(review.locator(".tds-event")).to_have_count(1)
    expect(page.locator("#nav-operation-count .tds-count")).to_be_visible()
    review.get_by_role("button", name="Accept").click()
    expect(page.locator("#events-told")).to_contain_text("Accepted")
    expect(review).to_contain_text("Everything is reviewed")
    expect(decided).to_contain_text(f"Accepted by {EDITOR}")
    decided.get_by_role("button", name="Undo").click()
    expect(review.locator(".tds-event")).to_have_count(1)
    assert queue.event(device).decision is None


def test_registers_are_corrected_in_the_dialog(open_page: Open, queue: Queue) -> None:  # noqa: F811
    device, _ = queue.reset("Boiler")
    before = ledger_text(queue.database, [device])
    page = open_page(f"/events?device={device}", who=EDITOR)
    page.locator("#events-review").get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#events-final")).to_have_value("103")
    dialog.locator("#events-final").fill("90")
    dialog.locator("#events-correct-save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("below the reading before it, 103")
    dialog.locator("#events-final").fill("110")
    dialog.locator("#events-initial").fill("1")
    dialog.locator("#events-initial").press("Tab")
    expect(dialog.locator("#events-correct-told")).to_contain_text("+10")
    dialog.locator("#events-correct-save").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#events-told")).to_contain_text("within seconds")
    queue.drain()
    expect(page.locator("#events-decided")).to_contain_text("+10")  # the page looks again by itself
    assert queue.event(device).increment == Decimal(10)
    page.locator("#events-decided").get_by_role("button", name="Undo").click()
    expect(page.locator("#events-review .tds-event")).to_have_count(1)
    queue.drain()
    assert ledger_text(queue.database, [device]) == before


def test_a_viewer_sees_no_button(open_page: Open, queue: Queue) -> None:  # noqa: F811
    device, _ = queue.reset("Boiler")
    page = open_page(f"/events?device={device}", who="viewer@cedro.example")
    expect(page.locator("#events-right")).to_contain_text("needs the role Editor")
    expect(page.locator("#events-review button")).to_have_count(0)


def test_a_replacement_is_recorded_from_the_page_of_a_device(open_page: Open, queue: Queue) -> None:  # noqa: F811
    device = queue.device(quarters([100, 101, 102, 0.5, 1, 2]))
    page = open_page(f"/device/{device}", who=EDITOR)
    page.locator("#device-replace-open").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#device-replace-save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say when")
    dialog.locator("#device-replace-at").fill("2026-03-02T00:35")
    dialog.locator("#device-replace-final").fill("102.25")
    dialog.locator("#device-replace-initial").fill("0")
    dialog.locator("#device-replace-save").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#device-replaced")).to_contain_text("Replacement recorded")
    queue.drain()
    assert queue.event(device).increment == Decimal("0.75")
    page.locator("#device-events a").click()
    settle(page)
    expect(page.locator("#events-decided")).to_contain_text("the new one began at 0")
