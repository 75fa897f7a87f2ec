"""Zones that change at midnight, at a quarter to three, by the date line, or lie 45 minutes off: every step is a plain GROUP BY."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from sql import ledger
from sql.refresh import refresh
from tests.conftest import Database
from tests.sql.plant import SLOT, Meter, at, buckets, feed, meter, put, sound
from tests.sql.test_zones import adds_up

# The day that is short or long there, and its quarter-hours.
DAYS = {
    "America/Havana": {"2026-03-08": 92, "2025-11-02": 100},  # begins at 01:00; its first hour comes twice
    "Africa/Cairo": {"2026-04-24": 92, "2025-10-30": 100},  # begins at 01:00; its last hour comes twice
    "Pacific/Chatham": {"2025-09-28": 92, "2026-04-05": 100},  # from 02:45 to 03:45, and back
    "America/Santiago": {"2025-09-07": 92, "2026-04-04": 100},
    "America/Scoresbysund": {"2026-03-28": 92, "2025-10-25": 100},  # ends at 23:00; its last hour comes twice
    "Asia/Beirut": {"2026-03-29": 92, "2025-10-25": 100},
    "Atlantic/Azores": {"2026-03-29": 92, "2025-10-26": 100},
    "Asia/Kathmandu": {"2026-02-28": 96},
    "Pacific/Kiritimati": {"2026-02-28": 96},  # a day ahead of its neighbours
}
CASES = [(zone, day) for zone, days in DAYS.items() for day in days]


def uneven(start: datetime, end: datetime, every: timedelta, seed: int) -> list[tuple[datetime, Decimal]]:
    """Give readings off the grid whose increments are never the same for long."""
    dice = random.Random(seed)
    count = int((end - start) / every)
    values = accumulate(Decimal(dice.randrange(4000)) / 1000 for _ in range(count))
    return [(start + i * every + timedelta(minutes=7, seconds=dice.randrange(60)), value) for i, value in enumerate(values)]


@pytest.fixture(scope="module")
def plant(bench: Database) -> dict[tuple[str, str], Meter]:
    """Register a meter for each odd day, with readings from two days before it to two days after."""
    made = {}
    for seed, (zone, day) in enumerate(CASES):
        made[zone, day] = meter(bench, zone)
        first = at(day, zone)
        put(bench, made[zone, day], uneven(first - timedelta(days=2), first + timedelta(days=3), SLOT, seed))
    ledger.drain(bench.owner)
    return made


def grouped(database: Database, device: Meter, key: str) -> dict[Any, tuple[Decimal, int]]:
    """Sum the ledger by an expression of local time, and count its quarter-hours."""
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                f"SELECT {key} AS key, sum(quantity), count(*) FROM (SELECT quantity, middle AT TIME ZONE :zone AS local, middle AT TIME ZONE"
                " 'UTC' AS utc, make_interval(mins => CAST(extract(minute FROM (middle AT TIME ZONE :zone) - (middle AT TIME ZONE 'UTC')) AS integer))"
                " AS off FROM tds.ledger WHERE device_id = :d) l GROUP BY 1"
            ),
            {"zone": device.zone, "d": device.id},
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def hold(database: Database, device: Meter, start: str, end: str) -> None:
    """Hold days, months and hours against the ledger grouped by local time, and against each other."""
    zone = ZoneInfo(device.zone)
    for step, key in (("day", "CAST(local AS date)"), ("month", "CAST(date_trunc('month', local) AS date)")):
        found = {
            row.bucket.astimezone(zone).date(): row.consumption
            for row in buckets(database, device, step, start, end).values()  # type: ignore[arg-type]
            if row.consumption is not None
        }
        assert found == {day: total for day, (total, _) in grouped(database, device, key).items()}, step
    # An hour is one of UTC, shifted by what the zone is off the full hour: Chatham's last one before its change has 45 minutes of it.
    key = "date_trunc('hour', utc + off) - off"
    hours = {row.bucket: row.consumption for row in buckets(database, device, "hour", start, end).values()}
    assert {hour: amount for hour, amount in hours.items() if amount is not None} == {
        hour.replace(tzinfo=UTC): total for hour, (total, _) in grouped(database, device, key).items()
    }
    adds_up(database, device, start, end)


@pytest.mark.parametrize(("zone", "day"), CASES)
def test_every_step_is_the_ledger_grouped_by_local_time(
    bench: Database, plant: dict[tuple[str, str], Meter], zone: str, day: str
) -> None:
    device, odd = plant[zone, day], date.fromisoformat(day)
    hold(bench, device, (odd - timedelta(days=4)).isoformat(), (odd + timedelta(days=5)).isoformat())
    quarters = {local: count for local, (_, count) in grouped(bench, device, "CAST(local AS date)").items()}
    assert [quarters[odd + timedelta(days=n)] for n in (-1, 0, 1)] == [96, DAYS[zone][day], 96]
    sound(bench, device)


def test_a_month_whose_last_midnight_comes_twice_is_held_against_the_ledger_once_it_has_closed(database: Database) -> None:
    """As November 2026 in Havana: for the database October ends with the second midnight, for whom it is refreshed with the first."""
    device = meter(database, "America/Havana")
    put(database, device, uneven(at("2026-10-10", device.zone), at("2026-10-12", device.zone), timedelta(hours=1), 1))
    while ledger.process_one_batch(database.owner):
        pass
    refresh(database.owner, at("2026-11-20", device.zone), wait=True)
    sound(database, device)
    refresh(database.owner, at("2026-12-20", device.zone), wait=True)
    sound(database, device)
    with database.owner.transaction() as connection:
        kept = connection.execute(text("SELECT sum(quantity) FROM tds.consumption_month_america_havana")).scalar_one()
    assert kept == sum(total for total, _ in grouped(database, device, "CAST(local AS date)").values())


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", DAYS)
def test_a_whole_year_that_came_late_and_shuffled(bench: Database, zone: str) -> None:
    device = meter(bench, zone, interval=3600)
    readings = uneven(at("2025-06-15", zone), at("2026-07-02", zone), timedelta(hours=1), len(zone))
    dice = random.Random(len(zone))
    parts = [readings[i : i + 700] for i in range(0, len(readings), 700)]
    dice.shuffle(parts)
    for part in parts:
        feed(bench, device, dice.sample(part, len(part)))
    hold(bench, device, "2025-06-01", "2026-08-01")
    sound(bench, device)
