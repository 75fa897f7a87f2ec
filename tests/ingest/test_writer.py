"""What a committed batch leaves in the database, on each engine."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor

from ingest import writer
from ingest.directory import Directory
from ingest.message import decode
from ingest.rejection import REASONS
from ingest.resolve import resolve
from ingest.session import Session, StoreLost
from ingest.writer import Stored
from tests.conftest import Database
from tests.ingest.cast import MAC, STRANGER, fixture, payload, query, register, rejected, stored, topic
from tests.ingest.test_fuzz import GOOD, mutate

NOW = datetime(2026, 2, 18, 16, 0, tzinfo=UTC)


class Desk:
    """A session with the small fleet, ready to store messages."""

    def __init__(self, database: Database) -> None:
        register(database)
        self.database = database
        self.session = Session(database.ingest.url)
        self.directory = Directory()
        self.directory.load(self.session.connection)

    def store(self, *messages: tuple[str, bytes], now: datetime = NOW) -> Stored:
        """Decode, resolve and store messages in one transaction."""
        resolved = [resolve(decode(*message), self.directory, now) for message in messages]
        return writer.store(self.session.connection, resolved, now, lambda _, rejection: rejection)

    def say(self, *readings: tuple[Any, ...], time: str = "2026-02-18T14:30:00Z", mac: str = MAC, now: datetime = NOW) -> Stored:
        """Store one message of a gateway."""
        return self.store((topic(mac), payload(readings, time, mac)), now=now)


@pytest.fixture
def desk(emptied: Database) -> Iterator[Desk]:
    """A desk on an empty database."""
    desk = Desk(emptied)
    yield desk
    desk.session.close()


def test_it_stores_the_hundred_readings_of_the_small_fleet(desk: Desk) -> None:
    rows = fixture("readings")
    messages = [
        (
            topic(row["gateway_mac"]),
            payload([(row["device_code"], row["value"], row["unit"])], row["timestamp"], row["gateway_mac"]),
        )
        for row in rows
    ]
    assert desk.store(*messages) == Stored(100, 0, [], late=60)
    expected = sorted(
        (r["gateway_mac"], r["device_code"], datetime.fromisoformat(r["timestamp"]), Decimal(r["value"])) for r in rows
    )
    assert stored(desk.database) == expected
    assert desk.store(*messages) == Stored(0, 100, [])
    assert stored(desk.database) == expected


def test_it_stores_a_thousand_readings_in_one_transaction(desk: Desk) -> None:
    start = datetime(2026, 2, 18, tzinfo=UTC)
    readings = [("D01", n, "kWh", start + timedelta(seconds=n)) for n in range(1000)]
    assert desk.store(*((topic(), payload(readings[n : n + 500], start)) for n in (0, 500))).readings == 1000


def test_it_marks_one_range_for_each_device_and_only_for_what_is_new(desk: Desk) -> None:
    early, middle, late = (f"2026-02-18T14:{minute}:00Z" for minute in (30, 45, 55))
    desk.say(("D01", 1, "kWh", early), ("D01", 2, "kWh", late), ("D04", 20, "°C", middle))
    ranges = "SELECT d.code, low, high, whole FROM tds.dirty JOIN tds.device d ON d.id = device_id ORDER BY dirty.id, d.code"
    first = query(desk.database, ranges)
    assert sorted(first) == [
        ("D01", datetime.fromisoformat(early), datetime.fromisoformat(late), False),
        ("D04", datetime.fromisoformat(middle), datetime.fromisoformat(middle), False),
    ]
    desk.say(("D01", 1, "kWh", early), ("D01", 2, "kWh", late), ("D04", 20, "°C", middle))
    assert query(desk.database, ranges) == first
    desk.say(("D01", 1, "kWh", early), ("D01", 2, "kWh", middle))
    assert query(desk.database, ranges)[2:] == [("D01", datetime.fromisoformat(middle), datetime.fromisoformat(middle), False)]


@pytest.mark.parametrize("few", [writer.FEW, 0])
def test_of_two_values_for_one_instant_the_first_stored_wins(desk: Desk, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they get to the database: a few by arrays, many by COPY."""
    monkeypatch.setattr(writer, "FEW", few)
    assert desk.say(("D01", 5, "kWh")).readings == 1
    assert desk.say(("D01", "5.000000", "kWh"), ("D01", "5000", "Wh")) == Stored(0, 2, [])
    assert desk.say(("D01", 6, "kWh"), ("D02", 1, "m³")) == Stored(1, 1, ["conflicting_duplicate"], late=1)
    assert [value for _, code, _, value in stored(desk.database) if code == "D01"] == [5]
    assert rejected(desk.database) == [(MAC, "D01", "conflicting_duplicate")]
    (text,) = query(desk.database, "SELECT detail FROM tds.rejection")[0]
    assert "stored as 5, not 6" in text
    messages = [(topic(), payload([("D04", value, "°C")], "2026-02-18T14:30:00Z")) for value in (7, 3, 7, 9)]
    assert desk.store(*messages) == Stored(1, 3, ["conflicting_duplicate"] * 2, late=1)
    assert [value for _, code, _, value in stored(desk.database) if code == "D04"] == [7]


