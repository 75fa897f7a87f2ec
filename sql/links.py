"""Links that work once and for a while: invitations into an account, and passwords set anew."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql import people
from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "people.sql"
INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(hours=1)


class Link(NamedTuple):
    """What a link is for; `known` where its e-mail has a password already; state: open, used, expired, revoked."""

    kind: str
    email: str
    account: str | None
    role: str | None
    state: str
    known: bool
    locale: str | None


class Invitation(NamedTuple):
    """An invitation that nobody has accepted yet."""

    id: int
    email: str
    role: str
    created_at: datetime
    created_by: str
    expires_at: datetime


def new_secret() -> str:
    """Make the secret of a link: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Give what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def invite(connection: Connection, account_id: int, email: str, role: str, by: str) -> str:
    """Invite somebody into an account; gives the link's secret, which is kept nowhere. An earlier invitation ends."""
    email = people.checked_email(email)
    people.check_role(role)
    if connection.execute(statements(FILE)["member"], {"account": account_id, "email": email}).one_or_none():
        raise Refused(f"{email} has a place in this account already", "member_already")
    secret = new_secret()
    connection.execute(statements(FILE)["revoke_expired"], {"email": email, "account": account_id})
    given = {"digest": digest(secret), "email": email, "account": account_id, "role": role, "by": by}
    try:
        connection.execute(statements(FILE)["invite"], {**given, "lasting": INVITATION_LASTS})
    except IntegrityError:  # two administrators at once
        raise Refused(f"{email} was invited a moment ago", "invited_already") from None
    return secret


def invitations(connection: Connection, account_id: int) -> list[Invitation]:
    """List the invitations of an account that can still be accepted."""
    return [Invitation(*row) for row in connection.execute(statements(FILE)["invitations"], {"account": account_id})]


def revoke(connection: Connection, account_id: int, invitation_id: int) -> tuple[str, str]:
    """Take an invitation back; gives its e-mail and role. NotFound where there is none that is open."""
    row = connection.execute(statements(FILE)["revoke_invitation"], {"id": invitation_id, "account": account_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such invitation")
    return str(row[0]), str(row[1])


def open_reset(connection: Connection, email: str) -> tuple[str, str, str | None] | None:
    """Let a person set their password anew; gives secret, e-mail and language, None where nobody is known by that e-mail."""
    secret = new_secret()
    given = {"email": email.strip().lower(), "digest": digest(secret), "lasting": RESET_LASTS}
    row = connection.execute(statements(FILE)["open_reset"], given).one_or_none()
    return (secret, row[0], row[1]) if row else None


def find(connection: Connection, secret: str) -> Link | None:
    """Say what a link is for."""
    row = connection.execute(statements(FILE)["link_of"], {"digest": digest(secret)}).one_or_none()
    return Link(*row) if row else None


def use_reset(connection: Connection, secret: str, password: str) -> str | None:
    """Set a password by its link, and end every session; gives the person's e-mail, None where the link does not work any more."""
    given = {"digest": digest(secret), "hash": people.hash_password(password)}
    found = connection.execute(statements(FILE)["use_reset"], given).scalar()
    return None if found is None else str(found)


def accept(connection: Connection, secret: str, password: str | None, address: str, agent: str) -> int | None:
    """Join an account: a new person with a password, a known one as who the transaction acts for; gives the person's id.

    None where the link does not work any more; raises Refused where the person has become known in this very moment.
    """
    given = {
        "digest": digest(secret),
        "hash": people.hash_password(password) if password is not None else None,
        "address": address,
        "agent": agent,
    }
    try:
        found = connection.execute(statements(FILE)["accept_invitation"], given).scalar()
    except IntegrityError:  # two accounts have invited them, and they accept both at once
        raise Refused("this e-mail has become known a moment ago: sign in and join", "joined_meanwhile") from None
    return None if found is None else int(found)
