"""Hostile payloads and topics, hundreds of thousands, through everything from decoding to a real database's commit.

`python -m pytest -m long tests/faults/test_hostile.py --timeout 7200`
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ingest.logs import TextFormatter
from ingest.message import LARGEST_PAYLOAD
from ingest.rejection import REASONS
from tests.conftest import Database
from tests.faults.cell import Cell, wait_for
from tests.faults.flood import Flood
from tests.faults.record import write
from tests.ingest.cast import MAC, query, topic
from tests.ingest.test_fuzz import GOOD, anything, check, hostile_topic, messages, mutate
from tests.ingest.test_service import Room

ROUNDS, PER_ROUND = 72, 1500
LARGEST_GROWTH_MIB = 24

topics = st.one_of(
    st.just(topic()),
    st.just(topic(sort="status")),
    st.randoms(use_true_random=False).map(hostile_topic),
    st.text(max_size=60),
)
small = messages.map(lambda message: json.dumps(message).encode())
encoded = st.tuples(anything, st.sampled_from(["utf-8", "utf-16", "utf-32"])).map(
    lambda pair: json.dumps(pair[0], ensure_ascii=False).encode(pair[1], "surrogatepass")
)
mutated = st.randoms(use_true_random=False).map(lambda chance: mutate(GOOD, chance))
large = st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, LARGEST_PAYLOAD + 5000)).map(
    lambda pair: (pair[0] * (pair[1] // len(pair[0]) + 1))[: pair[1]]
)
deep = st.tuples(st.sampled_from([b"[", b'{"a":', b'{"leituras":[', b'[{"seq":']), st.integers(1, 9000)).map(
    lambda pair: pair[0] * (pair[1] * 6 // len(pair[0]))
)
repeated = st.tuples(small, st.sampled_from([b'"seq":1,', b'"gateway_mac":"x",', b'"leituras":[],'])).map(
    lambda pair: b"{" + pair[1] * 3 + pair[0][1:]
)
numbers = st.tuples(st.integers(1, 6000), st.sampled_from(["seq", "valor"])).map(
    lambda pair: GOOD.replace(b'"seq": 9' if pair[1] == "seq" else b"123.45", b'"seq": ' * (pair[1] == "seq") + b"9" * pair[0])
)
payloads = st.one_of(small, small, small, mutated, mutated, encoded, repeated, numbers, st.binary(max_size=3000), large, deep)


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
    room = Room(plain_database)
    yield room
    room.stop.set()
    room.service._lose("the test is over")


def one_round(room: Room, number: int, count: int) -> int:
    """Let as many hostile messages arrive, each checked alone, then all stored or refused and acknowledged."""
    tried = 0

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(topics, payloads)
    def let_arrive(on: str, payload: bytes) -> None:
        nonlocal tried
        check(on, payload)
        room.arrive(payload, on)
        tried += 1
        if tried % 100 == 0 and room.service._is_active():
            room.service._tend()  # as the loop does: a session that is silent for a minute is ended by the database

    let_arrive()
    while room.service._held():
        assert room.work()
    return tried


def fuzz(room: Room, lines: Lines, rounds: int, count: int) -> dict[str, Any]:
    """Run rounds; gives what they came to. Memory is compared from the third round on, when everything has its size."""
    room.inbox.most, tried, before = 10**6, 0, 0.0
    for number in range(rounds):
        tried += one_round(room, number, count)
        if number == min(2, rounds - 1):
            before = resident_mib()
    return {
        "messages": tried,
        "acknowledged": len(room.notebook.acknowledged),
        "confirmed": sum(len(numbers) for one in room.notebook.confirmed for numbers in one.values()),
        "readings": query(room.database, "SELECT count(*) FROM tds.reading")[0][0],
        "refused": int(sum(room.count("tds_rejections_total", reason=reason) for reason in REASONS)),
        "kept": query(room.database, "SELECT count(*) FROM tds.rejection")[0][0],
        "grown_mib": round(resident_mib() - before, 1),
        "log_lines": len(lines.lines),
        "longest_line": max(map(len, lines.lines), default=0),
    }


def resident_mib() -> float:
    """How much memory this process has now."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def judge(found: dict[str, Any], lines: Lines) -> None:
    """Hold what the run came to against what is promised."""
    assert found["acknowledged"] == found["messages"]
    assert found["refused"] > found["messages"] / 2
    assert found["readings"] > 0
    assert found["grown_mib"] <= LARGEST_GROWTH_MIB
    assert [line for line in lines.lines if not line.isprintable() or len(line) > 2100 or "Traceback" in line] == []


def test_hostile_messages_by_the_hundred_end_as_readings_or_rejections(plain_room: Room, lines: Lines) -> None:
    judge(fuzz(plain_room, lines, 2, 250), lines)


def test_numbers_too_long_to_be_confirmed_do_not_stop_it(plain_cell: Cell) -> None:
    """Three hundred of them, confirmed together, would be a packet of a megabyte: the broker takes 256 KiB."""
    ingester = plain_cell.ingester().wait_until_subscribed()
    flood = Flood(plain_cell, plain_cell.identity(MAC))
    flood.publish(GOOD.replace(b'"seq": 9', b'"seq": ' + b"9" * 4000 + b"%d" % number) for number in range(300))
    flood.close()
    publisher = plain_cell.publisher(MAC)
    publisher.publish(GOOD)
    wait_for(lambda: publisher.confirmed == [9], 20, ingester.log.read_text)
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
