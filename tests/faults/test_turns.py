"""Two ingesters under one client id that take the turn from each other again and again: by death, by frost, by a lost session."""

import random
import signal
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.faults.cell import SESSIONS, Cell, Ingester, wait_for
from tests.faults.load import Load
from tests.faults.proxy import Proxy
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
    wait_for(lambda: "standing by" in ingesters[1].log.read_text())
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
        with cell.database.ingest.transaction() as connection:
            connection.exec_driver_sql(SESSIONS)
        time.sleep(RANDOM.uniform(0.5, 2))
        first.process.send_signal(signal.SIGCONT)
    active(ingesters)
    load.end()
    load.check()
    load.reconcile()
    assert sum(one.metric("tds_active") for one in ingesters) == 1
    assert all("Traceback" not in one.log.read_text() for one in ingesters)
    assert query(cell.database, "SELECT count(*) FROM tds.rejection") == [(0,)]


# A network that goes dark is noticed by the server only when the session has been idle for a minute.
@pytest.mark.parametrize("how", ["refuse", pytest.param("stall", marks=pytest.mark.long)])
def test_an_ingester_cut_off_from_the_database_leaves_the_broker_to_the_other(plain_cell: Cell, how: str) -> None:
    """It would take the session back again and again, with messages that it cannot store."""
    url = urlsplit(plain_cell.settings.database_url or "")
    with closing(Proxy(url.port or 0)) as proxy:
        through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{proxy.port}")).geturl()
        first = plain_cell.ingester(TDS_DATABASE_URL=through).wait_until_subscribed()
        second = plain_cell.ingester()
        wait_for(lambda: "standing by" in second.log.read_text())
        load = Load(plain_cell).begin()
        time.sleep(0.5)
        getattr(proxy, how)()
        wait_for(second.is_subscribed, 100, second.log.read_text)
        wait_for(lambda: first.ask("/readyz")[0] == 503, what=first.log.read_text)
        time.sleep(2)
        ended = second.metric("tds_reconnects_total")
        time.sleep(6)
        assert second.metric("tds_reconnects_total") == ended
        assert second.is_subscribed()
        assert first.ask("/readyz")[0] == 503
        proxy.heal()
        wait_for(lambda: first.log.read_text().count("standing by") == 1, 120, first.log.read_text)
        load.end()
        load.check()
        load.reconcile()


def test_two_ingesters_that_take_turns_lose_and_double_nothing(plain_cell: Cell) -> None:
    take_turns(plain_cell, 3)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_turns_lose_and_double_nothing(cell: Cell) -> None:
    with recorded(cell, "turns of two ingesters", 30):
        take_turns(cell, 30)