def test_nobody_is_told_that_a_batch_is_stored_before_it_is_on_the_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, written = writer.commit, []

    def note(cursor: Cursor) -> None:
        written.append(query(desk.database, "SELECT pg_current_wal_insert_lsn()")[0][0])
        commit(cursor)

    monkeypatch.setattr(writer, "commit", note)
    for number in range(20):
        desk.say(("D04", number, "°C"), time=f"2026-02-18T14:30:{number:02}Z")
        assert query(desk.database, f"SELECT pg_current_wal_flush_lsn() >= '{written[-1]}'") == [(True,)]
    assert len(stored(desk.database)) == 20


def test_a_rejection_keeps_its_bytes_and_who_it_is_of(desk: Desk) -> None:
    message = payload([("D01", 1, "kWh"), ("D77", 2, "kWh")], "2026-02-18T14:30:00Z")
    desk.store((topic(), message))
    part = payload([("D77", 2, "kWh")], "2026-02-18T14:30:00Z")
    sql = (
        "SELECT a.name, g.mac, r.mac, r.device_code, r.reason, r.topic, r.received_at, r.payload FROM tds.rejection r"
        " JOIN tds.gateway g ON g.id = r.gateway_id JOIN tds.account a ON a.id = r.account_id"
    )
    *facts, kept = query(desk.database, sql)[0]
    assert facts == ["Aurora", MAC, MAC, "D77", "unknown_device", topic(), NOW]
    assert decode(topic(), bytes(kept)).readings == decode(topic(), part).readings


def test_a_redelivered_message_is_rejected_once(desk: Desk) -> None:
    message = topic(), payload([("D77", 2, "kWh")], "2026-02-18T14:30:00Z")
    desk.store(message, message)
    desk.store(message, now=NOW + timedelta(minutes=1))
    desk.store((topic(), b"{"), (topic(), b"{"))
    assert rejected(desk.database) == [(MAC, "D77", "unknown_device"), (MAC, None, "not_json")]


def test_hostile_text_is_stored_as_far_as_a_database_can(desk: Desk) -> None:
    desk.store(
        (topic(), payload([("D\x00\U0001f4a5", 2, "kWh")], "2026-02-18T14:30:00Z")),
        (topic(), payload([("D" * 500, 2, "kWh")], "2026-02-18T14:30:00Z")),
        (topic("x\x00y'--"), b"\x00\xff\\"),
    )
    assert rejected(desk.database) == [
        (MAC, "D\ufffd\U0001f4a5", "unknown_device"),
        (MAC, "D" * 64, "unknown_device"),
        ("x\ufffdy'--", None, "not_json"),
    ]
    assert bytes(query(desk.database, "SELECT payload FROM tds.rejection ORDER BY id DESC LIMIT 1")[0][0]) == b"\x00\xff\\"


