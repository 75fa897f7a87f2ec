"""Members of an account: their roles and their removal. The database itself keeps the last administrator."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sql import people
from sql.errors import NotFound, Refused
from sql.fleet import find_account
from sql.statements import statements

FILE = "people.sql"
LAST_ADMIN = "TD001"  # raised by tds.keep_an_admin


class Member(NamedTuple):
    """A person with a place in an account."""

    id: int
    email: str
    role: str
    disabled: bool
    created_at: datetime


class Known(NamedTuple):
    """A person of the installation, as the operator sees one."""

    email: str
    operator: bool
    disabled_at: datetime | None
    second_factor_at: datetime | None
    created_at: datetime
    accounts: list[str]


def members(connection: Connection, account_id: int) -> list[Member]:
    """List an account's members by e-mail."""
    return [Member(*row) for row in connection.execute(statements(FILE)["members"], {"account": account_id})]


def change(connection: Connection, user_id: int, was: str, becomes: str | None) -> None:
    """Give a member of the account that the transaction acts for another role, or with None remove them.

    Raises Refused where the role is not what it `was`, or where this is the last administrator.
    """
    if becomes is not None:
        people.check_role(becomes)
    try:
        given = {"user": user_id, "was": was, "becomes": becomes}
        outcome = connection.execute(statements(FILE)["change_member"], given).scalar_one()
    except DBAPIError as error:
        raise last_admin(error) from error
    if outcome == "unknown":
        raise NotFound("there is no such member")
    if outcome == "changed_meanwhile":
        raise Refused("somebody else has changed this member in the meantime", "changed_meanwhile")
    if outcome != "done":
        raise Refused("only an administrator may do that", "no_right")


def last_admin(error: DBAPIError) -> Exception:
    """Say of the database's refusal what it means; any other error stays what it is."""
    if getattr(error.orig, "pgcode", "") != LAST_ADMIN:
        return error
    return Refused("an account keeps at least one administrator", "last_admin")


def find(connection: Connection, account: str, email: str) -> tuple[int, Member]:
    """Give an account's id and a member of it by e-mail; for the owner."""
    owner = find_account(connection, account)
    row = connection.execute(statements(FILE)["member"], {"account": owner.id, "email": email.strip().lower()}).one_or_none()
    if row is None:
        raise NotFound(f"{email.strip().lower()} has no place in {account}")
    return owner.id, Member(*row)


def set_role(connection: Connection, account: str, email: str, role: str) -> tuple[int, str]:
    """Give a member another role, as the owner; gives the account's id and the role before."""
    people.check_role(role)
    account_id, member = find(connection, account, email)
    _as_owner(connection, "set_role", {"user": member.id, "account": account_id, "role": role})
    return account_id, member.role


def remove(connection: Connection, account: str, email: str) -> tuple[int, str]:
    """Take a member out of an account and end their sessions, as the owner; gives the account's id and their role."""
    account_id, member = find(connection, account, email)
    _as_owner(connection, "remove_member", {"user": member.id, "account": account_id})
    return account_id, member.role


def known_people(connection: Connection) -> list[Known]:
    """List everybody who can sign in, as the owner."""
    return [Known(*row) for row in connection.execute(statements(FILE)["people"])]


def person_id(connection: Connection, email: str) -> int:
    """Give a person's id by e-mail, as the owner."""
    found = connection.execute(statements(FILE)["person_id"], {"email": email.strip().lower()}).scalar()
    if found is None:
        raise NotFound(f"nobody is known as {email.strip().lower()}")
    return int(found)


def account_ids(connection: Connection, email: str) -> list[int | None]:
    """Give the accounts in whose audit a change of a person belongs; None, the operator's own, where there is none."""
    found = connection.execute(statements(FILE)["account_ids"], {"email": email}).scalars()
    return [int(one) for one in found] or [None]


def disable(connection: Connection, email: str, disabled: bool) -> None:
    """Let a person sign in no more, or again; as the owner. An account's only administrator stays."""
    user_id = person_id(connection, email)
    alone = connection.execute(statements(FILE)["sole_admin_of"], {"user": user_id}).scalars().all() if disabled else []
    if alone:
        raise Refused(f"{email} is the only administrator of {', '.join(alone)}: make another one first", "last_admin")
    _as_owner(connection, "disable", {"user": user_id, "disabled": disabled})
    connection.execute(statements(FILE)["end_sessions"], {"user": user_id})


def set_operator(connection: Connection, email: str, operator: bool) -> None:
    """Make a person an operator, or no longer; as the owner."""
    user_id = person_id(connection, email)
    connection.execute(statements(FILE)["set_operator"], {"user": user_id, "operator": operator})
    connection.execute(statements(FILE)["end_sessions"], {"user": user_id})


def _as_owner(connection: Connection, name: str, given: dict[str, object]) -> None:
    try:
        connection.execute(statements(FILE)[name], given)
    except DBAPIError as error:
        raise last_admin(error) from error
