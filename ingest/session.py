"""The ingester's connection to the database: one, for writing, for the lock that makes it the active one, and for notices."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from ingest import writer
from ingest.directory import CHANNEL
from sql.engine import PATIENCE
from sql.errors import TdsError

# The server, too, must notice within half a minute that an ingester is gone, or its lock would outlive it.
_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "search_path": "tds,public",
        "timezone": "UTC",
        "statement_timeout": 20_000,
        "lock_timeout": 10_000,
        "idle_in_transaction_session_timeout": 60_000,
        "idle_session_timeout": 60_000,
        "tcp_keepalives_idle": 10,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
        "jit": "off",
        "timescaledb.max_tuples_decompressed_per_dml_transaction": 0,  # a mere name to a server without it
    }.items()
)
# Data that no retry will make storable: data exceptions, constraint violations, wrong types, program limits.
_OF_THE_DATA = ("22", "23", "42804", "54")
# May be the batch's size or shape: smaller ones are tried before the readings are blamed.
_OF_THE_SIZE = ("53200", "53400", "57014", "XX")


class StoreLost(TdsError):
    """The database did not take a batch now; it will be tried again."""


class Unstorable(TdsError):
    """The database will not take this batch as it is; `certain` where trying again cannot help."""

    def __init__(self, text: str, certain: bool) -> None:
        super().__init__(text)
        self.certain = certain


def connect(url: str) -> Connection:
    """Connect with our timeouts; raises StoreLost with one line where that is not possible."""
    try:
        return psycopg2.connect(make_dsn(url, **{"application_name": "tds-ingest", **PATIENCE, "options": _OPTIONS}))
    except (psycopg2.Error, UnicodeDecodeError) as error:
        raise StoreLost(first_line(error)) from error


class Session:
    """A connection that has made its staging table and listens for changes of the register."""

    def __init__(self, url: str) -> None:
        """Connect; raises StoreLost with one line where that is not possible."""
        self._closing = threading.Lock()
        self.connection = connect(url)
        try:
            writer.prepare(self.connection)
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
                cursor.execute("SET synchronous_commit TO off")  # writer.store waits for the disk, after the commit
        except psycopg2.Error as error:
            self.close()
            raise StoreLost(first_line(error)) from error

    def claim(self, client_id: str) -> bool:
        """Try to become the one ingester of this client id, for as long as the connection lasts."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"tds ingest {client_id}",))
            row = cursor.fetchone()
            return bool(row and row[0])

    def noticed(self) -> bool:
        """Ask the connection whether the register changed since last asked; also what keeps it from idling out."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        changed = bool(self.connection.notifies)
        self.connection.notifies.clear()
        return changed

    def abort(self) -> None:
        """Break the connection from another thread, so that whoever waits for an answer on it gets an error."""
        with self._closing, suppress(OSError, psycopg2.Error):
            if not self.connection.closed:
                with socket.socket(fileno=os.dup(self.connection.fileno())) as other:
                    other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, and with it give up the lock."""
        with self._closing, suppress(psycopg2.Error):
            self.connection.close()


def judge(error: Exception) -> StoreLost | Unstorable:
    """Tell a fault of the database, or of the way to it, from a batch that it will never take."""
    text = first_line(error)
    if isinstance(error, psycopg2.Error):
        code = error.pgcode or ""
        if code.startswith(_OF_THE_DATA):
            return Unstorable(text, certain=True)
        if code.startswith(_OF_THE_SIZE):
            return Unstorable(text, certain=False)
        return StoreLost(text)
    return Unstorable(f"{type(error).__name__}: {text}", certain=True)


def first_line(error: Exception) -> str:
    """Give the first line of what a driver said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
