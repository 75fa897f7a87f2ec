"""What is in the repository, and what must never be: keys, state, addresses of one machine."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from tests.project.tree import ROOT, tracked_files

# Written apart, so that this file is not its own find.
PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----\s+[A-Za-z0-9+/=\s]{40,}-----" + r"END [A-Z0-9 ]+-----")
SECRET_IN_URL = re.compile(r"(postgresql|postgres|smtps?|mqtts?)://[^\s:/@\"'{}]+:([^\s@\"'{}$…<>]{6,})@([^\s/:\"'{}]+)")
MACHINE_PATHS = re.compile(r"(?<![\w.}])/(work|tmp/scratch" + r"|home/[a-z]+|Users/[a-z]+)/")
REGISTRIES = re.compile(
    "|".join((r"pypi\." + "org", "python" + "hosted", r"deb\.debian\." + "org", r"npmjs\." + "org", r"proxy\.golang"))
)
STATE = re.compile(r"(^|/)(var|\.venv|pgdata|secrets|__pycache__|htmlcov)/|\.(key|pem|p12|pfx|sqlite|log|pyc|env)$|(^|/)\.env$")
LARGEST = 2_000_000


def text_files() -> list[tuple[str, str]]:
    """Give every tracked text file with its text."""
    found = []
    for path in tracked_files():
        raw = path.read_bytes()
        if b"\0" not in raw:
            found.append((str(path.relative_to(ROOT)), raw.decode("utf-8")))
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_key_and_no_certificate_is_tracked() -> None:
    assert [name for name, text in text_files() if PEM.search(text)] == []


def test_no_state_is_tracked() -> None:
    names = [str(path.relative_to(ROOT)) for path in tracked_files()]
    assert [name for name in names if STATE.search(name)] == []


def test_no_password_of_a_real_server_is_tracked() -> None:
    here = {"127.0.0.1", "localhost", "db", "timescaledb"}
    found = [
        f"{name}: {match[0]}"
        for name, text in text_files()
        for match in SECRET_IN_URL.finditer(text)
        if match[3] not in here and not re.fullmatch(r"h(ost)?|[\w.-]*example(\.com|\.org)?|[\w.-]+\.(invalid|test)", match[3])
    ]
    assert found == []


def test_no_path_of_one_machine_is_tracked() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_registry_is_named() -> None:
    """Where packages come from is the machine's own affair; the lock gives their hashes."""
    assert lines_with(REGISTRIES) == []


def test_files_are_small() -> None:
    assert [str(path) for path in tracked_files() if path.stat().st_size > LARGEST] == []


def test_state_is_ignored() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/var/", "/.venv/", "*.key", "*.pem", "/deploy/secrets/"} <= set(ignored)


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_programs_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_text_ends_with_a_line_and_without_carriage_returns() -> None:
    faulty = [name for name, text in text_files() if text and (not text.endswith("\n") or "\r" in text)]
    assert [name for name in faulty if Path(name).suffix not in {".csv", ".svg"}] == []
