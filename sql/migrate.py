"""Creating and upgrading the schema: roles, Alembic migrations, rollups of every zone; can be run twice."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from settings import Settings, SettingsError
from sql import engine, rollups
from sql.errors import StoreUnavailable
from sql.statements import quote_identifier, quote_literal

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
OLDEST_TIMESCALEDB = (2, 29, 2)
MIGRATION_LOCK = 7_245_110


def migrate(settings: Settings) -> str:
    """Bring the database that the settings name to the newest schema; gives the schema's version.

    Raises StoreUnavailable when the database cannot be reached or a step is refused: then nothing was changed.
    """
    from alembic.util import CommandError  # half of a start's imports, wanted here alone

    store = engine.open_store(settings, "owner", pool_size=1)
    try:
        engine.check(store)
        urls = {role: _login_url(settings, role) for role in ("ingest", "web")}
        with store.transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            kind = _engine_kind(connection)
            for role, url in urls.items():
                _ensure_login(connection, url, made_by_us=getattr(settings, f"{role}_database_url") is None)
            _upgrade(connection, kind, {role: _user(url) for role, url in urls.items()})
        rollups.add_missing_zones(store)
    except DBAPIError as error:
        raise StoreUnavailable(f"the schema could not be upgraded, nothing was changed: {engine.reason(error)}") from error
    except CommandError as error:
        raise StoreUnavailable(f"the schema of this database is not one of ours, or newer than this program: {error}") from error
    finally:
        store.close()
    return newest_version()


def newest_version() -> str:
    """Give the version that this program's migrations lead to: they are one line, numbered by their file names."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def schema_version(connection: Connection) -> str | None:
    """Give the version of the database's schema, or None where there is none."""
    if connection.execute(text("SELECT to_regclass('tds_migration.version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM tds_migration.version")).scalar()


def _upgrade(connection: Connection, kind: str, logins: dict[str, str]) -> None:
    from alembic import command
    from alembic.config import Config

    connection.execute(text("CREATE SCHEMA IF NOT EXISTS tds_migration"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, engine=kind, **logins)
    command.upgrade(config, "head")
    for login in logins.values():
        connection.execute(text(f"GRANT USAGE ON SCHEMA tds_migration TO {quote_identifier(login)}"))
        connection.execute(text(f"GRANT SELECT ON tds_migration.version TO {quote_identifier(login)}"))


def _engine_kind(connection: Connection) -> str:
    """Tell which engine a database has, or will have: TimescaleDB where a usable Community version is on offer."""
    if connection.execute(text("SELECT to_regclass('tds.meta')")).scalar() is not None:
        known = connection.execute(text("SELECT value FROM tds.meta WHERE key = 'engine'")).scalar()
        if known is not None:
            return str(known)
    offered = connection.execute(
        text("SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'timescaledb'")
    ).scalar()
    if offered is None:
        return "plain"
    version = tuple(int(part) for part in str(offered).split("-")[0].split(".")[:3])
    if version < OLDEST_TIMESCALEDB:
        wanted = ".".join(map(str, OLDEST_TIMESCALEDB))
        raise StoreUnavailable(f"this server offers TimescaleDB {offered}: {wanted} or newer is needed")
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
    licence = connection.execute(text("SELECT current_setting('timescaledb.license', true)")).scalar()
    return "timescaledb" if licence == "timescale" else "plain"


def _ensure_login(connection: Connection, url: str, made_by_us: bool) -> None:
    name, password = _user(url), unquote(urlsplit(url).password or "")
    known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).scalar()
    if known is None:
        connection.execute(text(f"CREATE ROLE {quote_identifier(name)} LOGIN PASSWORD {quote_literal(password)}"))
    elif made_by_us:
        connection.execute(text(f"ALTER ROLE {quote_identifier(name)} LOGIN PASSWORD {quote_literal(password)}"))
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    connection.execute(text(f"GRANT CONNECT, TEMPORARY ON DATABASE {quote_identifier(database)} TO {quote_identifier(name)}"))


def _login_url(settings: Settings, role: str) -> str:
    return engine.database_url(settings, "ingest" if role == "ingest" else "web")


def _user(url: str) -> str:
    name = unquote(urlsplit(url).username or "")
    if not name:
        raise SettingsError("a database URL names no user: use postgresql://user:password@host:port/name")
    return name
