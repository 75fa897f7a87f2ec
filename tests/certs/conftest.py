"""An authority of its own for each test, and a running broker for those that need one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.setup import ensure_authority
from settings import Settings
from tests.broker.lab import Lab, make_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with an authority set up in a folder with a space in its name."""
    made = make_settings(tmp_path / "a state")
    ensure_authority(made)
    return made


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run one broker for a module."""
    made = Lab(make_settings(tmp_path_factory.mktemp("broker state")))
    yield made
    made.close()
