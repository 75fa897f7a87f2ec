"""Bands and largest quarter-hours follow the ledger: late data, decisions, changed devices, tariffs and holidays, retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import bands, fleet, ledger, pricing, tariffs, upkeep
from sql.decisions import correct
from sql.holidays import remove_holiday
from sql.tariff_rules import Period
from tests.conftest import Database
from tests.sql.plant import Meter, at, event_id, feed, meter, meter_of, put, series, sound, tds
from tests.sql.tariffs import banded, flat, give

D = Decimal
ZONE = "America/Sao_Paulo"
PEAK = [Period(("weekday",), 72, 84, "peak")]
PRICES = {"off_peak": "1", "peak": "10"}


def rows(database: Database, *devices: Meter, table: str = "band_day") -> dict[tuple[str, int], Decimal]:
    """Give the bands of devices: (day, band) → quantity."""
    day = "month" if table == "band_month" else "day"
    with database.owner.transaction() as connection:
        found = connection.execute(
            text(f"SELECT {day}, band, sum(quantity) FROM tds.{table} WHERE device_id = any(:d) GROUP BY 1, 2 ORDER BY 1, 2"),
            {"d": [device.id for device in devices]},
        )
        return {(row[0].isoformat(), row[1]): row[2] for row in found}


def steady(database: Database, **given: Any) -> Meter:
    """A meter that counts 1 kWh in each quarter-hour of four days, Friday to Monday."""
    device = meter(database, ZONE, **given)
    feed(database, device, series("2026-03-06T00:00", 15, range(4 * 96 + 1), ZONE))
    return device


def test_late_readings_move_between_bands(bench: Database) -> None:
    device = meter(bench, ZONE)
    give(bench, device, banded("2026-01-01", PRICES, PEAK))
    feed(bench, device, series("2026-03-06T12:00", 60 * 12, [0, 48], ZONE))
    assert rows(bench, device) == {("2026-03-06", 1): D(36), ("2026-03-06", 3): D(12)}
    assert rows(bench, device, table="band_month") == {("2026-03-01", 1): D(36), ("2026-03-01", 3): D(12)}
    feed(bench, device, [(at("2026-03-06T18:00", ZONE), 0), (at("2026-03-06T21:00", ZONE), 48)])
    assert rows(bench, device) == {("2026-03-06", 1): D(0), ("2026-03-06", 3): D(48)}
    assert rows(bench, device, table="band_month") == {("2026-03-01", 1): D(0), ("2026-03-01", 3): D(48)}
    sound(bench, device)


def test_a_decision_changes_its_days(bench: Database) -> None:
    device = meter(bench, ZONE, max_rate=D(4))
    give(bench, device, banded("2026-01-01", PRICES, PEAK))
    feed(bench, device, series("2026-03-06T18:00", 15, [10, 11, 500, 501], ZONE))
    assert rows(bench, device) == {("2026-03-06", 3): D(2)}
    with bench.owner.transaction() as connection:
        correct(connection, event_id(bench, device, "unresolved"), D(20), D(499), "test")
    ledger.drain(bench.owner)
    assert rows(bench, device) == {("2026-03-06", 3): D(12)}
    sound(bench, device)


def test_a_tariff_touches_its_own_days_alone(bench: Database) -> None:
    device = steady(bench)
    give(bench, device, banded("2026-01-01", PRICES, PEAK))
    assert rows(bench, device)[("2026-03-06", 3)] == 12
    with bench.owner.transaction() as connection:
        tariffs.add_tariff(connection, device.account_id, banded("2026-03-09", PRICES, [Period(("weekday",), 0, 4, "peak")]))
        waiting = connection.execute(
            text("SELECT device_id, low, high, total FROM tds.band_pending WHERE device_id = :d"), {"d": device.id}
        )
        assert [tuple(row) for row in waiting] == [(device.id, date(2026, 3, 9), date(2026, 3, 10), 1)]
        left = pricing.left(connection, device.account_id)
        assert left is not None
        assert (left.devices, left.of) == (1, 1)
    ledger.drain(bench.owner)
    assert {key: value for key, value in rows(bench, device).items() if key[1] == 3} == {
        ("2026-03-06", 3): D(12),
        ("2026-03-09", 3): D(4),
    }
    with bench.owner.transaction() as connection:
        assert pricing.left(connection, device.account_id) is None
        (first, second) = tariffs.tariffs(connection, device.account_id)
        tariffs.remove_tariff(connection, second)
    ledger.drain(bench.owner)
    assert rows(bench, device)[("2026-03-09", 3)] == 12
    with bench.owner.transaction() as connection:
        tariffs.change_tariff(connection, first, flat("2026-01-01", "3"))
    ledger.drain(bench.owner)
    assert rows(bench, device) == {} == rows(bench, device, table="band_month")
    sound(bench, device)


def test_a_price_alone_has_nothing_made_anew(bench: Database) -> None:
    device = steady(bench)
    (tariff,) = give(bench, device, banded("2026-01-01", PRICES, PEAK))
    with bench.owner.transaction() as connection:
        dearer = banded("2026-01-01", {"off_peak": "2", "peak": "20"}, PEAK)
        tariffs.change_tariff(connection, tariff, dearer)
        assert not connection.execute(
            text("SELECT count(*) FROM tds.band_pending WHERE device_id = :d"), {"d": device.id}
        ).scalar()


def test_a_holiday_is_no_weekday(bench: Database) -> None:
    device = steady(bench)
    give(bench, device, banded("2026-01-01", PRICES, PEAK), holidays=["2026-03-06"])
    assert ("2026-03-06", 3) not in rows(bench, device)
    assert rows(bench, device)[("2026-03-06", 1)] == 96
    with bench.owner.transaction() as connection:
        assert remove_holiday(connection, device.account_id, date(2026, 3, 6))
        assert remove_holiday(connection, device.account_id, date(2026, 3, 6)) is None
    ledger.drain(bench.owner)
    assert rows(bench, device)[("2026-03-06", 3)] == 12
    sound(bench, device)


def test_a_device_of_another_resource_has_another_tariff(bench: Database) -> None:
    device = steady(bench)
    give(bench, device, banded("2026-01-01", PRICES, PEAK, demand=D(5)))
    assert rows(bench, device)
    with bench.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, resource="other")
    ledger.drain(bench.owner)
    assert rows(bench, device) == {}
    with bench.owner.transaction() as connection:
        assert pricing.demand(connection, device.account_id, date(2026, 3, 1), date(2026, 4, 1)) is None
    sound(bench, device)


def test_the_largest_quarter_hour_is_of_all_meters_together(bench: Database) -> None:
    first = meter(bench, ZONE)
    second = meter_of(bench, first.account, first.account_id, ZONE, unit="Wh", max_rate=D(1_000_000))
    give(bench, first, flat("2026-03-01", "1", demand=D(20)))
    feed(bench, first, series("2026-03-06T10:00", 15, [0, 10, 12, 15, 16], ZONE))
    feed(bench, second, series("2026-03-06T10:00", 15, [0, 1000, 12000, 14000, 15000], ZONE))
    with bench.owner.transaction() as connection:
        found = pricing.demand(connection, first.account_id, date(2026, 3, 1), date(2026, 4, 1))
        assert found == pricing.Demand(D(13 * 4), at("2026-03-06T10:15", ZONE))
        assert pricing.demand(connection, first.account_id, date(2026, 2, 1), date(2026, 3, 1)) is None
    # What is spread over a gap is nobody's demand.
    feed(bench, first, [(at("2026-03-06T14:00", ZONE), 416)])
    with bench.owner.transaction() as connection:
        assert pricing.demand(connection, first.account_id, date(2026, 3, 1), date(2026, 4, 1)) == found
    sound(bench, first, second)
    with bench.owner.transaction() as connection:
        connection.execute(text("SELECT tds.erase_devices(ARRAY[:d])"), {"d": second.id})
    ledger.drain(bench.owner)
    with bench.owner.transaction() as connection:
        assert pricing.demand(connection, first.account_id, date(2026, 3, 1), date(2026, 4, 1)) == pricing.Demand(
            D(40), at("2026-03-06T10:00", ZONE)
        )
    sound(bench, first)


def test_retention_leaves_bands_and_makes_them_of_the_ledger(bench: Database) -> None:
    device = steady(bench)
    with bench.owner.transaction() as connection:
        connection.execute(text("DELETE FROM tds.reading WHERE device_id = :d"), {"d": device.id})
    give(bench, device, banded("2026-01-01", PRICES, PEAK))
    before = rows(bench, device)
    assert sum(before.values()) == 4 * 96
    with bench.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id])
    ledger.drain(bench.owner)
    assert rows(bench, device) == before
    sound(bench, device)


@pytest.mark.parametrize(
    "wrong",
    ["UPDATE tds.band_day SET quantity = quantity + 1 WHERE device_id = :d AND band = 3", "DELETE FROM tds.band_month WHERE device_id = :d",
     "INSERT INTO tds.band_day VALUES (:d, '2026-03-07', 4, 1, 0)", "DELETE FROM tds.demand_day WHERE account_id = :a"],
)  # fmt: skip
def test_a_difference_is_found_and_mended(database: Database, wrong: str) -> None:
    now = datetime.now(UTC)
    day = (now - timedelta(days=40)).date()
    device = meter(database, ZONE)
    start = f"{day - timedelta(days=day.weekday())}T00:00"
    feed(database, device, series(start, 15, range(300), ZONE))
    give(database, device, banded("2026-01-01", PRICES, PEAK, demand=D(1)))
    before = rows(database, device), rows(database, device, table="band_month")
    sound(database, device)
    with database.owner.transaction() as connection:
        connection.execute(text(wrong.replace("2026-03-07", day.isoformat())), {"d": device.id, "a": device.account_id})
    found = ledger.verify(database.owner, [device.id])
    assert {one.check for one in found} == {bands.DEMAND_CHECK if "demand" in wrong else bands.BANDS_CHECK}
    assert tds(database, "ledger", "verify").code == 1
    assert upkeep.check_share(database.owner, now)
    ledger.drain(database.owner)
    assert ledger.verify(database.owner) == []
    assert (rows(database, device), rows(database, device, table="band_month")) == before


def test_a_long_history_is_made_in_pieces(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    device = steady(bench)
    other = meter_of(bench, device.account, device.account_id, ZONE)
    feed(bench, other, series("2026-03-04T00:00", 15, range(5 * 96 + 1), ZONE))
    with bench.owner.transaction() as connection:
        tariffs.add_tariff(connection, device.account_id, banded("2026-01-01", PRICES, PEAK, demand=D(1)))
    monkeypatch.setattr(bands, "DEVICE_DAYS", 3)
    pieces = 0
    while bands._piece(bench.owner, wait=False):
        pieces += 1
    assert pieces >= 8
    assert sum(rows(bench, device, other).values()) == 9 * 96
    sound(bench, device, other)


def test_a_batch_in_flight_misses_no_tariff(bench: Database) -> None:
    """A tariff that is added while readings are worked off waits for their batch, so that its days hold them."""
    device = meter(bench, ZONE)
    put(bench, device, series("2026-03-06T18:00", 15, range(9), ZONE))
    with bench.owner.transaction() as batch:
        batch.execute(text("SELECT pg_advisory_xact_lock_shared(7245121)"))
        with bench.owner.engine.connect() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(DBAPIError, match="timeout"):
                tariffs.add_tariff(connection, device.account_id, banded("2026-01-01", PRICES, PEAK))
    give(bench, device, banded("2026-01-01", PRICES, PEAK))
    assert rows(bench, device) == {("2026-03-06", 3): D(8)}
