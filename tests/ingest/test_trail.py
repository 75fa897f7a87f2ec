"""From a message to its rows: a commit's line has the id that they have, and a busy hour does not fill the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ingest.trail import REFUSED, Trail, batch_id
from ingest.writer import Stored
from tests.conftest import Database
from tests.ingest.cast import MAC, query
from tests.ingest.test_service import NOW, Room


@pytest.fixture
def room(plain_database: Database) -> Iterator[Room]:
    """A room of its own."""
    room = Room(plain_database)
    yield room
    room.service._lose("the test is over")


def test_a_commits_line_has_the_id_of_its_rows(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ingest.trail")
    room.say(("D01", 1, "kWh"), ("D77", 1, "kWh"), seq=41)
    room.work()
    (line,) = [record for record in caplog.records if record.name == "ingest.trail"]
    facts = line.__dict__["facts"]
    assert {
        "messages": 1,
        "readings": 1,
        "rejections": {"unknown_device": 1},
        "gateways": [MAC],
        "seq": [41],
    }.items() <= facts.items()
    rows = query(
        room.database,
        "SELECT received_at FROM tds.rejection UNION ALL SELECT last_seen_at FROM tds.gateway_seen"
        " UNION ALL SELECT received_at FROM tds.device_seen",
    )
    assert [batch_id(received_at) for (received_at,) in rows] == [facts["batch"]] * 3


def test_some_lines_a_second_are_enough(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ingest.trail")
    trail, well, refused = Trail(), Stored(5, 0, []), Stored(0, 0, ["not_json"])
    for number in range(100):
        trail.tell([], well, NOW + timedelta(milliseconds=number), 0.001, now=7 + number / 1000)
    assert len(caplog.records) == 1
    for _ in range(100):
        trail.tell([], refused, NOW, 0.001, now=7.5)
    assert len(caplog.records) == REFUSED
    trail.tell([], well, NOW, 0.001, now=8)
    assert caplog.records[-1].__dict__["facts"]["commits_unsaid"] == 100 - (REFUSED - 1)
    assert caplog.records[1].__dict__["facts"]["commits_unsaid"] == 99
