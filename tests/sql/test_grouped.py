"""Consumption of devices added up in the database is what their rows add up to, at every step and in every zone."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sql.consumption import OTHERS, STEPS, ConsumptionRow, consumption, few, grouped
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of, series

ZONES = ("America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe")


def park(database: Database, zone: str) -> list[Meter]:
    """Five counters: one has a gap, one begins late, one has no readings; and a gauge."""
    first = meter(database, zone)
    more = [meter_of(database, first.account, first.account_id, zone) for _ in range(4)]
    gauge = meter_of(database, first.account, first.account_id, zone, kind="gauge", resource="temperature", unit="°C")
    begin = "2026-03-30T20:07"
    feed(database, first, series(begin, 15, [i * 2 for i in range(300)]))
    feed(
        database,
        more[0],
        series(begin, 15, [i * 5 for i in range(40)]) + series("2026-04-02T09:00", 15, [900 + i for i in range(40)]),
    )
    feed(database, more[1], series("2026-04-02T00:00", 15, [i * 7 for i in range(60)]))
    feed(database, more[2], series(begin, 60, list(range(70))))
    feed(database, gauge, series(begin, 15, [20 + i % 3 for i in range(200)]))
    return [first, *more, gauge]


def added_up(rows: list[ConsumptionRow], groups: dict[int, int]) -> dict[tuple[int, datetime], tuple[Any, ...]]:
    """Add rows up in plain Python: consumption, estimated, coverage of those that have any, readings, how many those are."""
    found: dict[tuple[int, datetime], list[ConsumptionRow]] = defaultdict(list)
    for row in rows:
        found[groups[row.device_id], row.bucket].append(row)
    sums = {}
    for key, own in found.items():
        some = [row for row in own if row.consumption is not None]
        sums[key] = (
            sum((row.consumption or Decimal(0) for row in some), Decimal(0)) if some else None,
            sum((row.estimated or Decimal(0) for row in some), Decimal(0)) if some else None,
            round(sum(row.coverage for row in some) / len(some), 9) if some else 0.0,
            sum(row.readings for row in own),
            len(some),
        )
    return sums


@pytest.mark.parametrize("zone", ZONES)
def test_a_group_is_the_sum_of_its_devices(database: Database, zone: str) -> None:
    devices = park(database, zone)
    ids = [device.id for device in devices]
    groups = {number: 1 + place % 2 for place, number in enumerate(ids)}
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    with database.owner.transaction() as connection:
        for step in STEPS:
            wanted = added_up(consumption(connection, ids, step, start, end, zone), groups)
            rows = grouped(connection, groups, step, start, end, zone)
            given = {
                (row.device_id, row.bucket): (row.consumption, row.estimated, round(row.coverage, 9), row.readings, row.devices)
                for row in rows
            }
            assert given == wanted, step
            assert [(row.device_id, row.bucket) for row in rows] == sorted(given)


def test_the_largest_stand_alone_and_the_rest_together(database: Database) -> None:
    devices = park(database, "America/Sao_Paulo")
    ids = [device.id for device in devices]
    start = at("2026-03-01T00:00")
    period = ("month", start, start + timedelta(days=60), "America/Sao_Paulo")
    with database.owner.transaction() as connection:
        rows = few(connection, ids, *period, most=2)
        every = consumption(connection, ids, *period)
        assert few(connection, ids, *period, most=6) == every
    total: dict[int, Decimal] = defaultdict(Decimal)
    for row in every:
        total[row.device_id] += row.consumption or 0
    largest = sorted(total, key=lambda number: -total[number])[:2]
    assert {row.device_id for row in rows} == {OTHERS, *largest}
    assert sum(row.consumption or 0 for row in rows) == sum(total.values())


def test_nothing_asked_for_is_nothing(database: Database) -> None:
    start = at("2026-03-01T00:00")
    with database.owner.transaction() as connection:
        assert grouped(connection, {}, "day", start, start + timedelta(days=1), "UTC") == []
        assert grouped(connection, {1: 1}, "day", start, start, "UTC") == []
