"""Exports and deletions of whole accounts: ordered, and how far they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "account_orders.sql"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Progress(NamedTuple):
    """How far an order is, in parts, and when it last moved."""

    done: int
    total: int
    ordered_at: datetime
    moved_at: datetime
    finished_at: datetime | None

    @property
    def share(self) -> float:
        """Give what is done, as a share of 1."""
        return 1.0 if self.finished_at else min(self.done / self.total, 0.99) if self.total else 0.0


class Export(NamedTuple):
    """The last export of an account; `outcome` is set once it ended, with `whole` where nothing is missing."""

    id: str
    progress: Progress
    ordered_by: str
    outcome: dict[str, object] | None


def begin_export(connection: Connection, account_id: int, name: str, by: str, total: int) -> str:
    """Note that an export begins; gives its number."""
    given = {"account": account_id, "name": name, "by": by, "total": total}
    return str(connection.execute(statements(FILE)["begin_export"], given).scalar_one())


def move_export(connection: Connection, id: str, done: int) -> None:
    """Note how many parts of an export are written."""
    connection.execute(statements(FILE)["move_export"], {"id": id, "done": done})


def finish_export(connection: Connection, id: str, outcome: Mapping[str, object]) -> None:
    """Note how an export ended."""
    connection.execute(statements(FILE)["finish_export"], {"id": id, "outcome": json.dumps(outcome)})


def last_export(connection: Connection, account_id: int) -> Export | None:
    """Give the last export of an account."""
    row = connection.execute(statements(FILE)["last_export"], {"account": account_id}).one_or_none()
    return Export(str(row[0]), Progress(*row[1:6]), row[6], row[7]) if row else None


def order_deletion(connection: Connection, account_id: int) -> str:
    """Close an account and have it deleted; gives the number of the deletion. For its admins and operators."""
    made = connection.execute(statements(FILE)["order_deletion"], {"account": account_id}).scalar()
    if made is None:
        raise NotFound("there is no such account")
    return str(made)


def close_account(connection: Connection, account_id: int, by: str) -> str:
    """Close an account and have it deleted, as the owner; gives the number of the deletion."""
    made = connection.execute(statements(FILE)["close_account"], {"account": account_id, "by": by}).scalar()
    if made is None:
        raise Refused("that account is being deleted already")
    return str(made)


def holdings(connection: Connection, account_id: int) -> tuple[int, int, int]:
    """Count an account's gateways, devices and members."""
    row = connection.execute(statements(FILE)["holdings"], {"account": account_id}).one()
    return int(row[0]), int(row[1]), int(row[2])


def deletion(connection: Connection, id: str) -> Progress:
    """Say how far a deletion is, to whoever knows its number."""
    row = connection.execute(statements(FILE)["deletion"], {"id": id}).one_or_none() if UUID.fullmatch(id) else None
    if row is None:
        raise NotFound("there is no such deletion")
    return Progress(*row)
