"""The database server itself is killed, and comes back."""

import random
import time

import pytest

from tests.faults.cell import wait_for
from tests.faults.doomed import Doomed
from tests.faults.load import Load
from tests.faults.record import recorded

RANDOM = random.Random(5)


def kill_database(doomed: Doomed, times: int) -> None:
    """Kill the database at random moments under load and start it again."""
    ingester = doomed.cell.ingester().wait_until_subscribed()
    load = Load(doomed.cell).begin()
    for _ in range(times):
        time.sleep(RANDOM.uniform(0.3, 2))
        doomed.kill_server()
        time.sleep(RANDOM.uniform(0, 1))
        doomed.server.join()
    load.end()
    load.check()
    wait_for(ingester.is_subscribed, 30)
    assert "Traceback" not in ingester.log.read_text()
    load.reconcile()


def test_a_database_killed_under_load_loses_and_doubles_nothing(doomed: Doomed) -> None:
    kill_database(doomed, 1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_kills_of_the_database_lose_and_double_nothing(doomed_everywhere: Doomed) -> None:
    with recorded(doomed_everywhere.cell, "database killed", 10):
        kill_database(doomed_everywhere, 10)


def test_without_a_database_it_keeps_its_memory_and_its_connection(doomed: Doomed) -> None:
    """What it cannot store stays at the broker, beyond the window; nothing is acknowledged, nothing grows."""
    ingester = doomed.cell.ingester().wait_until_subscribed()
    doomed.kill_server()
    load = Load(doomed.cell, rate=1000).begin()
    wait_for(lambda: ingester.ask("/readyz")[0] == 503)
    assert "database" in ingester.ask("/readyz")[1]
    before = ingester.metric("process_resident_memory_bytes")
    time.sleep(4)
    assert ingester.metric("process_resident_memory_bytes") < before + 20e6
    doomed.server.join()
    load.end()
    load.check()