def test_a_thousand_mutated_messages_are_stored_or_rejected(desk: Desk) -> None:
    chance = random.Random(3)
    outcome = desk.store(*((topic(), mutate(GOOD, chance)) for _ in range(1000)))
    assert outcome.readings >= 1
    kept = rejected(desk.database)
    assert {reason for *_, reason in kept} <= set(REASONS)
    assert len({reason for *_, reason in kept}) >= 4


def test_a_rejection_of_an_unknown_gateway_belongs_to_no_account(desk: Desk) -> None:
    desk.say(("D01", 1, "kWh"), mac=STRANGER)
    assert query(desk.database, "SELECT account_id, gateway_id, mac FROM tds.rejection") == [(None, None, STRANGER)]


def test_every_message_moves_the_gateways_last_seen_also_back_from_a_clock_that_was_ahead(desk: Desk) -> None:
    seen = "SELECT g.mac, s.last_seen_at, s.online FROM tds.gateway_seen s JOIN tds.gateway g ON g.id = s.gateway_id ORDER BY 1"
    desk.say(("D01", 1, "kWh"))
    assert query(desk.database, seen) == [(MAC, NOW, True)]
    desk.say(("D01", 1, "kWh"), now=NOW + timedelta(minutes=5))
    assert query(desk.database, seen) == [(MAC, NOW + timedelta(minutes=5), True)]
    desk.say(("D01", 1, "kWh"), now=NOW + timedelta(minutes=2))
    assert query(desk.database, seen) == [(MAC, NOW + timedelta(minutes=2), True)]
    desk.store((topic(), b"not json at all"), now=NOW + timedelta(minutes=6))
    assert query(desk.database, seen) == [(MAC, NOW + timedelta(minutes=6), True)]


def test_a_last_will_takes_a_gateway_offline_until_its_next_message(desk: Desk) -> None:
    seen = "SELECT last_seen_at, online FROM tds.gateway_seen"
    desk.say(("D01", 1, "kWh"))
    desk.store((topic(sort="status"), b"offline"), now=NOW + timedelta(minutes=1))
    assert query(desk.database, seen) == [(NOW, False)]
    desk.say(("D01", 2, "kWh"), time="2026-02-18T14:45:00Z", now=NOW + timedelta(minutes=2))
    assert query(desk.database, seen) == [(NOW + timedelta(minutes=2), True)]
    status, telemetry = (topic(sort="status"), b"offline"), (topic(), payload([("D01", 3, "kWh")], "2026-02-18T14:50:00Z"))
    desk.store(telemetry, status, now=NOW + timedelta(minutes=3))
    assert query(desk.database, seen)[0][1] is False
    desk.store(status, telemetry, now=NOW + timedelta(minutes=4))
    assert query(desk.database, seen)[0][1] is True


def test_a_devices_last_seen_only_moves_forward_by_its_own_time(desk: Desk) -> None:
    seen = "SELECT s.time, s.value, s.received_at FROM tds.device_seen s"
    desk.say(
        ("D01", 2, "kWh", "2026-02-18T14:45:00Z"),
        ("D01", 3, "kWh", "2026-02-18T14:50:00Z"),
        ("D01", 1, "kWh", "2026-02-18T14:30:00Z"),
    )
    newest = [(datetime(2026, 2, 18, 14, 50, tzinfo=UTC), Decimal(3), NOW)]
    assert query(desk.database, seen) == newest
    desk.say(("D01", 9, "kWh", "2026-02-18T14:50:00Z"), ("D01", 1, "kWh", "2026-02-18T14:40:00Z"), now=NOW + timedelta(minutes=1))
    assert query(desk.database, seen) == newest


