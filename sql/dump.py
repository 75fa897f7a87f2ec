"""The database's part of a backup: one snapshot of everything, by pg_dump, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import NullPool, create_engine, make_url, text

from settings import Settings
from sql import engine, programs
from sql.commands import owner_store
from sql.migrate import MIGRATION_LOCK, schema_version
from sql.statements import statements

FILE = "recovery.sql"
DUMP, LOGINS = "database.dump", "logins.json"


@dataclass(frozen=True)
class DatabaseFacts:
    """What a backup says of its database: what it needs of a server, whose it is, what a person knows it by."""

    engine: str
    server: int
    timescaledb: str | None
    schema: str
    database: str
    owner: str
    ingest: str
    web: str
    at: str
    bytes: int
    dumped_by: str
    holds: dict[str, Any]

    def written(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return asdict(self)


@dataclass(frozen=True)
class ToolLogin:
    """A login of another tool. `verifier`: what the server keeps of its password, where that could be read."""

    name: str
    verifier: str | None


def dump(settings: Settings, folder: Path) -> tuple[DatabaseFacts, list[ToolLogin]]:
    """Write the database into a folder as it is at one instant, while everything goes on; gives what is known of it.

    Holds off migrations, which would wait behind the dump with every writer waiting behind them.
    """
    sql = statements(FILE)
    with owner_store(settings) as store:
        with store.transaction() as holding, store.transaction() as connection:
            for one in (holding, connection):
                one.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            # In a transaction of its own: the snapshot must not be older than what a migration did while this waited.
            holding.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": MIGRATION_LOCK})
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            row, schema = connection.execute(sql["facts"]).one(), schema_version(connection)
            holds = dict(connection.execute(sql["holds"]).one()._mapping)
            names = list(connection.execute(sql["tool_logins"]).scalars())
            snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            found = programs.find_programs(settings, row.server // 10_000)
            options = ["--format=custom", "--compress=gzip:1", f"--snapshot={snapshot}", f"--file={folder / DUMP}"]
            programs.run(found, "pg_dump", *options, url=engine.database_url(settings, "owner"))
    newest = holds["newest_reading"]
    facts = DatabaseFacts(
        engine=row.engine,
        server=row.server,
        timescaledb=row.timescaledb if row.engine == "timescaledb" else None,
        schema=schema or "",
        database=row.database,
        owner=row.login,
        ingest=_user(engine.database_url(settings, "ingest")),
        web=_user(engine.database_url(settings, "web")),
        at=row.at.isoformat(),
        bytes=row.bytes,
        dumped_by=".".join(map(str, programs.version_in(found) or ())),
        holds={**holds, "newest_reading": newest and newest.isoformat()},
    )
    return facts, _with_verifiers(settings, names)


def write_logins(path: Path, logins: list[ToolLogin]) -> None:
    """Keep the logins of other tools beside the dump, which holds no login."""
    path.write_text(json.dumps([asdict(login) for login in logins], indent=1) + "\n", encoding="utf-8")


def read_logins(path: Path) -> list[ToolLogin]:
    """Give them again."""
    return [ToolLogin(**login) for login in json.loads(path.read_text(encoding="utf-8"))]


def admin_url(settings: Settings) -> str | None:
    """Give a superuser's URL of the owner's database: as set, or the embedded server's; None where there is neither."""
    owner = engine.database_url(settings, "owner")
    database = unquote(urlsplit(owner).path.strip("/"))
    if settings.database_admin_url is not None:
        return leading_to(settings.database_admin_url, database)
    if settings.database_url is None:
        from sql.embedded import EmbeddedServer

        return leading_to(EmbeddedServer(settings).superuser_url(), database)
    return None


def leading_to(url: str, database: str) -> str:
    """Give the URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{quote(database, safe='')}").geturl()


@contextmanager
def admin_connection(url: str, autocommit: bool = False) -> Iterator[Any]:
    """Open one connection by a URL, outside of any pool."""
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        poolclass=NullPool,
        connect_args={"connect_timeout": 10, "application_name": "tds-recovery"},
        **({"isolation_level": "AUTOCOMMIT"} if autocommit else {}),
    )
    with made.begin() as connection:
        yield connection


def _with_verifiers(settings: Settings, names: list[str]) -> list[ToolLogin]:
    url = admin_url(settings) or engine.database_url(settings, "owner")
    if not names:
        return []
    with admin_connection(url) as connection:
        if not connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar():
            return [ToolLogin(name, None) for name in names]
        known = dict(connection.execute(statements(FILE)["verifiers"], {"logins": names}).tuples().all())
    return [ToolLogin(name, known.get(name)) for name in names]


def _user(url: str) -> str:
    return unquote(urlsplit(url).username or "")
