"""Alarms of what is not heard and of what does not move: one for each cause, none for what stands behind it, over with the next reading."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sql import alarm_watch, fleet
from sql.alarm_rules import Target
from tests.conftest import Database
from tests.sql.alarms import DAY, HOUR, MINUTE, Watched
from tests.sql.plant import at, mac

NOW = at("2026-03-10T12:00")
QUARTER = timedelta(minutes=15)
SETTLED = alarm_watch.SETTLING + MINUTE


class Site(Watched):
    """A gateway with three meters, all of which report every quarter of an hour."""

    gateway: int
    meters: list[int]

    @classmethod
    def of(cls, database: Database) -> Site:
        site = cls.build(database, "UTC", interval=900)
        with database.owner.transaction() as connection:
            rest = [
                fleet.add_device(connection, site.meter.mac, code, kind="counter", resource=resource, unit=unit, interval=900)
                for code, resource, unit in (("D02", "electricity", "kWh"), ("D03", "water", "m³"))
            ]
        site.meters = [site.meter.id, *rest]
        site.gateway = site.ask("SELECT gateway_id FROM tds.device WHERE id = :d", d=site.meter.id)[0][0]
        site.hear(NOW)
        for meter in site.meters:
            site.read(meter, NOW)
        return site

    def hear(self, at: Any, online: bool = True) -> None:
        """Let the gateway's last message be of then."""
        self.execute(
            "INSERT INTO tds.gateway_seen VALUES (:g, :at, :online) ON CONFLICT (gateway_id) DO UPDATE SET last_seen_at = :at, online = :online",
            g=self.gateway, at=at, online=online,
        )  # fmt: skip

    def read(self, meter: int, at: Any, moved: Any = None) -> None:
        """Let a meter's last reading be of then, with a value that it has shown since `moved`."""
        self.execute(
            "INSERT INTO tds.device_seen VALUES (:d, :at, 5, :at, :moved) ON CONFLICT (device_id) DO UPDATE SET time = :at, received_at = :at, moved_at = :moved",
            d=meter, at=at, moved=moved or at,
        )  # fmt: skip

    def all_report(self, at: Any) -> None:
        self.hear(at)
        for meter in self.meters:
            self.read(meter, at)

    def look(self, now: Any) -> list[tuple[str, str | None, str | None]]:
        """Do a round; gives every alarm: kind, code (None: the gateway itself), how it ended."""
        self.watch(now, silences=True)
        return [(alarm.kind, alarm.code, alarm.outcome) for alarm in self.alarms()]


@pytest.fixture
def site(bench: Database) -> Site:
    return Site.of(bench)


def test_a_gateway_that_is_silent_is_one_alarm_and_its_meters_none(site: Site) -> None:
    site.rule("silence", target=Target())
    assert site.look(NOW) == []
    assert site.look(NOW + HOUR) == [("silence", None, None)]
    alarm = site.one()
    assert (alarm.since, alarm.device_id, alarm.name) == (NOW, None, site.meter.mac)
    for hours in (2, 5, 30):
        assert site.look(NOW + hours * HOUR) == [("silence", None, None)]
    site.all_report(NOW + 31 * HOUR)
    assert site.look(NOW + 31 * HOUR) == [("silence", None, "heard")]


def test_a_rule_for_meters_alone_names_their_gateway_when_that_is_the_cause(site: Site) -> None:
    for meter in site.meters:
        site.rule("silence", target=Target(device=meter))
    site.rule("silence", target=Target(resource="water"))
    assert site.look(NOW + HOUR) == [("silence", None, None)]


def test_a_single_meter_is_its_own_alarm_while_its_gateway_is_heard(site: Site) -> None:
    site.rule("silence", target=Target())
    site.rule("silence", target=Target(resource="electricity"))
    later = NOW + HOUR
    site.hear(later)
    site.read(site.meters[1], later)
    site.read(site.meters[2], later)
    assert site.look(later) == [("silence", "D01", None)], "two rules, one cause, one alarm"
    assert site.one().since == NOW
    site.read(site.meters[0], later + MINUTE)
    assert site.look(later + 2 * MINUTE) == [("silence", "D01", "heard")]


