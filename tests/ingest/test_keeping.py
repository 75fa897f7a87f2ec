"""How many rejections are kept: by rate, by number and bytes of a gateway, and what is said of the rest."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest import keeping, writer
from ingest.directory import Directory
from ingest.limiter import MOST_KNOWN, Complaints, RejectionLimiter
from ingest.message import decode
from ingest.rejection import Rejection
from ingest.resolve import resolve
from ingest.session import Session
from ingest.writer import Stored
from sql import upkeep
from tests.conftest import Database
from tests.ingest.cast import MAC, STRANGER, payload, query, register, rejected, topic

OTHER = "02:00:00:00:00:02"
NOW = datetime(2026, 2, 18, 16, 0, tzinfo=UTC)
TALLY = """SELECT coalesce(g.mac, 'nowhere'), kept, bytes, unkept, unkept_from, unkept_to
             FROM tds.rejection_tally t LEFT JOIN tds.gateway g ON g.id = t.gateway_id ORDER BY 1"""


class Desk:
    """A session with the small fleet that stores what cannot be stored."""

    def __init__(self, database: Database) -> None:
        register(database)
        self.database, self.session, self.directory = database, Session(database.ingest.url), Directory()
        self.directory.load(self.session.connection)

    def store(self, *messages: tuple[str, bytes], now: datetime = NOW) -> Stored:
        resolved = [resolve(decode(*message), self.directory, now) for message in messages]
        return writer.store(self.session.connection, resolved, now, lambda _, rejection: rejection)

    def nonsense(self, number: int, mac: str = MAC, size: int = 10, now: datetime = NOW) -> Stored:
        """Store so many messages that are no JSON, of so many bytes."""
        return self.store(*((topic(mac), b"%0*d?" % (size - 1, n)) for n in range(number)), now=now)

    def tally(self) -> list[tuple[Any, ...]]:
        return query(self.database, TALLY)


@pytest.fixture
def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk on a database where ten rejections of a gateway find room, or a thousand bytes of them."""
    monkeypatch.setattr(keeping, "MOST_KEPT", 10)
    monkeypatch.setattr(keeping, "MOST_BYTES", 1000)
    desk = Desk(database)
    yield desk
    desk.session.close()


def test_a_gateway_has_room_for_so_many_and_the_rest_is_counted(desk: Desk) -> None:
    assert desk.nonsense(7).suppressed == {}
    assert desk.nonsense(7).suppressed == {}  # the same again
    desk.store((topic(), b"another"), (topic(), b"and another"))
    later = NOW + timedelta(minutes=5)
    outcome = desk.store(*((topic(), b"more %d" % n) for n in range(5)), (topic(OTHER), b"not mad"), now=later)
    assert outcome.suppressed == {MAC: 4}
    assert outcome.rejections == ["not_json"] * 6
    desk.nonsense(3, size=11, now=later + timedelta(minutes=5))
    assert desk.tally() == [
        (MAC, 10, 7 * 10 + 7 + 11 + 6, 7, later, later + timedelta(minutes=5)),
        (OTHER, 1, 7, 0, None, None),
    ]
    assert len(rejected(desk.database)) == 11


def test_it_has_room_for_so_many_bytes(desk: Desk) -> None:
    assert desk.nonsense(5, size=300).suppressed == {MAC: 2}
    assert desk.nonsense(1, size=99).suppressed == {}
    assert desk.tally() == [(MAC, 4, 999, 2, NOW, NOW)]


def test_gateways_that_are_registered_nowhere_share_one_room(desk: Desk) -> None:
    macs = [f"02:00:00:00:99:{n:02x}" for n in range(4)]
    messages = [(topic(mac), payload([("D01", n, "kWh")], NOW, mac)) for mac in macs for n in range(4)]
    sizes = [len(message) for _, message in messages]
    keeping.MOST_BYTES = 100_000
    assert desk.store(*messages).suppressed == {macs[2]: 2, macs[3]: 4}
    assert desk.tally() == [("nowhere", 10, sum(sizes[:10]), 6, NOW, NOW)]
    assert desk.nonsense(1).suppressed == {}


