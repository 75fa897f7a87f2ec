"""Fixtures for every test: fresh migrated databases on each engine at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import argon2
import hypothesis
import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser
from sqlalchemy import text

import settings as settings_module
from settings import Settings
from sql import fleet, rollups
from sql.embedded import EmbeddedServer
from sql.engine import Store, open_store
from tests.chromium import ARGUMENTS, PROGRAM
from tests.databases import PASSWORD, Template, create_database, drop_database, execute

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from tests.web.world import World

# Folders whose files take longest: they begin first, in this order (`--no-loadscope-reorder` in tools/test.sh keeps it so).
SLOW = ("browser", "simulator", "faults", "certs")
BROWSING = ("tests/browser/", "tests/figures/test_browser.py")
__all__ = ["PASSWORD", "TIMESCALEDB", "Database", "create_database", "drop_database", "engines"]
TIMESCALEDB = os.environ.get("TDS_TEST_DATABASE_URL")

# How long an example takes says how busy the machine is. The suite tries the same examples each time; `--hypothesis-profile search` tries others.
UNHURRIED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("suite", UNHURRIED, derandomize=True)
hypothesis.settings.register_profile("search", UNHURRIED)
hypothesis.settings.load_profile("suite")


@dataclass
class Database:
    """A migrated database of its own, with a store for each login."""

    engine: str
    settings: Settings
    owner: Store
    ingest: Store
    web: Store

    def account(self, name: str = "Aurora", timezone: str = "America/Sao_Paulo", locale: str = "en") -> int:
        """Add an account with the rollups of its zone."""
        with self.owner.transaction() as connection:
            account = fleet.add_account(connection, name, timezone=timezone, locale=locale)
        rollups.add_missing_zones(self.owner)
        return account

    def close(self) -> None:
        """Close every store."""
        for store in (self.owner, self.ingest, self.web):
            store.close()


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash the cast's passwords with little effort: a real hash takes 0.2 s of a processor, to make and at every sign-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sql.people.PasswordHasher", partial(argon2.PasswordHasher, time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """Have a revocation wait for its broker as long as it takes where this machine is busy with other tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("certs.enforcement.PATIENCE_SECONDS", "broker.rereading.PATIENCE_SECONDS"):
            patch.setattr(name, 60.0)
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with all the effort that the product makes."""
    monkeypatch.setattr("sql.people.PasswordHasher", argon2.PasswordHasher)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once for the run: Playwright starts no second time in one process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    """Start one embedded server for the run; gives its superuser's URL."""
    folder = Path(tempfile.mkdtemp(prefix="tds test "))
    os.chmod(folder, 0o755)
    server = EmbeddedServer(settings_module.load({"TDS_STATE_DIR": str(folder)}))
    server.join()
    # Nothing that a test can do to a server needs a disk that survives the machine: what was written stays with the system.
    # Nor are these passwords worth a guess, of which every connection would pay for thousands.
    given = ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET scram_iterations = 1")
    execute(server.superuser_url(), *given, "SELECT pg_reload_conf()")
    yield server.superuser_url()
    server.leave()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Template]]:
    """Give a function that gives the migrated database of an engine, made when the first test asks for it."""
    made: list[Template] = []

    @cache
    def of(engine: str) -> Template:
        server = TIMESCALEDB if engine == "timescaledb" else request.getfixturevalue("embedded_server")
        assert server is not None
        # Files are copied for half of what it costs to log their pages, where nobody waits for a disk.
        strategy = "WAL_LOG" if engine == "timescaledb" else "FILE_COPY"
        made.append(Template.make(server, tmp_path_factory.mktemp("template"), strategy))
        return made[-1]

    yield of
    for one in made:
        if one.server == TIMESCALEDB:  # the embedded server is thrown away as a whole
            one.drop()


def engines() -> list[str]:
    """List the engines that this run can test on."""
    return ["plain", "timescaledb"] if TIMESCALEDB else ["plain"]


@pytest.fixture(params=engines())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Make a fresh migrated database on each engine at hand; dropped at the end of the test."""
    yield from _make(request, request.param, tmp_path)


@pytest.fixture
def plain_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Make a fresh migrated database on the embedded engine, for tests that do not depend on the engine."""
    yield from _make(request, "plain", tmp_path)


@pytest.fixture(scope="module")
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make one migrated database on the embedded engine for a whole module of tests that only read, or tidy up."""
    yield from _make(request, "plain", tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module", params=engines())
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make one migrated database on each engine for a module whose tests keep to accounts of their own."""
    yield from _make(request, request.param, tmp_path_factory.mktemp("state"))


@pytest.fixture
def emptied(bench: Database) -> Iterator[Database]:
    """Give that database to one test after the other, each of which finds no account in it."""
    yield bench
    with bench.owner.transaction() as connection:
        for table in ("reading", "dirty", "rejection", "device", "gateway", "account", "app_user"):
            connection.execute(text(f"DELETE FROM tds.{table}"))


@pytest.fixture(scope="session")
def world_template(template: Callable[[str], Template], tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, World]:
    """Register the cast of the web tests and its readings once, in a database to be copied."""
    from tests.web.world import build

    name, url = template("plain").copy()
    database = opened("plain", url, tmp_path_factory.mktemp("world"))
    world = build(database, tmp_path_factory.mktemp("readings"))
    database.close()
    return template("plain").of(name), world


def _make(request: pytest.FixtureRequest, engine: str, folder: Path) -> Iterator[Database]:
    yield from copied(request.getfixturevalue("template")(engine), engine, folder)


def copied(template: Template, engine: str, folder: Path) -> Iterator[Database]:
    """Give a copy of a database, dropped at the end."""
    name, url = template.copy()
    made = opened(engine, url, folder)
    yield made
    made.close()
    drop_database(template.server, name)


def opened(engine: str, url: str, folder: Path) -> Database:
    """Open a database as each login."""
    settings = replace(settings_module.load({"TDS_STATE_DIR": str(folder)}), database_url=url)
    return Database(engine, settings, *(open_store(settings, role) for role in ("owner", "ingest", "web")))


@pytest.hookimpl(trylast=True)  # when every folder has marked its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what drives Chromium where that is not possible; the summary says so."""
    browsing = [item for item in items if item.get_closest_marker("browser")]
    missing = _missing_for_browser() if browsing else None
    for item in browsing if missing else []:
        item.add_marker(pytest.mark.skip(reason=f"no browser here: apt-get install {missing}"))
    # A file that takes a minute and begins last would be waited for by idle workers.
    places = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Give each file to one worker, and all that drives Chromium to the same one: it starts one browser and one `tds web` for them."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "Chromium" if file.startswith(BROWSING) else file

    return Scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


def _missing_for_browser() -> str | None:
    """Name the Debian package that is missing to drive Chromium."""
    if PROGRAM is None:
        return "chromium"
    driver = compute_driver_executable()[0]
    return "libatomic1" if subprocess.run([driver, "--version"], capture_output=True).returncode else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which engine was not tested, in one line."""
    if not TIMESCALEDB:
        terminalreporter.write_line("TimescaleDB was not tested: set TDS_TEST_DATABASE_URL to a server that offers it.")
