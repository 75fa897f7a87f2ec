"""What pages ask the store for, on every engine at hand, as the web login."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sql import fleet
from sql.imports import import_readings
from sql.queries.devices import device_ids_by_code, devices
from sql.queries.gateways import fleet_status, gateways
from sql.queries.readings import Position, Reading, all_readings, device_readings, latest_readings, readings_page
from tests.conftest import Database
from tests.web.world import hear

NOW = datetime.now(UTC).replace(microsecond=0)
MAC = "02:00:00:00:00:01"


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> tuple[Database, int, list[int]]:
    """Store 3 devices' readings: two dense ones of the last days, and one from long ago, with ties in time."""
    account = database.account()
    with database.owner.transaction() as conn:
        fleet.add_gateway(conn, MAC, "Aurora", "Main")
        ids = [fleet.add_device(conn, MAC, f"D0{n}", kind="counter", resource="electricity", unit="kWh") for n in (1, 2, 3)]
        lines = [f"{MAC},D0{1 + n % 2},{(NOW - timedelta(minutes=10 * (n // 2))).isoformat()},{5000 - n},kWh" for n in range(400)]
        lines += [f"{MAC},D03,{(NOW - timedelta(days=200, minutes=n)).isoformat()},{900 - n},kWh" for n in range(30)]
        file = tmp_path / "readings.csv"
        file.write_text("gateway_mac,device_code,timestamp,value,unit\n" + "\n".join(lines) + "\n", encoding="utf-8")
        import_readings(conn, file, fleet.find_account(conn, "Aurora"))
        hear(conn, [1], NOW)
    return database, account, ids


def everything(found: tuple[Database, int, list[int]]) -> list[Reading]:
    """Give all readings, newest first, by a plain scan."""
    database, account, ids = found
    with database.web.transaction(account_id=account) as conn:
        rows = [one for device in ids for one in all_readings(conn, device, NOW - timedelta(days=400), NOW + timedelta(days=1))]
    return sorted(rows, key=lambda one: (one.time, one.device_id), reverse=True)


def test_pages_hold_every_reading_once_in_one_order(filled: tuple[Database, int, list[int]]) -> None:
    database, account, ids = filled
    start, end = NOW - timedelta(days=400), NOW + timedelta(days=1)
    seen, before, newer = [], None, []
    with database.web.transaction(account_id=account) as conn:
        while True:
            page = readings_page(conn, ids, start, end, 50, before=before)
            seen += page.readings
            newer.append(page.newer)
            if page.older is None:
                break
            before = page.older
    assert seen == everything(filled)
    assert len(seen) == 430
    assert newer[0] is None
    assert all(newer[1:])


def test_pages_lead_back_the_way_they_came(filled: tuple[Database, int, list[int]]) -> None:
    database, account, ids = filled
    start, end = NOW - timedelta(days=400), NOW + timedelta(days=1)
    with database.web.transaction(account_id=account) as conn:
        first = readings_page(conn, ids, start, end, 50)
        second = readings_page(conn, ids, start, end, 50, before=first.older)
        third = readings_page(conn, ids, start, end, 50, before=second.older)
        back = readings_page(conn, ids, start, end, 50, after=third.newer)
        home = readings_page(conn, ids, start, end, 50, after=back.newer)
    assert back.readings == second.readings
    assert home.readings == first.readings
    assert (back.newer is not None, home.newer) == (True, None)


def test_a_page_keeps_to_its_period(filled: tuple[Database, int, list[int]]) -> None:
    database, account, ids = filled
    start, end = NOW - timedelta(minutes=40), NOW - timedelta(minutes=10)
    with database.web.transaction(account_id=account) as conn:
        page = readings_page(conn, ids, start, end, 50)
        assert readings_page(conn, ids, end, start, 50).readings == []
        assert readings_page(conn, [], start, end, 50).readings == []
        beyond = Position(NOW + timedelta(days=4000), 1)
        assert readings_page(conn, ids, start, end, 50, before=beyond).readings == page.readings
    assert [one.time for one in page.readings] == [NOW - timedelta(minutes=10 * n) for n in (2, 2, 3, 3, 4, 4)]


def test_the_newest_readings(filled: tuple[Database, int, list[int]]) -> None:
    database, account, ids = filled
    whole = everything(filled)
    with database.web.transaction(account_id=account) as conn:
        assert latest_readings(conn, 50, NOW) == whole[:50]
        assert latest_readings(conn, 1, NOW) == whole[:1]
        assert latest_readings(conn, 1000, NOW) == whole
        assert device_readings(conn, ids[2], 100, NOW) == [one for one in whole if one.device_id == ids[2]]


def test_the_fleet(filled: tuple[Database, int, list[int]]) -> None:
    database, account, ids = filled
    now = NOW
    with database.web.transaction(account_id=account) as conn:
        assert fleet_status(conn, now) == (1, 1, 3, 2, 0)  # the third's newest reading is of 200 days ago
        assert fleet_status(conn, now + timedelta(hours=1)).gateways_offline == 1
        assert [gateway.online for gateway in gateways(conn, now)] == [True]
        assert gateways(conn, now, [999]) == []
        assert [device.id for device in devices(conn, now, [ids[1], 999])] == [ids[1]]
        assert device_ids_by_code(conn, [(MAC, "D02"), (MAC, "X")]) == {(MAC, "D02"): ids[1]}
