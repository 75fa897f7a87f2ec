"""A new backup takes the place of the old one: whenever that is cut off, one of the two is whole, and the next backup tidies up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import recovery.taking
import settings as settings_module
from certs.setup import ensure_authority
from recovery import manifest
from recovery.manifest import MANIFEST
from settings import Settings


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Make an authority, which is backed up without a database."""
    folder = str(tmp_path_factory.mktemp("state"))
    made = settings_module.load({"TDS_STATE_DIR": folder, "TDS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    ensure_authority(made)
    return made


@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize("step", ["the old one makes room", "the new one takes its place", "the old one goes"])
def test_a_kill_at_any_step_of_the_exchange_loses_no_backup(authority: Settings, tmp_path: Path, step: str) -> None:
    def take(name: str) -> None:
        recovery.taking.take(authority, tmp_path / name, {}, database=False)

    take("real")
    before = (tmp_path / "real" / MANIFEST).read_text()
    child = os.fork()
    if child == 0:
        os.close(2)
        rename, calls = Path.rename, iter(("the old one makes room", "the new one takes its place"))
        Path.rename = lambda path, to: os._exit(9) if next(calls) == step else rename(path, to)  # type: ignore[assignment, method-assign, misc]
        recovery.taking._sync = lambda folder: os._exit(9)
        take("real")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = {path.name.split(".")[2].split("-")[0] for path in tmp_path.iterdir() if path.name != "real"}
    assert left == ({"partial"} if step != "the old one goes" else set()) | (
        {"replaced"} if step != "the old one makes room" else set()
    )
    take("other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "real"]
    assert ((tmp_path / "real" / MANIFEST).read_text() == before) == (step != "the old one goes")
    manifest.check(tmp_path / "real", manifest.read(tmp_path / "real"))
