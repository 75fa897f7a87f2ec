"""Rules and acknowledgements: what cannot be, who may write them, two people at once, what a rule would have done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import alarms, fleet, people
from sql.alarm_preview import preview
from sql.alarm_rules import Draft, Rule, Target, add_rule, change_rule, delete_rule, faults, find_rule, rules
from sql.audit import Actor
from sql.errors import NotFound, Outdated, Refused
from tests.conftest import PASSWORD, Database
from tests.sql.alarms import DAY, HOUR, SOMEBODY, Watched
from tests.sql.plant import at, number, put

ALL = Target(resource="electricity", unit="kWh")
ONE = Target(device=1)


@pytest.mark.parametrize(
    ("draft", "field", "key"),
    [
        (Draft("hourly", ONE, Decimal(1)), "kind", "rule_kind"),
        (Draft("daily", ONE), "limit", "rule_limit"),
        (Draft("daily", ONE, Decimal(0)), "limit", "rule_limit"),
        (Draft("daily", ONE, Decimal(-5)), "limit", "rule_limit"),
        (Draft("daily", ONE, Decimal("1e15")), "limit", "rule_limit"),
        (Draft("daily", ONE, Decimal("0.0000001")), "limit", "rule_limit"),
        (Draft("daily", ONE, None, 120), "percent", "rule_no_percent"),
        (Draft("base", ONE, None, 100), "percent", "rule_percent"),
        (Draft("base", ONE, None, 1001), "percent", "rule_percent"),
        (Draft("base", ONE, Decimal(5), 120), "limit", "rule_one_limit"),
        (Draft("base", ONE), "limit", "rule_limit"),
        (Draft("monthly", Target(), Decimal(1)), "target", "rule_target"),
        (Draft("monthly", Target(gateway=1), Decimal(1)), "target", "rule_target"),
        (Draft("monthly", Target(resource="electricity"), Decimal(1)), "target", "rule_target"),
        (Draft("monthly", Target(resource="steam", unit="t"), Decimal(1)), "target", "rule_target"),
        (Draft("monthly", Target(device=1, resource="water", unit="m³"), Decimal(1)), "target", "rule_target"),
        (Draft("silence", Target(device=1, gateway=2)), "target", "rule_target"),
        (Draft("stuck", Target(gateway=2)), "target", "rule_target"),
        (Draft("silence", Target(), Decimal(3)), "limit", "rule_no_limit"),
    ],
)
def test_what_no_rule_can_say(draft: Draft, field: str, key: str) -> None:
    assert {name: fault.key for name, fault in faults(draft).items()} == {field: key}


@dataclass
class Cast:
    """An account with an editor and a viewer, a meter and an alarm; and a stranger with a meter and an alarm of their own."""

    mine: Watched
    theirs: Watched
    editor: tuple[int, Actor]
    viewer: tuple[int, Actor]
    stranger: tuple[int, Actor]

    def acting(self, who: tuple[int, Actor]) -> Any:
        account = self.theirs if who is self.stranger else self.mine
        return self.mine.database.web.transaction(account_id=account.meter.account_id, user_id=who[0])


@pytest.fixture(scope="module")
def cast(bench: Database) -> Cast:
    watched, found = [Watched.build(bench, "UTC"), Watched.build(bench, "UTC")], {}
    with bench.owner.transaction() as connection:
        for name, role, one in (("editor", "editor", 0), ("viewer", "viewer", 0), ("stranger", "admin", 1)):
            email = f"{name}{number()}@example.com"
            user = people.add_user(connection, email, watched[one].meter.account, role, PASSWORD)
            found[name] = (user, Actor(email, user))
    for one in watched:
        one.rule("daily", 50)
        now = one.consume("2026-03-10T06:00", 100, HOUR)
        one.recipient(f"secret{one.meter.id}@example.com")
        one.watch(now)
    return Cast(watched[0], watched[1], found["editor"], found["viewer"], found["stranger"])


def alarm_of(watched: Watched) -> alarms.Alarm:
    return watched.alarms()[0]


def test_an_editor_makes_changes_and_deletes_a_rule_and_all_of_it_is_written_down(cast: Cast) -> None:
    account = cast.mine.meter.account_id
    with cast.acting(cast.editor) as connection:
        made = add_rule(connection, account, Draft("monthly", ALL, Decimal("900.5")), cast.editor[1])
        assert (made.kind, made.resource, made.unit, made.threshold, made.version) == (
            "monthly",
            "electricity",
            "kWh",
            Decimal("900.5"),
            1,
        )
        after = change_rule(connection, made, cast.editor[1], Decimal(800), None, False)
        assert (after.threshold, after.active, after.changed_by) == (800, False, cast.editor[1].name)
        delete_rule(connection, after, cast.editor[1])
        with pytest.raises(NotFound):
            find_rule(connection, made.id)
    lines = cast.mine.ask("SELECT action, object, before, after FROM tds.audit WHERE account_id = :a AND action LIKE 'alarm.rule%' AND actor = :w ORDER BY id",
                          a=account, w=cast.editor[1].name)  # fmt: skip
    assert [line[0] for line in lines] == ["alarm.rule_added", "alarm.rule_changed", "alarm.rule_deleted"]
    assert lines[1][2:] == ({"limit": "900.5", "active": True}, {"alarm": "monthly", "limit": "800", "active": False})


def test_the_same_rule_is_not_made_twice(cast: Cast) -> None:
    with cast.acting(cast.editor) as connection, pytest.raises(Refused, match="already"):
        add_rule(connection, cast.mine.meter.account_id, Draft("daily", Target(device=cast.mine.meter.id), Decimal(50)), SOMEBODY)


def test_a_temperature_has_no_consumption(cast: Cast) -> None:
    with cast.mine.database.owner.transaction() as connection:
        gauge = fleet.add_device(connection, cast.mine.meter.mac, f"T{number()}", kind="gauge", resource="temperature", unit="°C")
        with pytest.raises(Refused) as refused:
            add_rule(connection, cast.mine.meter.account_id, Draft("daily", Target(device=gauge), Decimal(5)), SOMEBODY)
    assert refused.value.key == "rule_nothing"


def test_two_people_at_the_same_rule(cast: Cast) -> None:
    with cast.acting(cast.editor) as connection:
        seen = add_rule(connection, cast.mine.meter.account_id, Draft("silence", Target()), cast.editor[1])
    with cast.acting(cast.editor) as connection:
        change_rule(connection, seen, cast.editor[1], None, None, False)
    with cast.acting(cast.editor) as connection, pytest.raises(Outdated):
        change_rule(connection, seen, cast.editor[1], None, None, True)


def test_an_alarm_is_acknowledged_once(cast: Cast) -> None:
    with cast.acting(cast.editor) as connection:
        before = alarms.find_alarm(connection, alarm_of(cast.mine).id)
        after = alarms.acknowledge(connection, before, cast.editor[1], "  the oven was on\nall night ")
    assert (after.acknowledged_by, after.note) == (cast.editor[1].name, "the oven was on\nall night")
    with cast.acting(cast.editor) as connection, pytest.raises(Refused) as refused:
        alarms.acknowledge(connection, before, cast.editor[1])
    assert (refused.value.key, refused.value.values["who"]) == ("acknowledged_already", cast.editor[1].name)
    line = cast.mine.ask(
        "SELECT object, after FROM tds.audit WHERE account_id = :a AND action = 'alarm.acknowledged'",
        a=cast.mine.meter.account_id,
    )
    assert line == [(cast.mine.meter.name, {"alarm": "daily", "note": "the oven was on\nall night"})]


@pytest.mark.parametrize("note", ["x" * 1001, "a\x00b", "\x1b[31m"])
def test_a_note_is_short_and_can_be_seen(cast: Cast, note: str) -> None:
    with cast.acting(cast.stranger) as connection, pytest.raises(Refused, match="note"):
        alarms.acknowledge(connection, alarm_of(cast.theirs), cast.stranger[1], note)


WRITES = (
    "INSERT INTO tds.alarm_rule (account_id, kind) VALUES (:account, 'silence')",
    "UPDATE tds.alarm SET acknowledged_at = now(), acknowledged_by = :email WHERE closed_at IS NULL OR acknowledged_at IS NULL",
    "UPDATE tds.alarm_rule SET active = false",
    "DELETE FROM tds.alarm_rule",
    "INSERT INTO tds.alarm_recipient (account_id, channel, address, kinds) VALUES (:account, 'mail', 'x@example.com', '{daily}')",
    "UPDATE tds.alarm_recipient SET active = false",
    "DELETE FROM tds.alarm_recipient",
)
NEVER = (
    "UPDATE tds.alarm SET value = 1",
    "UPDATE tds.alarm SET closed_at = now()",
    "DELETE FROM tds.alarm",
    "INSERT INTO tds.alarm (account_id, rule_version, kind, since, opened_at) VALUES (:account, 1, 'daily', now(), now())",
    "SELECT secret FROM tds.alarm_recipient",
    "SELECT body FROM tds.alarm_message",
    "UPDATE tds.alarm_message SET sent_at = now()",
    "SELECT * FROM tds.alarm_watch",
    "SELECT * FROM tds.alarm_pair",
    "UPDATE tds.alarm_recipient SET address = 'y@example.com'",
    "UPDATE tds.alarm_rule SET device_id = 1",
)


def outcome(cast: Cast, who: tuple[int, Actor], statement: str) -> int | None:
    """Try a statement of somebody's own SQL; gives how many rows it changed, None where the database refused."""
    try:
        with cast.acting(who) as connection:
            account = cast.mine.meter.account_id
            changed = connection.execute(text(statement), {"account": account, "email": who[1].name}).rowcount
            connection.rollback()
            return int(changed)
    except DBAPIError:
        return None


