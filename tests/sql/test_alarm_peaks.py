"""Peaks: told before their quarter-hour is over, one alarm over many of them, none from what is estimated, and no flapping."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sql import alarm_watch
from sql.calendar import QUARTER
from tests.conftest import Database
from tests.sql.alarms import HOUR, MINUTE, Watched
from tests.sql.plant import at, put

SETTLED = alarm_watch.SETTLING + MINUTE


@pytest.fixture
def watched(bench: Database) -> Watched:
    """A meter of an account of its own."""
    return Watched.build(bench)


def test_a_peak_is_told_before_its_quarter_hour_is_over(watched: Watched) -> None:
    """40 kW until 10:00, then 80 kW: after four minutes it is sure enough that the quarter-hour will end above 60."""
    watched.rule("peak", 60)
    now = watched.consume("2026-03-10T09:00", 40, HOUR, every=MINUTE)
    watched.watch(now)
    now = watched.consume(now, Decimal(80) * 2 / 60, 2 * MINUTE, every=MINUTE)
    assert watched.watch(now).opened == 0, "two minutes are no evidence"
    now = watched.consume(now, Decimal(80) * 2 / 60, 2 * MINUTE, every=MINUTE)
    assert watched.watch(now).opened == 1
    alarm = watched.one()
    assert now < at("2026-03-10T10:05", watched.meter.zone)
    assert (alarm.projected, alarm.unit_shown, alarm.since) == (True, "kW", at("2026-03-10T10:00", watched.meter.zone))
    assert alarm.value is not None
    assert abs(alarm.value - 80) < Decimal("0.1")


def test_a_load_that_is_taken_off_in_time_makes_no_peak(watched: Watched) -> None:
    watched.rule("peak", 60)
    now = watched.consume("2026-03-10T10:00", Decimal(80) * 5 / 60, 5 * MINUTE, every=MINUTE)
    watched.watch(now)
    assert watched.one().closed_at is None
    for _ in range(10):
        now = watched.consume(now, Decimal(20) / 60, MINUTE, every=MINUTE)
        watched.watch(now)
    alarm = watched.one()
    assert (alarm.outcome, alarm.acknowledged_at) == ("back", None)
    assert now == at("2026-03-10T10:15", watched.meter.zone)


def test_the_rate_is_that_of_the_last_minutes(watched: Watched) -> None:
    """A load that doubles late in the quarter-hour is seen by what it does now, not by the mean of the whole."""
    watched.rule("peak", 55)
    now = watched.consume("2026-03-10T10:00", Decimal(40) * 7 / 60, 7 * MINUTE, every=MINUTE)
    watched.watch(now)
    for _ in range(5):
        now = watched.consume(now, Decimal(80) / 60, MINUTE, every=MINUTE)
        watched.watch(now)
    alarm = watched.one()
    assert alarm.opened_at <= at("2026-03-10T10:12", watched.meter.zone)
    assert 4 * (Decimal(40) * 7 + 80 * 5) / 60 < 55, "what had been consumed by then was below the limit still"


def test_one_alarm_over_many_quarter_hours_of_high_load(watched: Watched) -> None:
    watched.rule("peak", 60)
    now = at("2026-03-10T10:00", watched.meter.zone)
    for _ in range(10):
        now = watched.consume(now, Decimal(80) * 5 / 60, 5 * MINUTE, every=MINUTE)
        watched.watch(now)
    alarm = watched.one()
    assert (alarm.closed_at, alarm.returned) == (None, 0)
    assert alarm.since == at("2026-03-10T10:00", watched.meter.zone)
    for _ in range(4):
        now = watched.consume(now, Decimal(20) * 5 / 60, 5 * MINUTE, every=MINUTE)
        watched.watch(now)
    alarm = watched.one()
    assert (alarm.outcome, alarm.returned) == ("next_period", 0)
    assert alarm.worst is not None
    assert abs(alarm.worst - 80) < 1


def test_a_meter_that_reports_by_the_quarter_hour_is_told_when_it_is_over(bench: Database) -> None:
    watched = Watched.build(bench, interval=900)
    watched.rule("peak", 60)
    now = watched.consume("2026-03-10T10:00", 80 * QUARTER / HOUR, QUARTER, every=QUARTER)
    watched.watch(now)
    alarm = watched.one()
    assert (alarm.projected, alarm.value, alarm.closed_at) == (False, 80, None)
    now = watched.consume(now, 10, QUARTER, every=QUARTER)
    watched.watch(now)
    assert watched.one().outcome == "next_period"


def test_a_peak_ends_although_nothing_is_heard_any_more(watched: Watched) -> None:
    watched.rule("peak", 60)
    now = watched.consume("2026-03-10T10:00", Decimal(80) * 5 / 60, 5 * MINUTE, every=MINUTE)
    watched.watch(now)
    watched.watch(now + 40 * MINUTE)
    assert watched.one().outcome == "next_period"


def test_what_is_estimated_makes_no_peak(watched: Watched) -> None:
    """A gap is spread over its quarter-hours: that says nothing about any of them."""
    watched.rule("peak", 60)
    begin = at("2026-03-10T10:00", watched.meter.zone)
    put(watched.database, watched.meter, [(begin, 1000), (begin + 2 * HOUR, 1200)])
    watched.drain()
    watched.watch(begin + 2 * HOUR, everything=True)
    assert watched.alarms() == []


def test_flapping_is_one_alarm(watched: Watched) -> None:
    """The load crosses the limit every few minutes: the same alarm comes back, and nobody is told again."""
    watched.rule("peak", 60)
    watched.recipient()
    now = at("2026-03-10T10:00", watched.meter.zone)
    for _ in range(2):
        for power in (100, 100, 100, 100, 20, 20, 20, 20):
            now = watched.consume(now, Decimal(power) / 60, MINUTE, every=MINUTE)
            watched.watch(now)
    alarm = watched.one()
    assert alarm.returned == 1
    assert [opened for _, opened, _ in watched.messages()] == [[alarm.id]]
    for _ in range(2):
        now = watched.consume(now, Decimal(20) * 10 / 60, 10 * MINUTE, every=MINUTE)
        watched.watch(now)
    assert watched.one().closed_at is not None
    watched.watch(now + SETTLED)
    assert [(opened, closed) for _, opened, closed in watched.messages()] == [([alarm.id], [alarm.id])]
