"""Each page in Chromium: it renders, keeps what its reader set, and looks right at every width and in both themes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from sql.alarm_watch import watch
from tests.browser.conftest import settle, stand_still, visit
from tests.web.world import World

Open = Callable[..., Page]
PAGES = ("/", "/consumption", "/readings", "/gateways", "/devices", "/events", "/device/1", "/peaks", "/nowhere")
# When each request was begun and answered, by the clock of the page itself, which `assets/first.js` goes by.
NOTE_ASKING = """(() => {
    const ask = window.fetch;
    window.asked = [];
    window.fetch = async (...given) => {
        const one = {body: String(given[1]?.body), began: performance.now()};
        window.asked.push(one);
        const answer = await ask(...given);
        one.ended = performance.now();
        return answer;
    };
})()"""
LONGEST_MS, CLOCK_MS = 500, 2  # its patience, and how finely that clock goes
RANGE = "id => document.querySelector('#' + id + ' .js-plotly-plot').layout.xaxis.range"


@pytest.mark.parametrize(
    ("path", "title", "text"),
    [
        ("/", "Overview · TDS", "Press line"),
        ("/consumption", "Consumption · TDS", "Electricity, kWh per month"),
        ("/readings", "Readings · TDS", "Lighting"),
        ("/gateways", "Gateways · TDS", "Main building"),
        ("/devices", "Devices · TDS", "Cold room <b>"),
        ("/device/1", "Device · TDS", "Press line"),
    ],
)
def test_it_renders(open_page: Open, path: str, title: str, text: str) -> None:
    page = open_page(path)
    expect(page).to_have_title(title)
    expect(page.locator("main")).to_contain_text(text)
    assert page.locator(".tds-toast:visible").count() == 0


def test_an_empty_account_is_shown_what_to_do(open_page: Open) -> None:
    page = open_page("/", who="new@empty.example")
    expect(page.locator("#overview-empty")).to_contain_text("This account has no readings yet")
    for path in PAGES[1:5]:
        visit(page, path)
        expect(page.locator("main .tds-state").first).to_be_visible()


def test_a_zoom_stays_through_two_refreshes(open_page: Open) -> None:
    page = open_page("/")
    stand_still(page, "#overview-electricity .nsewdrag")
    box = page.locator("#overview-electricity .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=8)
    page.mouse.up()
    page.wait_for_function(
        "id => !document.querySelector('#' + id + ' .js-plotly-plot').layout.xaxis.autorange", arg="overview-electricity"
    )
    set_by_hand = page.evaluate(RANGE, "overview-electricity")
    untouched = page.evaluate(RANGE, "overview-water")
    assert set_by_hand != untouched
    for tick in (1, 2):
        refresh(page, tick)
        assert page.evaluate(RANGE, "overview-electricity") == set_by_hand
    assert page.evaluate(RANGE, "overview-water") == untouched


def test_the_chart_is_asked_for_before_the_rest(open_page: Open) -> None:
    page = open_page("/", fresh=True)
    page.add_init_script(NOTE_ASKING)
    page.reload()
    settle(page)
    own = [one for one in page.evaluate("window.asked") if '"output":"' in one["body"] and "overview-" in one["body"]]
    (first,) = [one for one in own if "overview-electricity.figure" in one["body"].split('"output":"')[1].split('"')[0]]
    rest = [one for one in own if one is not first]
    assert len(rest) >= 3
    assert min(one["began"] for one in rest) >= min(first["ended"], first["began"] + LONGEST_MS) - CLOCK_MS


def refresh(page: Page, tick: int) -> None:
    """Let half a minute pass."""
    with page.expect_response(lambda response: "overview-electricity" in (response.request.post_data or "")) as answered:
        page.evaluate("tick => dash_clientside.set_props('overview-refresh', {n_intervals: 1000 + tick})", tick)
    assert answered.value.ok
    settle(page)


def test_a_hidden_page_asks_for_nothing(open_page: Open) -> None:
    page = open_page("/", fresh=True)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert page.evaluate("dash_component_api.getLayout('overview-refresh').props.disabled") is True
    with page.expect_response(lambda response: "overview-cards" in (response.request.post_data or "")):
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {get: () => false}); document.dispatchEvent(new Event('visibilitychange'))"
        )
    assert page.evaluate("dash_component_api.getLayout('overview-refresh').props.disabled") is False


def test_a_click_on_a_month_opens_its_days_and_back_leads_back(open_page: Open) -> None:
    page = open_page("/consumption")
    click_bar(page, 1)
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")
    settle(page)
    assert "period=custom" in page.url
    assert "step=day" in page.url
    drilled = page.url
    click_bar(page, 2)
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per hour")
    settle(page)
    page.go_back()
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")
    settle(page)
    assert page.url == drilled
    page.reload()
    settle(page)
    expect(page.locator("#consumption-chart-title")).to_have_text("Electricity, kWh per day")


def click_bar(page: Page, from_end: int) -> None:
    """Click the middle of one of the last bars of the chart, where some devices are stacked."""
    settle(page)
    page.locator("#consumption-chart-title").scroll_into_view_if_needed()
    stand_still(page, "#consumption-chart .barlayer .point path")  # the page may still be scrolling to what the last click opened
    point = page.evaluate(
        """back => {
            const plot = document.querySelector('#consumption-chart .js-plotly-plot');
            const bars = [...plot.querySelectorAll('.barlayer .trace')].find(one => one.querySelectorAll('.point path').length > back);
            const boxes = [...bars.querySelectorAll('.point path')].map(path => path.getBoundingClientRect()).filter(box => box.height > 2);
            const box = boxes[boxes.length - 1 - back];
            return [box.x + box.width / 2, box.y + box.height / 2];
        }""",
        from_end,
    )
    page.mouse.move(*point)
    page.locator("#consumption-chart .hoverlayer .legend").wait_for()
    page.mouse.click(*point)


def test_the_address_holds_the_view(open_page: Open, world: World) -> None:
    page = open_page(f"/consumption?devices={world.devices['D02']}&period=week&step=day")
    expect(page.locator("#consumption-devices")).to_contain_text("Lighting")
    page.get_by_text("30 days", exact=True).click()
    page.wait_for_url("**period=month**")
    settle(page)
    assert f"devices={world.devices['D02']}" in page.url
    assert "step=day" in page.url


def test_a_strangers_device_is_not_found(open_page: Open, world: World) -> None:
    page = open_page(f"/device/{world.strangers_device}", faulty=True)
    expect(page.locator("main")).to_contain_text("Device not found")


def test_readings_are_paged_and_filtered(open_page: Open, world: World) -> None:
    page = open_page("/readings")
    first = page.locator("#readings-table tbody tr").first.inner_text()
    page.click("#readings-older")
    page.wait_for_url("**page=older**")
    settle(page)
    expect(page.locator("#readings-table tbody tr")).to_have_count(50)
    expect(page.locator("#readings-table tbody tr").first).not_to_have_text(first.replace("\t", ""))
    page.click("#readings-newer")
    expect(page.locator("#readings-table tbody tr").first).to_have_text(first.replace("\t", ""))
    visit(page, f"/readings?device={world.devices['W01']}")
    expect(page.locator("#readings-device")).to_contain_text("=Water")
    with page.expect_download() as download:
        page.click("#readings-export")
    assert download.value.suggested_filename == "tds-readings.csv"
    assert len(download.value.path().read_text(encoding="utf-8").splitlines()) == 1 + 70 * 24 + 1


def test_links_in_tables_lead_on_without_a_reload(open_page: Open) -> None:
    page = open_page("/devices")
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Lighting").click()
    page.wait_for_url("**/device/2")
    settle(page)
    expect(page.locator("h1")).to_have_text("Lighting")
    assert page.evaluate("window.same") is True
    page.go_back()
    expect(page.locator("h1")).to_have_text("Devices")


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_scrolls_down_only(open_page: Open, path: str) -> None:
    page = open_page(path, width=390, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_phone_has_its_menu(open_page: Open) -> None:
    page = open_page("/", width=390)
    page.locator(".tds-nav-menu summary").click()
    page.locator(".tds-nav-menu").get_by_role("link", name="Readings").click()
    expect(page.locator("h1")).to_have_text("Readings")
    expect(page.locator(".tds-nav-menu[open]")).to_have_count(0)


def test_dark_is_remembered_and_redraws_nothing(open_page: Open) -> None:
    page = open_page("/", fresh=True)
    page.locator("#overview-electricity .main-svg").first.wait_for()
    page.evaluate("window.plot = document.querySelector('#overview-electricity .main-svg')")
    assert page.evaluate("getComputedStyle(document.body).colorScheme, document.documentElement.dataset.bsTheme") == "light"
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("[data-theme-switch]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.evaluate("window.plot === document.querySelector('#overview-electricity .main-svg')")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_theme_follows_the_system_until_chosen(open_page: Open) -> None:
    page = open_page("/gateways", color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_the_keyboard_reaches_the_content_and_the_menus(open_page: Open) -> None:
    page = open_page("/gateways", fresh=True)
    page.keyboard.press("Tab")
    expect(page.locator(".tds-skip")).to_be_focused()
    page.locator(".tds-menu summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    group = page.get_by_role("button", name="Set-up")
    group.press("Enter")
    expect(group).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(group).to_be_focused()
    page.keyboard.press("Space")
    expect(group).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(page.locator("#nav-setup a").first).to_be_focused()
    page.locator("#nav-setup a", has_text="Devices").press("Enter")
    expect(page.locator("h1")).to_have_text("Devices")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("#nav-setup")).to_be_hidden()


def test_one_group_is_open_at_a_time_until_one_goes_elsewhere(open_page: Open) -> None:
    page = open_page("/costs", width=900)
    assert page.evaluate("document.documentElement.scrollWidth") <= 900
    money, explore = page.get_by_role("button", name="Costs", exact=True), page.get_by_role("button", name="Explore")
    money.click()
    expect(page.locator("#nav-money a.active")).to_have_text("Costs")
    explore.click()
    expect(page.locator("#nav-money")).to_be_hidden()
    expect(page.locator("#nav-explore")).to_be_visible()
    page.locator("#shell-zone").click()
    expect(page.locator("#nav-explore")).to_be_hidden()
    explore.press("Enter")
    expect(page.locator("#nav-explore")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#nav-explore")).to_be_hidden()


def test_a_rule_is_made_and_its_alarm_acknowledged(open_page: Open, world: World) -> None:
    page = open_page("/alarms?view=rules")
    page.locator("[data-fleet=rule]").first.click()
    page.select_option("#alarms-rule-kind", "monthly")
    settle(page)
    page.locator("#alarms-rule-target").click()
    page.locator(".dash-dropdown-option", has_text="Press line").first.click()
    page.fill("#alarms-rule-limit", "0.5")
    page.locator("#alarms-rule-limit").blur()
    expect(page.locator("#alarms-rule-preview")).not_to_be_empty()
    page.click("#alarms-rule-save")
    expect(page.locator("#alarms-list")).to_contain_text("0.5 kWh")
    noon = (world.newest.astimezone(ZoneInfo("America/Sao_Paulo")) - timedelta(days=2)).replace(
        hour=12
    )  # never a month's first hour
    watch(world.database.owner, noon, range(60), silences=False)
    try:
        visit(page, "/alarms")
        page.locator("#alarms-list [data-fleet=acknowledge]").click()
        page.fill("#alarms-note-text", "the oven stays on")
        page.click("#alarms-note-save")
        expect(page.locator("#alarms-list")).to_contain_text("Acknowledged by admin@aurora.example")
        expect(page.locator("#alarms-list")).to_contain_text("the oven stays on")
        expect(page.locator("#alarms-list [data-fleet=acknowledge]")).to_have_count(0)
    finally:
        with world.database.owner.transaction() as conn:
            for table in ("alarm", "alarm_rule"):
                conn.execute(text(f"DELETE FROM tds.{table}"))