@pytest.mark.parametrize("statement", WRITES)
def test_a_viewer_writes_nothing_whatever_the_pages_do(cast: Cast, statement: str) -> None:
    assert not outcome(cast, cast.viewer, statement)


@pytest.mark.parametrize("statement", NEVER)
def test_what_nobody_writes_and_no_page_reads(cast: Cast, statement: str) -> None:
    for who in (cast.viewer, cast.editor, cast.stranger):
        assert outcome(cast, who, statement) is None, who


def test_recipients_are_for_administrators_to_change_and_for_editors_to_see(cast: Cast) -> None:
    assert not outcome(cast, cast.editor, WRITES[4])
    assert not outcome(cast, cast.editor, WRITES[5])
    with cast.acting(cast.editor) as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.alarm_recipient")).scalar() == 1
    with cast.acting(cast.viewer) as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.alarm_recipient")).scalar() == 0


def test_a_stranger_sees_and_changes_nothing(cast: Cast) -> None:
    ours = alarm_of(cast.mine)
    with cast.acting(cast.stranger) as connection:
        assert [alarm.id for alarm in alarms.alarms(connection, alarms.Wanted(None), 100)] == [alarm_of(cast.theirs).id]
        assert {rule.account_id for rule in rules(connection, None)} == {cast.theirs.meter.account_id}
        with pytest.raises(NotFound):
            alarms.find_alarm(connection, ours.id)
        assert connection.execute(text("UPDATE tds.alarm SET acknowledged_at = now(), acknowledged_by = :e WHERE id = :id"),
                                  {"e": cast.stranger[1].name, "id": ours.id}).rowcount == 0  # fmt: skip
        for table in ("alarm_recipient", "alarm_message"):
            assert set(connection.execute(text(f"SELECT account_id FROM tds.{table}")).scalars()) <= {
                cast.theirs.meter.account_id
            }
    for target in (Target(device=cast.mine.meter.id), Target(gateway=1)):
        with cast.acting(cast.stranger) as connection, pytest.raises((DBAPIError, Refused)):
            add_rule(connection, cast.theirs.meter.account_id, Draft("silence", target), cast.stranger[1])


