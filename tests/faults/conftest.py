"""A cell for each test."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.faults.cell import Cell
from tests.faults.doomed import Doomed, servers
from tests.ingest.cast import register


@pytest.fixture
def cell(database: Database) -> Iterator[Cell]:
    """A broker with the small fleet registered, on each engine; ingesters are started by the test."""
    register(database)
    cell = Cell(database)
    yield cell
    cell.close()


@pytest.fixture
def plain_cell(plain_database: Database) -> Iterator[Cell]:
    """The same on the embedded engine alone, for what does not depend on the engine."""
    register(plain_database)
    cell = Cell(plain_database)
    yield cell
    cell.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder where an unprivileged server reaches its files, whatever else pytest does."""
    with tempfile.TemporaryDirectory(prefix="tds-doomed-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def doomed(folder: Path) -> Iterator[Doomed]:
    """A cell on the embedded engine whose database server may die."""
    doomed = Doomed(folder)
    yield doomed
    doomed.close()


@pytest.fixture(params=servers())
def doomed_everywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Doomed]:
    """The same on each engine of which this machine can start a server."""
    doomed = Doomed(folder, request.param)
    yield doomed
    doomed.close()
