"""The schema: made once, made again without effect, by two at once, with logins of its own or given ones."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

import settings as settings_module
from settings import Settings, SettingsError
from sql import engine, fleet, health, migrate, rollups
from sql.errors import StoreUnavailable
from sql.migrate import MIGRATIONS, newest_version
from tests import conftest
from tests.conftest import Database, create_database, drop_database
from tests.sql.plant import meter, refused, tds

ROOT = Path(__file__).resolve().parents[2]


class Empty:
    """An empty database with an owner who is no superuser, and the server's superuser to prepare things with."""

    def __init__(self, server: str, kind: str, folder: Path) -> None:
        self.server, self.kind, self.folder = server, kind, folder
        self.name = f"t{uuid.uuid4().hex[:10]}"
        self.url = create_database(server, self.name)
        self.roles: list[str] = []

    def settings(self, **given: str) -> Settings:
        return replace(settings_module.load({"TDS_STATE_DIR": str(self.folder)}), **({"database_url": self.url} | given))

    def role(self, name: str, password: str, options: str = "") -> str:
        """Make a login beforehand; gives its URL."""
        self.roles.append(name)
        self.ask(f'CREATE ROLE "{name}" LOGIN {options} PASSWORD \'' + password.replace("'", "''") + "'")
        return self.url_of(name, password)

    def url_of(self, name: str, password: str) -> str:
        host = urlsplit(self.url).netloc.rpartition("@")[2]
        return f"postgresql://{quote(name, safe='')}:{quote(password, safe='')}@{host}/{self.name}"

    def ask(self, query: str, url: str | None = None) -> object:
        connection = psycopg2.connect(url or self.server)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone() if cursor.description else None
        connection.close()
        return row[0] if row else None


@pytest.fixture(params=conftest.engines())
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Empty]:
    """Make an empty database on each engine at hand."""
    server = conftest.TIMESCALEDB if request.param == "timescaledb" else request.getfixturevalue("embedded_server")
    made = Empty(server, request.param, tmp_path)
    yield made
    drop_database(server, made.name)
    for role in made.roles:
        made.ask(f'DROP ROLE IF EXISTS "{role}"')


def test_the_newest_version_is_the_head_of_one_line() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [newest_version()]


def test_it_can_be_run_twice(database: Database) -> None:
    device = meter(database)
    assert migrate.migrate(database.settings) == newest_version()
    with database.owner.transaction() as connection:
        assert connection.execute(text("SELECT value FROM tds.meta WHERE key = 'engine'")).scalar() == database.engine
        assert fleet.find_device(connection, device.mac, device.code) == device.id
    with database.web.transaction() as connection:
        assert migrate.schema_version(connection) == newest_version()
    assert tds(database, "migrate").out == f"The schema is at version {newest_version()}.\n"


def test_two_processes_at_once_make_one_schema(empty: Empty) -> None:
    code = "import sys, settings; from sql.migrate import migrate; print(migrate(settings.load({'TDS_DATABASE_URL': sys.argv[1], 'TDS_STATE_DIR': sys.argv[2]})))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty.url, str(empty.folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    ends = [process.communicate(timeout=120) for process in started]
    assert [(process.returncode, out.strip()) for process, (out, _) in zip(started, ends, strict=True)] == [
        (0, newest_version())
    ] * 3, ends
    for role in ("ingest", "web"):
        store = engine.open_store(empty.settings(), role)  # type: ignore[arg-type]
        engine.check(store)
        store.close()


