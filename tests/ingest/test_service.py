"""The loop between inbox and acknowledgement, on a real database; only the network side is a stand-in that notes what it is told."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from ingest.inbox import Inbox, Received
from ingest.metrics import Metrics
from ingest.service import Service
from ingest.session import StoreLost
from ingest.subscriber import Subscriber
from sql import fleet
from tests.conftest import Database
from tests.faults.cell import wait_for
from tests.ingest.cast import MAC, STRANGER, payload, query, register, rejected, stored, topic

OTHER = "02:00:00:00:00:02"
# Ends the session that stores, and comes back when it is gone.
LAST_SESSION = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)
NOW = datetime.now(UTC).replace(microsecond=0)


class Notebook:
    """Stands in for the subscriber and notes what it was told to acknowledge and to confirm."""

    def __init__(self) -> None:
        self.running = self.connected = False
        self.fault, self.idle_seconds = "not started", 0.0
        self.acknowledged: list[int] = []
        self.confirmed: list[dict[str, list[int]]] = []
        self.discarding = False

    def start(self) -> None:
        self.running = self.connected = True

    def discard(self) -> None:
        self.discarding = True

    def stop(self) -> None:
        self.running = self.connected = False

    def settle(self, batch: Sequence[Received], confirmed: Mapping[str, list[int]]) -> None:
        self.acknowledged += [message.packet for message in batch]
        self.confirmed += [dict(confirmed)] if confirmed else []


class Room:
    """A service with its inbox and notebook on a database with the small fleet."""

    def __init__(self, database: Database, notebook: Notebook | None = None) -> None:
        register(database)
        self.database = database
        self.inbox, self.notebook, self.metrics, self.stop = Inbox(1000), notebook or Notebook(), Metrics(), threading.Event()
        self.service = Service(
            lambda: database.ingest.url, "tds-ingest", self.inbox, cast(Subscriber, self.notebook), self.metrics, self.stop
        )
        self.packet = 0

    def arrive(self, message: bytes, on: str = topic()) -> None:
        """Put a message into the inbox, as the network thread would."""
        self.packet += 1
        self.inbox.put(Received(1, self.packet, on, message))

    def say(self, *readings: tuple[Any, ...], mac: str = MAC, **more: Any) -> None:
        """Let a gateway's message arrive."""
        self.arrive(payload(readings, NOW, mac, **more), topic(mac))

    def work(self) -> bool:
        """Activate where needed and process one batch."""
        assert self.service._is_active()
        return self.service.process_one_batch(timeout=0)

    def execute(self, *commands: str) -> None:
        """Change the database as its owner."""
        with self.database.owner.transaction() as connection:
            for command in commands:
                connection.exec_driver_sql(command)

    def count(self, name: str, **labels: str) -> float:
        """Read one of the metrics."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def room(plain_database: Database) -> Iterator[Room]:
    """A room of its own; its session is closed at the end."""
    room = Room(plain_database)
    yield room
    room.stop.set()
    room.service._lose("the test is over")


def refuse_value(error: str, condition: str) -> str:
    """A trigger by which the database refuses readings, as no data of ours should make it do."""
    return f"""
        CREATE FUNCTION tds.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {condition} THEN RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{error}'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER refuse AFTER INSERT ON tds.reading REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tds.refuse();
    """


def test_what_has_arrived_is_stored_by_one_commit_and_then_acknowledged_in_order(room: Room) -> None:
    for minute in range(5):
        room.arrive(payload([("D01", minute, "kWh")], NOW - timedelta(minutes=5 - minute)))
    room.arrive(b"not json")
    assert room.work()
    assert room.notebook.acknowledged == [1, 2, 3, 4, 5, 6]
    assert len(stored(room.database)) == 5
    assert rejected(room.database) == [(MAC, None, "not_json")]
    assert (room.count("tds_commit_seconds_count"), room.count("tds_messages_total"), room.count("tds_readings_total")) == (
        1,
        6,
        5,
    )
    assert room.count("tds_rejections_total", reason="not_json") == 1
    assert not room.work()


@pytest.mark.parametrize(("most", "value"), [("MOST_MESSAGES", 4), ("MOST_READINGS", 8), ("MOST_BYTES", 700)])
def test_a_batch_has_its_limits_in_messages_readings_and_bytes(
    room: Room, monkeypatch: pytest.MonkeyPatch, most: str, value: int
) -> None:
    monkeypatch.setattr(f"ingest.batch.{most}", value)
    monkeypatch.setattr("ingest.batch.DECODED_AT_ONCE", 1)
    for minute in range(10):
        room.arrive(payload([("D01", minute, "kWh"), ("D04", minute, "°C")], NOW - timedelta(minutes=20 - minute)))
    batches = 0
    while room.work():
        batches += 1
    assert (batches, len(stored(room.database)), room.notebook.acknowledged) == (3, 20, list(range(1, 11)))


def test_it_confirms_what_it_stored_rejected_or_knew_already_once_for_each_gateway(room: Room) -> None:
    room.say(("D01", 1, "kWh"), seq=7)
    room.say(("D01", 1, "kWh"), seq=8)
    room.say(("D77", 1, "kWh"), seq=9)
    room.say(("D01", 1, "kWh"), mac=OTHER, seq=7)
    room.say(("D01", 1, "kWh"), mac=STRANGER, seq=1)
    room.say(("D02", 1, "m³"))
    room.arrive(b'{"seq": 10}')
    room.say(("D01", 1, "kWh"), seq=7)
    room.work()
    assert room.notebook.confirmed == [{MAC: [7, 8, 9, 10], OTHER: [7], STRANGER: [1]}]
    room.say(("D01", 1, "kWh"), seq=7)
    room.work()
    assert room.notebook.confirmed[1:] == [{MAC: [7]}]


def test_a_device_added_a_moment_ago_is_found_before_its_reading_is_rejected(room: Room) -> None:
    room.say(("D05", 1, "kWh"))
    room.work()
    assert rejected(room.database) == [(MAC, "D05", "unknown_device")]
    with room.database.owner.transaction() as connection:
        fleet.add_device(connection, MAC, "D05", kind="counter", resource="electricity", unit="kWh")
        fleet.add_gateway(connection, STRANGER, "Aurora")
        fleet.add_device(connection, STRANGER, "D01", kind="counter", resource="electricity", unit="kWh")
    room.say(("D05", 2, "kWh"))
    room.say(("D01", 3, "kWh"), mac=STRANGER)
    room.work()
    assert [(mac, code) for mac, code, *_ in stored(room.database)] == [(MAC, "D05"), (STRANGER, "D01")]


def test_a_device_switched_off_is_known_within_a_second(room: Room) -> None:
    room.say(("D01", 1, "kWh"))
    room.work()
    room.execute("UPDATE tds.device SET active = false WHERE code = 'D01'")
    time.sleep(0.6)
    room.work()
    room.say(("D01", 2, "kWh"))
    room.work()
    assert rejected(room.database) == [(MAC, "D01", "inactive_device")]


def test_a_device_deleted_behind_its_back_takes_nobody_with_it(room: Room) -> None:
    room.say(("D01", 1, "kWh"))
    room.work()
    room.service._next_notice = float("inf")
    room.execute("DELETE FROM tds.device WHERE code = 'D04'")
    for code, unit in (("D02", "m³"), ("D04", "°C"), ("D03", "m³")):
        room.say((code, 1, unit))
    room.work()
    assert [code for _, code, *_ in stored(room.database)] == ["D01", "D02", "D03"]
    assert rejected(room.database) == [(MAC, "D04", "unknown_device")]
    assert room.notebook.acknowledged == [1, 2, 3, 4]


def test_what_was_taken_when_another_account_had_the_gateway_is_nobodys(room: Room) -> None:
    """A buffer or a queue outlives the gateway's retirement: what it holds must not be shown to the next account."""
    room.say(("D01", 1, "kWh"))
    room.work()
    room.execute(f"UPDATE tds.gateway SET retired_at = now() WHERE mac = '{MAC}'")
    room.database.account("Boreal")
    with room.database.owner.transaction() as connection:
        fleet.add_gateway(connection, MAC, "Boreal")
        fleet.add_device(connection, MAC, "D01", kind="counter", resource="electricity", unit="kWh")
    after = datetime.now(UTC)
    room.say(("D01", 2, "kWh"), ("D01", 3, "kWh", after), ("D77", 4, "kWh"), ("D78", 5, "kWh", after), seq=1)
    time.sleep(0.6)
    room.work()
    assert [value for *_, value in stored(room.database)] == [1, 3]
    kept = query(
        room.database, "SELECT account_id IS NULL, gateway_id IS NULL, device_code, reason FROM tds.rejection ORDER BY id"
    )
    assert kept == [
        (True, True, "D01", "unknown_gateway"),
        (True, True, "D77", "unknown_gateway"),
        (False, False, "D78", "unknown_device"),
    ]
    assert room.notebook.confirmed[-1] == {MAC: [1]}


