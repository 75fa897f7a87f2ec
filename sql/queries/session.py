"""Who is signed in, for which account, in which language."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/session.sql"


class Account(NamedTuple):
    """The tenant a session acts for."""

    id: int
    name: str
    timezone: str
    locale: str
    currency: str


class SignedIn(NamedTuple):
    """A user, and the account and role of the session; both None until an account is chosen."""

    id: int
    email: str
    epoch: int
    locale: str | None
    account: Account | None
    role: str | None


def signed_in(conn: Connection, user_id: int, account_id: int | None) -> SignedIn | None:
    """Give the user unless removed or disabled, with the account if they are a member of it."""
    row = conn.execute(statements(FILE)["signed_in"], {"user": user_id, "account": account_id}).one_or_none()
    if row is None:
        return None
    account = Account(*row[4:9]) if row[4] is not None else None
    return SignedIn(row[0], row[1], row[2], row[3], account, row[9])


def set_locale(conn: Connection, user_id: int, locale: str) -> None:
    """Keep the language that a user chose."""
    conn.execute(statements(FILE)["set_locale"], {"user": user_id, "locale": locale})
