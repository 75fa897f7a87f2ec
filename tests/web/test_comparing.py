"""Comparisons: weekdays beside weekdays, to date beside to date, nothing lost or doubled, and only where it is fair."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql import calendar
from sql.consumption import STEPS, ConsumptionRow, Step
from tds_dash import comparing, periods
from tds_dash.comparing import Piece, Shift, Side
from tds_dash.figures import axes
from tds_dash.view import midnight

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# Clocks that turn by an hour, by half an hour, at midnight, back at midnight, and never.
ZONES = [
    ZoneInfo(name)
    for name in ("America/Sao_Paulo", "Europe/Madrid", "Australia/Lord_Howe", "America/Havana", "Atlantic/Azores", "Asia/Kolkata")
]
NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)  # Monday, 14:05 in São Paulo
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def back(how: str, step: Step, now: datetime = NOW, zone: ZoneInfo = SAO_PAULO, **asked: str) -> tuple[Shift, comparing.Earlier]:
    """Say how far back a comparison looks, and where it lies."""
    period = periods.read({name.rstrip("_"): value for name, value in asked.items()}, zone, now)
    span = period.span.outward(step, zone.key)
    shift = comparing.shift(how, period, span, step, zone)
    return shift, comparing.earlier(shift, span, now, zone)


def local(moment: datetime, zone: ZoneInfo = SAO_PAULO) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("how", "step", "asked", "start", "end"),
    [
        # Four weeks before 1–23 November, up to the same minute of the same weekday.
        ("previous", "day", {"period": "this_month"}, "2026-10-04 00:00", "2026-10-26 14:05"),
        # A whole month of 31 days would meet itself four weeks back: five.
        ("previous", "day", {"period": "last_month"}, "2026-08-27 00:00", "2026-09-27 00:00"),
        # March is longer than the month before: four weeks back it would reach into itself.
        ("previous", "day", {"period": "custom", "from": "2026-03-01", "to": "2026-03-31"}, "2026-01-25 00:00", "2026-02-25 00:00"),
        ("previous", "hour", {"period": "custom", "from": "2026-11-12", "to": "2026-11-12"}, "2026-11-05 00:00", "2026-11-06 00:00"),
        ("previous", "day", {"period": "month"}, "2026-09-20 00:00", "2026-10-19 14:05"),
        ("last_year", "day", {"period": "this_month"}, "2025-11-02 00:00", "2025-11-24 14:05"),
        ("last_year", "hour", {"period": "week"}, "2025-11-18 00:00", "2025-11-24 14:05"),
        ("previous", "day", {"period": "billing", "day": "15"}, "2026-10-18 00:00", "2026-10-26 14:05"),
        # By month beside the same month of the year before, this one up to the same day and minute.
        ("previous", "month", {"period": "year"}, "2024-11-01 00:00", "2025-11-23 14:05"),
        ("last_year", "month", {"period": "this_year"}, "2025-01-01 00:00", "2025-11-23 14:05"),
        ("previous", "month", {"period": "custom", "from": "2026-01-01", "to": "2026-03-31"}, "2025-10-01 00:00", "2026-01-01 00:00"),
        ("device", "day", {"period": "this_month"}, "2026-11-01 00:00", "2026-11-23 14:05"),
    ],
)  # fmt: skip
def test_where_the_other_side_lies(how: str, step: Step, asked: dict[str, str], start: str, end: str) -> None:
    _, then = back(how, step, **asked)
    assert (local(then.start), local(then.end)) == (start, end)
    assert then.reachable


@given(st.integers(1, 800), st.integers(1, 800))
def test_it_lies_whole_weeks_back_and_no_fewer_than_the_least(days: int, least: int) -> None:
    weeks = comparing.in_weeks(days, least)
    assert weeks % 7 == 0
    assert weeks >= least
    assert abs(weeks - days) <= 3 or weeks - 7 < least


@given(MOMENTS, st.sampled_from(ZONES), st.integers(1, 60), st.sampled_from(["previous", "last_year"]))
@settings(max_examples=300, deadline=None)
def test_each_day_stands_beside_its_weekday(moment: datetime, zone: ZoneInfo, days: int, how: str) -> None:
    first = moment.astimezone(zone).date()
    last = first + timedelta(days=days - 1)
    shift, then = back(
        how, "day", datetime(2031, 1, 1, tzinfo=UTC), zone, period="custom", from_=first.isoformat(), to=last.isoformat()
    )
    start, end = then.start.astimezone(zone).date(), then.end.astimezone(zone).date()
    assert start.isoweekday() == first.isoweekday()
    assert (end - start).days == days  # as many of each weekday, across every change of the clock and every leap day
    assert then.start == midnight(start, zone)
    assert then.end == midnight(end, zone)
    assert end <= first
    assert shift.days == (first - start).days


@pytest.mark.parametrize(
    ("now", "reachable"), [("2026-03-29T12:00", False), ("2026-03-28T12:00", True), ("2026-02-10T12:00", True)]
)
def test_a_day_that_the_earlier_month_does_not_have_cannot_be_gone_up_to(now: str, reachable: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO).astimezone(UTC)
    _, then = back("previous", "month", moment, period="this_month")
    assert then.reachable is reachable


def test_the_leap_day_stands_beside_nothing_the_year_before_by_month_and_beside_a_tuesday_by_day() -> None:
    now = datetime(2028, 2, 29, 15, tzinfo=UTC)
    assert back("last_year", "month", now, period="this_month")[1].reachable is False
    shift, then = back("last_year", "day", now, period="this_month")
    assert (shift.days, local(then.end)) == (364, "2027-03-02 12:00")


@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from(STEPS), st.integers(0, 3000))
@settings(max_examples=300, deadline=None)
def test_pieces_cover_a_stretch_without_gap_or_overlap(moment: datetime, zone: ZoneInfo, step: Step, hours: int) -> None:
    start = calendar.bucket_start(step, moment, zone.key)
    end = start + timedelta(hours=hours, minutes=15)
    found = comparing.pieces(step, start, end, zone)
    assert found[0].start == start
    assert found[-1].end == end
    assert all(one.end == following.start for one, following in pairwise(found))
    for piece in found:
        assert piece.into is None or calendar.bucket_start(step, piece.end - timedelta(seconds=1), zone.key) == piece.into
        for edge in (piece.start, piece.end):
            assert calendar.bucket_start(piece.step, edge, zone.key) == edge


def rows(piece: Piece, zone: ZoneInfo, device: int = 1) -> list[ConsumptionRow]:
    """Give a piece's buckets, each with as much as its start says, so that none can stand for another."""
    starts = []
    bucket = piece.start
    while bucket < piece.end:
        starts.append(bucket)
        bucket = calendar.next_bucket(piece.step, bucket, zone.key)
    return [
        ConsumptionRow(device, one, Decimal(int(one.timestamp()) % 9973), Decimal(0), 1.0, None, None, None, 4) for one in starts
    ]


