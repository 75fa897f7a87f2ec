"""The loop of every worker goes on through every fault, and says each in the log."""

from __future__ import annotations

import logging
from threading import Event

import pytest
from sqlalchemy.exc import OperationalError

from ingest.turns import take_turns
from sql.errors import StoreUnavailable

SHORTEST, LONGEST = 0.001, 0.004


def test_it_goes_on_through_faults_with_pauses_that_grow_and_end_with_the_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    refused = OperationalError("SELECT 1", {}, Exception("server closed the connection\nand more of it"))
    outcomes = [
        refused,
        StoreUnavailable("away"),
        OSError("no descriptors"),
        StoreUnavailable("away"),
        None,
        refused,
        KeyError("x"),
    ]

    def turn() -> None:
        if not outcomes:
            stop.set()
        elif fault := outcomes.pop(0):
            raise fault

    with caplog.at_level(logging.WARNING, "ingest.turns"):
        take_turns(stop, turn, "the worker", SHORTEST, LONGEST)
    told = [record for record in caplog.records if record.exc_info is None]
    assert [record.args[2] for record in told if isinstance(record.args, tuple)] == [
        "server closed the connection", "away", "no descriptors", "away", "server closed the connection",
    ]  # fmt: skip
    assert [record.args[1] for record in told if isinstance(record.args, tuple)] == [0.001, 0.002, 0.004, 0.004, 0.001]
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"], "our own fault says where it happened"


def test_told_to_stop_it_takes_no_turn() -> None:
    stop = Event()
    stop.set()
    take_turns(stop, lambda: pytest.fail("a turn was taken"), "the worker", SHORTEST, LONGEST)
