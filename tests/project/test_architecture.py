"""The tree is the architecture: rooms on floors, imports downwards only, files of a size that is read."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.project.tree import ROOMS, ROOT, files_of, imports_of, tracked_files

# Imports from a room's own floor, and why. A line here is a decision; a line that is no longer needed fails.
EXCEPTIONS = {
    ("broker", "sql.errors"): "the tree of domain errors, which imports nothing itself",
    ("post", "sql.errors"): "the same",
    ("broker", "sql.findings"): "what every room tells the doctor, which imports nothing itself",
    ("writing", "settings"): "the languages that there are",
    ("simulator", "certs.setup"): "the demo makes the authority as `tds certs init` does",
    ("simulator", "certs.bootstrap"): "the demo's newcomer belongs to a batch as real ones do",
    ("simulator", "certs.issuing"): "simulated gateways get certificates as real ones do",
}
# "About 300": what is this much over has to be parted before it grows further.
LONGEST, LONGEST_TEST = 340, 420


def room_of(module: str) -> str:
    """Give the first part of a module's name."""
    return module.partition(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_it_imports_from_floors_below_only(room: str) -> None:
    upwards = {
        (room, found.module)
        for found in imports_of(room)
        if room_of(found.module) in ROOMS and room_of(found.module) != room and ROOMS[room_of(found.module)] >= ROOMS[room]
    }
    assert upwards == {pair for pair in EXCEPTIONS if pair[0] == room}


def test_ingester_and_pages_meet_in_the_database_alone() -> None:
    assert "tds_dash" not in {room_of(found.module) for found in imports_of("ingest")}
    assert "ingest" not in {room_of(found.module) for found in imports_of("tds_dash")}


def test_the_authority_knows_nobody() -> None:
    """Pure X.509: no database, no files, no settings."""
    known = {room_of(found.module) for found in imports_of("certs") if found.file == "certs/authority.py"}
    assert known & set(ROOMS) == set()
    assert known & {"pathlib", "os", "sqlalchemy", "psycopg2"} == set()


def test_pages_build_no_query() -> None:
    """The driver and the query builder stay below: pages call named queries."""
    pages = {found for found in imports_of("tds_dash") if found.file.startswith("tds_dash/pages/")}
    assert [found for found in pages if room_of(found.module) in {"sqlalchemy", "psycopg2"}] == []
    figures = {found for found in imports_of("tds_dash") if found.file.startswith("tds_dash/figures/")}
    assert [found for found in figures if room_of(found.module) in {"sqlalchemy", "psycopg2", "flask", "flask_login"}] == []


def test_every_package_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_plain(line) for line in project["dependencies"]}
    distributions = packages_distributions()
    imported = {room_of(found.module) for room in ROOMS for found in imports_of(room)} - set(ROOMS) - sys.stdlib_module_names
    undeclared = {module for module in imported if not declared & {_plain(name) for name in distributions.get(module, [module])}}
    assert undeclared == set()


def _plain(requirement: str) -> str:
    for mark in "<>=!~;[ ":
        requirement = requirement.partition(mark)[0]
    return requirement.lower().replace("_", "-").replace(".", "-")


def test_files_are_short_enough_to_be_read() -> None:
    ours = [path for path in tracked_files() if path.suffix == ".py"]
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    longest = {path: LONGEST_TEST if path.startswith("tests/") else LONGEST for path in sizes}
    assert {path: lines for path, lines in sizes.items() if lines > longest[path]} == {}


def test_no_file_is_called_after_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in tracked_files() if path.stem in nameless and path.suffix == ".py"] == []


def test_every_room_says_what_it_is() -> None:
    for room in ROOMS:
        first = files_of(room)[0].read_text(encoding="utf-8")
        assert first.startswith('"""'), f"{room} begins without a docstring"