@pytest.mark.parametrize("error", ["22000", "23514", "54000"])
def test_a_message_that_the_database_refuses_becomes_a_rejection_and_the_others_are_stored(room: Room, error: str) -> None:
    room.execute(refuse_value(error, "EXISTS (SELECT FROM fresh WHERE value = 666)"))
    for minute, value in enumerate((1, 2, 666, 3, 666, 4, 5)):
        room.arrive(payload([("D01", value, "kWh")], NOW - timedelta(minutes=10 - minute), seq=minute))
    room.work()
    assert [value for *_, value in stored(room.database)] == [1, 2, 3, 4, 5]
    assert rejected(room.database) == [(MAC, None, "bad_value")] * 2
    assert "refused by the test" in query(room.database, "SELECT detail FROM tds.rejection")[0][0]
    assert room.notebook.acknowledged == [1, 2, 3, 4, 5, 6, 7]
    assert [seq for one in room.notebook.confirmed for seq in one[MAC]] == list(range(7))


def test_a_batch_too_large_for_the_database_is_stored_in_smaller_ones(room: Room) -> None:
    room.execute(refuse_value("53200", "(SELECT count(*) FROM fresh) > 3"))
    for minute in range(20):
        room.arrive(payload([("D01", minute, "kWh")], NOW - timedelta(minutes=30 - minute)))
    room.work()
    assert len(stored(room.database)) == 20
    assert not rejected(room.database)
    assert room.notebook.acknowledged == list(range(1, 21))


