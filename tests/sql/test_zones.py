"""Local hours, days and months: they add up in every zone, also where the clock moves at midnight or by half an hour."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sql import calendar, ledger
from sql.consumption import STEPS, ConsumptionRow, consumption, outward
from sql.consumption import buckets as every_bucket
from tests.conftest import Database
from tests.sql.plant import Meter, at, buckets, feed, meter, page, series, sound

D = Decimal


def steady(database: Database, zone: str, first_day: str, days: float) -> Meter:
    """Make a meter that counts 1 kWh in every quarter-hour from a local midnight on, read on the grid."""
    device = meter(database, zone)
    count = int((at(first_day, zone) + timedelta(days=days) - at(first_day, zone)) / timedelta(minutes=15))
    feed(database, device, series(first_day, 15, range(count + 1), zone))
    return device


def adds_up(database: Database, device: Meter, start: str, end: str) -> None:
    """Hold that quarter-hours add up to hours, hours to days, days to months, by this machine's calendar; over whole months."""
    low, high = outward("month", at(start, device.zone), at(end, device.zone), device.zone)
    found: dict[str, list[ConsumptionRow]] = {}
    with database.owner.transaction() as connection:
        for step in STEPS:
            found[step] = consumption(connection, [device.id], step, low, high, device.zone)
    for fine, coarse in pairwise(STEPS):
        starts = every_bucket(coarse, low, high, device.zone)
        wanted = dict.fromkeys(starts, D(0))
        for row in found[fine]:
            wanted[starts[bisect_right(starts, row.bucket) - 1]] += row.consumption or 0
        assert wanted == dict.fromkeys(starts, D(0)) | {row.bucket: row.consumption or 0 for row in found[coarse]}, (fine, coarse)


@pytest.mark.parametrize(
    ("zone", "day", "slots"),
    [
        ("Europe/Madrid", "2026-03-29", 92),
        ("Europe/Madrid", "2025-10-26", 100),
        ("Australia/Lord_Howe", "2026-04-05", 98),
        ("Australia/Lord_Howe", "2025-10-05", 94),
        ("America/Sao_Paulo", "2018-11-04", 92),  # began at 01:00
        ("America/Sao_Paulo", "2019-02-16", 100),  # its last hour came twice
        ("America/Santiago", "2025-09-07", 92),  # began at 01:00
        ("America/Santiago", "2026-04-04", 100),
        ("Atlantic/Azores", "2026-03-29", 92),  # began at 01:00
        ("Atlantic/Azores", "2025-10-26", 100),  # its first hour came twice
        ("Asia/Kolkata", "2026-03-29", 96),
        ("America/Manaus", "2026-03-29", 96),
    ],
)
def test_a_day_has_all_its_quarter_hours(bench: Database, zone: str, day: str, slots: int) -> None:
    before = (datetime.fromisoformat(day) - timedelta(days=1)).date().isoformat()
    after = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
    end = (datetime.fromisoformat(day) + timedelta(days=2)).date().isoformat()
    device = steady(bench, zone, before, 3.5)
    days = {
        row.bucket.astimezone(ZoneInfo(zone)).date().isoformat(): row
        for row in buckets(bench, device, "day", before, end).values()
    }
    assert [days[name].consumption for name in (before, day, after)] == [96, slots, 96]
    assert [days[name].coverage for name in (before, day, after)] == [1.0, 1.0, 1.0]
    assert sum(row.consumption for row in buckets(bench, device, "hour", day, after).values()) == slots
    adds_up(bench, device, before, end)
    # A late reading in the middle of the day leaves its neighbours as they are.
    feed(bench, device, [(at(f"{day}T12:07", zone), page(bench, device, f"{day}T12:00", f"{day}T12:15").opening)])
    days = {
        row.bucket.astimezone(ZoneInfo(zone)).date().isoformat(): row
        for row in buckets(bench, device, "day", before, end).values()
    }
    assert [days[name].consumption for name in (before, day, after)] == [96, slots, 96]
    adds_up(bench, device, before, end)
    sound(bench, device)


def test_hours_of_a_half_hour_zone_begin_at_its_full_hours(bench: Database) -> None:
    device = steady(bench, "Asia/Kolkata", "2026-01-01", 1)
    found = buckets(bench, device, "hour", "2026-01-01", "2026-01-02")
    assert list(found)[:2] == ["2026-01-01 00:00+0530", "2026-01-01 01:00+0530"]
    assert {row.consumption for row in found.values()} == {D(4)}
    assert next(iter(found.values())).bucket == at("2025-12-31T18:30")


