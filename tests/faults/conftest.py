"""A cell for each test."""

from collections.abc import Iterator

import pytest

from tests.conftest import Database
from tests.faults.cell import Cell
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