def test_nobody_acknowledges_in_somebody_elses_name(cast: Cast) -> None:
    assert (
        outcome(cast, cast.stranger, "UPDATE tds.alarm SET acknowledged_at = now(), acknowledged_by = 'someone@else.example'")
        is None
    )


def draft(watched: Watched, kind: str, limit: object = None, percent: int | None = None) -> Draft:
    return Draft(kind, Target(device=watched.meter.id), None if limit is None else Decimal(str(limit)), percent)


@pytest.fixture(scope="module")
def history(bench: Database) -> tuple[Watched, datetime]:
    """Forty days of a meter that counts 10 an hour by day and 2 by night; 20 by day on three days, 5 on two nights."""
    watched = Watched.build(bench, interval=3600)
    start, readings = at("2026-02-01T00:00", watched.meter.zone), []
    value = Decimal(100)
    for hour in range(40 * 24 + 1):
        readings.append((start + hour * HOUR, value))
        day, clock = divmod(hour, 24)
        value += (5 if day in (30, 31) else 2) if clock < 5 else 20 if day in (20, 25, 39) else 10
    put(bench, watched.meter, readings)
    watched.drain()
    return watched, start + 40 * DAY


def test_a_preview_says_how_often_a_rule_would_have_raised_an_alarm(history: tuple[Watched, datetime]) -> None:
    watched, now = history
    with watched.database.web.transaction(account_id=watched.meter.account_id) as connection:
        daily = preview(connection, watched.meter.account_id, draft(watched, "daily", 250), watched.meter.zone, now)
        peak = preview(connection, watched.meter.account_id, draft(watched, "peak", 15), watched.meter.zone, now)
        monthly = preview(connection, watched.meter.account_id, draft(watched, "monthly", 5000), watched.meter.zone, now)
        base = preview(connection, watched.meter.account_id, draft(watched, "base", 4), watched.meter.zone, now)
        share = preview(connection, watched.meter.account_id, draft(watched, "base", percent=150), watched.meter.zone, now)
        none = preview(connection, watched.meter.account_id, draft(watched, "daily", 1000), watched.meter.zone, now)
    begin = at("2026-02-01T00:00", watched.meter.zone)
    assert [hit.start for hit in daily.hits] == [begin + day * DAY for day in (20, 25, 39)]
    assert {hit.value for hit in daily.hits} == {Decimal(390)}
    assert [hit.start for hit in peak.hits] == [begin + day * DAY for day in (20, 25, 39)]
    assert [(hit.start, hit.value) for hit in monthly.hits] == [(begin, 5980)]
    assert [hit.start for hit in base.hits] == [begin + 30 * DAY], "two nights in a row are one alarm"
    assert [hit.start for hit in share.hits] == [begin + 30 * DAY]
    assert share.usual is not None
    assert (none.hits, none.devices, none.looked_at, none.days) == ([], 1, 1, 30)


