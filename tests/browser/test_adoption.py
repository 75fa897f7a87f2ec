"""From a message over MQTT that nobody knows to its readings in the books, by the page alone, with everything real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from sql import fleet, people
from tests.browser.conftest import patient, served, settle, sign_in, visit
from tests.conftest import Database
from tests.faults.cell import Cell, wait_for
from tests.ingest.cast import MAC, payload, query, register, rejected, stored
from tests.web.world import PASSWORD

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
EDITOR = "editor@aurora.example"


@pytest.fixture
def cell(database: Database) -> Iterator[Cell]:
    """A broker and an ingester with the small fleet, on each engine, and somebody who may register devices."""
    register(database)
    with database.owner.transaction() as connection:
        people.add_user(connection, EDITOR, "Aurora", "editor", PASSWORD)
    cell = Cell(database)
    yield cell
    cell.close()


@pytest.fixture
def page(cell: Cell, browser: Browser) -> Iterator[Page]:
    """The page of rejections, opened by that person; whatever the console calls an error fails the test."""
    faults: list[str] = []
    with served(cell.database.settings) as address:
        context = patient(browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}, locale="en"))
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        sign_in(page, EDITOR)
        yield page
        context.close()
    assert faults == []


def test_an_unknown_device_is_registered_from_the_page_and_its_readings_reach_the_books(cell: Cell, page: Page) -> None:
    ingester = cell.ingester().wait_until_subscribed()
    gateway = cell.publisher(MAC)
    for n in range(20):
        gateway.publish(payload([("N01", 100 + n, "kWh")], START + timedelta(minutes=5 * n), MAC), n)
    gateway.publish(payload([("N01", -1, "kWh")], START - timedelta(hours=1), MAC), 20)
    wait_for(lambda: len(rejected(cell.database)) == 21)

    visit(page, "/rejections")
    cause = page.locator("#rejections-causes .tds-event")
    expect(cause).to_have_count(1)
    expect(cause).to_contain_text("sends N01, which is not in the register")
    expect(cause).to_contain_text("21 times")
    one = page.locator("#rejections-list .tds-rejection").first
    one.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(one.locator(".tds-payload")).to_contain_text('"dispositivo_codigo": "N01"')

    cause.get_by_role("button", name="Register N01").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#rejections-adopt-unit")).to_have_value("kWh")
    expect(dialog.locator("#rejections-adopt-interval")).to_have_value("300")
    expect(dialog.get_by_label("Electricity")).to_be_checked()
    expect(dialog.get_by_label("Counter")).to_be_checked()
    dialog.locator("#rejections-adopt-unit").fill("")
    dialog.locator("#rejections-adopt-save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("A unit has 1 to 16 characters")
    dialog.locator("#rejections-adopt-unit").fill("kWh")
    dialog.locator("#rejections-adopt-name").fill("Oven <3>")
    dialog.locator("#rejections-adopt-save").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#rejections-told")).to_contain_text("Oven <3> is registered")
    expect(page.locator("#rejections-tried")).to_contain_text("20 readings stored, done at")
    expect(page.locator("#rejections-tried")).to_contain_text("1 stays rejected")
    expect(page.locator("#rejections-causes")).to_contain_text("Negative value")
    assert [value for _, code, _, value in stored(cell.database) if code == "N01"] == list(range(100, 120))

    address = f"/api/v1/books?device={MAC}/N01&from={START:%Y-%m-%dT%H:%M}Z&to={START + timedelta(hours=2):%Y-%m-%dT%H:%M}Z"
    books = wait_for(lambda: (found := page.request.get(address).json()).get("consumption") == 19 and found, 30)
    assert (books["opening"], books["closing"], books["balanced"]) == (100, 119, True)
    assert ingester.metric("tds_replayed_readings_total") == 20
    assert ingester.stop() == 0


def test_a_gateway_registered_later_brings_what_it_had_sent(cell: Cell, page: Page) -> None:
    late = "02:00:00:00:00:77"
    cell.ingester().wait_until_subscribed()
    gateway = cell.publisher(late)
    for n in range(5):
        gateway.publish(payload([("A", n, "m³"), ("B", n, "kWh")], START + timedelta(minutes=15 * n), late), n)
    wait_for(lambda: len(rejected(cell.database)) == 5)
    visit(page, "/rejections")
    expect(page.locator("#rejections-causes")).to_contain_text("No rejected message")
    with cell.database.owner.transaction() as connection:
        fleet.add_gateway(connection, late, "Aurora", "Annexe")
    wait_for(lambda: {reason for *_, reason in rejected(cell.database)} == {"unknown_device"})
    page.reload()
    settle(page)
    expect(page.locator("#rejections-causes .tds-event")).to_have_count(2)
    page.get_by_role("button", name="Register A behind Annexe").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Water")).to_be_checked()
    dialog.locator("#rejections-adopt-name").press("Enter")
    expect(page.locator("#rejections-tried")).to_contain_text("5 readings stored")
    assert query(cell.database, "SELECT count(*) FROM tds.reading") == [(5,)]
