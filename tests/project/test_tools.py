"""The scripts behind `make`: one clear line where something is missing, nothing to do where all is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX shell scripts")
SHELL = shutil.which("dash") or "/bin/sh"  # Debian's own, which knows no bashisms


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Give a folder that is the whole PATH: a machine with nothing on it but a few programs of everyone's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("cat", "cksum", "head", "rm", "dirname", "sh", "touch", "env", "mktemp", "tail"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def write(folder: Path, name: str, script: str) -> None:
    """Put a program of one line into a folder."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    (folder / name).chmod(0o755)


def run(script: str, *arguments: str, path: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [SHELL, str(ROOT / "tools" / script), *arguments]
    return subprocess.run(command, env={"PATH": str(path)}, cwd=cwd, capture_output=True, text=True, check=False, timeout=170)


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "tools").glob("*.sh")))
def test_it_is_a_shell_script(script: str) -> None:
    subprocess.run([SHELL, "-n", str(ROOT / "tools" / script)], check=True)


def test_debian_does_nothing_where_all_is_there(programs: Path) -> None:
    done = run("debian.sh", "cat=coreutils", "head=coreutils", path=programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_debian_says_what_is_missing_where_there_is_no_apt(programs: Path) -> None:
    done = run("debian.sh", "no-such-broker=mosquitto", "no-such-browser=chromium", path=programs)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "mosquitto chromium" in done.stderr


def test_debian_asks_an_ordinary_user_to_install(programs: Path) -> None:
    write(programs, "apt-get", "exit 77")
    write(programs, "id", "echo 1000")
    done = run("debian.sh", "no-such-broker=mosquitto", path=programs)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Missing here: mosquitto. Please install, as root:  apt-get install mosquitto\n"


def test_install_does_nothing_where_all_is_there(programs: Path, checkout: Path) -> None:
    stamp(checkout, checkout)
    done = run("install.sh", "python3", ".venv", path=programs, cwd=checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_install_says_that_python_is_too_old(programs: Path, checkout: Path) -> None:
    write(programs, "python3", "exit 1")
    done = run("install.sh", "python3", ".venv", path=programs, cwd=checkout)
    assert done.returncode == 1
    assert done.stderr == "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3\n"


def test_install_makes_an_environment_that_was_moved_anew(programs: Path, checkout: Path, tmp_path: Path) -> None:
    """What a moved environment's scripts name is not there any more; none of it is kept."""
    stamp(checkout, tmp_path / "where it was before 2")
    (checkout / ".venv" / "stale").touch()
    (programs / "python3").symlink_to(sys.executable)
    write(programs, "pip", "exit 1")
    done = run("install.sh", "python3", ".venv", path=programs, cwd=checkout)
    assert done.returncode == 1, "the requirements of this checkout cannot be installed"
    assert "could not be installed" in done.stderr
    assert not (checkout / ".venv" / "stale").exists()
    assert not (checkout / ".venv" / ".installed").exists(), "the next run tries again"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a folder, with a space in its name, that looks like a checkout with an environment in it."""
    folder = tmp_path / "a checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "tds"):
        write(folder / ".venv" / "bin", name, "exit 0")
    (folder / "requirements.lock").write_text("no-such-package==1 --hash=sha256:00\n", encoding="ascii")
    (folder / "pyproject.toml").write_text("", encoding="ascii")
    return folder


def stamp(checkout: Path, place: Path) -> None:
    """Mark the environment as made in a place."""
    parts = ["requirements.lock", "pyproject.toml", str(ROOT / "tools" / "install.sh")]
    content = b"".join((checkout / part).read_bytes() for part in parts)
    count = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode()
    (checkout / ".venv" / ".installed").write_text(f"{place}\n{count}", encoding="ascii")
