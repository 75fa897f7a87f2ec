"""Orders to the certificate authority: people place them in the pages, the authority carries them out where its key is.

A gateway's key is made by whoever asks and stays there: an order holds a signing request, which names the public key alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from sql.audit import Actor
from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "orders.sql"
CHANNEL = "tds_authority"
Kind = Literal["issue", "sign", "revoke"]
# The authority says every few seconds that it is there.
ABSENT_AFTER = timedelta(seconds=20)
# Whoever asked for a certificate has left by then, and its key with them. A revocation waits for as long as it takes.
EXPIRES_AFTER = timedelta(minutes=2)
KEPT_DAYS = 30


class Authority(NamedTuple):
    """The authority that carries orders out: what goes with every certificate it signs, and when it was last there."""

    chain: str
    issuer: str
    host: str
    port: int
    topic: str
    seen_at: datetime

    def is_there(self, now: datetime) -> bool:
        """Tell whether orders are carried out at once."""
        return now - self.seen_at < ABSENT_AFTER


class Open(NamedTuple):
    """An order that waits for the authority; `mac` is that of the gateway it is for."""

    id: int
    account_id: int
    kind: Kind
    mac: str
    request: str | None
    serial: str | None
    reason: str | None
    user_id: int | None
    actor: str
    address: str
    agent: str


class Answer(NamedTuple):
    """What became of an order: the certificate in PEM and its serial, or what the broker makes of a revocation, or why not."""

    id: int
    state: str
    serial: str | None = None
    certificate: str | None = None
    outcome: Mapping[str, object] | None = None


def find_authority(connection: Connection) -> Authority | None:
    """Give the authority that was last there; None where none ever was."""
    row = connection.execute(statements(FILE)["authority"]).one_or_none()
    return Authority(*row) if row else None


def appear(connection: Connection, authority: Authority) -> None:
    """Say that the authority is there."""
    connection.execute(statements(FILE)["appear"], authority._asdict())


def leave(connection: Connection) -> None:
    """Say that the authority goes: whoever looks need not wait to find out."""
    connection.execute(statements(FILE)["leave"])


def order_certificate(connection: Connection, account_id: int, gateway_id: int, kind: Kind, request: str, by: Actor) -> int:
    """Ask for a certificate; gives the order's id."""
    given = {"account": account_id, "gateway": gateway_id, "kind": kind, "request": request, "serial": None, "reason": None}
    return _place(connection, given, by)


def order_revocation(connection: Connection, account_id: int, gateway_id: int, serial: str, reason: str, by: Actor) -> int:
    """Ask for a certificate to be revoked; gives the order's id."""
    text = " ".join(reason.split())
    if not text or len(text) > 200 or not text.isprintable():
        raise Refused("a revocation needs a reason, in one line of at most 200 characters", "no_reason")
    given = {"account": account_id, "gateway": gateway_id, "kind": "revoke", "request": None, "serial": serial, "reason": text}
    return _place(connection, given, by)


def order_lines(connection: Connection, batch_id: int, requests: Mapping[int, str], by: Actor) -> None:
    """Ask for the certificates of some lines of a batch, by order; whatever they were answered before is forgotten."""
    rows = json.dumps([{"id": order, "request": request} for order, request in requests.items()])
    connection.execute(statements(FILE)["order_lines"], {"batch": batch_id, "rows": rows, **_origin(by)})


def answers(connection: Connection, ids: Sequence[int]) -> list[Answer]:
    """Give what became of orders of the account, of those that were answered."""
    return [Answer(*row) for row in connection.execute(statements(FILE)["answers"], {"ids": list(ids)})]


def deliver(connection: Connection, ids: Sequence[int]) -> None:
    """Note that the bundles of these orders were handed out."""
    connection.execute(statements(FILE)["deliver"], {"ids": list(ids)})


def waiting(connection: Connection, limit: int) -> list[Open]:
    """List what the authority should do, revocations first."""
    return [Open(*row) for row in connection.execute(statements(FILE)["waiting"], {"limit": limit})]


def expire(connection: Connection) -> None:
    """Close the orders whose makers have left."""
    outcome = json.dumps({"key": "expired"})
    connection.execute(statements(FILE)["expire"], {"age": EXPIRES_AFTER, "outcome": outcome})


def answer(connection: Connection, given: Iterable[Answer]) -> None:
    """Note what became of orders."""
    rows = [{**one._asdict(), "outcome": dict(one.outcome) if one.outcome else None} for one in given]
    if rows:
        connection.execute(statements(FILE)["answer"], {"rows": json.dumps(rows)})


def forget(connection: Connection) -> None:
    """Delete orders that nobody asks about any more, and of those that remain the certificates, which are public and large."""
    connection.execute(statements(FILE)["forget_orders"], {"days": KEPT_DAYS})
    connection.execute(statements(FILE)["forget_batches"], {"days": KEPT_DAYS})
    connection.execute(statements(FILE)["lighten"])


def refusal(error: Refused | NotFound) -> dict[str, Any]:
    """Write a refusal for its page: its key and values. Its sentence may name another account's gateway, or a folder."""
    key, values = getattr(error, "key", ""), getattr(error, "values", {})
    return {"key": key or "authority", "values": {name: str(value) for name, value in values.items()}}


def as_refused(outcome: Mapping[str, Any] | None) -> Refused:
    """Read a refusal as it was written."""
    found = outcome or {}
    key = str(found.get("key", "authority"))
    return Refused(f"the authority refused it: {key}", key, **found.get("values", {}))


def _place(connection: Connection, given: Mapping[str, object], by: Actor) -> int:
    return int(connection.execute(statements(FILE)["place"], {**given, **_origin(by)}).scalar_one())


def _origin(by: Actor) -> dict[str, object]:
    return {"user": by.user_id, "actor": by.name, "address": by.address, "agent": by.agent}
