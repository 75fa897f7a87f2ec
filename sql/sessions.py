"""Sessions: where a person is signed in, until they sign out, do nothing for too long, or have been there long enough."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "people.sql"
IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)


class Session(NamedTuple):
    """One place where a person is signed in."""

    id: int
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


def begin(connection: Connection, user_id: int, address: str, agent: str) -> int:
    """Begin a session; gives its number, which the cookie carries signed."""
    given = {"user": user_id, "address": address, "agent": agent}
    return int(connection.execute(statements(FILE)["begin_session"], given).scalar_one())


def touch(connection: Connection, session_id: int) -> None:
    """Note that its person did something."""
    connection.execute(statements(FILE)["touch_session"], {"session": session_id})


def end(connection: Connection, user_id: int, session_id: int) -> bool:
    """End one session of a person; tells whether it was open."""
    return bool(connection.execute(statements(FILE)["end_session"], {"session": session_id, "user": user_id}).rowcount)


def open_sessions(connection: Connection, user_id: int) -> list[Session]:
    """List where a person is signed in, the last used first."""
    rows = connection.execute(statements(FILE)["open_sessions"], {"user": user_id, "idle": IDLE, "longest": LONGEST})
    return [Session(*row) for row in rows]


def has_been_at(connection: Connection, user_id: int, address: str) -> bool:
    """Tell whether a person was signed in from an address within the last 90 days."""
    return bool(connection.execute(statements(FILE)["has_been_at"], {"user": user_id, "address": address}).scalar())


def sign_out_everywhere(connection: Connection) -> None:
    """End every session of the person that the transaction acts for."""
    connection.execute(statements(FILE)["sign_out_everywhere"])


def forget(connection: Connection) -> None:
    """Take out sessions, links and counts that nobody can use any more; as the owner."""
    for name in ("forget_sessions", "forget_links", "forget_asking"):
        connection.execute(statements(FILE)[name])
