"""Peaks found by branch and bound are those that adding up every quarter-hour finds, for any group, on every engine."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from sql import calendar
from sql.queries import packed, peaks
from sql.queries.peaks import Group, Quarter, alone, highest, moments, shares
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of

ZONES = ("America/Sao_Paulo", "Asia/Kolkata", "Atlantic/Azores")
DAYS = 20


class Row(NamedTuple):
    device: int
    start: datetime
    quantity: Decimal
    estimated: Decimal


class Plant(NamedTuple):
    database: Database
    devices: list[Meter]
    rows: list[Row]
    start: datetime
    end: datetime

    @property
    def zone(self) -> str:
        return self.devices[0].zone

    @property
    def account(self) -> int:
        return self.devices[0].account_id


@pytest.fixture(scope="module", params=ZONES)
def plant(request: pytest.FixtureRequest, bench: Database) -> Plant:
    """Give six meters with loads of their own, gaps, jitter downwards and a late start, over a month in which the clocks change."""
    zone = request.param
    chance = random.Random(zone)
    first = meter(bench, zone)
    devices = [first, *(meter_of(bench, first.account, first.account_id, zone) for _ in range(5))]
    begin = at("2026-10-15T00:00", zone)
    for place, device in enumerate(devices):
        shift, size, noise = chance.randrange(24), chance.choice([1, 3, 10]), chance.choice([0, 2, 9])
        register, readings = Decimal(50), []
        for slot in range(DAYS * 96 + 1):
            moment = begin + slot * timedelta(minutes=15)
            hour = (moment.astimezone(ZoneInfo(zone)).hour + shift) % 24
            if place != 5 or slot > 500:
                readings.append((moment, register))
            step = size * (8 if 9 <= hour < 12 else 1) + chance.randrange(noise + 1)
            register += Decimal(step) / 10 if slot % 97 else Decimal("-0.001")
        gap = chance.randrange(200, 1700)
        feed(bench, device, [one for n, one in enumerate(readings) if not gap < n < gap + 60])
    with bench.owner.transaction() as conn:
        rows = conn.execute(
            text("SELECT device_id, middle - interval '450 seconds', quantity, estimated FROM tds.ledger WHERE device_id = any(:d) AND quantity IS NOT NULL"),
            {"d": [device.id for device in devices]},
        ).all()  # fmt: skip
    return Plant(bench, devices, [Row(*row) for row in rows], begin, begin + timedelta(days=DAYS))


def by_hand(plant: Plant, group: Group, start: datetime, end: datetime) -> dict[datetime, Quarter]:
    """Add up every quarter-hour."""
    factors = dict(zip(group.devices, group.factors, strict=True))
    found: dict[datetime, list[Row]] = defaultdict(list)
    for row in plant.rows:
        if row.device in factors and start <= row.start < end:
            found[row.start].append(row)
    added = {}
    for moment, own in found.items():
        measured = [row.quantity * factors[row.device] for row in own if not row.estimated]
        doubtful = [row.quantity * factors[row.device] for row in own if row.estimated]
        if measured:
            added[moment] = Quarter(moment, sum(measured, Decimal(0)), sum(doubtful, Decimal(0)), len(doubtful))
    return added


@pytest.mark.parametrize("day", [0, 7, DAYS + 2])
def test_peaks_are_exact_for_any_group_and_period(plant: Plant, day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By branch and bound, by what is packed, and by both."""
    known = packed.day_of(plant.start + timedelta(days=day))
    monkeypatch.setattr(packed, "until", lambda conn: known if day else None)
    chance = random.Random(11)
    with plant.database.web.transaction(account_id=plant.account) as conn:
        for _ in range(25):
            devices = sorted(chance.sample([device.id for device in plant.devices], chance.randrange(1, 7)))
            group = Group(devices, [Decimal(chance.choice(["1", "0.001", "1000", "2.5"])) for _ in devices], plant.zone)
            ends = sorted(chance.sample(range(DAYS * 96), 4))
            moments_ = [plant.start + end * timedelta(minutes=15) for end in ends]
            periods = [(moments_[0], moments_[2]), (moments_[1], moments_[3]), (plant.start, plant.end)]
            wanted = [(period, chance.choice([1, 1, 3, 10])) for period in periods]
            for ((start, end), count), found in zip(wanted, highest(conn, group, wanted), strict=True):
                every = by_hand(plant, group, start, end)
                assert [one.quantity for one in found] == sorted((one.quantity for one in every.values()), reverse=True)[:count]
                assert [every[one.start] for one in found] == found
                assert len({one.start for one in found}) == len(found)