def test_lord_howes_hour_is_cut_where_the_clock_moves_by_half_an_hour(bench: Database) -> None:
    device = steady(bench, "Australia/Lord_Howe", "2026-04-05", 1)
    found = {start: row.consumption for start, row in buckets(bench, device, "hour", "2026-04-05", "2026-04-05T06:00").items()}
    assert list(found.items())[:5] == [
        ("2026-04-05 00:00+1100", 4),
        ("2026-04-05 01:00+1100", 4),
        ("2026-04-05 01:30+1030", 2),
        ("2026-04-05 02:00+1030", 4),
        ("2026-04-05 03:00+1030", 4),
    ]


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Europe/Madrid", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_a_reading_at_a_local_midnight_ends_the_day_and_the_month_before(bench: Database, zone: str) -> None:
    device = meter(bench, zone, max_rate=D(1_000_000))
    feed(bench, device, [(at(f"2026-{m:02}-01T00:00", zone), m * m * 100) for m in (3, 4, 5)])
    months = buckets(bench, device, "month", "2026-03-01", "2026-06-01")
    assert [row.consumption for row in months.values()] == [700, 900, None]
    assert [row.estimated for row in months.values()] == [700, 900, None]
    adds_up(bench, device, "2026-03-01", "2026-06-01")
    sound(bench, device)


def test_a_zone_added_later_has_the_history_from_before(bench: Database) -> None:
    device = steady(bench, "UTC", "2025-12-30", 4)
    from sql import fleet, rollups

    with bench.owner.transaction() as connection:
        fleet.add_account(connection, f"Later {device.account}", timezone="Pacific/Chatham", locale="en")
    assert "Pacific/Chatham" in rollups.add_missing_zones(bench.owner) or bench.engine == "timescaledb"
    with bench.owner.transaction() as connection:
        from sqlalchemy import text

        # An account that changes its zone is no command yet; its devices stand for history that a new zone finds.
        connection.execute(
            text("INSERT INTO tds.zone (name, slug) VALUES ('Asia/Kathmandu', 'asia_kathmandu') ON CONFLICT DO NOTHING")
        )
        connection.execute(text("UPDATE tds.account SET timezone = 'Asia/Kathmandu' WHERE id = :id"), {"id": device.account_id})
    rollups.add_missing_zones(bench.owner)
    ledger.drain(bench.owner)
    moved = device._replace(zone="Asia/Kathmandu")
    days = buckets(bench, moved, "day", "2025-12-30", "2026-01-04")
    assert [row.consumption for row in days.values()] == [73, 96, 96, 96, 23]  # midnight in UTC is 05:45 there
    adds_up(bench, moved, "2025-12-30", "2026-01-04")
    sound(bench, moved)


@pytest.mark.parametrize(
    "name", ["America/Nowhere", "BRT", "america/sao_paulo", "+03:00", "", "America/Sao_Paulo'--", "../etc/passwd", "Etc/Unknown"]
)
def test_a_zone_that_does_not_exist_is_refused(bench: Database, name: str) -> None:
    from tests.sql.plant import refused, tds

    result = tds(bench, "account", "add", f"Zoneless {name}", "--timezone", name or " ")
    assert "is not a time zone" in refused(result)
    assert f"Zoneless {name}" not in tds(bench, "account", "list").out


@pytest.mark.parametrize(
    "zone", ["UTC", "America/Sao_Paulo", "Europe/Madrid", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago"]
)
def test_the_database_cuts_time_as_this_machine_does(bench: Database, zone: str) -> None:
    from sqlalchemy import text

    function = "tds.time_bucket" if bench.engine == "plain" else "time_bucket"
    for step in ("day", "month"):
        every = []
        bucket = calendar.bucket_start(step, at("2015-01-01"), zone)
        while bucket < at("2031-01-01"):
            every.append(bucket)
            bucket = calendar.next_bucket(step, bucket, zone)
        with bench.owner.transaction() as connection:
            rows = connection.execute(
                text(f"SELECT b, {function}(interval '1 {step}', b + interval '450 s', :z), {function}(interval '1 {step}', b - interval '450 s', :z)"
                     " FROM unnest(CAST(:b AS timestamptz[])) b ORDER BY 1"),
                {"z": zone, "b": every},
            ).all()  # fmt: skip
        assert [(row[1], row[2]) for row in rows[1:]] == list(zip(every[1:], every, strict=False))