def test_a_message_the_database_chokes_on_is_tried_again_before_it_is_refused(room: Room) -> None:
    room.execute(refuse_value("53200", "EXISTS (SELECT FROM fresh WHERE value = 666)"))
    room.say(("D01", 666, "kWh"))
    for _ in range(4):
        with pytest.raises(StoreLost):
            room.work()
    assert not rejected(room.database)
    room.work()
    assert rejected(room.database) == [(MAC, None, "bad_value")]
    assert room.notebook.acknowledged == [1]


def test_a_lost_database_loses_nothing_and_acknowledges_nothing(room: Room) -> None:
    room.say(("D01", 1, "kWh"))
    room.work()
    with room.database.ingest.transaction() as connection:
        connection.exec_driver_sql(LAST_SESSION)
    room.say(("D02", 2, "m³"))
    room.say(("D03", 3, "m³"))
    with pytest.raises(StoreLost) as fault:
        room.work()
    room.service._lose(str(fault.value))
    assert room.notebook.acknowledged == [1]
    assert room.service.unready() is not None
    assert room.work()
    assert room.service.unready() is None
    assert room.notebook.acknowledged == [1, 2, 3]
    assert len(stored(room.database)) == 3


def test_a_lock_held_for_long_is_waited_for(room: Room) -> None:
    room.say(("D01", 1, "kWh"))
    room.work()
    room.execute(refuse_value("55P03", "true"))
    room.say(("D02", 2, "m³"))
    with pytest.raises(StoreLost):
        room.work()
    assert room.notebook.acknowledged == [1]
    room.execute("DROP TRIGGER refuse ON tds.reading")
    room.work()
    assert room.notebook.acknowledged == [1, 2]


def test_a_mistake_of_ours_in_decoding_leaves_no_message_unacknowledged(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.batch.decode", lambda *_: 1 / 0)
    room.say(("D01", 1, "kWh"))
    room.work()
    assert room.notebook.acknowledged == [1]
    assert rejected(room.database) == [("", None, "schema")]


def test_a_gateway_gone_mad_fills_no_disk(room: Room) -> None:
    room.service._limiter.burst, room.service._limiter.per_hour = 5, 10
    for number in range(20):
        room.arrive(payload([("D01", "x", "kWh"), ("D02", 1, "m³")], NOW - timedelta(minutes=number), seq=number))
        room.arrive(b"x%d" % number)
    room.say(("D77", 1, "kWh"), mac=OTHER)
    room.work()
    mine = query(room.database, "SELECT detail FROM tds.rejection WHERE mac = :mac ORDER BY id", mac=MAC)
    assert len(mine) == 6
    assert mine[5][0].endswith("more than 10 rejections an hour: further ones are counted, not kept")
    assert rejected(room.database)[-1] == (OTHER, "D77", "unknown_device")
    assert room.count("tds_rejections_suppressed_total") == 34
    assert len(room.notebook.acknowledged) == 41
    assert room.notebook.confirmed[0][MAC] == list(range(20))


def test_a_second_ingester_of_the_same_client_id_stands_by_until_the_first_is_gone(room: Room) -> None:
    assert room.work() is False
    second = Room.__new__(Room)
    second.database, second.inbox, second.notebook, second.metrics = room.database, Inbox(10), Notebook(), Metrics()
    second.service = Service(
        lambda: room.database.ingest.url,
        "tds-ingest",
        second.inbox,
        cast(Subscriber, second.notebook),
        second.metrics,
        threading.Event(),
    )
    assert not second.service._is_active()
    assert not second.notebook.running
    assert second.service.unready() is None
    room.service._lose("killed by the test")
    wait_for(second.service._is_active)
    assert second.notebook.running
    assert not room.service._is_active()
    assert not room.notebook.running
    second.service._lose("the test is over")


def test_asked_to_stop_it_finishes_and_acknowledges_what_it_holds(room: Room) -> None:
    for minute in range(50):
        room.arrive(payload([("D01", minute, "kWh")], NOW - timedelta(minutes=60 - minute)))
    room.stop.set()
    assert not room.service._session
    assert room.service._is_active()
    room.service.run()
    assert len(room.notebook.acknowledged) == 50
    assert room.notebook.discarding
    assert not room.notebook.running