def test_a_meter_whose_gateway_goes_silent_too_keeps_its_alarm_and_makes_no_other(site: Site) -> None:
    site.rule("silence", target=Target())
    later = NOW + HOUR
    site.hear(later)
    site.read(site.meters[1], later)
    site.read(site.meters[2], later)
    site.look(later)
    assert site.look(later + 3 * HOUR) == [("silence", "D01", None), ("silence", None, None)]


def test_a_rule_for_a_gateway_or_a_resource_is_for_that_alone(site: Site) -> None:
    site.rule("silence", target=Target(resource="gas"))
    assert site.look(NOW + HOUR) == []
    site.rule("silence", target=Target(gateway=site.gateway))
    assert site.look(NOW + HOUR) == [("silence", None, None)]
    site.hear(NOW + HOUR)
    assert set(site.look(NOW + HOUR)) == {("silence", None, "heard"), *(("silence", f"D0{n}", None) for n in (1, 2, 3))}


def test_a_meter_that_does_not_move(site: Site) -> None:
    site.rule("stuck", target=Target(resource="water"))
    later = NOW + 2 * DAY
    site.all_report(later)
    site.read(site.meters[2], later, moved=NOW)
    assert site.look(later) == [("stuck", "D03", None)]
    assert site.one().since == NOW
    site.read(site.meters[2], later + MINUTE)
    assert site.look(later + MINUTE) == [("stuck", "D03", "moved")]


def test_a_gateway_that_comes_and_goes_is_one_alarm(site: Site) -> None:
    who = site.recipient()
    site.rule("silence", target=Target())
    now = NOW + HOUR
    for _ in range(4):
        site.look(now)
        site.all_report(now + MINUTE)
        site.look(now + MINUTE)
        site.hear(now + 2 * MINUTE, online=False)
        now += 3 * MINUTE
        site.look(now)
    alarm = site.one()
    assert (alarm.closed_at, alarm.returned) == (None, 4)
    assert site.messages() == [(who, [alarm.id], [])]
    site.all_report(now)
    site.look(now)
    site.look(now + SETTLED)
    assert site.messages() == [(who, [alarm.id], [alarm.id])]
    site.hear(now + HOUR, online=False)
    site.look(now + HOUR)
    assert len(site.alarms()) == 2, "an hour later it is another one"


def test_what_was_never_heard_is_not_silent(site: Site) -> None:
    with site.database.owner.transaction() as connection:
        fleet.add_gateway(connection, mac(), site.meter.account)
    site.rule("silence", target=Target())
    assert len(site.look(NOW + HOUR)) == 1


def test_devices_and_gateways_out_of_use_end_their_alarms(site: Site) -> None:
    site.rule("silence", target=Target())
    later = NOW + HOUR
    site.hear(later)
    for meter in site.meters[1:]:
        site.read(meter, later)
    site.look(later)
    site.execute("UPDATE tds.device SET active = false WHERE id = :d", d=site.meters[0])
    assert site.look(later) == [("silence", "D01", "gone")]
    assert site.look(later + HOUR)[1] == ("silence", None, None)
    site.execute("UPDATE tds.gateway SET retired_at = now() WHERE id = :g", g=site.gateway)
    assert site.look(later + HOUR)[1] == ("silence", None, "gone")


def test_a_thousand_gateways_at_once_are_one_message(bench: Database) -> None:
    site = Site.of(bench)
    site.rule("silence", target=Target())
    who = site.recipient()
    site.execute(
        "WITH made AS (INSERT INTO tds.gateway (account_id, mac, name) SELECT :a, format('0e:%s:00:%s:%s:00', lpad(to_hex(:a % 256), 2, '0'), lpad(to_hex(n / 256), 2, '0'),"
        " lpad(to_hex(n % 256), 2, '0')), 'G' || n FROM generate_series(1, 1000) n RETURNING id) INSERT INTO tds.gateway_seen SELECT id, :now FROM made",
        a=site.meter.account_id, now=NOW,
    )  # fmt: skip
    site.watch(NOW + HOUR, silences=True)
    ((recipient, opened, closed),) = site.messages()
    assert (recipient, len(opened), closed) == (who, 1001, [])
