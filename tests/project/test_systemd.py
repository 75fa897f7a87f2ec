"""The units for a server without containers: systemd has nothing to say about them, and they may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project.tree import ROOT, commands

UNITS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "deploy/systemd").iterdir())}
SERVICES = {name: text for name, text in UNITS.items() if name.endswith(".service")}
# What systemd calls OK begins below 4; this keeps what was reached.
WORST = 1.6
# None of these: an embedded database of the same user would lose its shared memory when another unit stops.
FORBIDDEN = ("RemoveIPC=true",)


@pytest.fixture(scope="module")
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here: apt-get install systemd")
    return program


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the units with a program that is there: systemd looks for it."""
    folder = tmp_path_factory.mktemp("units")
    for name, text in UNITS.items():
        (folder / name).write_text(text.replace("/opt/tds/.venv/bin/tds", str(shutil.which("true"))), encoding="utf-8")
    return folder


def test_systemd_has_nothing_to_say(analyze: str, units: Path) -> None:
    done = subprocess.run([analyze, "verify", *map(str, sorted(units.iterdir()))], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_they_need_not_they_may_not(analyze: str, units: Path) -> None:
    for name in SERVICES:
        done = subprocess.run(
            [analyze, "security", "--offline=yes", "--no-pager", str(units / name)], capture_output=True, text=True
        )
        score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        assert score, done.stdout + done.stderr
        assert float(score[1]) <= WORST, done.stdout


def test_all_are_hardened_alike() -> None:
    blocks = {name: re.search(r"# What none of this needs.*?\n\n", text, re.DOTALL) for name, text in SERVICES.items()}
    assert len({found[0] if found else name for name, found in blocks.items()}) == 1
    assert not [name for name, text in SERVICES.items() if any(one in text for one in FORBIDDEN)]
    assert all("\nUser=tds\n" in text for text in SERVICES.values())


def test_they_run_commands_that_exist() -> None:
    known = {command.name for command in commands()}
    run = {
        name: re.findall(r"^ExecStart=/opt/tds/\.venv/bin/tds ([a-z ]+[a-z])", text, re.MULTILINE)
        for name, text in SERVICES.items()
    }
    assert all(len(found) == 1 and found[0] in known for found in run.values()), run
