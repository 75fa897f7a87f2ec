"""Rejections tried again: stored as intake would have, once, whoever dies in between; what cannot be stored stays."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest import replay, writer
from ingest.directory import Directory
from ingest.keeping import Refusal, insert
from ingest.message import decode
from ingest.rejection import Rejection
from ingest.replayer import Replayer
from ingest.resolve import resolve
from ingest.session import Session
from sql import fleet, ledger
from tests.conftest import Database
from tests.ingest.cast import MAC, STRANGER, payload, query, register, rejected, stored, topic

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC).replace(microsecond=0)
OLD = NOW - timedelta(days=3)
METER = {"kind": "counter", "resource": "electricity", "unit": "kWh"}


class Desk:
    """Intake and replay side by side on a database with the small fleet."""

    def __init__(self, database: Database) -> None:
        register(database)
        self.database = database
        self.session = Session(database.ingest.url)
        self.replayer = Replayer(lambda: database.ingest.url)

    def say(self, *readings: tuple[Any, ...], time: datetime = OLD, mac: str = MAC, now: datetime | None = None) -> None:
        """Let intake store one message, received when its last reading was taken."""
        self.receive(payload(readings, time, mac), mac, now or max([time, *(own for _, _, _, *rest in readings for own in rest)]))

    def receive(self, message: bytes, mac: str = MAC, now: datetime = OLD) -> None:
        directory = Directory()
        directory.load(self.session.connection)
        resolved = resolve(decode(topic(mac), message), directory, now)
        writer.store(self.session.connection, [resolved], now, lambda _, rejection: rejection)

    def add(self, code: str = "N01", mac: str = MAC, **given: Any) -> int:
        with self.database.owner.transaction() as connection:
            return fleet.add_device(connection, mac, code, **(METER | given))

    def replay(self) -> int:
        """Work off whatever waits; gives the number of batches."""
        batches = 0
        while self.replayer.step():
            batches += 1
        return batches

    def ask(self, code: str | None, *reasons: str, mac: str = MAC) -> None:
        """Ask to try again, as a person does."""
        with self.database.owner.transaction() as connection:
            connection.exec_driver_sql(
                "INSERT INTO tds.replay (account_id, gateway_id, device_code, reasons)"
                " SELECT account_id, id, %s, %s FROM tds.gateway WHERE mac = %s AND retired_at IS NULL",
                (code, list(reasons), mac),
            )

    def execute(self, *commands: str) -> None:
        with self.database.owner.transaction() as connection:
            for command in commands:
                connection.exec_driver_sql(command)

    def counted(self) -> list[tuple[Any, ...]]:
        """What each request came to: tried, stored, known, refused, done."""
        return query(self.database, "SELECT tried, stored, known, refused, finished_at IS NOT NULL FROM tds.replay ORDER BY id")

    def tally(self) -> dict[str | None, tuple[int, int]]:
        """What the tally says is kept, by MAC; held against what is there."""
        said = "SELECT g.mac, kept, bytes FROM tds.rejection_tally t LEFT JOIN tds.gateway g ON g.id = t.gateway_id WHERE kept <> 0 OR bytes <> 0"
        real = "SELECT g.mac, count(*), sum(octet_length(payload)) FROM tds.rejection t LEFT JOIN tds.gateway g ON g.id = t.gateway_id GROUP BY g.id"
        found = {mac: (kept, size) for mac, kept, size in query(self.database, said)}
        assert found == {mac: (kept, size) for mac, kept, size in query(self.database, real)}
        return found


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    """A desk on a fresh database of each engine."""
    yield from desk_on(database)


@pytest.fixture
def plain_desk(plain_database: Database) -> Iterator[Desk]:
    """A desk on a fresh database of the embedded engine."""
    yield from desk_on(plain_database)


def desk_on(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    desk.session.close()
    desk.replayer.close()


def mine(desk: Desk, code: str = "N01") -> list[tuple[datetime, Decimal]]:
    return [(time, value) for _, name, time, value in stored(desk.database) if name == code]


def test_registering_a_device_stores_what_it_had_sent(desk: Desk) -> None:
    for hour in range(5):
        desk.say(("N01", 100 + hour, "kWh"), ("D01", hour, "kWh"), ("N02", 1, "kWh"), time=OLD + timedelta(hours=hour))
    desk.say(("N01", "105000", "Wh", OLD + timedelta(hours=5)))
    desk.add()
    assert desk.replay() == 2
    assert mine(desk) == [(OLD + timedelta(hours=hour), Decimal(100 + hour)) for hour in range(6)]
    assert {code for _, code, _ in rejected(desk.database)} == {"N02"}
    assert desk.counted() == [(6, 6, 0, 0, True)]
    assert desk.tally()[MAC][0] == 5
    assert desk.replay() == 0
    ledger.drain(desk.database.owner)
    assert ledger.verify(desk.database.owner) == []
    (device,) = query(desk.database, "SELECT id FROM tds.device WHERE code = 'N01'")[0]
    assert query(desk.database, "SELECT sum(quantity) FROM tds.ledger WHERE device_id = :d", d=device) == [(5,)]


def test_what_cannot_be_stored_stays_with_its_reason_of_now(desk: Desk) -> None:
    desk.say(("N01", 1, "kWh"))
    desk.say(("N01", 2, "kWh"))  # another value for the same instant
    desk.say(("N01", -3, "kWh", OLD + timedelta(hours=1)))
    desk.say(("N01", 4, "°C", OLD + timedelta(hours=2)))
    desk.say(("N01", 5, "kWh", OLD + timedelta(days=1)), now=OLD)  # a clock a day ahead: waiting does not make it true
    desk.say(("N01", 1, "kWh"), now=OLD + timedelta(minutes=1))  # sent again
    received = query(desk.database, "SELECT min(received_at) FROM tds.rejection WHERE device_code = 'N01'")
    desk.add()
    desk.replay()
    assert mine(desk) == [(OLD, Decimal(1))]
    reasons = sorted(reason for *_, reason in rejected(desk.database))
    assert reasons == ["conflicting_duplicate", "future_timestamp", "negative_value", "unit_mismatch"]
    assert desk.counted() == [(5, 1, 0, 4, True)]
    assert query(desk.database, "SELECT min(received_at) FROM tds.rejection WHERE device_code = 'N01'") == received
    owners = query(desk.database, "SELECT DISTINCT account_id IS NULL, gateway_id IS NULL, mac FROM tds.rejection")
    assert owners == [(False, False, MAC)]
    desk.tally()


def test_times_without_an_offset_are_the_accounts(desk: Desk) -> None:
    local = datetime(2026, 2, 18, 11, 30)
    desk.receive(payload([("N01", 7, "kWh")], local.isoformat()), now=datetime(2026, 2, 18, 16, tzinfo=UTC))
    desk.add()
    desk.replay()
    assert mine(desk) == [(datetime(2026, 2, 18, 14, 30, tzinfo=UTC), Decimal(7))]


def test_what_retention_has_reached_meanwhile_is_too_old(plain_desk: Desk) -> None:
    taken = NOW - timedelta(days=731)
    plain_desk.say(("N01", 1, "kWh"), time=taken, now=NOW - timedelta(days=80))
    plain_desk.add()
    plain_desk.replay()
    assert mine(plain_desk) == []
    assert rejected(plain_desk.database) == [(MAC, "N01", "too_old")]


def test_a_device_is_as_fresh_as_what_it_sent_and_nothing_counts_as_delivered_late(desk: Desk) -> None:
    desk.say(("N01", 1, "kWh"))
    seen = query(desk.database, "SELECT last_seen_at FROM tds.gateway_seen")
    device = desk.add()
    desk.replay()
    assert query(desk.database, "SELECT time, received_at FROM tds.device_seen WHERE device_id = :d", d=device) == [(OLD, OLD)]
    assert query(desk.database, "SELECT last_seen_at FROM tds.gateway_seen") == seen
    assert query(desk.database, "SELECT * FROM tds.delivery") == []


def test_registering_a_gateway_tries_again_what_it_had_sent_and_then_its_devices(desk: Desk) -> None:
    for hour in range(3):
        desk.say(("A", hour, "kWh"), ("B", hour, "kWh"), mac=STRANGER, time=OLD + timedelta(hours=hour))
    desk.receive(b'{"gateway_mac": "%s"' % STRANGER.encode(), STRANGER)
    assert {reason for *_, reason in rejected(desk.database)} == {"unknown_gateway", "not_json"}
    with desk.database.owner.transaction() as connection:
        fleet.add_gateway(connection, STRANGER, "Aurora")
    desk.add("A", STRANGER)  # before anybody has replayed
    desk.replay()
    assert len([1 for mac, code, *_ in stored(desk.database) if (mac, code) == (STRANGER, "A")]) == 3
    left = query(desk.database, "SELECT device_code, reason, account_id IS NULL FROM tds.rejection ORDER BY id")
    assert left == [(None, "not_json", True)] + [("B", "unknown_device", False)] * 3
    desk.add("B", STRANGER)
    desk.replay()
    assert len(stored(desk.database)) == 6
    assert desk.counted() == [(3, 3, 0, 3, True), (3, 3, 0, 0, True)]
    desk.tally()


def test_what_came_after_another_account_retired_the_gateway_is_not_given_away(plain_desk: Desk) -> None:
    plain_desk.database.account("Boreal")
    plain_desk.execute(f"UPDATE tds.gateway SET retired_at = now() WHERE mac = '{MAC}'")
    plain_desk.say(("D01", 1, "kWh"))
    with plain_desk.database.owner.transaction() as connection:
        fleet.add_gateway(connection, MAC, "Boreal")
    assert plain_desk.replay() == 0
    assert rejected(plain_desk.database) == [(MAC, None, "unknown_gateway")]


def test_a_general_try_again_stores_what_was_mended(desk: Desk) -> None:
    device = desk.add("N01", unit="m³", resource="water")
    desk.say(("N01", 1, "kWh"))
    desk.execute(f"UPDATE tds.device SET unit = 'kWh', active = false WHERE id = {device}")
    desk.say(("N01", 2, "kWh", OLD + timedelta(hours=1)))
    desk.ask("N01", "unit_mismatch")
    desk.replay()
    assert [reason for *_, reason in rejected(desk.database)] == ["inactive_device"] * 2
    desk.execute(f"UPDATE tds.device SET active = true WHERE id = {device}")
    desk.ask(None, "inactive_device")
    desk.replay()
    assert [value for _, value in mine(desk)] == [1, 2]
    assert rejected(desk.database) == []
    assert desk.tally() == {}


def test_what_still_cannot_be_stored_keeps_its_number(plain_desk: Desk) -> None:
    plain_desk.say(("N01", 1, "kWh"))
    before = query(plain_desk.database, "SELECT id, detail FROM tds.rejection")
    plain_desk.ask("N01", "unknown_device")
    plain_desk.replay()
    assert query(plain_desk.database, "SELECT id, detail FROM tds.rejection") == before
    assert plain_desk.counted() == [(1, 0, 0, 1, True)]


def test_what_was_on_its_way_while_the_device_was_registered_follows_by_itself(plain_desk: Desk) -> None:
    """Intake had looked it up a moment before: its rejection comes after the first round."""
    plain_desk.say(("N01", 1, "kWh"))
    directory = Directory()
    directory.load(plain_desk.session.connection)
    plain_desk.add()
    plain_desk.replay()
    late = resolve(decode(topic(), payload([("N01", 2, "kWh")], OLD + timedelta(hours=1))), directory, OLD + timedelta(hours=1))
    writer.store(plain_desk.session.connection, [late], OLD + timedelta(hours=1), lambda _, rejection: rejection)
    assert plain_desk.replay() == 0
    plain_desk.execute("UPDATE tds.replay SET again_at = now()")
    plain_desk.replay()
    assert [value for _, value in mine(plain_desk)] == [1, 2]
    assert query(plain_desk.database, "SELECT again_at FROM tds.replay") == [(None,)]
    assert plain_desk.counted() == [(2, 2, 0, 0, True)]


def test_a_request_of_a_gateway_retired_meanwhile_ends_without_a_change(plain_desk: Desk) -> None:
    plain_desk.say(("N01", 1, "kWh"))
    plain_desk.add()
    plain_desk.execute(f"UPDATE tds.gateway SET retired_at = now() WHERE mac = '{MAC}'")
    plain_desk.replay()
    assert plain_desk.counted() == [(0, 0, 0, 0, True)]
    assert rejected(plain_desk.database) == [(MAC, "N01", "unknown_device")]


def test_a_rejection_that_the_database_will_not_take_holds_nobody_up(plain_desk: Desk) -> None:
    for hour in range(30):
        plain_desk.say(("N01", 666 if hour == 13 else hour, "kWh"), time=OLD + timedelta(hours=hour))
    plain_desk.execute(
        """CREATE FUNCTION tds.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF EXISTS (SELECT FROM fresh WHERE value = 666) THEN RAISE EXCEPTION 'refused' USING ERRCODE = '22000'; END IF; RETURN NULL; END $$;
           CREATE TRIGGER refuse AFTER INSERT ON tds.reading REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tds.refuse()"""
    )
    plain_desk.add()
    plain_desk.replay()
    assert len(mine(plain_desk)) == 29
    assert rejected(plain_desk.database) == [(MAC, "N01", "unknown_device")]
    assert plain_desk.counted() == [(30, 29, 0, 1, True)]


def crowd(desk: Desk, number: int, code: str = "N01") -> None:
    """Keep so many rejections of a device, one a minute, as intake keeps them."""
    directory = Directory()
    directory.load(desk.session.connection)
    gateway = directory.gateways[MAC]
    first = NOW - timedelta(minutes=number)
    with desk.session.connection as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for low in range(0, number, 10_000):
            insert(
                cursor,
                (
                    (
                        Refusal(MAC, gateway, Rejection("unknown_device", "", topic(), payload([(code, n, "kWh")], time), code)),
                        time,
                    )
                    for n in range(low, min(low + 10_000, number))
                    if (time := first + timedelta(minutes=n))
                ),
            )


def test_two_workers_store_everything_once(desk: Desk) -> None:
    crowd(desk, 4000)
    desk.add()
    desk.ask("N01", "unknown_device")
    desk.ask(None, "unknown_device")
    others = [Replayer(lambda: desk.database.ingest.url) for _ in range(2)]
    for other in others:
        other.start()
    deadline = time.monotonic() + 60
    while not all(done for *_, done in desk.counted()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for other in others:
        other.stop()
    assert [value for _, value in mine(desk)] == list(range(4000))
    assert rejected(desk.database) == []
    assert sum(fresh for _, fresh, *_ in desk.counted()) == 4000
    assert desk.tally() == {}


PROGRAM = "import sys, logging; from ingest.replayer import Replayer; r = Replayer(lambda: sys.argv[1]); print('on', flush=True); r._run()"


def test_killed_in_the_middle_again_and_again_nothing_is_lost_and_nothing_doubled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(desk, 6000)
    desk.add()
    kills = 0
    while not all(done for *_, done in desk.counted()):
        victim = subprocess.Popen([sys.executable, "-c", PROGRAM, desk.database.ingest.url], cwd=ROOT, stdout=subprocess.PIPE)
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(0.05 * (1 + kills))  # longer each time: also where a batch takes long, one is done in the end
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        kills += 1
        kept = query(desk.database, "SELECT count(*) FROM tds.rejection")[0][0]
        assert kept + len(mine(desk)) == 6000
    assert [value for _, value in mine(desk)] == list(range(6000))
    assert desk.counted() == [(6000, 6000, 0, 0, True)]
    assert kills > 1


def test_intake_goes_on_beside_a_long_replay(desk: Desk) -> None:
    crowd(desk, 3000)
    desk.add()
    worker = threading.Thread(target=desk.replay)
    worker.start()
    for second in range(60):
        desk.say(("N01", 5000 + second, "kWh"), ("X", second, "kWh"), time=NOW + timedelta(seconds=second + 1))
    worker.join()
    assert len(mine(desk)) == 3060
    assert len(rejected(desk.database)) == 60
    desk.tally()


@pytest.mark.long
def test_a_hundred_thousand_rejections_are_replayed_in_bounded_time(desk: Desk) -> None:
    crowd(desk, 100_000)
    desk.add()
    started = time.monotonic()
    desk.replay()
    assert time.monotonic() - started < 300
    assert len(mine(desk)) == 100_000
    assert rejected(desk.database) == []


def test_the_ingest_login_asks_for_nothing_itself(plain_desk: Desk) -> None:
    with pytest.raises(Exception, match="permission denied"), plain_desk.database.ingest.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO tds.replay (account_id, gateway_id, reasons) VALUES (1, 1, '{schema}')")
    assert replay.NOTHING.stored == 0
