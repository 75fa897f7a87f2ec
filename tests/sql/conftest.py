"""Fixtures of the store's tests: one migrated database for a whole module, on each engine at hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests import conftest
from tests.conftest import Database
from tests.sql.newcomers import cast, scene  # noqa: F401 - fixtures


@pytest.fixture(scope="module", params=conftest.engines())
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make one migrated database on each engine for a module whose tests keep to accounts of their own."""
    yield from conftest._make(request, request.param, tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module", params=[engine for engine in conftest.engines() if engine == "timescaledb"])
def timescale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make one migrated database on TimescaleDB, for what only that engine does."""
    yield from conftest._make(request, request.param, tmp_path_factory.mktemp("state"))


@pytest.fixture
def emptied(bench: Database) -> Iterator[Database]:
    """Give that database to one test after the other, each of which finds no account in it."""
    yield bench
    with bench.owner.transaction() as connection:
        for table in ("device", "gateway", "account", "app_user"):
            connection.execute(text(f"DELETE FROM tds.{table}"))
