"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import conftest
from tests.conftest import Database
from tests.sql.newcomers import cast, scene  # noqa: F401 - fixtures


@pytest.fixture(scope="module", params=[engine for engine in conftest.engines() if engine == "timescaledb"])
def timescale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make one migrated database on TimescaleDB, for what only that engine does."""
    yield from conftest._make(request, request.param, tmp_path_factory.mktemp("state"))