def test_nothing_of_a_batch_is_stored_where_one_part_fails(desk: Desk) -> None:
    """The device is deleted behind the register's back: the foreign key of its last-seen refuses the whole batch."""
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM tds.device WHERE code = 'D04'")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        desk.say(("D01", 1, "kWh"), ("D04", 20, "°C"), ("D77", 1, "kWh"))
    counts = [
        query(desk.database, f"SELECT count(*) FROM tds.{name}")[0][0]
        for name in ("reading", "dirty", "device_seen", "gateway_seen", "rejection")
    ]
    assert counts == [0] * 5
    desk.directory.load(desk.session.connection)
    assert desk.say(("D01", 1, "kWh"), ("D04", 20, "°C")) == Stored(1, 0, ["unknown_device"], late=1)


def test_values_are_stored_without_trailing_zeros(desk: Desk) -> None:
    desk.say(("D01", "67.8900", "kWh"), ("D02", "1e3", "m³"), ("D03", "0.000", "m³"))
    assert [str(value) for *_, value in stored(desk.database)] == ["67.89", "1000", "0"]


def test_readings_of_two_years_take_their_places(desk: Desk) -> None:
    times = [NOW - timedelta(days=days) for days in (0, 1, 7, 30, 365, 729)]
    message = payload([("D01", 1000 - n, "kWh", time) for n, time in enumerate(times)], NOW)
    assert desk.store((topic(), message)).readings == 6
    assert desk.store((topic(), message)) == Stored(0, 6, [])


def test_late_readings_and_duplicates_reach_a_compressed_chunk(desk: Desk) -> None:
    if desk.database.engine != "timescaledb":
        pytest.skip("only TimescaleDB compresses")
    old = (NOW - timedelta(days=60)).isoformat()
    desk.say(("D01", 5, "kWh", old), time=old)
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql("SELECT compress_chunk(c) FROM show_chunks('tds.reading') c")
    later = (NOW - timedelta(days=60, hours=-1)).isoformat()
    assert desk.say(("D01", 5, "kWh", old), ("D01", 6, "kWh", later)) == Stored(1, 1, [], late=1)
    assert desk.say(("D01", 7, "kWh", old)) == Stored(0, 1, ["conflicting_duplicate"])


def test_a_late_batch_touches_more_compressed_rows_than_the_database_allows_by_default(desk: Desk) -> None:
    """Were it refused by TimescaleDB's own limit, it would be tried again and again, and with it everybody's readings."""
    if desk.database.engine != "timescaledb":
        pytest.skip("only TimescaleDB compresses")
    start = datetime(2026, 1, 5, tzinfo=UTC)
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO tds.reading SELECT d.id, %s + n * interval '1 second', n FROM generate_series(0, 149999) n,"
            " tds.device d JOIN tds.gateway g ON g.id = d.gateway_id WHERE g.mac = %s AND d.code = 'D01'",
            (start, MAC),
        )
        connection.exec_driver_sql("SELECT compress_chunk(c) FROM show_chunks('tds.reading') c")
    late = [("D01", n, "kWh", start + timedelta(seconds=1000 * n + 1.5)) for n in range(150)]
    assert desk.say(*late, time=start.isoformat()).readings == 150
    known = [("D01", 1000 * n + 3, "kWh", start + timedelta(seconds=1000 * n + 3)) for n in range(150)]
    assert desk.say(*known, time=start.isoformat()) == Stored(0, 150, [])


def test_the_ingest_login_can_neither_read_people_nor_change_readings(desk: Desk) -> None:
    for sql in (
        "SELECT * FROM tds.app_user",
        "UPDATE tds.reading SET value = 0",
        "DELETE FROM tds.reading",
        "UPDATE tds.device SET active = false",
    ):
        with (
            pytest.raises(psycopg2.errors.InsufficientPrivilege),
            desk.session.connection as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


def test_an_unreachable_database_is_one_line() -> None:
    with pytest.raises(StoreLost) as fault:
        Session("postgresql://nobody@127.0.0.1:1/nothing")
    assert "\n" not in str(fault.value)
    assert "Connection refused" in str(fault.value)
