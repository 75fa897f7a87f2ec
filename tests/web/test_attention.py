"""What needs attention, and a gateway's delivery: what the pages and the API say of gateways and devices that do not do well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import calendar
from sql.queries.delivery import delivery
from tds_dash.attention import MOST, SHOWN, Item, attention, panel
from tds_dash.components import sentence
from tds_dash.condition import since
from tests.conftest import Database
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import World

ZONE = "America/Sao_Paulo"
NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)


@pytest.fixture
def unwell(world: World) -> Iterator[World]:
    """The world with one device silent, one late and one stuck behind the main gateway; as it was afterwards."""
    with world.database.owner.transaction() as conn:
        kept = conn.execute(text("SELECT device_id, time, received_at, moved_at FROM tds.device_seen")).all()
        conn.execute(text("UPDATE tds.device_seen SET time = now() - interval '4 hours', received_at = now() - interval '4 hours' WHERE device_id = :id"), {"id": world.devices["D02"]})  # fmt: skip
        conn.execute(text("UPDATE tds.device_seen SET time = now() - interval '5 hours' WHERE device_id = :id"), {"id": world.devices["W01"]})  # fmt: skip
        conn.execute(text("UPDATE tds.device_seen SET moved_at = time - interval '30 hours' WHERE device_id = :id"), {"id": world.devices["T01"]})  # fmt: skip
    yield world
    with world.database.owner.transaction() as conn:
        for row in kept:
            conn.execute(text("UPDATE tds.device_seen SET time = :time, received_at = :received_at, moved_at = :moved_at WHERE device_id = :device_id"), row._mapping)  # fmt: skip


def panel_of(client: FlaskClient) -> str:
    """What the overview says needs attention."""
    return shown(answer(call(client, "overview-attention.children"))["overview-attention"]["children"])


def test_the_overview_names_each_thing_and_what_to_do(viewer: FlaskClient, unwell: World) -> None:
    said = panel_of(viewer)
    assert "What needs attention" in said
    assert "No readings from Lighting since" in said
    assert "Its gateway is online: check the Modbus cable or the meter." in said
    assert "What Main building sends is from" in said
    assert "Cold room <b> has shown the same value since" in said
    assert said.index("Lighting") < said.index("Cold room")
    assert "Press line" not in said


def test_every_page_and_the_api_agree(viewer: FlaskClient, unwell: World) -> None:
    states = {one["code"]: one["state"] for one in viewer.get("/api/v1/devices").json}
    assert states == {"D01": "reporting", "D02": "silent", "W01": "late", "T01": "stuck", "N01": "never"}
    listed = {one["name"]: one for one in viewer.get("/api/v1/gateways/status").json["gateways"]}
    assert (listed["Main building"]["state"], listed["Main building"]["devices_silent"]) == ("online", 2)
    assert (listed["Main building"]["devices_stuck"], listed["Old workshop"]["state"]) == (1, "never")
    table = shown(answer(call(viewer, "devices-table.children"))["devices-table"]["children"])
    for name, word in (("Press line", "Online"), ("Lighting", "No readings"), ("=Water", "Late"), ("Never heard", "Never seen")):
        assert f"{name} {word}" in table
    assert "Cold room <b> Not moving" in table
    assert "Devices reporting 2 of 5" in shown(answer(call(viewer, "overview-cards.children"))["overview-cards"]["children"])
    fleet = shown(answer(call(viewer, "gateways-table.children"))["gateways-table"]["children"])
    assert "Main building Online 2 devices without recent readings 1 device that does not move" in fleet
    page = answer(call(viewer, "device-name.children", device_id=unwell.devices["D02"]))
    assert "No readings" in shown(page["device-state"]["children"])
    assert "check the Modbus cable" in shown(page["device-advice"]["children"])
    gateway = answer(call(viewer, "gateway-name.children", gateway_id=unwell.gateways["main"]))
    assert "Lighting No readings" in shown(gateway["gateway-devices"]["children"])
    assert not gateway["gateway-advice"]["children"]


def test_what_is_never_heard_is_not_blamed_before_it_was_due(viewer: FlaskClient, world: World) -> None:
    assert panel_of(viewer).endswith("Nothing: every gateway is online and every device reports.") or "workshop" in panel_of(
        viewer
    )
    page = answer(call(viewer, "gateway-name.children", gateway_id=world.gateways["silent"]))
    assert page["gateway-name"]["children"] == "Old workshop"
    assert "has never been heard" in shown(page["gateway-advice"]["children"])
    device = answer(call(viewer, "device-name.children", device_id=world.devices["N01"]))
    assert "has not sent a reading yet. Check the code N01" in shown(device["device-advice"]["children"])


def test_an_account_without_gateways_has_no_panel(newcomer: FlaskClient) -> None:
    assert answer(call(newcomer, "overview-attention.children"))["overview-attention"]["children"] is None


def test_several_silent_devices_of_a_gateway_are_one_fault(world: World, unwell: World) -> None:
    with world.database.owner.transaction() as conn:
        conn.execute(
            text("UPDATE tds.device_seen SET time = now() - interval '4 hours', received_at = now() - interval '4 hours'")
        )
    with world.database.web.transaction(account_id=world.account) as conn:
        items = attention(conn, datetime.now(UTC), ZoneInfo(ZONE), "pt-BR")
    said = [words(item.text) for item in items]
    assert len([one for one in said if "Nenhuma leitura de 4 dispositivos de Main building" in one]) == 1
    assert not any("Lighting" in one for one in said)


def words(part: Any) -> str:
    """What a sentence says."""
    return part if isinstance(part, str) else "".join(words(one) for one in part.children) if isinstance(part.children, list) else str(part.children)  # fmt: skip


def test_faults_come_first_and_what_is_new_before_what_is_old() -> None:
    item = sentence("attention.gateway_never", "en", name="X")
    items = [Item("warning", item, "/a", NOW), Item("fault", item, "/b", NOW - timedelta(days=9)), Item("fault", item, "/c", NOW)]
    from tds_dash import attention as module

    before = module.SOURCES
    module.SOURCES = (lambda *_: items,)
    try:
        assert [one.href for one in attention(None, NOW, ZoneInfo(ZONE), "en")] == ["/c", "/b", "/a"]  # type: ignore[arg-type]
    finally:
        module.SOURCES = before


def test_the_panel_shows_the_first_few_and_the_rest_on_demand() -> None:
    item = sentence("attention.gateway_never", "en", name="X")
    few = panel([Item("warning", item, "/a")] * SHOWN, "en").to_plotly_json()
    many = panel([Item("warning", item, "/a")] * (MOST + 10), "pt-BR")
    assert len(few["props"]["children"]) == 2
    assert f"mais {MOST + 10 - SHOWN}" in str(many.to_plotly_json())
    assert len([part for part in many._traverse() if getattr(part, "href", "") == "/a"]) == MOST
    assert len([part for part in many._traverse() if getattr(part, "href", "") == "/devices"]) == 1


def test_an_instant_of_today_is_a_time_and_another_one_has_its_date() -> None:
    zone = ZoneInfo(ZONE)
    assert since(NOW, NOW, zone, "pt-BR") == "14h30"
    assert since(NOW - timedelta(days=1), NOW, zone, "en") == "22 Nov 2026 14:30"


def test_the_delivery_of_a_gateway(viewer: FlaskClient, world: World) -> None:
    found = viewer.get(f"/api/v1/gateways/{world.gateways['main']}/delivery").json
    day = found["last_24_hours"]
    assert (day["expected"], day["late"], day["duplicated"], day["longest_seconds"]) == (96, 0, 0, None)
    assert 92 <= day["complete"] <= day["received"] <= 96
    assert len(found["days"]) == 7
    full = found["days"][3]
    assert (full["expected"], full["received"], full["complete"]) == (96, 96, 96)
    page = answer(call(viewer, "gateway-cards.children", gateway_id=world.gateways["main"]))
    table = shown(page["gateway-delivery"]["children"])
    assert "Today so far" in table
    assert "96 96 100" in table
    cards = shown(page["gateway-cards"]["children"])
    assert "Repeated, 24 h 0" in cards


def test_a_gateway_of_which_nothing_is_expected(viewer: FlaskClient, world: World) -> None:
    page = answer(call(viewer, "gateway-cards.children", gateway_id=world.gateways["silent"]))
    assert "Delay —" in shown(page["gateway-cards"]["children"])


def test_what_is_missing_late_or_repeated_shows_on_its_own_day(database: Database) -> None:
    """One device of three sends nothing, another sends twice as often as it should: that does not make up for it."""
    from sql import fleet, ledger

    account = database.account("Aurora")
    now = calendar.bucket_start("day", NOW, ZONE) + timedelta(hours=14, minutes=7)
    day = calendar.bucket_start("day", now - timedelta(days=2), ZONE)
    with database.owner.transaction() as conn:
        gateway = fleet.add_gateway(conn, "02:00:00:00:00:09", "Aurora")
        ids = [
            fleet.add_device(
                conn, "02:00:00:00:00:09", code, kind="counter", resource="electricity", unit="kWh", interval=interval
            )
            for code, interval in (("D01", 3600), ("D02", 3600), ("D03", 86_400), ("D04", 604_800), ("D05", 3600))
        ]
        conn.execute(text("UPDATE tds.device SET created_at = :at"), {"at": now - timedelta(days=40)})
        conn.execute(text("UPDATE tds.device SET active = false WHERE code = 'D05'"))
        for device, count, minutes in ((ids[0], 48, 30), (ids[2], 1, 60)):
            for number in range(count):
                conn.execute(text("INSERT INTO tds.reading VALUES (:d, :t, :v)"), {"d": device, "t": day + timedelta(minutes=minutes * number), "v": number})  # fmt: skip
            conn.execute(text("INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, :low, :high)"), {"d": device, "low": day, "high": day + timedelta(days=1)})  # fmt: skip
        conn.execute(
            text("INSERT INTO tds.delivery VALUES (:g, :s, 5, 2, '3 hours')"), {"g": gateway, "s": day + timedelta(hours=1)}
        )
        conn.execute(text("INSERT INTO tds.delivery VALUES (:g, :s, 1, 0, '1 hour')"), {"g": gateway, "s": day - timedelta(minutes=15)})  # fmt: skip
        conn.execute(text("INSERT INTO tds.device_seen VALUES (:d, :t, 1, :r, :t)"), {"d": ids[0], "t": day, "r": day + timedelta(seconds=90)})  # fmt: skip
    ledger.drain(database.owner)
    with database.web.transaction(account_id=account) as conn:
        found = delivery(conn, gateway, now, ZONE)
    assert found.delay == timedelta(seconds=90)
    before = found.days[3]
    assert found.days[2][2:] == (24 + 24 + 1, 48 + 1, 24 + 1, 5, 2, timedelta(hours=3))
    assert (before.late, before.longest, before.end) == (1, timedelta(hours=1), day)
    assert (found.days[0].expected, found.days[0].end) == (14 + 14, now)
    assert found.last_day.end == now - timedelta(minutes=7)
