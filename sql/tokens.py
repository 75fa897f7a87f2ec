"""Tokens for the API: made once, kept as a hash, for one account and one person, with a role and an end."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.device_rules import checked_name
from sql.errors import NotFound, Refused
from sql.people import ROLES
from sql.statements import statements

FILE = "tokens.sql"
PREFIX = "tds_"
HINT = 10  # characters of a token that people see, to tell one from another
LONGEST_DAYS, USUAL_DAYS = 3650, 365


class Token(NamedTuple):
    """What is known of a token; never the token."""

    id: int
    name: str
    email: str
    user_id: int
    role: str
    hint: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Holder(NamedTuple):
    """Whom a token stands for, and what it may do: no more than its person may."""

    token_id: int
    user_id: int
    account_id: int
    role: str


def add_token(
    connection: Connection, account_id: int, user_id: int, name: str, role: str, mine: str, days: int
) -> tuple[str, Token]:
    """Make a token of a role, at most its person's own (`mine`); gives it, this once, and what is kept of it."""
    title = checked_name(name, "a token's name")
    if role not in ROLES:
        raise Refused(f"the role must be {', '.join(ROLES[:-1])} or {ROLES[-1]}", "token_role")
    if ROLES.index(role) < ROLES.index(mine):
        raise Refused(f"a token may not do more than its person, who is {mine}", "token_above", role=mine)
    if not 1 <= days <= LONGEST_DAYS:
        raise Refused(f"a token works for 1 to {LONGEST_DAYS} days", "token_days", most=LONGEST_DAYS)
    token = PREFIX + secrets.token_urlsafe(32)
    binds = {
        "account": account_id,
        "user": user_id,
        "name": title,
        "role": role,
        "hash": digest(token),
        "hint": token[:HINT],
        "days": days,
    }
    made = connection.execute(statements(FILE)["add"], binds).scalar_one()
    return token, find_token(connection, account_id, int(made))


def digest(token: str) -> bytes:
    """Give what is kept of a token: it is random enough that a plain hash is safe."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def holder(connection: Connection, token: str) -> Holder | None:
    """Tell whom a token stands for; None for one that is unknown, taken back, over, or whose person has left."""
    row = connection.execute(statements(FILE)["holder"], {"hash": digest(token)}).one()
    return Holder(*row) if row.token_id is not None else None


def tokens(connection: Connection, account_id: int, user_id: int | None = None) -> list[Token]:
    """List an account's tokens, or one person's."""
    rows = connection.execute(statements(FILE)["tokens"], {"account": account_id, "user": user_id, "id": None})
    return [Token(*row) for row in rows]


def find_token(connection: Connection, account_id: int, token_id: int) -> Token:
    """Find a token of an account; raises NotFound."""
    row = connection.execute(statements(FILE)["tokens"], {"account": account_id, "user": None, "id": token_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no token {token_id}: `tds token list` shows them")
    return Token(*row)


def revoke(connection: Connection, token: Token) -> None:
    """Take a token back for good."""
    connection.execute(statements(FILE)["revoke"], {"id": token.id})


def account_of(connection: Connection, token_id: int) -> int:
    """Give the account of a token; raises NotFound."""
    found = connection.execute(statements(FILE)["account_of"], {"id": token_id}).scalar()
    if found is None:
        raise NotFound(f"there is no token {token_id}: `tds token list` shows them")
    return int(found)


def member(connection: Connection, account_id: int, email: str) -> tuple[int, str]:
    """Give a person's number and role in an account; raises NotFound."""
    binds = {"account": account_id, "email": email.strip().lower()}
    row = connection.execute(statements(FILE)["member"], binds).one_or_none()
    if row is None:
        raise NotFound(f"{email.strip().lower()} has no place in this account: add it with `tds user add`")
    return int(row.id), str(row.role)
