"""The explorer in Chromium: the way down to quarter-hours and back, by keyboard too, and what leaves as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import settle
from tests.browser.test_pages import click_bar
from tests.web.world import World

Open = Callable[..., Page]


def test_the_way_above_the_chart_leads_back_without_a_new_page(open_page: Open) -> None:
    page = open_page("/consumption")
    page.evaluate("window.same = true")
    click_bar(page, 1)
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")
    click_bar(page, 2)
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per hour")
    settle(page)
    page.locator("#consumption-crumbs a").last.press("Enter")
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")
    settle(page)
    page.locator("#consumption-crumbs a").first.press("Enter")
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per month")
    settle(page)
    assert page.evaluate("window.same") is True
    page.go_back()
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")


def test_by_keyboard_the_table_leads_to_what_a_bar_is_made_of(open_page: Open) -> None:
    page = open_page("/consumption?period=week&step=day&compare=previous")
    page.locator("#consumption-chart-open").press("Enter")
    page.locator("#consumption-chart-table tbody a").nth(1).press("Enter")
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per hour")
    settle(page)
    assert "compare=previous" in page.url
    page.locator("#consumption-back").press("Enter")
    settle(page)
    assert "step=hour" in page.url


def test_a_billing_period_keeps_its_day_in_the_address(open_page: Open) -> None:
    page = open_page("/consumption?step=day")
    page.get_by_text("Billing", exact=True).click()
    settle(page)
    page.select_option("#consumption-day", "15")
    page.wait_for_url("**day=15**")
    settle(page)
    shown = page.locator("#consumption-dates").inner_text()
    page.locator("#consumption-back").click()
    page.wait_for_url("**at=**")
    settle(page)
    expect(page.locator("#consumption-dates")).not_to_have_text(shown)
    page.reload()
    settle(page)
    expect(page.locator("#consumption-day")).to_have_value("15")
    page.locator("#consumption-on").click()
    settle(page)
    expect(page.locator("#consumption-dates")).to_have_text(shown)


def test_files_leave_by_their_names(open_page: Open, world: World) -> None:
    page = open_page(f"/consumption?devices={world.devices['D02']}&period=week&step=day")
    page.evaluate("""() => {
        const save = Plotly.toImage;
        Plotly.toImage = (what, how) => { window.spoken = what.config.locale; return save(what, how); };
    }""")
    for kind in ("csv", "xlsx", "png"):
        with page.expect_download() as download:
            page.click("#consumption-chart-png" if kind == "png" else f"#consumption-{kind}")
        assert download.value.suggested_filename.startswith("tds-")
        carried = (f"devices={world.devices['D02']}", "step=day", "locale=en")
        assert kind == "png" or all(word in download.value.url for word in carried), "the view as it is now"
        assert download.value.suggested_filename.endswith(f".{kind}")
        assert download.value.path().stat().st_size > 100
    assert page.evaluate("window.spoken") == "en", "months in the reader's language"


def test_books_of_a_group_open_from_the_totals(open_page: Open) -> None:
    page = open_page("/consumption?group=gateway&period=week&step=day")
    page.locator("#consumption-totals [data-books]").first.press("Enter")
    expect(page.locator("#consumption-books-title")).to_contain_text("Main building")
    expect(page.locator("#consumption-books-body")).to_contain_text("Press line")


def test_the_picture_of_a_chart_explains_its_marks(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/consumption?period=month&step=day")
    with page.expect_download() as saved:
        page.locator("#consumption-chart-png").click()
    file = tmp_path / "chart.png"
    saved.value.save_as(file)
    image = Image.open(file).convert("L")
    drawn = max(600, page.locator("#consumption-chart .js-plotly-plot").evaluate("one => one.offsetHeight"))
    assert image.size == (2 * 1200, 2 * (72 + drawn + 40)), "below the chart there is room for the key"
    foot = image.crop((0, 2 * (72 + drawn), image.width, image.height))
    measured, hatched = (foot.crop((left, 22, left + 26, 46)) for left in (49, marks(foot)[1] + 1))
    assert measured.getextrema()[1] < 200, "a whole field"
    assert (hatched.getextrema()[0] < 200, hatched.getextrema()[1] > 240) == (True, True), "stripes"


def marks(foot: Image.Image) -> list[int]:
    """Give where marks begin: what is drawn after a gap of twenty pixels, wider than any between words."""
    columns = [foot.crop((x, 0, x + 1, foot.height)).getextrema()[0] < 240 for x in range(foot.width)]
    return [x for x in range(24, len(columns)) if columns[x] and not any(columns[x - 24 : x])]


def test_a_chart_with_a_button_for_its_picture_has_no_second_one(open_page: Open) -> None:
    page = open_page("/consumption")
    expect(page.locator("#consumption-chart-png")).to_be_visible()
    page.locator("#consumption-chart").hover()
    assert page.locator("#consumption-chart .modebar-btn").count() == 0


def test_ways_out_stand_level(open_page: Open) -> None:
    page = open_page("/consumption")
    words = """all => all.map(one => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return Math.round(range.getBoundingClientRect().top * 10) / 10;
    })"""
    found = page.locator("#consumption .btn").evaluate_all(words)
    assert len(found) == 3
    assert len(set(found)) == 1, found
