"""The watch on real ledgers: limits of days, months and quarter-hours, nights, what comes late, and that there is one alarm at most."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sql import alarm_watch, fleet
from sql.alarm_rules import Target, change_rule, delete_rule, find_rule
from sql.calendar import QUARTER
from sql.refresh import refresh
from tests.conftest import Database
from tests.sql.alarms import DAY, HOUR, MINUTE, SOMEBODY, Watched
from tests.sql.plant import at, meter_of, put

SETTLED = alarm_watch.SETTLING + MINUTE


@pytest.fixture
def watched(bench: Database) -> Watched:
    """A meter of an account of its own."""
    return Watched.build(bench)


def test_a_day_over_its_limit_is_one_alarm_until_the_day_is_over(watched: Watched) -> None:
    watched.rule("daily", 100)
    now = watched.consume("2026-03-10T06:00", 99, 3 * HOUR)
    assert watched.watch(now).opened == 0
    now = watched.consume(now, 21, HOUR)
    assert watched.watch(now).opened == 1
    for _ in range(3):
        now = watched.consume(now, 10, HOUR)
        watched.watch(now)
    alarm = watched.one()
    assert (alarm.kind, alarm.closed_at, alarm.unit, alarm.threshold) == ("daily", None, "kWh", 100)
    assert alarm.value == alarm.worst == 150
    assert alarm.since == at("2026-03-10T10:00", "America/Sao_Paulo")
    assert (alarm.period_start, alarm.period_end) == (at("2026-03-10T00:00-03:00"), at("2026-03-11T00:00-03:00"))
    watched.watch("2026-03-10T23:59")
    assert watched.one().closed_at is None
    watched.watch("2026-03-11T00:00")
    assert (watched.one().outcome, watched.one().value) == ("next_period", 150)


def test_a_reading_of_the_next_day_ends_it_and_a_new_day_may_break_the_limit_again(watched: Watched) -> None:
    watched.rule("daily", 100)
    now = watched.consume("2026-03-10T20:00", 150, 3 * HOUR)
    watched.watch(now)
    now = watched.consume(now, 400, 4 * HOUR)
    watched.watch(now)
    first, second = watched.alarms()
    assert (first.outcome, second.closed_at) == ("next_period", None)
    assert (first.value, second.value) == (150, 300)  # as it was last seen; the hour to midnight comes with the look at late days
    watched.watch(now, everything=True)
    assert len(watched.alarms()) == 2


def test_a_month_over_its_limit(watched: Watched) -> None:
    watched.rule("monthly", 300)
    for day in (2, 3):
        now = watched.consume(f"2026-03-0{day}T06:00", 140, 3 * HOUR)
        assert watched.watch(now).opened == 0
    now = watched.consume(now, 30, 3 * HOUR)
    watched.watch(now)
    alarm = watched.one()
    assert alarm.period_end == at("2026-04-01T00:00-03:00")
    assert alarm.value is not None
    assert alarm.value > 300


def test_ignored_readings_take_an_alarm_away(watched: Watched) -> None:
    watched.rule("daily", 100)
    now = watched.consume("2026-03-10T06:00", 200, 2 * HOUR)
    watched.watch(now)
    watched.execute(
        "INSERT INTO tds.decision (device_id, kind, at, decided_by) SELECT :d, 'ignore', time, 'x' FROM tds.reading WHERE device_id = :d AND time > :t",
        d=watched.meter.id, t=at("2026-03-10T06:50", watched.meter.zone),
    )  # fmt: skip
    watched.execute("SELECT tds.mark_dirty(ARRAY[CAST(:d AS integer)])", d=watched.meter.id)
    watched.drain()
    watched.watch(now + MINUTE)
    alarm = watched.one()
    assert (alarm.outcome, alarm.worst) == ("corrected", 200)
    assert alarm.value is not None
    assert alarm.value < 95


def test_what_hovers_about_the_limit_is_one_alarm(watched: Watched) -> None:
    """A rule whose limit goes up and down stands for a figure that does: what counts is the share."""
    rule = watched.rule("daily", 100)
    now = watched.consume("2026-03-10T06:00", 101, HOUR)
    watched.watch(now)
    for limit in (104, 100, 106, 101):  # 97 %, 101 %, 95.3 %, 100 %
        with watched.database.owner.transaction() as connection:
            change_rule(connection, find_rule(connection, rule.id), SOMEBODY, Decimal(limit), None, True)
        now += MINUTE
        watched.watch(now)
        assert watched.one().closed_at is None, limit
    with watched.database.owner.transaction() as connection:
        change_rule(connection, find_rule(connection, rule.id), SOMEBODY, Decimal(120), None, True)
    watched.watch(now)
    assert watched.one().outcome == "rule_changed"


def test_a_rule_for_a_resource_gives_way_to_a_devices_own(bench: Database) -> None:
    watched = Watched.build(bench)
    meter = watched.meter
    with bench.owner.transaction() as connection:
        other = fleet.add_device(
            connection, meter.mac, "D02", kind="counter", resource="electricity", unit="kWh", max_rate=Decimal(1000)
        )
        fleet.add_device(connection, meter.mac, "D03", kind="counter", resource="electricity", unit="MWh")
        fleet.add_device(connection, meter.mac, "T01", kind="gauge", resource="temperature", unit="°C")
    watched.rule("daily", 50, target=Target(resource="electricity", unit="kWh"))
    watched.rule("daily", 500)
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    put(bench, other, [(now - HOUR, 5), (now, 65)])
    watched.drain()
    watched.watch(now)
    assert [(alarm.code, alarm.threshold) for alarm in watched.alarms()] == [("D02", 50)]


def test_a_new_rule_looks_at_what_is_there_already(watched: Watched) -> None:
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    assert watched.watch(now).opened == 0
    watched.rule("daily", 50)
    assert watched.watch(now).opened == 1


def test_only_what_changed_is_looked_at(watched: Watched) -> None:
    watched.rule("daily", 50)
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    with watched.database.owner.transaction() as connection:
        due = connection.execute(alarm_watch.statements("alarm_watch.sql")["due"]).all()
    assert watched.meter.id in {row.device_id for row in due}
    watched.watch(now)
    with watched.database.owner.transaction() as connection:
        assert connection.execute(alarm_watch.statements("alarm_watch.sql")["due"]).all() == []


def nights(watched: Watched, first: str, values: list[int]) -> None:
    """Let the meter count so much in each hour of the night, and 30 in each hour of the day, day after day."""
    day = at(f"{first}T00:00", watched.meter.zone)
    readings = [(day, watched.register)]
    for value in values:
        for hour in range(24):
            watched.register += value + hour if hour < 5 else 30
            readings.append((day + (hour + 1) * HOUR, watched.register))
        day += DAY
    put(watched.database, watched.meter, readings)
    watched.drain()


def test_a_base_load_above_its_limit_lasts_until_a_night_is_well_below(bench: Database) -> None:
    watched = Watched.build(bench, interval=3600)
    watched.rule("base", 8)
    nights(watched, "2026-03-08", [5, 9, 12, 7])
    for day, stands in ((8, 0), (9, 1), (10, 1)):
        watched.watch(f"2026-03-{day:02}T06:00", everything=True)
        assert len(watched.alarms()) == stands
    alarm = watched.one()
    assert (alarm.value, alarm.worst, alarm.closed_at, alarm.unit_shown) == (12, 12, None, "kW")
    assert (alarm.period_start, alarm.period_end) == (at("2026-03-10T00:00-03:00"), at("2026-03-10T05:00-03:00"))
    watched.watch("2026-03-11T04:59", everything=True)
    assert watched.one().closed_at is None, "the night is not over"
    watched.watch("2026-03-11T05:00", everything=True)
    assert watched.one().outcome == "next_period"


def test_a_base_load_is_held_against_the_usual_of_its_weekday(bench: Database) -> None:
    watched = Watched.build(bench, interval=3600)
    watched.rule("base", percent=130)
    nights(watched, "2026-02-01", [10] * 28 + [10, 14])
    watched.watch("2026-03-01T06:00", everything=True)
    assert watched.alarms() == []
    watched.watch("2026-03-02T06:00", everything=True)
    alarm = watched.one()
    assert (alarm.value, alarm.usual, alarm.threshold) == (14, 10, 13)
    nights(watched, "2026-03-03", [14] * 40)
    watched.watch("2026-04-11T06:00", everything=True)
    alarm = watched.one()
    assert (alarm.closed_at, alarm.threshold) == (None, 13), "a leak does not become the usual"


def test_a_night_that_was_not_measured_says_nothing(bench: Database) -> None:
    watched = Watched.build(bench, interval=3600)
    watched.rule("base", 8)
    begin = at("2026-03-08T00:00", watched.meter.zone)
    put(watched.database, watched.meter, [(begin, 0), (begin + 9 * HOUR, 500)])
    watched.drain()
    watched.watch(begin + 10 * HOUR, everything=True)
    assert watched.alarms() == []


def test_a_gateway_that_sends_what_it_had_kept_raises_what_was_missed(bench: Database) -> None:
    """Three days come at once: the two that are over are alarms that are over, each told once."""
    watched = Watched.build(bench, interval=900)
    watched.recipient()
    watched.rule("daily", 100)
    begin = at("2026-03-08T06:00", watched.meter.zone)
    readings = []
    for day, units in enumerate((120, 30, 140, 20)):
        for n in range(17):
            readings.append((begin + day * DAY + n * QUARTER, watched.register + Decimal(units) * n / 16))
        watched.register += units
    put(watched.database, watched.meter, readings)
    watched.drain()
    now = begin + 3 * DAY + 4 * HOUR
    watched.watch(now, everything=True)
    found = watched.alarms()
    assert [(alarm.outcome, alarm.value) for alarm in found] == [("late", 120), ("late", 140)]
    assert [opened for _, opened, _ in watched.messages()] == [[alarm.id for alarm in found]]
    watched.watch(now + MINUTE, everything=True)
    assert len(watched.alarms()) == 2


def test_a_rule_is_not_held_against_the_time_before_it(bench: Database) -> None:
    watched = Watched.build(bench, interval=900)
    watched.rule("daily", 100, since="2026-03-10T12:00-03:00")
    watched.rule("peak", 50, since="2026-03-10T12:00-03:00")
    now = watched.consume("2026-03-08T06:00", 200, 2 * HOUR, every=QUARTER)
    watched.watch(now + 3 * DAY, everything=True)
    assert watched.alarms() == []


# These two have the rollups refreshed as they are in January: what lies before that is then read from them, as in real life.
def test_late_readings_say_that_a_day_did_not_break_its_limit(bench: Database) -> None:
    watched = Watched.build(bench)
    watched.recipient()
    watched.rule("daily", 100)
    now = watched.consume("2026-01-10T06:00", 150, 2 * HOUR)
    watched.watch(now)
    watched.watch("2026-01-11T00:00")
    assert watched.one().outcome == "next_period"
    watched.execute(
        "INSERT INTO tds.decision (device_id, kind, at, decided_by) SELECT :d, 'ignore', time, 'x' FROM tds.reading WHERE device_id = :d AND time > :t",
        d=watched.meter.id, t=at("2026-01-10T07:00", watched.meter.zone),
    )  # fmt: skip
    watched.execute("SELECT tds.mark_dirty(ARRAY[CAST(:d AS integer)])", d=watched.meter.id)
    watched.drain()
    refresh(bench.owner, at("2026-01-11T10:00", watched.meter.zone), wait=True)
    watched.watch("2026-01-11T10:00", everything=True)
    alarm = watched.one()
    assert (alarm.outcome, alarm.value, alarm.worst) == ("corrected", 75, 150)
    watched.watch(at("2026-01-11T10:00", watched.meter.zone) + SETTLED)
    assert [(opened, closed) for _, opened, closed in watched.messages()] == [([alarm.id], [alarm.id])]


def test_a_quarter_hour_that_comes_late_is_a_peak_that_was(bench: Database) -> None:
    watched = Watched.build(bench, interval=900)
    watched.rule("peak", 60)
    now = watched.consume("2026-01-09T09:00", 40, HOUR, every=QUARTER)
    now = watched.consume(now, 20, QUARTER, every=QUARTER)
    now = watched.consume(now, 30, HOUR, every=QUARTER)
    refresh(bench.owner, now + DAY, wait=True)
    for n in range(2):
        watched.watch(now + DAY + n * MINUTE, everything=True)
    alarm = watched.one()
    assert (alarm.kind, alarm.outcome, alarm.value) == ("peak", "late", 80)
    assert alarm.period_start == at("2026-01-09T10:00", watched.meter.zone)


def test_a_quarter_hour_of_the_running_day_is_told_when_it_was_healed_and_once(bench: Database) -> None:
    watched = Watched.build(bench, interval=900)
    watched.recipient()
    watched.rule("peak", 60)
    now = watched.consume("2026-03-09T09:00", 40, HOUR, every=QUARTER)
    now = watched.consume(now, 20, QUARTER, every=QUARTER)
    now = watched.consume(now, 30, 2 * HOUR, every=QUARTER)
    for n in range(2):
        watched.watch(now + n * MINUTE, everything=True)
    alarm = watched.one()
    assert (alarm.kind, alarm.outcome, alarm.value) == ("peak", "late", 80)
    assert alarm.period_start == at("2026-03-09T10:00", watched.meter.zone)
    assert [opened for _, opened, _ in watched.messages()] == [[alarm.id]]


def test_a_rule_that_is_switched_off_or_deleted_ends_its_alarms(watched: Watched) -> None:
    rule = watched.rule("daily", 50)
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    watched.watch(now)
    with watched.database.owner.transaction() as connection:
        change_rule(connection, find_rule(connection, rule.id), SOMEBODY, Decimal(50), None, False)
    assert watched.one().outcome == "rule_changed"
    with watched.database.owner.transaction() as connection:
        change_rule(connection, find_rule(connection, rule.id), SOMEBODY, Decimal(50), None, True)
    watched.watch(now)
    assert [alarm.closed_at is None for alarm in watched.alarms()] == [False, True]
    with watched.database.owner.transaction() as connection:
        delete_rule(connection, find_rule(connection, rule.id), SOMEBODY)
    assert [(alarm.outcome, alarm.rule_id) for alarm in watched.alarms()] == [("rule_changed", None)] * 2


def test_a_device_that_is_retired_ends_its_alarms(watched: Watched) -> None:
    watched.rule("daily", 50)
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    watched.watch(now)
    watched.execute("UPDATE tds.device SET retired_at = now() WHERE id = :d", d=watched.meter.id)
    watched.watch(now + MINUTE, everything=True)
    assert watched.one().outcome == "gone"


def test_two_workers_watch_one_after_the_other(watched: Watched) -> None:
    with watched.database.owner.transaction() as connection:
        assert connection.execute(alarm_watch.statements("alarm_watch.sql")["take"], {"key": alarm_watch.WATCH_LOCK}).scalar()
        assert alarm_watch.watch(watched.database.owner, at("2026-03-10T06:00")) is None


def test_a_closed_account_is_not_watched(watched: Watched) -> None:
    watched.rule("daily", 50)
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    watched.execute("UPDATE tds.account SET closed_at = now() WHERE id = :a", a=watched.meter.account_id)
    watched.watch(now, silences=True)
    assert watched.ask("SELECT id FROM tds.alarm WHERE account_id = :a", a=watched.meter.account_id) == []


def test_it_follows_each_accounts_own_midnight(bench: Database) -> None:
    """At one instant it is the 10th in Kolkata and the 9th in São Paulo."""
    there, here = Watched.build(bench, "Asia/Kolkata"), Watched.build(bench)
    for watched in (there, here):
        watched.rule("daily", 50)
        now = watched.consume(at("2026-03-09T22:30Z"), 100, HOUR)
    there.watch(now)
    assert there.one().period_start == at("2026-03-10T00:00", "Asia/Kolkata")
    assert here.one().period_start == at("2026-03-09T00:00", "America/Sao_Paulo")


def test_devices_of_the_same_account_make_one_message(bench: Database) -> None:
    watched = Watched.build(bench)
    who = watched.recipient()
    watched.rule("daily", 50, target=Target(resource="electricity", unit="kWh"))
    now = watched.consume("2026-03-10T06:00", 100, HOUR)
    for n in range(2):
        other = meter_of(bench, watched.meter.account, watched.meter.account_id, watched.meter.zone, max_rate=Decimal(1000))
        put(bench, other, [(now - HOUR, 5), (now - timedelta(minutes=30), 65 + n)])
    watched.drain()
    watched.watch(now)
    assert [(recipient, len(opened), closed) for recipient, opened, closed in watched.messages()] == [(who, 3, [])]