def test_a_schema_that_is_newer_is_left_alone(database: Database) -> None:
    with database.owner.transaction() as connection:
        connection.execute(text("UPDATE tds_migration.version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="newer than this program"):
        migrate.migrate(database.settings)
    said = refused(tds(database, "account", "list"))
    assert "newer" in said
    assert "9999" in said
    with database.web.transaction() as connection:
        assert "9999" in (health.usable(connection) or "")


def test_an_empty_database_says_what_to_do(empty: Empty) -> None:
    store = engine.open_store(empty.settings(), "owner")
    with store.transaction() as connection:
        assert health.usable(connection) == "the database has no schema yet: run `tds migrate`"
    store.close()


def test_a_step_that_fails_changes_nothing(empty: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    from sql import statements

    whole = statements.script
    monkeypatch.setattr(
        "sql.statements.script",
        lambda path, **values: "SELECT 1/0" if path == "schema/005_rollups.sql" else whole(path, **values),
    )
    with pytest.raises(StoreUnavailable, match="nothing was changed: division by zero"):
        migrate.migrate(empty.settings())
    assert empty.ask("SELECT to_regnamespace('tds')", empty.url) is None
    assert empty.ask(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{empty.name}_web'") == 0
    monkeypatch.undo()
    assert migrate.migrate(empty.settings()) == newest_version()


def test_logins_that_are_given_are_used_as_they_are(empty: Empty) -> None:
    owner = empty.role(f"{empty.name}_plain", "secret", "NOCREATEROLE")
    empty.ask(f'ALTER DATABASE {empty.name} OWNER TO "{empty.name}_plain"')
    ingest = empty.role(f"{empty.name} :in", "p:w -:x %s '\\ß")
    web = empty.role(f"{empty.name}-Web", "another")
    given = empty.settings(database_url=owner, ingest_database_url=ingest, web_database_url=web)
    assert migrate.migrate(given) == newest_version()
    assert migrate.migrate(given) == newest_version()
    for role in ("owner", "ingest", "web"):
        store = engine.open_store(given, role)  # type: ignore[arg-type]
        with store.transaction() as connection:
            assert connection.execute(text("SELECT count(*) FROM tds.gateway")).scalar() == 0
        store.close()
    store = engine.open_store(given, "owner")
    with store.transaction() as connection:
        fleet.add_account(connection, "Aurora", timezone="Asia/Kolkata", locale="en")
    assert rollups.add_missing_zones(store) == ["Asia/Kolkata"]
    store.close()


def test_logins_that_are_given_and_do_not_exist_are_made(empty: Empty) -> None:
    empty.roles += [f"{empty.name}_in", f"{empty.name}_we"]
    given = empty.settings(
        ingest_database_url=empty.url_of(f"{empty.name}_in", "p:w -:x %s '\\ß"),
        web_database_url=empty.url_of(f"{empty.name}_we", "b"),
    )
    assert migrate.migrate(given) == newest_version()
    for role in ("ingest", "web"):
        store = engine.open_store(given, role)  # type: ignore[arg-type]
        engine.check(store)
        store.close()


def test_an_owner_who_may_make_no_logins_is_told(empty: Empty) -> None:
    owner = empty.role(f"{empty.name}_plain", "secret", "NOCREATEROLE")
    empty.ask(f'ALTER DATABASE {empty.name} OWNER TO "{empty.name}_plain"')
    with pytest.raises(StoreUnavailable, match="nothing was changed: permission denied to create role"):
        migrate.migrate(empty.settings(database_url=owner))


@pytest.mark.parametrize("options", ["SUPERUSER", "BYPASSRLS"])
def test_a_web_login_that_row_level_security_does_not_bind_is_refused(empty: Empty, options: str) -> None:
    web = empty.role(f"{empty.name}_strong", "secret", options)
    with pytest.raises((StoreUnavailable, SettingsError), match="TDS_WEB_DATABASE_URL"):
        migrate.migrate(empty.settings(web_database_url=web))
    assert empty.ask("SELECT to_regnamespace('tds')", empty.url) is None


def test_the_owner_is_no_web_login(empty: Empty) -> None:
    with pytest.raises((StoreUnavailable, SettingsError), match="TDS_WEB_DATABASE_URL"):
        migrate.migrate(empty.settings(web_database_url=empty.url))


def test_an_old_timescaledb_is_refused(empty: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "OLDEST_TIMESCALEDB", (99, 1, 2))
    if empty.kind == "plain":
        assert migrate.migrate(empty.settings()) == newest_version()
        return
    with pytest.raises(StoreUnavailable, match=r"this server offers TimescaleDB [\d.]+: 99\.1\.2 or newer is needed"):
        migrate.migrate(empty.settings())
    assert empty.ask("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'", empty.url) == 0


def test_a_changed_owners_password_gives_the_logins_new_ones(empty: Empty) -> None:
    migrate.migrate(empty.settings())
    empty.ask(f"ALTER ROLE {empty.name}_owner PASSWORD 'quite another'")
    changed = empty.settings(database_url=empty.url_of(f"{empty.name}_owner", "quite another"))
    store = engine.open_store(changed, "web")
    with pytest.raises(StoreUnavailable, match="password authentication failed"):
        engine.check(store)
    migrate.migrate(changed)
    engine.check(store)
    store.close()