def test_a_full_room_keeps_readings_coming(desk: Desk) -> None:
    desk.nonsense(12)
    message = payload([("D01", 1, "kWh"), ("D77", 1, "kWh"), ("D02", 2, "m³")], NOW)
    outcome = desk.store((topic(), message))
    assert (outcome.readings, outcome.rejections, outcome.suppressed) == (2, ["unknown_device"], {MAC: 1})


def test_the_tally_is_true_whoever_stores_or_removes(desk: Desk) -> None:
    desk.nonsense(4)
    desk.nonsense(3, STRANGER)
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM tds.rejection WHERE id IN (SELECT min(id) FROM tds.rejection GROUP BY mac)")
    assert [(mac, kept) for mac, kept, *_ in desk.tally()] == [(MAC, 3), ("nowhere", 2)]
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql(f"DELETE FROM tds.gateway WHERE mac = '{MAC}'")
    assert [(mac, kept) for mac, kept, *_ in desk.tally()] == [("nowhere", 2)]
    assert len(rejected(desk.database)) == 2


def test_after_ninety_days_there_is_room_again_and_nothing_is_said_any_more(desk: Desk) -> None:
    desk.nonsense(12, now=datetime.now(UTC) - timedelta(days=91))
    desk.nonsense(1, OTHER, now=datetime.now(UTC) - timedelta(days=89))
    upkeep.expire(desk.database.owner, datetime.now(UTC))
    assert [line[:4] for line in desk.tally()] == [(MAC, 0, 0, 0), (OTHER, 1, 10, 0)]
    assert rejected(desk.database) == [(OTHER, None, "not_json")]


def test_what_is_not_kept_is_said_at_once_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()
    with caplog.at_level(logging.WARNING):
        complaints.note({}, 100)
        complaints.note({MAC: 3}, 100)
        for second in range(101, 160):
            complaints.note({MAC: 2, OTHER: 1}, second)
        assert [record.getMessage() for record in caplog.records] == [
            f"{MAC} sent 3 more messages or readings that were refused and not kept"
        ]
        caplog.clear()
        complaints.note({}, 161)
        assert [record.getMessage() for record in caplog.records] == [
            f"{MAC} sent 118 more messages or readings that were refused and not kept",
            f"{OTHER} sent 59 more messages or readings that were refused and not kept",
        ]
        caplog.clear()
        complaints.note({f"m{n}": n for n in range(1, 9)}, 300)
        assert len(caplog.records) == 6
        assert caplog.records[-1].getMessage() == "3 other gateways sent 6 such messages"


def test_the_rate_remembers_so_many_and_who_is_over_it_longest() -> None:
    limiter = RejectionLimiter(burst=3, per_hour=1)
    rejection = Rejection("schema", "x", "t", b"")
    for _ in range(5):
        limiter.admit("mad", rejection, 0.0)
    for number in range(3 * MOST_KNOWN):
        assert limiter.admit(f"mac {number}", rejection, 1.0) is not None
    assert len(limiter._allowances) <= MOST_KNOWN
    assert limiter.admit("mad", rejection, 2.0) is None


def test_the_last_one_kept_by_the_rate_says_that_there_is_one() -> None:
    limiter, rejection = RejectionLimiter(2, 60), Rejection("schema", "no", topic(), b"x")
    assert [limiter.admit(MAC, rejection, 0) for _ in range(2)] == [rejection] * 2
    last = limiter.admit(MAC, rejection, 0)
    assert last is not None
    assert "more than 60 rejections an hour" in last.detail
    assert limiter.admit(MAC, rejection, 1) is None
    assert limiter.admit(OTHER, rejection, 1) == rejection
    assert limiter.admit(MAC, rejection, 61) == rejection
