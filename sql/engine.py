"""Connections: one Store per login, one transaction per unit of work, the account set inside the transaction."""

from __future__ import annotations

import atexit
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from settings import Settings, SettingsError
from sql.errors import StoreUnavailable

Role = Literal["owner", "ingest", "web"]
SEARCH_PATH = {"owner": "tds, public", "ingest": "tds, public", "web": "web, tds, public"}
# A late batch may reach into more compressed rows than TimescaleDB allows by default; plain PostgreSQL takes the setting as a mere name.
LATE = "-c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
TIMEOUTS = {
    "owner": LATE,
    "ingest": f"{LATE} -c statement_timeout=60000 -c lock_timeout=10000",
    # Pages add tens of thousands of rows up: in memory, and in less time than it takes to compile how.
    "web": "-c statement_timeout=20000 -c jit=off -c work_mem=32MB",
}
# A database host that vanished without a word must not hold a process for minutes.
PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

# The id of the request, or the number of the batch, that a transaction is for: the server's log and pg_stat_activity show it.
working_for: ContextVar[str] = ContextVar("working_for", default="")


class Store:
    """A small pool of connections to the database as one login."""

    def __init__(self, url: str, role: Role, pool_size: int = 5, patience: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.role = role
        self.engine = _engine(url, role, pool_size, PATIENCE | dict(patience or {}))

    @contextmanager
    def transaction(self, account_id: int | None = None, user_id: int | None = None) -> Iterator[Connection]:
        """Open one transaction, for one account and user where given; commits at the end, rolls back on an error."""
        with self.engine.begin() as connection:
            if account_id is not None or user_id is not None:
                act_for(connection, self.role, account_id, user_id)
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def act_for(connection: Connection, role: Role, account_id: int | None, user_id: int | None) -> None:
    """Set, until the end of the transaction, the account and user that policies and views go by, and what it is for."""
    connection.execute(
        text(
            "SELECT set_config('tds.account_id', :account, true), set_config('tds.user_id', :user, true),"
            " set_config('application_name', :name, true)"
        ),
        {"account": str(account_id or ""), "user": str(user_id or ""), "name": f"tds-{role} {working_for.get()}".rstrip()},
    )


def open_store(settings: Settings, role: Role, pool_size: int = 5) -> Store:
    """Open the store as a login; starts or joins the embedded server where no database is named."""
    return Store(database_url(settings, role), role, pool_size)


def database_url(settings: Settings, role: Role) -> str:
    """Give the URL of a login: the one set, or the one that `tds migrate` makes from the owner's."""
    given = {"owner": settings.database_url, "ingest": settings.ingest_database_url, "web": settings.web_database_url}[role]
    if given is not None:
        return given
    owner = settings.database_url or _embedded_url(settings)
    return owner if role == "owner" else derived_url(owner, role)


def derived_url(owner: str, role: Role) -> str:
    """Make the URL of the ingest or web login from the owner's: same server, own name, a password only the owner can derive."""
    parts = urlsplit(owner)
    database = parts.path.strip("/")
    if not parts.password:
        raise SettingsError(
            f"TDS_DATABASE_URL has no password to derive the {role} login's from: set TDS_{role.upper()}_DATABASE_URL"
        )
    name = f"{unquote(database)}_{role}"
    password = hmac.new(unquote(parts.password).encode(), f"tds {name}".encode(), "sha256").hexdigest()
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(name)}:{password}@{host}").geturl()


def reason(error: Exception) -> str:
    """Give what a fault says; of one that the database reported, the first line of its words."""
    return str(error.orig).strip().splitlines()[0] if isinstance(error, DBAPIError) else str(error)


def check(store: Store) -> None:
    """Raise StoreUnavailable with one sentence unless the database answers."""
    try:
        with store.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError as error:
        raise StoreUnavailable(f"the database cannot be reached: {reason(error)}") from error


@cache
def _embedded_url(settings: Settings) -> str:
    """Join the embedded server once per process, until the process ends."""
    from sql.embedded import EmbeddedServer

    server = EmbeddedServer(settings)
    url = server.join()
    atexit.register(server.leave)
    return url


def _engine(url: str, role: Role, pool_size: int, patience: Mapping[str, str]) -> Engine:
    try:
        target: URL = make_url(url).set(drivername="postgresql+psycopg2")
    except ArgumentError as error:
        raise SettingsError("the database URL cannot be read: use postgresql://user:password@host:port/name") from error
    engine = create_engine(
        target,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            **{name: value for name, value in patience.items() if name not in target.query},
            "application_name": f"tds-{role}",
            "options": f"-c search_path={SEARCH_PATH[role].replace(' ', '')} -c timezone=UTC {TIMEOUTS[role]}".strip(),
        },
    )
    return engine
