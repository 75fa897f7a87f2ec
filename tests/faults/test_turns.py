"""Two ingesters under one client id that take the turn from each other again and again: by death, by frost, by a lost session."""

import random
import signal
import time

import pytest

from tests.faults.cell import Cell, Ingester, wait_for
from tests.faults.load import Load
from tests.faults.record import recorded
from tests.ingest.cast import query

RANDOM = random.Random(6)


def active(ingesters: list[Ingester]) -> Ingester:
    """Wait for the one that stores, and give it."""

    def found() -> Ingester | None:
        return next((one for one in ingesters if one.ask("/healthz")[0] == 200 and one.is_subscribed()), None)

    return wait_for(found, 60, lambda: "\n".join(one.log.read_text() for one in ingesters))  # type: ignore[no-any-return]


def take_turns(cell: Cell, times: int) -> None:
    """Let the active one die, freeze or lose its session at a random moment, each time with the other in wait."""
    ingesters = [cell.ingester().wait_until_subscribed(), cell.ingester()]
    wait_for(lambda: "standing by" in ingesters[1].log.read_text(), 30)
    load = Load(cell).begin()
    for turn in range(times):
        first = active(ingesters)
        time.sleep(RANDOM.uniform(0.1, 1.5))
        how = ("kill", "freeze", "hang up")[turn % 3]
        if how == "kill":
            first.kill()
            ingesters = [*(one for one in ingesters if one is not first), cell.ingester()]
            continue
        if how == "freeze":
            first.process.send_signal(signal.SIGSTOP)
        sessions = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        with cell.database.ingest.transaction() as connection:
            connection.exec_driver_sql(sessions)
        time.sleep(RANDOM.uniform(0.5, 2))
        first.process.send_signal(signal.SIGCONT)
    active(ingesters)
    load.end()
    load.check()
    load.reconcile()
    assert sum(one.metric("tds_active") for one in ingesters) == 1
    assert all("Traceback" not in one.log.read_text() for one in ingesters)
    assert query(cell.database, "SELECT count(*) FROM tds.rejection") == [(0,)]


def test_two_ingesters_that_take_turns_lose_and_double_nothing(plain_cell: Cell) -> None:
    take_turns(plain_cell, 3)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_turns_lose_and_double_nothing(cell: Cell) -> None:
    with recorded(cell, "turns of two ingesters", 30):
        take_turns(cell, 30)
