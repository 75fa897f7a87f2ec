"""Fixtures for every test: fresh migrated databases on each engine at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser

import settings as settings_module
from settings import Settings
from sql import fleet, rollups
from sql.embedded import EmbeddedServer
from sql.engine import Store, open_store
from sql.migrate import migrate

TIMESCALEDB = os.environ.get("TDS_TEST_DATABASE_URL")
PASSWORD = "correct horse battery"


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once for the run: Playwright starts no second time in one process."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    """Start one embedded server for the run; gives its superuser's URL."""
    folder = Path(tempfile.mkdtemp(prefix="tds test "))
    os.chmod(folder, 0o755)
    server = EmbeddedServer(settings_module.load({"TDS_STATE_DIR": str(folder)}))
    server.join()
    yield server.superuser_url()
    server.leave()
    shutil.rmtree(folder, ignore_errors=True)


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


def _make(request: pytest.FixtureRequest, engine: str, folder: Path) -> Iterator[Database]:
    server = TIMESCALEDB if engine == "timescaledb" else request.getfixturevalue("embedded_server")
    assert server is not None
    name = f"t{uuid.uuid4().hex[:10]}"
    owner_url = create_database(server, name)
    settings = replace(settings_module.load({"TDS_STATE_DIR": str(folder)}), database_url=owner_url)
    migrate(settings)
    made = Database(engine, settings, *(open_store(settings, role) for role in ("owner", "ingest", "web")))
    yield made
    for store in (made.owner, made.ingest, made.web):
        store.close()
    drop_database(server, name)


def create_database(server: str, name: str) -> str:
    """Create a database with an owner of its own who is no superuser; gives the owner's URL."""
    _execute(
        server, f"CREATE ROLE {name}_owner LOGIN CREATEROLE PASSWORD '{PASSWORD}'", f"CREATE DATABASE {name} OWNER {name}_owner"
    )
    host = urlsplit(server).netloc.rpartition("@")[2]
    return f"postgresql://{name}_owner:{PASSWORD.replace(' ', '%20')}@{host}/{name}"


def drop_database(server: str, name: str) -> None:
    """Drop a test's database and logins, whoever is still connected."""
    _execute(
        server,
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        *(f"DROP ROLE IF EXISTS {name}_{role}" for role in ("ingest", "web", "owner")),
    )


def _execute(server: str, *commands: str) -> None:
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
    connection.close()


@pytest.hookimpl(trylast=True)  # when every folder has marked its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what drives Chromium where that is not possible; the summary says so."""
    browsing = [item for item in items if item.get_closest_marker("browser")]
    missing = _missing_for_browser() if browsing else None
    for item in browsing if missing else []:
        item.add_marker(pytest.mark.skip(reason=f"no browser here: apt-get install {missing}"))


def _missing_for_browser() -> str | None:
    """Name the Debian package that is missing to drive Chromium."""
    if shutil.which("chromium") is None:
        return "chromium"
    driver = compute_driver_executable()[0]
    return "libatomic1" if subprocess.run([driver, "--version"], capture_output=True).returncode else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which engine was not tested, in one line."""
    if not TIMESCALEDB:
        terminalreporter.write_line("TimescaleDB was not tested: set TDS_TEST_DATABASE_URL to a server that offers it.")
