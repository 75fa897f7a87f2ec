"""Periods and steps as addresses and controls give them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tds_dash import readings_view, view
from tds_dash.view import Span

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)  # 14:05 in the zone


def local(span: Span) -> tuple[str, str]:
    """Give a period's ends as wall times."""
    return tuple(f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M}" for moment in (span.start, span.end))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("day", "2026-11-22 15:00", "2026-11-23 15:00"),
        ("week", "2026-11-17 00:00", "2026-11-24 00:00"),
        ("month", "2026-10-25 00:00", "2026-11-24 00:00"),
        ("this_month", "2026-11-01 00:00", "2026-11-24 00:00"),
        ("last_month", "2026-10-01 00:00", "2026-11-01 00:00"),
        ("year", "2025-11-01 00:00", "2026-11-24 00:00"),
    ],
)
def test_presets(name: str, start: str, end: str) -> None:
    assert local(view.span(name, None, None, ZONE, NOW)) == (start, end)


def test_a_period_of_days_has_both_in_it() -> None:
    span = view.span("custom", "2026-11-01", "2026-11-03", ZONE, NOW)
    assert local(span) == ("2026-11-01 00:00", "2026-11-04 00:00")
    assert span.remark == ""


@pytest.mark.parametrize(
    ("first", "last", "remark"),
    [
        ("2026-02-30", "2026-03-01", "period.not_a_date"),
        ("x", "2026-03-01", "period.not_a_date"),
        ("2026-03-02", "2026-03-01", "period.wrong_order"),
        ("1970-01-01", "2026-03-01", "period.too_long"),
        ("0001-01-01", "9999-12-31", "period.not_a_year"),
        ("1969-12-31", "1970-01-02", "period.not_a_year"),
        ("1969-12-31", "2026-02-30", "period.not_a_date"),
        ("", "", ""),
        (None, "2026-03-01", ""),
        ({"a": 1}, ["2026-03-01"], "period.not_a_date"),
    ],
)
def test_days_that_cannot_be_used_say_so(first: object, last: object, remark: str) -> None:
    span = view.span("custom", first, last, ZONE, NOW)
    assert span.remark == remark
    assert span.start < span.end
    assert span.length <= timedelta(days=366 * view.MOST_YEARS + 1)


@pytest.mark.parametrize(
    ("period", "step"), [("day", "15min"), ("week", "hour"), ("month", "day"), ("quarter", "day"), ("year", "month")]
)
def test_the_step_follows_the_period(period: str, step: str) -> None:
    assert view.chosen_step("auto", view.preset(period, ZONE, NOW)) == (step, None)


def test_too_fine_a_step_is_widened_and_said() -> None:
    year = view.preset("year", ZONE, NOW)
    assert view.chosen_step("15min", year) == ("day", "15min")
    assert view.chosen_step("hour", view.preset("month", ZONE, NOW), devices=1000) == ("day", "hour")
    assert view.chosen_step("day", year, devices=10_000) == ("month", "day")
    assert view.chosen_step("nonsense", year) == ("month", None)


def test_ids_of_an_address() -> None:
    assert view.numbers("3,5,x,-1,0,٣,99999999999999999,3") == [3, 5]
    assert view.numbers([3, "5", None, {}, 1.5]) == [3, 5]
    assert view.numbers(None) == []
    assert len(view.numbers(",".join(map(str, range(1, 20_000))))) == 1000


def test_a_place_among_readings_survives_its_address() -> None:
    place = readings_view.Position(datetime(2026, 11, 23, 17, 5, 0, 123456, tzinfo=UTC), 7)
    assert readings_view.position(readings_view.written(place, "older")) == (place, None)
    assert readings_view.position(readings_view.written(place, "newer")) == (None, place)
    for forged in ("", None, "older", "older.x.1", "older.1", "sideways.1.1", "older.99999999999999999999.1", "older.1.٣", {}):
        assert readings_view.position(forged) == (None, None), forged


def test_days_of_readings() -> None:
    start, end, first, last, remark = readings_view.days("2026-11-01", "2026-11-02", ZONE, NOW)
    assert (first, last, remark) == (date(2026, 11, 1), date(2026, 11, 2), "")
    assert end - start == timedelta(days=2)
    assert readings_view.days("2026-11-03", "2026-11-02", ZONE, NOW)[4] == "period.wrong_order"
    assert readings_view.days("2026-11-31", "", ZONE, NOW)[4] == "period.not_a_date"