def test_only_a_few_days_are_read_by_quarter_hours(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = peaks._quarters

    def counted(conn: Connection, group: Group, hours: list[tuple[datetime, datetime]]) -> list[Quarter]:
        read.append(len(hours))
        return real(conn, group, hours)

    monkeypatch.setattr(peaks, "_quarters", counted)
    monkeypatch.setattr(packed, "until", lambda conn: None)
    group = Group([device.id for device in plant.devices], [Decimal(1)] * 6, plant.zone)
    with plant.database.web.transaction(account_id=plant.account) as conn:
        highest(conn, group, [((plant.start, plant.end), 1)])
    assert 0 < sum(read) < DAYS * 24 / 4


def test_equal_quarter_hours_do_not_make_it_read_everything(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    device = meter(bench)
    begin = at("2026-10-08T00:00")
    feed(bench, device, [(begin + n * timedelta(minutes=15), n) for n in range(20 * 96)])
    read: list[int] = []
    real = peaks._quarters
    monkeypatch.setattr(packed, "until", lambda conn: None)
    monkeypatch.setattr(peaks, "_quarters", lambda conn, group, hours: read.append(len(hours)) or real(conn, group, hours))
    with bench.web.transaction(account_id=device.account_id) as conn:
        (found,) = highest(conn, Group([device.id], [Decimal(1)], "UTC"), [((begin, begin + timedelta(days=20)), 10)])
    assert [one.quantity for one in found] == [Decimal(1)] * 10
    assert sum(read) <= 8


def test_the_largest_of_each_device_by_month_and_when(plant: Plant) -> None:
    ids = [device.id for device in plant.devices]
    factors = [Decimal(2), *[Decimal(1)] * 5]
    group = Group(ids, factors, plant.zone)
    start, end = at("2026-10-01T00:00", plant.zone), at("2026-12-01T00:00", plant.zone)
    largest: dict[tuple[int, datetime], Row] = {}
    for row in sorted(plant.rows, key=lambda one: (-one.quantity, one.start)):
        if not row.estimated:
            largest.setdefault((row.device, calendar.bucket_start("month", row.start, plant.zone)), row)
    november = (at("2026-11-01T00:00", plant.zone), end)
    for of in (None, november):
        with plant.database.web.transaction(account_id=plant.account) as conn:
            found = alone(conn, group, start, end, of)
            when = moments(conn, found.devices, plant.zone)
        months: dict[datetime, Decimal] = defaultdict(Decimal)
        for (device, month), row in largest.items():
            months[month] += row.quantity * factors[ids.index(device)]
        assert found.months == months
        within = [row for (_, month), row in largest.items() if of is None or month >= of[0]]
        best = {row.device: row for row in sorted(within, key=lambda one: (one.quantity, -one.start.timestamp()))}
        assert {one.device_id: one.quantity for one in found.devices} == {device: row.quantity for device, row in best.items()}
        assert when == {device: row.start for device, row in best.items()}


def test_the_shares_add_up_to_the_quarter_hour(plant: Plant) -> None:
    group = Group([device.id for device in plant.devices], [Decimal(2)] * 6, plant.zone)
    with plant.database.web.transaction(account_id=plant.account) as conn:
        (found,) = highest(conn, group, [((plant.start, plant.end), 5)])
        parts = shares(conn, group, found)
    for quarter in found:
        own = parts[quarter.start]
        assert sum(share.quantity for share in own if share.measured) == quarter.quantity
        assert [share.quantity for share in own] == sorted((share.quantity for share in own), reverse=True)


def test_nobody_and_strangers_have_no_peaks(plant: Plant) -> None:
    stranger = meter(plant.database)
    group = Group([device.id for device in plant.devices], [Decimal(1)] * 6, plant.zone)
    with plant.database.web.transaction(account_id=stranger.account_id) as conn:
        assert highest(conn, group, [((plant.start, plant.end), 1)]) == [[]]
        assert alone(conn, group, plant.start, plant.end) == ({}, [])
        assert highest(conn, Group([], [], "UTC"), [((plant.start, plant.end), 1)]) == [[]]
        assert shares(conn, group, []) == moments(conn, [], "UTC") == {}
