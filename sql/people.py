"""People: passwords, users, memberships, and what sign-in needs to know."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from sql.errors import Refused
from sql.fleet import find_account
from sql.statements import statements

FILE = "people.sql"
ROLES = ("admin", "editor", "viewer")
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
# Checked when the address is unknown, so that the answer takes as long as for a known one.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$/L9fPoF1QXB8Lv1QLCM8LQ$wWo/VonqPGCyGhzK2pjxJPdDBj2PIBk5HGxaPzsU80M"


class SignIn(NamedTuple):
    """A user as sign-in sees one."""

    id: int
    email: str
    password_hash: str
    epoch: int
    locale: str | None
    disabled: bool
    second_factor: bool = False


class Member(NamedTuple):
    """A user's place in an account."""

    account_id: int
    account: str
    timezone: str
    locale: str
    currency: str
    role: str


def hash_password(password: str) -> str:
    """Give the Argon2id hash to be kept; refuses a password that is too short or too long."""
    check_length(password)
    return PasswordHasher().hash(password)


def check_new_password(password: str, *own: str) -> None:
    """Refuse what a person should not choose: too short, among the passwords most in use, or their own name again."""
    check_length(password)
    plain = password.casefold().strip()
    names = {part for word in own for part in (word.casefold(), word.casefold().partition("@")[0]) if len(part) >= 4}
    if any(plain.replace(name, "").strip("0123456789!@#$.-_ ") == "" for name in names):
        raise Refused("that is your own name: choose something else", "password_own")
    if plain in common_passwords() or len(set(plain)) < 5:
        raise Refused("that password is among those tried first: choose another", "password_common")


@cache
def common_passwords() -> frozenset[str]:
    """Give the passwords most in use, as published from leaks."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 words: read when the first password is chosen

    return frozenset(FREQUENCY_LISTS["passwords"])


def check_length(password: str) -> None:
    """Refuse a password that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refused(f"a password has at least {SHORTEST_PASSWORD} characters", "password_short", n=SHORTEST_PASSWORD)


def is_outdated(user: SignIn) -> bool:
    """Tell whether a hash was made with other parameters than are used now."""
    return PasswordHasher().check_needs_rehash(user.password_hash)


def check_password(user: SignIn | None, password: str) -> bool:
    """Tell whether the password is the user's; takes as long for an unknown user."""
    try:
        PasswordHasher().verify(user.password_hash if user else _NOBODY, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return user is not None and not user.disabled


def checked_email(given: str) -> str:
    """Give an e-mail address as it is kept; raises Refused where it is none."""
    email = given.strip().lower()
    whole = email.count("@") == 1 and all(email.split("@")) and email.isprintable() and len(email) <= 254
    if not whole or any(mark in email for mark in ' <>()[]{}"`,;:\\'):
        raise Refused("that is not an e-mail address: write it as name@example.com", "email_wrong")
    return email


def check_role(role: str) -> None:
    """Refuse what is no role."""
    if role not in ROLES:
        raise Refused(f"the role must be {', '.join(ROLES[:-1])} or {ROLES[-1]}, not {role!r}", "role_wrong")


def set_password(connection: Connection, password_hash: str) -> None:
    """Keep the hash of the password of the person that the transaction acts for."""
    connection.execute(statements(FILE)["set_password"], {"hash": password_hash})


def add_user(connection: Connection, email: str, account: str, role: str, password: str) -> int:
    """Give a person a place in an account; a new person gets the password, a known one keeps theirs."""
    email = checked_email(email)
    check_role(role)
    owner = find_account(connection, account)
    user_id = connection.execute(statements(FILE)["person_id"], {"email": email}).scalar()
    if user_id is None:
        given = {"email": email, "hash": hash_password(password)}
        user_id = connection.execute(statements(FILE)["add_person"], given).scalar_one()
    elif connection.execute(statements(FILE)["has_place"], {"user": user_id, "account": owner.id}).scalar_one():
        raise Refused(f"{email} has a place in {account} already")
    connection.execute(statements(FILE)["add_member"], {"user": user_id, "account": owner.id, "role": role})
    return int(user_id)


def find_for_sign_in(connection: Connection, email: str) -> SignIn | None:
    """Find a user by e-mail before anybody is signed in."""
    row = connection.execute(statements(FILE)["for_sign_in"], {"email": email.strip().lower()}).one_or_none()
    return SignIn(*row) if row else None


def memberships(connection: Connection, user_id: int) -> list[Member]:
    """List a user's accounts by name; the transaction must act for that user."""
    return [Member(*row) for row in connection.execute(statements(FILE)["memberships"], {"user": user_id})]
