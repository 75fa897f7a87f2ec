"""Creating and upgrading the schema: roles, Alembic migrations, rollups of every zone; can be run twice."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from settings import Settings, SettingsError
from sql import engine, locking, rollups
from sql.errors import StoreUnavailable
from sql.statements import quote_identifier, statements

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
OLDEST_TIMESCALEDB = (2, 29, 2)
MIGRATION_LOCK = 7_245_110
# A schema that is there while a restore is under way, and stays where one was cut short: nothing starts on half a database.
RESTORING = "tds_restoring"


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
            if (fault := being_restored(connection)) is not None:
                raise StoreUnavailable(fault)
            kind = _engine_kind(connection)
            for role, url in urls.items():
                _ensure_login(connection, url, role, made_by_us=getattr(settings, f"{role}_database_url") is None)
            _upgrade(connection, kind, {role: _user(url) for role, url in urls.items()})
        rollups.add_missing_zones(store, packed=False)  # a worker of an older version, still at work, would not know those
        rollups.mend_views(store)
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


def being_restored(connection: Connection) -> str | None:
    """Say what to do where a restore is under way or was cut short; None where neither is so."""
    if connection.execute(text("SELECT to_regnamespace(:name)"), {"name": RESTORING}).scalar() is None:
        return None
    return "the database is being restored: wait for `tds restore`, or run it again where it was cut short"


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
        _define(connection, f"GRANT USAGE ON SCHEMA tds_migration TO {quote_identifier(login)}")
        _define(connection, f"GRANT SELECT ON tds_migration.version TO {quote_identifier(login)}")
    locking.close(connection, logins.values())


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


def _ensure_login(connection: Connection, url: str, role: str, made_by_us: bool) -> None:
    name, password = _user(url), unquote(urlsplit(url).password or "")
    known = connection.execute(statements("roles.sql")["known"], {"name": name}).one_or_none()
    if known is not None and role == "web" and known.unbound:
        raise SettingsError(
            f"TDS_WEB_DATABASE_URL names a login that sees every account ({name}): give the web a login of its own"
        )
    if known is None or made_by_us:
        order = "CREATE" if known is None else "ALTER"
        # The driver writes the password as a literal: no other place of a statement takes one in a parameter.
        connection.exec_driver_sql(f"{order} ROLE {quote_identifier(name).replace('%', '%%')} LOGIN PASSWORD %s", (password,))
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    _define(connection, f"GRANT CONNECT, TEMPORARY ON DATABASE {quote_identifier(database)} TO {quote_identifier(name)}")


def _define(connection: Connection, statement: str) -> None:
    """Run a definition as it stands: names may hold colons and percent signs."""
    connection.exec_driver_sql(statement.replace("%", "%%"))


def _login_url(settings: Settings, role: str) -> str:
    return engine.database_url(settings, "ingest" if role == "ingest" else "web")


def _user(url: str) -> str:
    name = unquote(urlsplit(url).username or "")
    if not name:
        raise SettingsError("a database URL names no user: use postgresql://user:password@host:port/name")
    return name
