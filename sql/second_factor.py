"""The second factor: the secret of time-based codes, encrypted by whoever keeps it here, and recovery codes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "people.sql"
CODES = 10
# Letters and digits that nobody takes for one another; seventeen of them are 84 bits.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class Factor(NamedTuple):
    """A person's second factor: the secret as it was given, since when it is asked for, and the last code's half-minute."""

    secret: str
    confirmed_at: datetime | None
    last_step: int


def find(connection: Connection, user_id: int) -> Factor | None:
    """Give the second factor of the person that the transaction acts for."""
    row = connection.execute(statements(FILE)["second_factor"], {"user": user_id}).one_or_none()
    return Factor(*row) if row else None


class Policy(NamedTuple):
    """Whether an account asks its members for a second factor; how many there are, and how many have one."""

    asked: bool
    members: int
    secured: int


def policy(connection: Connection, account_id: int) -> Policy:
    """Give what an account asks for; who has one is for its administrators to know."""
    return Policy(*connection.execute(statements(FILE)["second_factor_asked"], {"account": account_id}).one())


def ask(connection: Connection, wanted: bool) -> bool | None:
    """Have the account that the transaction acts for ask for it, or no longer; gives what was so, None to whoever may not."""
    found = connection.execute(statements(FILE)["ask_second_factor"], {"wanted": wanted}).scalar()
    return None if found is None else bool(found)


def asked_by(connection: Connection, user_id: int) -> list[str]:
    """Name the accounts of the person that the transaction acts for which ask for a second factor."""
    return list(connection.execute(statements(FILE)["who_asks_second_factor"], {"user": user_id}).scalars())


def begin(connection: Connection, user_id: int, secret: str) -> None:
    """Keep an encrypted secret that is asked for once it is confirmed; one that is confirmed stays."""
    connection.execute(statements(FILE)["begin_second_factor"], {"user": user_id, "secret": secret})


def spend(connection: Connection, user_id: int, step: int) -> bool:
    """Use the code of a half-minute; tells whether it, and every later one, had not been used."""
    return connection.execute(statements(FILE)["spend_step"], {"user": user_id, "step": step}).one_or_none() is not None


def confirm(connection: Connection, user_id: int) -> list[str]:
    """Ask for the second factor from now on; gives the recovery codes, which are kept nowhere."""
    connection.execute(statements(FILE)["confirm_second_factor"], {"user": user_id})
    return renew_codes(connection, user_id)


def renew_codes(connection: Connection, user_id: int) -> list[str]:
    """Make new recovery codes in place of all earlier ones."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(17)) for _ in range(CODES)]
    connection.execute(statements(FILE)["drop_recovery_codes"], {"user": user_id})
    connection.execute(statements(FILE)["keep_recovery_codes"], {"user": user_id, "digests": digests(codes)})
    return codes


def spend_code(connection: Connection, user_id: int, code: str) -> bool:
    """Use a recovery code, with or without its dashes; tells whether it was one that is left."""
    given = {"user": user_id, "digest": digests([code])[0]}
    return connection.execute(statements(FILE)["spend_recovery_code"], given).one_or_none() is not None


def codes_left(connection: Connection, user_id: int) -> int:
    """Count the recovery codes that are left."""
    return int(connection.execute(statements(FILE)["recovery_codes_left"], {"user": user_id}).scalar_one())


def drop(connection: Connection, user_id: int) -> None:
    """Ask for no second factor any more."""
    connection.execute(statements(FILE)["drop_second_factor"], {"user": user_id})
    connection.execute(statements(FILE)["drop_recovery_codes"], {"user": user_id})


def digests(codes: Sequence[str]) -> list[bytes]:
    """Give what is kept of codes: random enough that a plain hash gives nothing away."""
    return [hashlib.sha256("".join(filter(str.isalnum, code.lower())).encode()).digest() for code in codes]
