"""The database's disk is full: nothing is acknowledged that is not stored, and all goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from sql.errors import TdsError
from tests.conftest import _execute
from tests.faults.cell import wait_for
from tests.faults.load import Load
from tests.faults.test_database import Doomed

LITTLE, ENOUGH = "48m", "400m"


class Disk:
    """A small file system of its own in memory, which can be filled to the last byte."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip("a full disk was not tested: this machine lets nobody mount a file system of its own")

    def fill(self) -> None:
        """Leave no room."""
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink()

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged server reaches."""
    with tempfile.TemporaryDirectory(prefix="tds-disk-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


def move_to(doomed: Doomed, folder: Path) -> None:
    """Let the database's tables lie in a folder; its log of changes stays where it is."""
    owner = doomed.server.place.data.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    for store in (doomed.database.owner, doomed.database.ingest, doomed.database.web):
        store.close()
    _execute(
        doomed.server.superuser_url(),
        f"CREATE TABLESPACE small LOCATION '{folder}'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'doomed'",
        "ALTER DATABASE doomed SET TABLESPACE small",
    )


def test_a_full_disk_for_the_tables_loses_and_doubles_nothing(folder: Path) -> None:
    (state := folder / "state").mkdir(mode=0o755)
    (tables := folder / "tables").mkdir(mode=0o755)
    disk = Disk(tables, LITTLE)
    try:
        doomed = Doomed(state)
        try:
            (tables / "database").mkdir()
            move_to(doomed, tables / "database")
            ingester = doomed.cell.ingester().wait_until_subscribed()
            load = Load(doomed.cell, rate=600).begin()
            time.sleep(1)
            disk.fill()
            wait_for(lambda: "No space left" in ingester.ask("/readyz")[1], 60, lambda: ingester.log.read_text())
            time.sleep(3)
            assert ingester.process.poll() is None
            disk.free()
            wait_for(ingester.is_subscribed, 30)
            load.end()
            load.check()
            load.reconcile()
            assert "Traceback" not in ingester.log.read_text()
        finally:
            doomed.close()
    finally:
        disk.close()


def test_a_full_disk_for_everything_loses_and_doubles_nothing(folder: Path) -> None:
    """The server cannot write its log of changes either and dies of it; it is started again when there is room."""
    disk = Disk(folder, ENOUGH)
    try:
        doomed = Doomed(folder)
        try:
            ingester = doomed.cell.ingester().wait_until_subscribed()
            load = Load(doomed.cell, rate=600).begin()
            time.sleep(1)
            disk.fill()
            wait_for(lambda: ingester.ask("/readyz")[0] == 503, 90, lambda: ingester.log.read_text())
            time.sleep(3)
            assert ingester.process.poll() is None
            disk.free()
            wait_for(lambda: comes_back(doomed), 60)
            load.end()
            load.check()
            load.reconcile()
            assert "Traceback" not in ingester.log.read_text()
        finally:
            doomed.close()
    finally:
        disk.close()


def comes_back(doomed: Doomed) -> bool:
    """Start the server where it does not run, and tell whether it answers."""
    try:
        doomed.server.join()
        psycopg2.connect(doomed.server.superuser_url()).close()
    except (TdsError, psycopg2.OperationalError):
        return False
    return True
