"""Hostile payloads and topics, hundreds of thousands, through everything from decoding to a real database's commit.

`python -m pytest -m long tests/faults/test_hostile.py --timeout 7200`
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import psutil
import pytest

from ingest.inbox import Received
from ingest.rejection import REASONS
from logs import TextFormatter
from tests.conftest import Database
from tests.faults.cell import Cell, wait_for
from tests.faults.flood import Flood
from tests.faults.hostile import hostile_messages
from tests.faults.record import write
from tests.ingest.cast import MAC, query
from tests.ingest.test_fuzz import GOOD
from tests.ingest.test_service import Notebook, Room

ROUNDS, PER_ROUND = 80, 1500
# By then caches have their size, and the list of those whose rejections are counted, which holds the last 10,000 names.
# From there on 90,000 messages: what is left of each may be 70 bytes, less than the smallest of Python's objects in a list.
WARM_ROUNDS = 20
LARGEST_GROWTH_MIB = 6
LARGEST_GROWTH_COLD_MIB = 24


class Tally(Notebook):
    """Counts what it is told instead of keeping it: the test's own lists would be taken for the ingester's."""

    def __init__(self) -> None:
        super().__init__()
        self.settled = self.numbers = 0

    def settle(self, batch: Sequence[Received], confirmed: Mapping[str, list[int]]) -> None:
        self.settled += len(batch)
        self.numbers += sum(map(len, confirmed.values()))


class Lines(logging.Handler):
    """Keeps every line as an operator would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TextFormatter("%(asctime)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log of the run."""
    handler = Lines()
    logging.getLogger("ingest").addHandler(handler)
    yield handler
    logging.getLogger("ingest").removeHandler(handler)


@pytest.fixture
def plain_room(plain_database: Database) -> Iterator[Room]:
    """A service on a real database."""
    room = Room(plain_database, Tally())
    yield room
    room.stop.set()
    room.service._lose("the test is over")


def fuzz(room: Room, lines: Lines, rounds: int, count: int) -> dict[str, Any]:
    """Let hostile messages arrive, all of a round stored or refused and acknowledged before the next; gives what they came to.

    Memory is noted when everything has its size, and then four times more.
    """
    tally, resident, tried = room.notebook, [], 0
    assert isinstance(tally, Tally)
    room.inbox.most = 10**6
    warm = min(WARM_ROUNDS, rounds // 2)
    with hostile_messages(rounds, count) as arriving:
        for number in range(1, rounds + 1):
            for on, payload in islice(arriving, count):
                room.arrive(payload, on)
                tried += 1
                if tried % 100 == 0 and room.service._is_active():
                    room.service._tend()  # as the loop does: a session that is silent for a minute is ended by the database
            while room.service._held():
                assert room.work()
            if number >= warm and (number - warm) % max(1, (rounds - warm) // 4) == 0:
                resident.append(resident_mib())
        assert list(arriving) == []
    return {
        "messages": tried,
        "acknowledged": tally.settled,
        "confirmed": tally.numbers,
        "readings": query(room.database, "SELECT count(*) FROM tds.reading")[0][0],
        "refused": int(sum(room.count("tds_rejections_total", reason=reason) for reason in REASONS)),
        "kept": query(room.database, "SELECT count(*) FROM tds.rejection")[0][0],
        "resident_mib": [round(one, 1) for one in resident],
        "grown_mib": round(max(resident) - resident[0], 1),
        "log_lines": len(lines.lines),
        "longest_line": max(map(len, lines.lines), default=0),
    }


def resident_mib() -> float:
    """How much memory this process has now."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def judge(found: dict[str, Any], lines: Lines, most_mib: float = LARGEST_GROWTH_MIB) -> None:
    """Hold what the run came to against what is promised."""
    assert found["acknowledged"] == found["messages"]
    assert found["refused"] > found["messages"] / 2
    assert found["readings"] > 0
    assert found["grown_mib"] <= most_mib
    assert [line for line in lines.lines if not line.isprintable() or len(line) > 2100 or "Traceback" in line] == []


def test_hostile_messages_by_the_hundred_end_as_readings_or_rejections(plain_room: Room, lines: Lines) -> None:
    judge(fuzz(plain_room, lines, 2, 250), lines, LARGEST_GROWTH_COLD_MIB)


def test_numbers_too_long_to_be_confirmed_do_not_stop_it(plain_cell: Cell) -> None:
    """Three hundred of them, confirmed together, would be a packet of a megabyte: the broker takes 256 KiB."""
    ingester = plain_cell.ingester().wait_until_subscribed()
    flood = Flood(plain_cell, plain_cell.identity(MAC))
    flood.publish(GOOD.replace(b'"seq": 9', b'"seq": ' + b"9" * 4000 + b"%d" % number) for number in range(300))
    flood.close()
    publisher = plain_cell.publisher(MAC)
    publisher.publish(GOOD)
    wait_for(lambda: publisher.confirmed == [9], what=ingester.log.read_text)
    assert ingester.metric('tds_rejections_total{reason="schema"}') == 300
    assert ingester.metric("tds_reconnects_total") == 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_more_than_a_hundred_thousand_hostile_messages(plain_room: Room, lines: Lines) -> None:
    with recorded_fuzz(plain_room) as found:
        found |= fuzz(plain_room, lines, ROUNDS, PER_ROUND)
        judge(found, lines)


@contextmanager
def recorded_fuzz(room: Room) -> Iterator[dict[str, Any]]:
    """Write down what a run came to, also where it fails."""
    began, found, passed = time.monotonic(), {}, False
    try:
        yield found
        passed = True
    finally:
        write(room.database, {"fuzz": "hostile messages", "passed": passed, "seconds": round(time.monotonic() - began), **found})
