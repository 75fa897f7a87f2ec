"""Load profile, base load, nights and duration curve against plain Python over the ledger, in several zones, on every engine."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from sql.queries.load import SHARES, Wanted, base, duration, nights, profile
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of, series

ZONES = ("America/Sao_Paulo", "Asia/Kolkata", "Europe/Madrid")
PLACES = Decimal("0.000001")


class Hour(NamedTuple):
    wall: datetime
    value: Decimal | None
    quantity: Decimal | None
    measured: bool
    readings: int


def rounded(value: Decimal) -> Decimal:
    return value.quantize(PLACES, ROUND_HALF_UP)  # as the database rounds


def hours_of(database: Database, device: Meter, start: datetime, end: datetime, gauge: bool = False) -> list[Hour]:
    """Put the quarter-hours of the ledger into local hours by hand."""
    with database.owner.transaction() as conn:
        rows = conn.execute(
            text("SELECT middle, quantity, estimated, covered, readings, value_seconds FROM tds.ledger WHERE device_id = :d AND middle >= :s AND middle < :e"),
            {"d": device.id, "s": start, "e": end},
        ).all()  # fmt: skip
    found: dict[tuple[datetime, Any], list[Any]] = defaultdict(list)
    for row in rows:
        local = row.middle.astimezone(ZoneInfo(device.zone))
        found[local.replace(minute=0, second=0, microsecond=0, tzinfo=None), local.utcoffset()].append(row)
    hours = []
    for (wall, _), own in sorted(found.items()):
        covered = sum(row.covered for row in own)
        known = [row.quantity for row in own if row.quantity is not None]
        quantity = sum(known, Decimal(0)) if known else None
        level = sum(row.value_seconds or 0 for row in own) * 1_000_000 / covered if gauge and covered else None
        whole = covered >= 3_600_000_000 and (gauge or sum(row.estimated for row in own) == 0)
        hours.append(Hour(wall, level if gauge else quantity, quantity, whole, sum(row.readings for row in own)))
    return hours


def percentile(values: Iterable[Decimal], share: float) -> Decimal:
    """Give the first value that at least this share of all does not pass, as percentile_disc does."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


@pytest.fixture(scope="module", params=ZONES)
def plant(request: pytest.FixtureRequest, bench: Database) -> tuple[Database, Meter, Meter, datetime, datetime]:
    """Give a meter with a day and a night, weekends, a gap of a day and nights at rest, and a gauge, over four weeks of March and April."""
    zone = request.param
    chance = random.Random(zone)
    device = meter(bench, zone, resource="water", unit="m³")
    gauge = meter_of(bench, device.account, device.account_id, zone, kind="gauge", resource="temperature", unit="°C")
    begin = at("2026-03-14T00:00", zone)
    register, readings = Decimal(0), []
    for slot in range(28 * 96):
        moment = begin + slot * timedelta(minutes=15)
        readings.append((moment, register))
        wall = moment.astimezone(ZoneInfo(zone))
        night = wall.hour >= 22 or wall.hour < 6
        register += (
            0 if night and wall.day % 3 else Decimal(chance.randrange(1, 400 if night or wall.isoweekday() > 5 else 4000)) / 1000
        )
    feed(bench, device, [one for place, one in enumerate(readings) if not 900 < place < 1000])
    feed(bench, gauge, series("2026-03-14T00:00", 15, [20 + (i % 96) / 10 for i in range(28 * 96)], zone))
    return bench, device, gauge, begin, begin + timedelta(days=28)


Plant = tuple[Database, Meter, Meter, datetime, datetime]


@pytest.mark.parametrize("gauge", [False, True])
def test_the_profile_is_that_of_the_measured_hours(plant: Plant, gauge: bool) -> None:
    database, device, level, start, end = plant
    chosen = level if gauge else device
    with database.web.transaction(account_id=chosen.account_id) as conn:
        found = profile(conn, Wanted(chosen.id, gauge, start, end, chosen.zone))
    measured = [hour for hour in hours_of(database, chosen, start, end, gauge) if hour.measured]
    week, day = defaultdict(list), defaultdict(list)
    for hour in measured:
        assert hour.value is not None
        week[hour.wall.isoweekday(), hour.wall.hour].append(hour.value)
        day[hour.wall.isoweekday() > 5, hour.wall.hour].append(hour.value)
    assert found.hours == len(measured) > 500
    assert {(one.weekday, one.hour): (one.hours, one.mean) for one in found.week} == {
        key: (len(values), rounded(sum(values, Decimal(0)) / len(values))) for key, values in week.items()
    }
    assert {(one.weekend, one.hour): (one.hours, one.low, one.high) for one in found.day} == {
        key: (len(values), rounded(percentile(values, 0.1)), rounded(percentile(values, 0.9))) for key, values in day.items()
    }


