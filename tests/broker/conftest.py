"""A running broker for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.lab import Lab, make_settings


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run one broker for a module."""
    made = Lab(make_settings(tmp_path_factory.mktemp("broker state")))
    yield made
    made.close()


@pytest.fixture
def fresh_folder(tmp_path: Path) -> Path:
    """Give a folder with a space in its name."""
    return tmp_path / "a state"