def test_a_preview_of_silence_says_how_it_is_now(bench: Database) -> None:
    watched = Watched.build(bench)
    now = at("2026-03-10T12:00")
    watched.execute(
        "INSERT INTO tds.gateway_seen SELECT gateway_id, :t FROM tds.device WHERE id = :d", t=now - DAY, d=watched.meter.id
    )
    watched.execute("INSERT INTO tds.device_seen VALUES (:d, :t, 1, :t, :t)", t=now - DAY, d=watched.meter.id)
    with watched.database.web.transaction(account_id=watched.meter.account_id) as connection:
        found = preview(connection, watched.meter.account_id, Draft("silence", Target()), "UTC", now)
        nothing = preview(connection, watched.meter.account_id, Draft("stuck", Target()), "UTC", now)
    assert (found.gateways_now, found.devices_now) == (1, 0)
    assert (nothing.gateways_now, nothing.devices_now) == (0, 0)


def test_rules_are_listed_with_their_open_alarms(cast: Cast) -> None:
    with cast.acting(cast.viewer) as connection:
        found: list[Rule] = rules(connection, cast.mine.meter.account_id, kind="daily")
    assert [(rule.code, rule.threshold, rule.open, rule.target) for rule in found] == [("D01", 50, 1, cast.mine.meter.name)]


def test_the_unit_of_a_peak_is_one_per_hour() -> None:
    assert [alarms.rate_unit(unit) for unit in ("kWh", "MWh", "Wh", "kvarh", "m³", "L")] == [
        "kW",
        "MW",
        "W",
        "kvar",
        "m³/h",
        "L/h",
    ]
