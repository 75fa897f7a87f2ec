"""Consumption of devices added up in the database is what their rows add up to, at every step and in every zone."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sql.consumption import STEPS, ConsumptionRow, consumption, grouped
from sql.once import Once
from sql.ranked import Member, Sum, added_up, altogether, others, ranked
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of, series

ZONES = ("America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe")
HOUR = timedelta(hours=1)


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


def summed(rows: list[ConsumptionRow], groups: dict[int, int]) -> dict[tuple[int, datetime], tuple[Any, ...]]:
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
def test_a_group_is_the_sum_of_its_devices(bench: Database, zone: str) -> None:
    devices = park(bench, zone)
    ids = [device.id for device in devices]
    groups = {number: 1 + place % 2 for place, number in enumerate(ids)}
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    chance = random.Random(zone)
    with bench.owner.transaction() as connection:
        for step in STEPS:
            wanted = summed(consumption(connection, ids, step, start, end, zone), groups)
            rows = grouped(connection, groups, step, start, end, zone)
            given = {
                (row.device_id, row.bucket): (row.consumption, row.estimated, round(row.coverage, 9), row.readings, row.devices)
                for row in rows
            }
            assert given == wanted, step
            assert [(row.device_id, row.bucket) for row in rows] == sorted(given)
            once = Once({step: [(at("2026-04-01T00:00", zone), end), (start, at("2026-04-01T00:00", zone))]})
            hours = sorted(chance.sample(range(24 * 5), 12))
            for low, high in [(start + hours[n] * HOUR, start + hours[n + 6] * HOUR) for n in range(6)]:
                asked = (connection, groups, step, low, high, zone)
                assert once(*asked) == grouped(*asked), step
            assert len(once._known[frozenset(groups.items()), step, zone]) == 1


def totals(rows: list[ConsumptionRow]) -> dict[int, Decimal]:
    """Add rows up by device or group."""
    found: dict[int, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row.device_id] += row.consumption or 0
    return dict(found)


@pytest.mark.parametrize("zone", ZONES)
def test_the_largest_stand_alone_and_the_rest_together(bench: Database, zone: str) -> None:
    """By every step: by hours and quarter-hours of whole days the days say which are the largest."""
    ids = [device.id for device in park(bench, zone)[:-1]]
    members = [Member(number, number) for number in ids]
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    with bench.owner.transaction() as connection:
        for step in STEPS:
            every = consumption(connection, ids, step, start, end, zone)
            rows = ranked(connection, members, step, start, end, zone, most=2)
            total = totals(every)
            largest = sorted(total, key=lambda number: -total[number])[:2]
            assert set(totals(rows)) == {others(0), *largest}, step
            assert {number: sums for number, sums in totals(rows).items() if number} == {one: total[one] for one in largest}
            assert sum(totals(rows).values()) == sum(total.values())
            assert totals(ranked(connection, members, step, start, end, zone, most=5)) == total
        # Half a day: no days to rank by.
        half = start + timedelta(days=1, hours=12)
        rows = ranked(connection, members, "hour", start, half, zone, most=2)
        assert sum(totals(rows).values()) == sum(totals(consumption(connection, ids, "hour", start, half, zone)).values())
        assert len(totals(rows)) == 3
        # Quarter-hours from within an hour to within another: whole hours and what is left say which are the largest.
        low, high = start + timedelta(hours=16, minutes=45), start + timedelta(days=2, hours=14, minutes=15)
        total = totals(consumption(connection, ids, "15min", low, high, zone))
        rows = ranked(connection, members, "15min", low, high, zone, most=2)
        largest = sorted(total, key=lambda number: (-total[number], number))[:2]
        assert totals(rows) == {one: total[one] for one in largest} | {
            others(0): sum(total[one] for one in total if one not in largest)
        }


def test_each_chart_has_its_own_largest_and_its_own_others(bench: Database) -> None:
    zone = "America/Sao_Paulo"
    ids = [device.id for device in park(bench, zone)[:-1]]
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    members = [Member(number, number, place % 2) for place, number in enumerate(ids)]
    for step in ("hour", "day", "month"):
        with bench.owner.transaction() as connection:
            total = totals(consumption(connection, ids, step, start, end, zone))  # type: ignore[arg-type]
            rows = totals(ranked(connection, members, step, start, end, zone, most=1))  # type: ignore[arg-type]
        for chart in (0, 1):
            own = {number: total.get(number, Decimal(0)) for number in ids[chart::2]}
            first = max(own, key=lambda number: own[number])
            assert rows[first] == own[first]
            assert rows[others(chart)] == sum(own.values()) - own[first]
        assert sum(rows.values()) == sum(total.values())


@pytest.mark.parametrize("most", [1, 9])
def test_units_are_brought_to_one_before_anything_is_added_up(bench: Database, most: int) -> None:
    zone = "America/Sao_Paulo"
    ids = [device.id for device in park(bench, zone)[:-1]]
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    members = [Member(number, number, 0, Decimal("0.001") if place else Decimal(1)) for place, number in enumerate(ids)]
    factors = {one.device_id: one.factor for one in members}
    with bench.owner.transaction() as connection:
        for step in ("15min", "day", "month"):
            total = {
                number: sums * factors[number]
                for number, sums in totals(consumption(connection, ids, step, start, end, zone)).items()
            }  # type: ignore[arg-type]
            rows = totals(ranked(connection, members, step, start, end, zone, most))  # type: ignore[arg-type]
            assert sum(rows.values()) == sum(total.values())
            assert rows[ids[0]] == total[ids[0]] == max(total.values())


@pytest.mark.parametrize("zone", ZONES)
def test_a_group_over_a_whole_period_is_the_sum_of_its_buckets(bench: Database, zone: str) -> None:
    ids = [device.id for device in park(bench, zone)]
    members = [Member(number, 1 + place % 2) for place, number in enumerate(ids)]
    start, end = at("2026-03-30T00:00", zone), at("2026-04-04T00:00", zone)
    with bench.owner.transaction() as connection:
        for step in STEPS:
            rows = added_up(connection, members, step, start, end, zone)
            found = altogether(connection, members, step, start, end, zone)
            for group in (1, 2):
                own = [row for row in rows if row.device_id == group and row.consumption is not None]
                assert found[group].quantity == sum(row.consumption or 0 for row in own)
                assert found[group].estimated == sum(row.estimated or 0 for row in own)
        assert {group: one.devices for group, one in found.items()} == {1: 2, 2: 2}  # one meter was never read, one is a gauge
        assert (
            altogether(connection, [Member(ids[4], 7)], "day", start, end, zone).get(7, Sum(None, Decimal(0), 0)).quantity is None
        )


def test_nothing_asked_for_is_nothing(bench: Database) -> None:
    start = at("2026-03-01T00:00")
    with bench.owner.transaction() as connection:
        assert grouped(connection, {}, "day", start, start + timedelta(days=1), "UTC") == []
        assert grouped(connection, {1: 1}, "day", start, start, "UTC") == []
        assert ranked(connection, [], "day", start, start + timedelta(days=1), "UTC", 2) == []
        assert added_up(connection, [Member(1, 1)], "day", start, start, "UTC") == []
        assert altogether(connection, [], "day", start, start + timedelta(days=1), "UTC") == {}
