"""Who is signed in, for which account, in which language."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from sql import sessions
from sql.fleet import Account
from sql.statements import statements

FILE = "queries/session.sql"


class SignedIn(NamedTuple):
    """A user, and the account and role of the session; both None until an account is chosen.

    `unsecured`: the account asks its members for a second factor, and they have none.
    """

    id: int
    email: str
    epoch: int
    locale: str | None
    account: Account | None
    role: str | None
    operator: bool = False
    unsecured: bool = False


def signed_in(conn: Connection, user_id: int, account_id: int | None) -> SignedIn | None:
    """Give the user that the transaction acts for unless removed or disabled, with the account if they are a member of it."""
    row = conn.execute(statements(FILE)["signed_in"], {"user": user_id, "account": account_id}).one_or_none()
    if row is None:
        return None
    account = Account(*row[4:9]) if row[4] is not None else None
    return SignedIn(row[0], row[1], row[2], row[3], account, row[9], row[10], row[11])


def session_goes_on(conn: Connection, user_id: int, session_id: int, used: bool) -> bool:
    """Tell whether a session of a user is open and neither idle nor too old; notes that it was used, once a minute."""
    given = {"user": user_id, "session": session_id, "idle": sessions.IDLE, "longest": sessions.LONGEST}
    row = conn.execute(statements(FILE)["session_open"], given).one_or_none()
    if row is not None and used and row[0]:
        sessions.touch(conn, session_id)
    return row is not None


def set_locale(conn: Connection, user_id: int, locale: str) -> None:
    """Keep the language that a user chose."""
    conn.execute(statements(FILE)["set_locale"], {"user": user_id, "locale": locale})