def test_what_never_rests_and_what_is_used_at_night_and_at_weekends(plant: Plant) -> None:
    database, device, _, start, end = plant
    with database.web.transaction(account_id=device.account_id) as conn:
        found = base(conn, Wanted(device.id, False, start, end, device.zone))
    hours = [hour for hour in hours_of(database, device, start, end) if hour.quantity is not None]
    night = [hour for hour in hours if hour.wall.hour >= 22 or hour.wall.hour < 6]
    weekend = [hour for hour in hours if hour.wall.isoweekday() > 5]

    def total(some: list[Hour]) -> Decimal:
        return sum((hour.quantity or Decimal(0) for hour in some), Decimal(0))

    def mean(some: list[Hour]) -> Decimal:
        known = [hour for hour in some if hour.measured]
        return rounded(total(known) / len(known))

    assert (found.quantity, found.night, found.weekend) == (total(hours), total(night), total(weekend))
    assert (found.night_level, found.weekend_level) == (mean(night), mean(weekend))
    assert found.weekday_level == mean([hour for hour in hours if hour.wall.isoweekday() < 6])
    assert (found.hours, found.measured) == (len(hours), sum(hour.measured for hour in hours))
    days: dict[Any, list[Hour]] = defaultdict(list)
    for hour in hours:
        days[hour.wall.date()].append(hour)
    whole = [own for own in days.values() if len(own) >= 23 and all(hour.measured for hour in own)]
    lowest = [sum(sorted(hour.value for hour in own)[:4], Decimal(0)) / 4 * len(own) for own in whole]  # type: ignore[type-var]
    assert (found.days, found.days_quantity) == (len(whole), sum((total(own) for own in whole), Decimal(0)))
    assert found.always == rounded(sum(lowest, Decimal(0)))
    assert found.always_level == rounded(sum(lowest, Decimal(0)) / sum(len(own) for own in whole))


def test_the_least_flow_of_each_whole_night(plant: Plant) -> None:
    database, device, _, start, end = plant
    with database.web.transaction(account_id=device.account_id) as conn:
        found = nights(conn, Wanted(device.id, False, start, end, device.zone))
    wanted: dict[Any, list[Hour]] = defaultdict(list)
    for hour in hours_of(database, device, start, end):
        if hour.wall.hour >= 22 or hour.wall.hour < 6:
            wanted[(hour.wall - timedelta(hours=6)).date()].append(hour)
    whole = {
        evening: own for evening, own in wanted.items() if len(own) >= 7 and all(hour.measured and hour.readings for hour in own)
    }
    assert {night.evening: night.least for night in found} == {
        evening: min(hour.value for hour in own) for evening, own in whole.items()
    }  # type: ignore[type-var]
    assert 20 < len(found) < 28
    assert any(night.least == 0 for night in found)


def test_the_duration_curve_holds_every_level(plant: Plant) -> None:
    database, device, _, start, end = plant
    with database.web.transaction(account_id=device.account_id) as conn:
        found = duration(conn, Wanted(device.id, False, start, end, device.zone))
    with database.owner.transaction() as conn:
        levels = conn.execute(
            text("SELECT quantity * 4 FROM tds.ledger WHERE device_id = :d AND estimated = 0 AND covered = 900000000 AND middle < :e"),
            {"d": device.id, "e": end},
        ).scalars().all()  # fmt: skip
    assert found.quarters == len(levels)
    highest_first = sorted(levels, reverse=True)
    places = [max(math.ceil(part / SHARES * len(levels)) - 1, 0) for part in range(SHARES + 1)]
    assert [level for _, level in found.points] == [rounded(highest_first[place]) for place in places]
    assert found.points[0][1] == max(levels)


def test_a_meter_that_reports_too_seldom_has_no_nights(bench: Database) -> None:
    device = meter(bench, resource="water", unit="m³")
    feed(bench, device, series("2026-03-14T00:00", 360, range(60)))
    with bench.web.transaction(account_id=device.account_id) as conn:
        assert nights(conn, Wanted(device.id, False, at("2026-03-14"), at("2026-03-24"), "UTC")) == []


def test_nothing_is_nothing_and_strangers_see_nothing(plant: Plant) -> None:
    database, device, _, start, _ = plant
    stranger = meter(database)
    for account, chosen, since in ((device.account_id, device, start - timedelta(days=90)), (stranger.account_id, device, start)):
        wanted = Wanted(chosen.id, False, since, since + timedelta(days=28), chosen.zone)
        with database.web.transaction(account_id=account) as conn:
            assert profile(conn, wanted) == ([], [])
            assert base(conn, wanted)[:3] == (None, 0, 0)
            assert nights(conn, wanted) == []
            assert duration(conn, wanted) == (0, [])
