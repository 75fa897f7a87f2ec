"""The database's disk is full: nothing is acknowledged that is not stored, and all goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from broker.mosquitto import find_mosquitto, version_of
from broker.presence import FIXED
from tests.databases import execute
from tests.faults.cell import wait_for
from tests.faults.doomed import Doomed, servers
from tests.faults.load import Load
from tests.faults.record import recorded
from tests.faults.test_doctor import named

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


def move_to(doomed: Doomed, folder: Path) -> None:
    """Let the database's tables lie in a folder; its log of changes stays where it is."""
    owner = doomed.server.place.data.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    for store in (doomed.database.owner, doomed.database.ingest, doomed.database.web):
        store.close()
    execute(
        doomed.server.superuser_url(),
        f"CREATE TABLESPACE small LOCATION '{folder}'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'doomed'",
        "ALTER DATABASE doomed SET TABLESPACE small",
    )


def fill_and_free(doomed: Doomed, disk: Disk, times: int, silence: str) -> None:
    """Fill the disk under load until the ingester says `silence`, free it, see all come back."""
    ingester = doomed.cell.ingester().wait_until_subscribed()
    load = Load(doomed.cell, rate=600).begin()
    for _ in range(times):
        time.sleep(1)
        disk.fill()
        wait_for(lambda: silence in " ".join(map(str, ingester.ask("/readyz"))), 90, lambda: ingester.log.read_text())
        assert {"store", "writing"} & named(doomed.database.settings).keys()  # and the doctor says so
        time.sleep(3)
        assert ingester.process.poll() is None
        disk.free()
        wait_for(doomed.comes_back, 60)
        wait_for(ingester.is_subscribed, 60)
    load.end()
    load.check()
    load.reconcile()
    assert "Traceback" not in ingester.log.read_text()


@contextmanager
def tables_on(folder: Path, engine: str) -> Iterator[tuple[Doomed, Disk]]:
    """A server whose tables lie on a small disk; its log of changes lies elsewhere."""
    (state := folder / "state").mkdir(mode=0o755)
    (tables := folder / "tables").mkdir(mode=0o755)
    with closing(Disk(tables, LITTLE)) as disk, closing(Doomed(state, engine)) as doomed:
        (tables / "database").mkdir()
        move_to(doomed, tables / "database")
        yield doomed, disk


def test_a_full_disk_for_the_tables_loses_and_doubles_nothing(folder: Path) -> None:
    with tables_on(folder, "plain") as (doomed, disk):
        fill_and_free(doomed, disk, 1, "No space left")


@pytest.fixture
def outliving() -> None:
    """Mosquitto 2.0 goes on where it cannot write its backlog; 2.1 closes that file twice, and dies with what it had acknowledged since."""
    if version_of(find_mosquitto()) >= FIXED:
        pytest.skip("this Mosquitto dies of a full disk by itself")


@pytest.mark.usefixtures("outliving")
def test_a_full_disk_for_everything_loses_and_doubles_nothing(folder: Path) -> None:
    """The server cannot write its log of changes either and dies of it; it is started again when there is room."""
    with closing(Disk(folder, ENOUGH)) as disk, closing(Doomed(folder)) as doomed:
        fill_and_free(doomed, disk, 1, "503")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", servers())
def test_three_full_disks_for_the_tables_lose_and_double_nothing(folder: Path, engine: str) -> None:
    with tables_on(folder, engine) as (doomed, disk), recorded(doomed.cell, "disk of the tables full", 3):
        fill_and_free(doomed, disk, 3, "No space left")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("outliving")
@pytest.mark.parametrize("engine", servers())
def test_three_full_disks_for_everything_lose_and_double_nothing(folder: Path, engine: str) -> None:
    with closing(Disk(folder, ENOUGH)) as disk, closing(Doomed(folder, engine)) as doomed:
        with recorded(doomed.cell, "disk of the whole database full", 3):
            fill_and_free(doomed, disk, 3, "503")