@given(
    st.sampled_from(ZONES), st.sampled_from(STEPS), st.sampled_from(["previous", "last_year", "device"]),
    st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.integers(1, 70), st.integers(0, 80 * 24),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_nothing_of_the_other_side_is_lost_or_doubled(
    zone: ZoneInfo, step: Step, how: str, first: date, days: int, gone: int
) -> None:
    now = midnight(first, zone) + timedelta(hours=gone, minutes=7)
    asked = {"period": "custom", "from": first.isoformat(), "to": (first + timedelta(days=days - 1)).isoformat()}
    period = periods.read(asked, zone, now)
    span = period.span.outward(step, zone.key)
    shift = comparing.shift(how, period, span, step, zone)
    then = comparing.earlier(shift, span, now, zone)
    parts = [(piece, rows(piece, zone)) for piece in comparing.pieces(step, then.start, then.end, zone)]
    shown = comparing.keys_by_day(axes.buckets(span.start, span.end, step, zone), step, zone)
    found = comparing.beside(parts, step, shift, zone, shown)
    given_ = sum((row.consumption or Decimal(0) for _, some in parts for row in some), Decimal(0))
    kept = sum((bucket.consumption or Decimal(0) for buckets in found.values() for bucket in buckets.values()), Decimal(0))
    assert kept == given_
    if step == "day":
        keys = set(shown.values())
        assert set(found.get(1, {})) <= keys
        for key, bucket in found.get(1, {}).items():
            assert datetime.fromisoformat(key).isoweekday() == bucket.start.astimezone(zone).isoweekday()


def test_the_hour_that_comes_twice_stands_beside_one_hour() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    now = datetime(2026, 11, 30, tzinfo=UTC)
    shift, then = back("previous", "hour", now, madrid, period="custom", from_="2026-11-01", to="2026-11-01")
    parts = [(piece, rows(piece, madrid)) for piece in comparing.pieces("hour", then.start, then.end, madrid)]
    (found,) = comparing.beside(parts, "hour", shift, madrid, {}).values()
    assert then.start.astimezone(madrid).date() == date(2026, 10, 25)  # 25 hours long
    assert len(found) == 24
    twice = found["2026-11-01 02:00"]
    assert twice.repeated
    assert twice.consumption == sum(row.consumption for row in parts[0][1][2:4])  # type: ignore[misc]


def side(quantity: Any = 100, coverage: float = 1.0) -> Side:
    return Side(None if quantity is None else Decimal(quantity), Decimal(0), coverage)


@pytest.mark.parametrize(
    ("now", "other", "how", "reachable", "reason"),
    [
        (side(), side(80), "previous", True, ""),
        (side(coverage=0.95), side(80, 0.95), "previous", True, ""),
        (side(), side(80, 0.61), "previous", True, "Only 61\u00a0% of the period before was measured"),
        (side(coverage=0.5), side(80), "previous", True, "Only 50\u00a0% of this period was measured"),
        (side(), side(None, 0), "last_year", True, "No earlier period"),
        (side(None, 0), side(80), "previous", True, "Nothing is known of this period"),
        (side(), side(None, 0), "device", True, "Nothing is known of that device"),
        (side(), side(80, 0.2), "device", True, "Only 20\u00a0% of that device"),
        (side(), side(80), "previous", False, "no such day"),
    ],
)
def test_a_comparison_is_made_only_where_it_is_fair(now: Side, other: Side, how: str, reachable: bool, reason: str) -> None:
    found = comparing.compared(now, other, how, reachable, "en")
    assert (reason in found.reason) if reason else found.reason == ""


def test_a_difference_is_in_units_and_as_a_share() -> None:
    found = comparing.compared(side(90), side(120), "previous", True, "en")
    assert (found.difference, found.share) == (Decimal(-30), Decimal("-0.25"))
    for other in (side(0), side(-5), side(None)):
        assert comparing.compared(side(90), other, "previous", True, "en").share is None
    assert comparing.compared(side(None), side(5), "previous", True, "en").difference is None


def test_a_side_knows_what_of_its_time_was_measured() -> None:
    start = datetime(2026, 11, 1, 3, tzinfo=UTC)
    days = [start + timedelta(days=n) for n in range(2)]
    some = [
        ConsumptionRow(1, day, Decimal(10), Decimal(1), share, None, None, None, 96)
        for day, share in zip(days, (1.0, 0.5), strict=True)
    ]
    found = comparing.side([("day", some)], timedelta(days=2), 1, SAO_PAULO)
    assert found == Side(Decimal(20), Decimal(2), 0.75)
    both = [one._replace(devices=2) for one in some]
    assert comparing.side([("day", both)], timedelta(days=2), 2, SAO_PAULO).coverage == 0.75
    assert comparing.side([("day", some)], timedelta(0), 1, SAO_PAULO).coverage == 0.0
    assert comparing.side([], timedelta(days=1), 1, SAO_PAULO) == Side(None, Decimal(0), 0.0)
