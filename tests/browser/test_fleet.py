"""The fleet kept in order by hand: registered, mended, moved, imported, taken back, retired and deleted in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sql import people
from tests.browser.conftest import visit
from tests.sql.plant import feed, series
from tests.web.world import PASSWORD, World

NAME, ADMIN = "Fjord", "admin@fjord.example"
FIRST, SECOND = "02:00:00:00:0f:01", "02:00:00:00:0f:02"


@pytest.fixture(scope="module")
def fjord(world: World) -> World:
    """Add an account of its own, so that no other test sees what is done here."""
    world.database.account(NAME, locale="en")
    with world.database.owner.transaction() as connection:
        people.add_user(connection, ADMIN, NAME, "admin", PASSWORD)
    return world


def one(world: World, query: str) -> int:
    with world.database.owner.transaction() as connection:
        return int(connection.exec_driver_sql(query).scalar() or 0)


def ask(page: Page, name: str) -> None:
    """Press a button of a dialog that leads to another one."""
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def add_gateway(page: Page, mac: str, name: str) -> None:
    page.get_by_role("button", name="New gateway").click()
    page.fill("#gateways-form-mac", mac)
    page.fill("#gateways-form-name", name)
    page.press("#gateways-form-name", "Enter")


def test_a_fleet_by_hand(fjord: World, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page("/gateways", who=ADMIN)
    expect(page.locator("#gateways-table")).to_contain_text("No gateway registered")
    add_gateway(page, "nonsense", "Quay")
    expect(page.locator("#gateways-form-mac-fault")).to_contain_text("not a MAC address")
    expect(page.locator("#gateways-form-name")).to_have_value("Quay")
    page.fill("#gateways-form-mac", FIRST)
    page.click("#gateways-form-save")
    expect(page.locator("#gateways-told")).to_contain_text("Quay is registered")
    add_gateway(page, SECOND, "Pier")
    expect(page.locator("#gateways-table")).to_contain_text("Pier")

    visit(page, "/devices")
    page.get_by_role("button", name="New device").click()
    form = page.get_by_role("dialog")
    page.click("#devices-form-gateway")
    page.get_by_role("option", name="Quay").click()
    page.fill("#devices-form-code", "D01")
    page.fill("#devices-form-name", "Crane <1>")
    page.fill("#devices-form-interval", "often")
    page.click("#devices-form-save")
    expect(page.locator("#devices-form-unit-fault")).to_contain_text("1 to 16 characters")
    expect(page.locator("#devices-form-interval-fault")).to_contain_text("whole number")
    page.fill("#devices-form-unit", "kWh")
    page.fill("#devices-form-interval", "900")
    page.locator("#devices-form-unit").press("Tab")
    page.click("#devices-form-save")
    expect(form).to_be_hidden()
    expect(page.locator("#devices-told")).to_contain_text("Crane <1> is registered")
    device = one(fjord, "SELECT max(id) FROM tds.device")
    feed(fjord.database, device, series("2026-01-05", 15, range(8)))

    page.get_by_role("button", name="Edit Crane <1>").click()
    ask(page, "Move Crane <1>")
    page.click("#devices-move-gateway")
    page.get_by_role("option", name="Pier").click()
    page.click("#devices-move-save")
    expect(page.locator("#devices-told")).to_contain_text("is behind Pier now")

    file, mended = tmp_path / "draft.csv", tmp_path / "fleet.csv"
    file.write_text(
        f"\ufeffgateway_mac;code;name;kind;resource;unit;max_rate\r\n{FIRST};A1;Lamp;counter;electricity;kWh;12,5\r\n{FIRST};A1;Twice;counter;gas;m3;1\r\n",
        encoding="utf-8",
    )
    page.get_by_role("button", name="Import CSV").click()
    endless = tmp_path / "endless.csv"
    endless.write_text(f"{FIRST},A1,Lamp,counter,electricity,kWh\n" * 80_000, encoding="utf-8")
    page.set_input_files("#devices-import-file input", endless)
    expect(page.locator("#devices-import-told")).to_contain_text("too large: split it")
    page.set_input_files("#devices-import-file input", file)
    expect(page.locator("#devices-import-told")).to_contain_text("1 of 2 lines cannot be used")
    expect(page.locator("#devices-import-told")).to_contain_text("Line 2 names the same device")
    expect(page.locator("#devices-import-save")).to_be_disabled()
    mended.write_text(file.read_text(encoding="utf-8").replace("A1;Twice", "A2;Stove"), encoding="utf-8")
    page.set_input_files("#devices-import-file input", mended)
    expect(page.locator("#devices-import-told")).to_contain_text("2 devices would be registered")
    page.click("#devices-import-save")
    expect(page.locator("#devices-told")).to_contain_text("2 devices imported from fleet.csv")
    expect(page.locator("#devices-table")).to_contain_text("Stove")
    page.get_by_role("button", name="Take back fleet.csv").click()
    page.click("#devices-confirm-save")
    expect(page.locator("#devices-told")).to_contain_text("2 devices of fleet.csv are gone")

    visit(page, f"/devices?edit={device}")
    ask(page, "Delete Crane <1>")
    expect(page.locator("#devices-confirm-said")).to_contain_text("8 readings, since")
    page.click("#devices-confirm-save")
    expect(page.locator("#devices-confirm-word-fault")).to_contain_text("type D01")
    page.fill("#devices-confirm-word", "D01")
    page.press("#devices-confirm-word", "Enter")
    expect(page.locator("#devices-told")).to_contain_text("Crane <1> is deleted")
    assert one(fjord, f"SELECT count(*) FROM tds.reading WHERE device_id = {device}") == 0

    visit(page, "/gateways")
    page.get_by_role("button", name="Edit Pier").click()
    ask(page, "Retire Pier")
    page.click("#gateways-confirm-save")
    expect(page.locator("#gateways-told")).to_contain_text("Pier is retired")
    page.locator("#gateways-glance button", has_text="Retired").click()
    expect(page.get_by_role("button", name="Use Pier again")).to_be_visible()


def test_a_token_by_hand(fjord: World, open_page: Callable[..., Page]) -> None:
    page = open_page("/tokens", who=ADMIN, width=390)
    page.fill("#tokens-name", "Grafana")
    page.press("#tokens-name", "Enter")
    token = page.locator("#tokens-once").inner_text()
    answer = page.request.get("/api/v1/gateways", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    expect(page.locator("#tokens-table")).to_contain_text("Grafana")
    page.get_by_role("button", name="Take back Grafana").click()
    expect(page.locator("#tokens-told")).to_contain_text("works no more")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
