"""The database's part of a restore: everything is checked first; what a restore that was cut short left is begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import psycopg2
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from settings import Settings
from sql import engine, programs
from sql.account_commands import MANNERS
from sql.dump import DUMP, FILE, DatabaseFacts, ToolLogin, admin_connection, admin_url, leading_to
from sql.errors import Refused, StoreUnavailable
from sql.migrate import RESTORING, migrate, newest_version
from sql.statements import quote_identifier, statements

OURS = ("tds", "web", "tds_migration")


class Target(NamedTuple):
    """Where a restore goes: the owner's URL, a superuser's or None, the programs, what is there to be dropped."""

    owner: str
    admin: str | None
    programs: Path
    exists: bool
    drops: bool


def check_target(settings: Settings, facts: DatabaseFacts, replace: bool) -> Target:
    """Raise Refused with one line unless the database can take the backup; changes nothing.

    `replace`: it may hold data, which are dropped.
    """
    if facts.schema > newest_version():
        raise Refused(
            f"the backup's schema is at version {facts.schema}, this program knows {newest_version()}: install the program that made it"
        )
    owner = engine.database_url(settings, "owner")
    admin = admin_url(settings)
    exists = _exists(owner, admin)
    if not exists and admin is None:
        raise Refused(
            "the database in TDS_DATABASE_URL cannot be reached as its owner: create both, or set TDS_DATABASE_ADMIN_URL"
        )
    with admin_connection(owner if exists or admin is None else leading_to(admin, "postgres")) as connection:
        server = connection.execute(statements(FILE)["server"]).one()
        drops = _check_content(connection, replace) if exists else False
        superuser = server.superuser
    found = programs.find_programs(settings, max(server.server, facts.server) // 10_000)
    if server.server // 10_000 < facts.server // 10_000:
        raise Refused(
            f"the backup is of PostgreSQL {facts.server // 10_000}, this server is {server.server // 10_000}: a dump goes into no older one"
        )
    if facts.engine == "timescaledb":
        _check_timescaledb(facts, server.offered, owner)
        if admin is None and superuser:
            admin = owner
        if admin is None:
            raise Refused("TimescaleDB restores for superusers only: name one in TDS_DATABASE_ADMIN_URL")
        _check_superuser(leading_to(admin, "postgres"))
    return Target(owner, admin, found, exists, drops)


def refill(settings: Settings, target: Target, facts: DatabaseFacts, logins: list[ToolLogin], folder: Path) -> list[str]:
    """Put the dump in a folder into the database that was checked; gives what the operator should know.

    From the first change to the last the database is marked: the program does not start on it, and another restore begins anew.
    """
    told: list[str] = []
    try:
        _empty(settings, target, facts)
        with admin_connection(target.owner) as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {RESTORING}")
        with _role_maker(target) as connection:
            for name, role in ((facts.ingest, "ingest"), (facts.web, "web")):
                _have_role(connection, name, engine.database_url(settings, role))  # type: ignore[arg-type]
            told += _have_logins(connection, logins)
        with admin_connection(target.admin or target.owner) as connection:
            for name, role in ((facts.ingest, "ingest"), (facts.web, "web")):
                _hand_on(connection, name, engine.database_url(settings, role))  # type: ignore[arg-type]
        _restore(target, facts, folder)
        with admin_connection(target.owner, autocommit=True) as connection:
            connection.execute(text("ANALYZE"))
            connection.exec_driver_sql(f"DROP SCHEMA {RESTORING}")
    except DBAPIError as error:
        raise StoreUnavailable(f"the database was not restored: {engine.reason(error)}; run `tds restore` again") from error
    except programs.ProgramFailed as error:
        raise StoreUnavailable(f"the database was not restored: {error}; run `tds restore` again") from error
    migrate(settings)
    return told


def _exists(owner: str, admin: str | None) -> bool:
    """Tell whether the owner can connect to the database; raises StoreUnavailable where the server does not answer."""
    try:
        psycopg2.connect(owner, connect_timeout=10).close()
    except psycopg2.OperationalError as error:
        said = str(error).strip().splitlines()[0]
        if "does not exist" in said:
            return False
        if admin is not None and "password authentication failed" in said and not _knows_owner(owner, admin):
            return False  # what a server says of a login that it does not know
        raise StoreUnavailable(f"the database cannot be reached: {said}") from error
    return True


def _knows_owner(owner: str, admin: str) -> bool:
    with admin_connection(leading_to(admin, "postgres")) as connection:
        login = {"login": unquote(urlsplit(owner).username or "")}
        return bool(connection.execute(statements(FILE)["role_exists"], login).scalar())


def _check_content(connection: Connection, replace: bool) -> bool:
    """Tell whether something is there to be dropped; raises Refused where that may not be."""
    sql = statements(FILE)
    schemas = set(connection.execute(sql["schemas"]).scalars())
    foreign = sorted(schemas - {*OURS, RESTORING}) + list(connection.execute(sql["loose"]).scalars())
    if foreign:
        raise Refused(f"the database holds what is not of TDS ({', '.join(foreign[:3])}): restore into one of its own")
    others = connection.execute(sql["others"]).scalar_one()
    if others:
        raise Refused(f"{others} connections to the database are open: stop `tds ingest`, `tds web` and other tools first")
    if RESTORING not in schemas and "tds" in schemas and not replace and _holds_data(connection):
        raise Refused("the database holds data: restore into an empty one, or say with --replace that they are to be dropped")
    return bool(schemas)


def _holds_data(connection: Connection) -> bool:
    return any(
        connection.execute(text(f"SELECT EXISTS (SELECT FROM tds.{table})")).scalar()
        for table in ("account", "app_user", "reading", "rejection")
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": f"tds.{table}"}).scalar() is not None
    )


def _check_timescaledb(facts: DatabaseFacts, offered: list[str], owner: str) -> None:
    if facts.timescaledb not in offered:
        has = f"offers {', '.join(sorted(offered)[-3:])}" if offered else "has none"
        raise Refused(
            f"the backup is of TimescaleDB {facts.timescaledb}, this server {has}: restore with that version, upgrade afterwards"
        )
    login = unquote(urlsplit(owner).username or "")
    if login != facts.owner:
        raise Refused(f"the backup's tables belong to {facts.owner}: let TDS_DATABASE_URL name that owner, not {login}")


def _check_superuser(url: str) -> None:
    with admin_connection(url) as connection:
        if not connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar():
            raise Refused("TDS_DATABASE_ADMIN_URL names no superuser, for whom alone TimescaleDB restores")


def _empty(settings: Settings, target: Target, facts: DatabaseFacts) -> None:
    """Leave an empty database of the owner's, made where there is none."""
    parts = urlsplit(target.owner)
    database, login = unquote(parts.path.strip("/")), unquote(parts.username or "")
    if facts.engine == "timescaledb" or not target.exists:
        # Dropping thousands of chunks takes more locks than a server has; dropping a database takes one.
        with admin_connection(leading_to(target.admin or target.owner, "postgres"), autocommit=True) as connection:
            if not connection.execute(statements(FILE)["role_exists"], {"login": login}).scalar():
                _define(
                    connection,
                    f"CREATE ROLE {quote_identifier(login)} LOGIN CREATEROLE PASSWORD %s",
                    unquote(parts.password or ""),
                )
            _define(connection, f"DROP DATABASE IF EXISTS {quote_identifier(database)}")
            _define(
                connection, f"CREATE DATABASE {quote_identifier(database)} OWNER {quote_identifier(login)} TEMPLATE template0"
            )
    elif target.drops:
        with admin_connection(target.owner) as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {RESTORING}")
            for schema in OURS:
                connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@contextmanager
