"""Periods: billing periods from any day of the month, the ones before and after, the way from the year, all without a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.calendar import months_later
from tds_dash import periods
from tds_dash.periods import BILLING, Days

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)  # 14:05 in the zone
TODAY = date(2026, 11, 23)
DATES = st.dates(date(2015, 1, 1), date(2040, 12, 31))


def read(**asked: Any) -> periods.Period:
    return periods.read({name.rstrip("_"): value for name, value in asked.items()}, ZONE, NOW)


def shown(period: periods.Period) -> tuple[str, str]:
    """Give the ends of what is shown as wall times."""
    return tuple(f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M}" for moment in period.span[:2])  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("day", "at", "first", "last"),
    [
        (15, "2026-11-20", "2026-11-15", "2026-12-14"),
        (15, "2026-11-14", "2026-10-15", "2026-11-14"),
        (1, "2026-02-10", "2026-02-01", "2026-02-28"),
        (31, "2026-02-10", "2026-01-31", "2026-02-27"),
        (31, "2026-02-28", "2026-02-28", "2026-03-30"),
        (30, "2028-02-29", "2028-02-29", "2028-03-29"),
        (29, "2027-03-01", "2027-02-28", "2027-03-28"),
    ],
)
def test_a_billing_period_from_any_day_of_the_month(day: int, at: str, first: str, last: str) -> None:
    found = periods.billing(day, date.fromisoformat(at))
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)


@given(st.integers(1, 31), DATES)
def test_billing_periods_leave_no_day_out_and_share_none(day: int, at: date) -> None:
    found = periods.billing(day, at)
    assert found.first <= at < found.after
    assert periods.billing(day, found.first) == periods.billing(day, found.last) == found
    assert periods.billing(day, found.after).first == found.after
    assert 27 <= (found.after - found.first).days <= 32


def test_the_running_billing_period_ends_with_today() -> None:
    period = read(period=BILLING, day="15")
    assert shown(period) == ("2026-11-15 00:00", "2026-11-24 00:00")
    assert period.days == Days(date(2026, 11, 15), date(2026, 12, 15))
    assert shown(read(period=BILLING, day="15", at="2026-03-20")) == ("2026-03-15 00:00", "2026-04-15 00:00")
    assert shown(read(period="this_year")) == ("2026-01-01 00:00", "2026-11-24 00:00")


@pytest.mark.parametrize("day", [None, "", "0", "32", "x", "٣", -1, True, {"a": 1}, "1e1", "015"])
def test_a_day_that_no_month_has_is_the_first(day: object) -> None:
    assert periods.billing_day(day) == 1


@pytest.mark.parametrize(
    ("asked", "back", "on"),
    [
        ({"period": "this_month"}, {"period": "custom", "from": "2026-10-01", "to": "2026-10-31"}, None),
        ({"period": "last_month"}, {"period": "custom", "from": "2026-09-01", "to": "2026-09-30"}, {"period": "this_month"}),
        ({"period": "month"}, {"period": "custom", "from": "2026-09-25", "to": "2026-10-24"}, None),
        ({"period": "this_year"}, {"period": "custom", "from": "2025-01-01", "to": "2025-12-31"}, None),
        ({"period": "year"}, {"period": "custom", "from": "2024-11-01", "to": "2025-10-31"}, None),
        (
            {"period": "billing", "day": "15"},
            {"period": "billing", "day": "15", "at": "2026-10-15"},
            None,
        ),
        (
            {"period": "billing", "day": "15", "at": "2026-10-20"},
            {"period": "billing", "day": "15", "at": "2026-09-15"},
            {"period": "billing", "day": "15"},
        ),
        (
            {"period": "custom", "from": "2026-01-15", "to": "2026-02-14"},
            {"period": "custom", "from": "2025-12-15", "to": "2026-01-14"},
            {"period": "custom", "from": "2026-02-15", "to": "2026-03-14"},
        ),
        (
            {"period": "custom", "from": "2025-01-01", "to": "2025-12-31"},
            {"period": "custom", "from": "2024-01-01", "to": "2024-12-31"},
            {"period": "this_year"},
        ),
        (
            {"period": "custom", "from": "2026-11-12", "to": "2026-11-12"},
            {"period": "custom", "from": "2026-11-11", "to": "2026-11-11"},
            {"period": "custom", "from": "2026-11-13", "to": "2026-11-13"},
        ),
    ],
)
def test_back_and_on_lead_to_periods_of_the_same_kind(asked: dict[str, str], back: object, on: object) -> None:
    period = periods.read(asked, ZONE, NOW)
    assert periods.previous(period) == back
    assert periods.following(period, TODAY) == on


@given(DATES, st.integers(0, 400))
@settings(max_examples=200)
def test_the_period_before_ends_where_this_one_begins(first: date, length: int) -> None:
    asked = {"period": "custom", "from": first.isoformat(), "to": (first + timedelta(days=length)).isoformat()}
    period = periods.read(asked, ZONE, NOW)
    before = periods.before(period)
    assert before.after == period.days.first
    assert before.first < before.after
    assert periods.after(period).first == period.days.after


@given(DATES, st.integers(1, 28), st.integers(1, 14))
def test_back_and_on_again_is_the_same_of_whole_months(at: date, day: int, months: int) -> None:
    first = at.replace(day=day)
    asked = {"period": "custom", "from": first.isoformat(), "to": (months_later(first, months) - timedelta(days=1)).isoformat()}
    period = periods.read(asked, ZONE, NOW)
    assert period.months == months
    back = periods.read(periods.custom(periods.before(period)), ZONE, NOW)
    assert periods.after(back) == period.days


def way(**asked: str) -> list[tuple[str, str, dict[str, str] | None]]:
    return [(one.level, one.days.first.isoformat(), one.words) for one in periods.crumbs(read(**asked), TODAY)]


def test_the_way_from_the_year_to_a_day() -> None:
    assert way(period="custom", from_="2026-11-12", to="2026-11-12") == [
        ("year", "2026-01-01", {"period": "this_year", "step": "month"}),
        ("month", "2026-11-01", {"period": "this_month", "step": "day"}),
        ("day", "2026-11-12", None),
    ]
    assert way(period="custom", from_="2025-03-01", to="2025-03-31") == [
        ("year", "2025-01-01", {"period": "custom", "from": "2025-01-01", "to": "2025-12-31", "step": "month"}),
        ("month", "2025-03-01", None),
    ]
    assert way(period="this_month") == [
        ("year", "2026-01-01", {"period": "this_year", "step": "month"}),
        ("month", "2026-11-01", None),
    ]
    assert way(period="this_year") == [("year", "2026-01-01", None)]
    assert way(period="custom", from_="2026-11-03", to="2026-11-09")[-1] == ("days", "2026-11-03", None)
    assert way(period="year") == way(period="billing", day="15", at="2026-01-03") == []


def test_on_new_years_day_year_month_and_day_are_told_apart() -> None:
    now = datetime(2027, 1, 1, 12, tzinfo=UTC)
    for kind, level in (("this_year", "year"), ("this_month", "month")):
        found = periods.crumbs(periods.read({"period": kind}, ZONE, now), date(2027, 1, 1))
        assert (found[-1].level, found[-1].words) == (level, None)


@pytest.mark.parametrize(
    "asked",
    [
        {"period": "century"},
        {"period": "custom", "from": "2026-02-30", "to": "2026-03-01"},
        {"period": "custom", "from": "1900-01-01", "to": "1999-12-31"},
        {"period": "custom", "from": None, "to": ["x"]},
        {"period": {"a": 1}, "day": [1], "at": 5},
        {"period": "billing", "day": "99", "at": "yesterday"},
    ],
)
def test_what_cannot_be_a_period_gives_one_that_can(asked: dict[str, object]) -> None:
    period = periods.read(asked, ZONE, NOW)
    assert period.span.start < period.span.end
    periods.crumbs(period, TODAY)
    periods.previous(period)
    periods.following(period, TODAY)
