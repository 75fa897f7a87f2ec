"""What the tests of the project look at: tracked files, rooms, imports, commands."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import cli

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "settings": 0,
    "arguments": 0,
    "logs": 0,
    "writing": 0,
    "sql": 1,
    "broker": 1,
    "post": 1,
    "ingest": 2,
    "certs": 2,
    "simulator": 2,
    "tds_dash": 3,
    "recovery": 3,
    "cli": 4,
    "cli_people": 3,
    "cli_alarms": 3,
    "cli_certificates": 3,
    "cli_costs": 3,
    "cli_recovery": 3,
    "app": 4,
}


class Import(NamedTuple):
    """One import: the file, relative to the project, and the module that it names."""

    file: str
    module: str


class CommandLine(NamedTuple):
    """One command: `device add`, the `room.module:function` it runs, and its options."""

    name: str
    target: str
    options: tuple[str, ...]


@cache
def tracked_files() -> tuple[Path, ...]:
    """Give every file that git tracks and that is still there; skips the test outside a repository."""
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git repository: {error}")
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def files_of(room: str) -> list[Path]:
    """Give the Python files of a room."""
    alone = ROOT / f"{room}.py"
    return [alone] if alone.exists() else sorted((ROOT / room).rglob("*.py"))


@cache
def imports_of(room: str) -> tuple[Import, ...]:
    """Give every import in a room, those inside functions and those by name (`import_module("…")`) too."""
    return tuple(
        Import(str(path.relative_to(ROOT)), module)
        for path in files_of(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in _imported(node)
    )


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports name the whole module"
        yield node.module or ""
    elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
        yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


def commands(parser: argparse.ArgumentParser | None = None, prefix: str = "") -> Iterator[CommandLine]:
    """Give every command that `tds` knows."""
    parser = parser or cli.parser()
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        options = (option for action in parser._actions for option in action.option_strings if option.startswith("--"))
        yield CommandLine(prefix.strip(), parser.get_default("run"), tuple(o for o in options if o != "--help"))
    for group in groups:
        for name, child in group.choices.items():
            yield from commands(child, f"{prefix} {name}")


def settings_names(*files: str) -> set[str]:
    """Give every TDS_* variable that Python files name, without `_FILE`."""
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    return {name.removesuffix("_FILE") for name in re.findall(r"\"(TDS_[A-Z_]+)\"", text)}