def _role_maker(target: Target) -> Iterator[Connection]:
    """Connect as who makes roles: the owner, who may then change them, or the superuser where the owner makes none."""
    with admin_connection(target.owner) as connection:
        makes = connection.execute(text("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")).scalar()
    with admin_connection(target.owner if makes or target.admin is None else target.admin) as connection:
        yield connection


def _have_role(connection: Connection, name: str, url: str) -> None:
    """Have the role that the dump grants to, and the login of the settings, which may be another."""
    parts = urlsplit(url)
    login = unquote(parts.username or "")
    for role in {name, login}:
        if not connection.execute(statements(FILE)["role_exists"], {"login": role}).scalar():
            if role == login:
                _define(connection, f"CREATE ROLE {quote_identifier(role)} LOGIN PASSWORD %s", unquote(parts.password or ""))
            else:
                _define(connection, f"CREATE ROLE {quote_identifier(role)} NOLOGIN")


def _hand_on(connection: Connection, name: str, url: str) -> None:
    """Let the login of the settings do what the backup's did, where they are called differently."""
    login = unquote(urlsplit(url).username or "")
    if name != login:
        _define(connection, f"GRANT {quote_identifier(name)} TO {quote_identifier(login)}")


def _have_logins(connection: Connection, logins: list[ToolLogin]) -> list[str]:
    """Have the logins of other tools, with the passwords that they had where those are known; gives what is to be said."""
    told = []
    for login in logins:
        name = quote_identifier(login.name)
        if connection.execute(statements(FILE)["role_exists"], {"login": login.name}).scalar():
            continue
        _define(connection, f"CREATE ROLE {name} LOGIN NOINHERIT CONNECTION LIMIT 10")
        for setting, value in MANNERS.items():
            _define(connection, f"ALTER ROLE {name} SET {setting} = %s", value)
        if login.verifier is None:
            told.append(f"the login {login.name} has no password: `tds db-user remove {login.name}`, and add it again")
            continue
        try:
            with connection.begin_nested():
                _define(connection, f"ALTER ROLE {name} PASSWORD %s", login.verifier)
        except DBAPIError:
            told.append(f"the login {login.name} got no password: `tds db-user remove {login.name}`, and add it again")
    return told


def _restore(target: Target, facts: DatabaseFacts, folder: Path) -> None:
    dump = str(folder / DUMP)
    if facts.engine != "timescaledb":
        with TemporaryDirectory() as temporary:
            wanted = Path(temporary) / "list"
            listed = programs.run(target.programs, "pg_restore", "--list", dump).splitlines(keepends=True)
            # Who may take advisory locks is the server's affair: migrating settles it where it may.
            wanted.write_text("".join(line for line in listed if " ACL pg_catalog FUNCTION " not in line), encoding="utf-8")
            options = ["--exit-on-error", "--no-owner", f"--use-list={wanted}", "--jobs=2", dump]
            programs.run(target.programs, "pg_restore", *options, url=target.owner)
        return
    assert target.admin is not None
    with admin_connection(target.admin, autocommit=True) as connection:
        _define(connection, f"CREATE EXTENSION IF NOT EXISTS timescaledb VERSION '{facts.timescaledb}'")
        connection.execute(text("SELECT timescaledb_pre_restore()"))
    programs.run(target.programs, "pg_restore", "--exit-on-error", dump, url=target.admin)
    with admin_connection(target.admin, autocommit=True) as connection:
        connection.execute(text("SELECT timescaledb_post_restore()"))


def _define(connection: Connection, statement: str, *values: str) -> None:
    marked = statement.replace("%", "%%").replace("%%s", "%s") if values else statement.replace("%", "%%")
    connection.exec_driver_sql(marked, values)
