"""The commands `tds rejection …`: what they print, what they do, and one clear line on whatever cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest import keeping, writer
from ingest.directory import Directory
from ingest.message import decode
from ingest.replayer import Replayer
from ingest.resolve import resolve
from ingest.session import Session
from sql import fleet
from tests.conftest import Database
from tests.ingest.cast import MAC, STRANGER, payload, query, register, rejected, stored, topic
from tests.sql.plant import json_of, refused, tds

OLD = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
FACTS = ("--kind", "counter", "--resource", "electricity", "--unit", "kWh")


class Desk:
    """A database with the small fleet, and a gateway that sends what is not registered."""

    def __init__(self, database: Database) -> None:
        register(database)
        self.database, self.session = database, Session(database.ingest.url)

    def receive(self, *messages: bytes, mac: str = MAC, now: datetime = OLD) -> None:
        directory = Directory()
        directory.load(self.session.connection)
        resolved = [resolve(decode(topic(mac), message), directory, now) for message in messages]
        writer.store(self.session.connection, resolved, now, lambda _, rejection: rejection)

    def say(self, code: str, *values: Any, unit: str = "kWh", mac: str = MAC) -> int:
        """Send a reading every ten minutes; gives the newest rejection."""
        for n, value in enumerate(values):
            self.receive(
                payload([(code, value, unit)], OLD + timedelta(minutes=10 * n), mac), mac=mac, now=OLD + timedelta(hours=9)
            )
        return int(query(self.database, "SELECT max(id) FROM tds.rejection")[0][0])

    def run(self, *arguments: Any) -> Any:
        return tds(self.database, "rejection", *arguments)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    """A desk on a fresh database of each engine."""
    desk = Desk(database)
    yield desk
    desk.session.close()


@pytest.fixture
def plain_desk(plain_database: Database) -> Iterator[Desk]:
    """A desk on a fresh database of the embedded engine."""
    desk = Desk(plain_database)
    yield desk
    desk.session.close()


def test_adopting_stores_what_was_sent_and_says_how_much(desk: Desk) -> None:
    desk.say("N01", 1, 2, 2.5, -1, unit="MWh")
    newest = desk.say("N01", 3, unit="°C")
    listed = json_of(desk.run("list", "--json", "--account", "Aurora"))
    assert {(one["reason"], one["gateway_mac"], one["device_code"]) for one in listed} == {("unknown_device", MAC, "N01")}
    assert listed[0]["id"] == newest
    assert '"N01"' in listed[0]["payload"]
    told = desk.run("adopt", newest, *FACTS, "--name", "Oven")
    assert told.out == (
        f"Added the device N01 of {MAC}; stored 3 readings, 2 stay rejected. Figures follow with the next `tds ledger drain`.\n"
    )
    assert [value for *_, value in stored(desk.database)] == [1000, 2000, 2500]
    assert sorted(reason for *_, reason in rejected(desk.database)) == ["negative_value", "unit_mismatch"]
    assert query(desk.database, "SELECT name, interval_seconds FROM tds.device WHERE code = 'N01'") == [("Oven", 600)]
    assert query(desk.database, "SELECT actor, object FROM tds.audit WHERE action = 'device.added'")[-1][1] == f"{MAC}/N01"
    assert tds(desk.database, "ledger", "drain").code == 0
    assert tds(desk.database, "ledger", "verify").code == 0


def test_an_interval_that_is_given_counts(plain_desk: Desk) -> None:
    plain_desk.run("adopt", plain_desk.say("N01", 1, 2, 3), *FACTS, "--interval", "60")
    assert query(plain_desk.database, "SELECT interval_seconds FROM tds.device WHERE code = 'N01'") == [(60,)]


def test_it_waits_for_an_ingester_that_has_the_request_in_hand(plain_desk: Desk) -> None:
    newest = plain_desk.say("N01", *range(40))
    worker = Replayer(lambda: plain_desk.database.ingest.url)
    worker.start()
    assert "stored 40 readings" in plain_desk.run("adopt", newest, *FACTS).out
    worker.stop()
    assert len(stored(plain_desk.database)) == 40


def test_without_an_account_it_lists_what_belongs_to_none(plain_desk: Desk) -> None:
    plain_desk.say("N01", 1)
    stranger = plain_desk.say("X", 1, mac=STRANGER)
    (one,) = json_of(plain_desk.run("list", "--json"))
    assert (one["id"], one["reason"], one["gateway_mac"]) == (stranger, "unknown_gateway", STRANGER)
    assert STRANGER not in plain_desk.run("list", "--account", "Aurora").out
    assert "unknown_gateway" in plain_desk.run("list").out


def test_a_gateway_registered_later_is_given_what_it_sent(plain_desk: Desk) -> None:
    stranger = plain_desk.say("X", 1, 2, mac=STRANGER)
    assert "add it first with `tds gateway add`" in refused(plain_desk.run("adopt", stranger, *FACTS))
    assert "add it first with `tds gateway add`" in refused(plain_desk.run("retry", stranger))
    assert tds(plain_desk.database, "gateway", "add", STRANGER, "--account", "Aurora").code == 0
    told = plain_desk.run("retry", stranger)
    assert told.out.startswith(f"Tried 2 rejections of {STRANGER} again; stored 0 readings, 2 stay rejected")
    listed = json_of(plain_desk.run("list", "--json", "--account", "Aurora"))
    assert "stored 2 readings." in plain_desk.run("adopt", listed[0]["id"], *FACTS).out


def test_it_says_how_much_was_not_kept(plain_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT", 3)
    plain_desk.receive(*(b"x%d" % n for n in range(10)))
    out = plain_desk.run("list", "--account", "Aurora").out
    assert f"Refused and not kept: 7 further messages or readings of the gateway {MAC}, since {OLD:%Y-%m-%d}" in out
    assert len(json_of(plain_desk.run("list", "--json", "--account", "Aurora", "--limit", "2"))) == 2


def test_hostile_bytes_are_listed(plain_desk: Desk) -> None:
    plain_desk.receive(b"\xff\x00\x1b[31m", payload([("D\x1b[0m\x00", 1, "kWh")], OLD))
    listed = json_of(plain_desk.run("list", "--json", "--account", "Aurora"))
    assert {one["reason"] for one in listed} == {"not_json", "unknown_device"}
    assert [one["payload_base64"] for one in listed if one["payload"] is None] == ["/wAbWzMxbQ=="]
    assert "\x1b" not in plain_desk.run("list", "--account", "Aurora").out


def test_what_cannot_be_is_one_line(plain_desk: Desk) -> None:
    newest = plain_desk.say("N01", 1)
    plain_desk.receive(b"nonsense")
    nonsense = newest + 1
    run = plain_desk.run
    assert "no account named 'Nobody'" in refused(run("list", "--account", "Nobody"))
    assert "there is no rejection 999" in refused(run("adopt", 999, *FACTS))
    assert "there is no rejection 999" in refused(run("retry", 999))
    assert "only an unknown device" in refused(run("adopt", nonsense, *FACTS))
    assert "not_json stays as it is" in refused(run("retry", nonsense))
    assert "not a unit" in refused(run("adopt", newest, *FACTS[:-1], ""))
    assert "interval" in refused(run("adopt", newest, *FACTS, "--interval", "0"))
    with plain_desk.database.owner.transaction() as connection:
        fleet.add_device(connection, MAC, "N01", kind="gauge", resource="other", unit="x")
    assert "has a device N01 already" in refused(run("adopt", newest, *FACTS))
    for wrong in (("adopt", newest), ("adopt", "x", *FACTS), ("adopt", 0, *FACTS), ("retry",), ("list", "--limit", "0")):
        assert run(*wrong).code == 2, wrong
    assert len(rejected(plain_desk.database)) == 2


def test_it_needs_no_running_ingester(plain_desk: Desk) -> None:
    assert not [name for name in os.environ if name == "TDS_INGEST_DATABASE_URL"]
    assert "stored 1 reading." in plain_desk.run("adopt", plain_desk.say("N01", 1), *FACTS).out
