"""What an operator does in the pages: accounts, not what is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from settings import LOCALES, is_zone
from sql import links, people, rollups
from sql.audit import Actor
from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "people.sql"


class Operated(NamedTuple):
    """An account from outside."""

    id: int
    name: str
    timezone: str
    locale: str
    currency: str
    created_at: datetime
    closed_at: datetime | None
    members: int
    admins: int
    invited: str | None
    gateways: int
    devices: int


def accounts(connection: Connection) -> list[Operated]:
    """List the accounts; empty for whoever is no operator."""
    return [Operated(*row) for row in connection.execute(statements(FILE)["operated"])]


def add_account(connection: Connection, name: str, timezone: str, locale: str, currency: str) -> int:
    """Add an account; the worker makes the rollups of a zone that is new."""
    name = name.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise Refused("an account's name has between 1 and 200 letters", "account_name")
    if not is_zone(timezone):
        raise Refused(f"{timezone} is not a time zone such as America/Sao_Paulo", "account_zone")
    if locale not in LOCALES:
        raise Refused("the language is one of those on offer", "account_locale")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise Refused("a currency is three letters, such as BRL", "account_currency")
    given = {"name": name, "zone": timezone, "slug": rollups.slug(timezone), "locale": locale, "currency": currency}
    try:
        made = connection.execute(statements(FILE)["operator_adds"], given).scalar()
    except IntegrityError:
        raise Refused(f"there is an account named {name} already", "account_taken") from None
    if made is None:
        raise Refused("only an operator may do that", "no_right")
    return int(made)


def invite_admin(connection: Connection, account_id: int, email: str) -> str:
    """Invite the first administrator of an account; gives the link's secret. Refused where somebody administers it."""
    secret = links.new_secret()
    given = {"account": account_id, "email": people.checked_email(email), "digest": links.digest(secret)}
    outcome = connection.execute(statements(FILE)["operator_invites"], {**given, "lasting": links.INVITATION_LASTS}).scalar_one()
    if outcome == "unknown":
        raise NotFound("there is no such account")
    if outcome != "done":
        raise Refused("the account has an administrator, who invites everybody else", "has_admin")
    return secret


def note(
    connection: Connection, account_id: int | None, action: str, target: str, detail: Mapping[str, object], actor: Actor
) -> None:
    """Write into the audit of an account, or with None into the operator's own, what the operator did."""
    given = {"account": account_id, "action": action, "target": target, "detail": json.dumps(detail)}
    connection.execute(statements(FILE)["note_operator"], {**given, "address": actor.address, "agent": actor.agent})
