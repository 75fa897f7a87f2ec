"""The database server itself is killed, and comes back."""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import settings as settings_module
from sql.embedded import EmbeddedServer
from sql.engine import open_store
from sql.migrate import migrate
from tests.conftest import Database, create_database
from tests.faults.cell import Cell, wait_for
from tests.faults.load import Load
from tests.ingest.cast import register

RANDOM = random.Random(5)


class Doomed:
    """A cell with a database server of its own that may be killed."""

    def __init__(self, folder: Path) -> None:
        settings = settings_module.load({"TDS_STATE_DIR": str(folder)})
        self.server = EmbeddedServer(settings)
        self.server.join()
        own = replace(settings, database_url=create_database(self.server.superuser_url(), "doomed"))
        migrate(own)
        self.database = Database("plain", own, *(open_store(own, role) for role in ("owner", "ingest", "web")))
        register(self.database)
        self.cell = Cell(self.database)

    def kill_server(self) -> None:
        """Kill the server and all its processes at once."""
        pid = int((self.server.place.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)
        wait_for(lambda: not _alive(pid))

    def close(self) -> None:
        """Stop all of it."""
        self.cell.close()
        for store in (self.database.owner, self.database.ingest, self.database.web):
            store.close()
        self.server.leave()


@pytest.fixture
def doomed() -> Iterator[Doomed]:
    """A cell whose database may die, where an unprivileged server reaches its files whatever else pytest does."""
    with tempfile.TemporaryDirectory(prefix="tds-doomed-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        doomed = Doomed(Path(folder))
        yield doomed
        doomed.close()


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
def test_ten_kills_of_the_database_lose_and_double_nothing(doomed: Doomed) -> None:
    kill_database(doomed, 10)


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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
