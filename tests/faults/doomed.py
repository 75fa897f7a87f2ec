"""A cell with a database server of its own, which may be killed and whose disk may be filled."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2

import settings as settings_module
from sql.embedded import EmbeddedServer
from sql.engine import open_store
from sql.errors import TdsError
from sql.migrate import migrate
from tests.conftest import Database
from tests.databases import create_database, execute
from tests.faults.cell import Cell
from tests.ingest.cast import register

# The programs of a PostgreSQL on this machine that has TimescaleDB: a server that may die is started from there as well.
BINARIES = os.environ.get("TDS_TEST_DATABASE_BINARIES")


def servers() -> list[str]:
    """List the engines of which this machine can start a server that may die."""
    return ["plain", "timescaledb"] if BINARIES else ["plain"]


class Doomed:
    """A broker with the small fleet registered, and a database server that nobody else needs."""

    def __init__(self, folder: Path, engine: str = "plain") -> None:
        settings = settings_module.load({"TDS_STATE_DIR": str(folder)})
        self.server = EmbeddedServer(settings)
        if engine == "timescaledb":
            self._have_timescaledb()
        self.server.join()
        own = replace(settings, database_url=create_database(self.server.superuser_url(), "doomed"))
        migrate(own)
        self.database = Database(engine, own, *(open_store(own, role) for role in ("owner", "ingest", "web")))
        register(self.database)
        self.cell = Cell(self.database)

    def kill_server(self) -> None:
        """Kill the server and all its processes at once."""
        number = int((self.server.place.data / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(number)
        doomed = [postmaster, *postmaster.children(recursive=True)]
        for process in doomed:
            with suppress(psutil.NoSuchProcess):  # they end by themselves when their server is gone
                process.kill()
        psutil.wait_procs(doomed, timeout=60)

    def comes_back(self) -> bool:
        """Start the server where it does not run, and tell whether it answers."""
        try:
            self.server.join()
            psycopg2.connect(self.server.superuser_url()).close()
        except (TdsError, psycopg2.OperationalError):
            return False
        return True

    def close(self) -> None:
        """Stop all of it."""
        self.cell.close()
        for store in (self.database.owner, self.database.ingest, self.database.web):
            store.close()
        self.server.leave()

    def _have_timescaledb(self) -> None:
        self.server.place = replace(self.server.place, binaries=Path(BINARIES or ""))
        self.server.join()
        for setting in ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = 'off'"):
            execute(self.server.superuser_url(), f"ALTER SYSTEM SET {setting}")
            self.server.leave()
            self.server.join()
