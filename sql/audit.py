"""Audit: one line for each change, written in the transaction of the change; who may read it is the database's to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.consumption import plain
from sql.statements import statements

FILE = "audit.sql"
COMMAND_LINE, AUTHORITY = "system: command line", "system: authority"
LONGEST_TARGET, LONGEST_ORIGIN = 400, 100
# What is written down, and what the page offers to filter by: the part before the dot.
ACTIONS = (
    "certificate.issued",
    "certificate.signed",
    "certificate.downloaded",
    "certificate.revoked",
    "certificate.batch",
    "sign_in.done",
    "sign_in.failed",
    "sign_out.done",
    "event.accepted",
    "event.corrected",
    "event.ignored",
    "event.undone",
    "device.replaced",
    "device.added",
    "device.changed",
    "device.moved",
    "device.retired",
    "device.reinstated",
    "device.deleted",
    "device.imported",
    "device.import_undone",
    "reading.imported",
    "gateway.added",
    "gateway.changed",
    "gateway.retired",
    "gateway.reinstated",
    "gateway.deleted",
    "gateway.claimed",
    "gateway.refused",
    "sign_out.everywhere",
    "sign_out.other",
    "account.added",
    "account.changed",
    "account.exported",
    "account.closed",
    "account.deleted",
    "account.restored",
    "account.login_added",
    "account.login_removed",
    "user.added",
    "user.invited",
    "user.invitation_revoked",
    "user.joined",
    "user.role_changed",
    "user.removed",
    "user.left",
    "user.disabled",
    "user.enabled",
    "user.operator",
    "user.password_changed",
    "user.password_reset",
    "user.reset_asked",
    "user.second_factor_on",
    "user.second_factor_off",
    "user.recovery_used",
    "user.recovery_renewed",
    "rejection.retried",
    "token.added",
    "token.revoked",
    "tariff.added",
    "tariff.changed",
    "tariff.removed",
    "holiday.added",
    "holiday.removed",
    "budget.set",
    "budget.removed",
    "invoice.added",
    "invoice.changed",
    "invoice.removed",
    "alarm.acknowledged",
    "alarm.rule_added",
    "alarm.rule_changed",
    "alarm.rule_deleted",
    "alarm.recipient_added",
    "alarm.recipient_changed",
    "alarm.recipient_deleted",
    "alarm.recipient_tried",
    "report.recipient_added",
    "report.recipient_removed",
    "report.recipient_paused",
    "report.recipient_resumed",
    "report.asked",
)


class Actor(NamedTuple):
    """Who does something: by e-mail address, or the system; from where, and with which browser."""

    name: str
    user_id: int | None = None
    address: str = ""
    agent: str = ""


class Entry(NamedTuple):
    """One line to write; `account_id` None is for the operator's eyes alone."""

    account_id: int | None
    actor: Actor
    action: str
    target: str = ""
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


class Line(NamedTuple):
    """One line as it was written."""

    id: int
    time: datetime
    account: str | None
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str
    agent: str


class Wanted(NamedTuple):
    """Which lines: of an account, of an action or a group of them (`certificate`), whose actor or target holds a text, before a line."""

    account: int | None
    action: str = ""
    who: str = ""
    below: int | None = None


def write(connection: Connection, *entries: Entry) -> None:
    """Write what was done, in the transaction that does it."""
    if entries:
        connection.execute(statements(FILE)["write"], {"rows": json.dumps([_row(entry) for entry in entries])})


def read(connection: Connection, wanted: Wanted, limit: int) -> list[Line]:
    """List what was done, the newest first: of one account, or for the owner of all."""
    binds = {**wanted._asdict(), "who": like(wanted.who), "action": wanted.action or None, "limit": limit}
    return [Line(*row) for row in connection.execute(statements(FILE)["read"], binds)]


def like(typed: str) -> str | None:
    """Give the pattern that finds a text anywhere, as it was typed; None for nothing typed."""
    text = _storable(typed.strip()).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{text}%" if text else None


def note_person(connection: Connection, email: str, action: str, actor: Actor) -> None:
    """Write a sign-in, or a change of how one signs in, into every account of the person; of an unknown one only that there was one."""
    binds = {"email": _storable(email), "action": action, "address": actor.address, "agent": actor.agent}
    connection.execute(statements(FILE)["note_person"], binds)


def command(
    connection: Connection,
    account_id: int | None,
    action: str,
    target: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write what the operator does by command."""
    write(connection, Entry(account_id, Actor(COMMAND_LINE), action, target, before, after))


def account_of(connection: Connection, mac: str) -> int | None:
    """Give the account that has a gateway in use."""
    found = connection.execute(statements(FILE)["account_of"], {"mac": mac}).scalar()
    return None if found is None else int(found)


def account_state(connection: Connection, account_id: int) -> dict[str, object]:
    """Give what can be set of an account."""
    row = connection.execute(statements(FILE)["account_state"], {"account": account_id}).one()
    return {"silent_after": row[0], "stuck_after": row[1], "second_factor": row[2]}


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Give of two states what differs."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def _row(entry: Entry) -> dict[str, object]:
    return {
        "account_id": entry.account_id,
        "user_id": entry.actor.user_id,
        "actor": entry.actor.name[:254],
        "action": entry.action,
        "object": _storable(entry.target)[:LONGEST_TARGET],
        "before": _plain(entry.before),
        "after": _plain(entry.after),
        "address": entry.actor.address[:LONGEST_ORIGIN],
        "agent": _storable(entry.actor.agent)[:LONGEST_ORIGIN],
    }


def _plain(state: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if state is None else {name: _value(value) for name, value in state.items()}


def _value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    """Leave out what the database cannot hold as text."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
