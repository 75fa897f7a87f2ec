"""Certificates of the account that a transaction acts for: which there are, which run out, which are to be renewed when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.audit import Actor, like
from sql.errors import NotFound
from sql.statements import statements

FILE = "queries/certificates.sql"
STATES = ("none", "valid", "expiring", "expired", "revoked", "superseded")
SORTS = ("attention", "name", "expiry", "issued")
AHEAD = timedelta(days=90)
# R44: a certificate of ten years is renewed two years before its end; spread over a year, so that no month has them all.
RENEW_MONTHS, SPREAD_MONTHS = 24, 12
MONTHS_SHOWN = 24


class Certificate(NamedTuple):
    """A certificate of a gateway, or a gateway without one; `usables`: how many of its name work, `leading`: the line that stands for it."""

    gateway_id: int
    gateway: str
    mac: str
    retired: bool
    state: str
    serial: str | None
    not_before: datetime | None
    not_after: datetime | None
    issued_at: datetime | None
    issued_by: str | None
    revoked_at: datetime | None
    reason: str | None
    usables: int
    leading: bool

    @property
    def usable(self) -> bool:
        """Tell whether a gateway can connect with it."""
        return self.state in ("valid", "expiring", "superseded")


class Sought(NamedTuple):
    """Which certificates are looked for: a text in name, MAC, serial or issuer; a state, or `without` one that works; in which order."""

    text: str = ""
    state: str = ""
    sort: str = "attention"
    gateway: int | None = None
    serial: str | None = None


class Expiring(NamedTuple):
    """Gateways whose last certificate is `over` or ends within a `week`, a `month`, a `quarter`: when the first, and its name."""

    tier: str
    gateways: int
    first: datetime
    name: str


class Renewal(NamedTuple):
    """A gateway to be renewed in a month, named by its first day."""

    gateway_id: int
    gateway: str
    mac: str
    not_after: datetime
    month: date


class RenewalMonth(NamedTuple):
    """How many gateways are to be renewed in a month, and when the first of their certificates ends."""

    month: date
    gateways: int
    first_end: datetime


class Batch(NamedTuple):
    """Many orders from one file; `faulty` lines named no gateway, `refused` were refused by the authority."""

    id: int
    name: str
    created_at: datetime
    created_by: str
    lines: int
    faulty: int
    refused: int
    ordered: int
    done: int
    delivered: int
    active: bool | None

    @property
    def wanted(self) -> int:
        """Count the lines that name a gateway."""
        return self.lines - self.faulty


class BatchLine(NamedTuple):
    """One line of a batch and what became of it."""

    id: int
    line: int
    given: str
    mac: str | None
    gateway: str | None
    state: str
    serial: str | None
    outcome: dict[str, Any] | None
    done_at: datetime | None
    delivered_at: datetime | None


class OpenLine(NamedTuple):
    """A line of a batch whose bundle was not handed out yet."""

    id: int
    line: int
    mac: str


class Named(NamedTuple):
    """A gateway of the account that a file names; `certified`: it has a certificate that works."""

    mac: str
    id: int
    certified: bool


class NewLine(NamedTuple):
    """A line for a batch: a gateway, or why there is none."""

    line: int
    given: str
    gateway_id: int | None
    outcome: Mapping[str, object] | None = None


def certificates(conn: Connection, sought: Sought, now: datetime, limit: int, offset: int = 0) -> tuple[list[Certificate], int]:
    """Give a page of certificates, and how many there are of them in all."""
    binds = {
        **sought._asdict(),
        "pattern": like(sought.text),
        "sort": sought.sort if sought.sort in SORTS else SORTS[0],
        "now": now,
        "ahead": AHEAD,
        "limit": limit,
        "offset": offset,
    }
    rows = conn.execute(statements(FILE)["certificates"], binds).all()
    return [Certificate(*row[:-1]) for row in rows], int(rows[0].total) if rows else 0


def certificate(conn: Connection, serial: str, now: datetime) -> Certificate:
    """Give one certificate that the account sees; raises NotFound."""
    found, _ = certificates(conn, Sought(serial=serial), now, 1)
    if not found:
        raise NotFound("there is no such certificate")
    return found[0]


def of_gateway(conn: Connection, gateway_id: int, now: datetime) -> list[Certificate]:
    """Give the certificates of one gateway, the one that stands for it first."""
    return sorted(certificates(conn, Sought(gateway=gateway_id), now, 1000)[0], key=lambda one: not one.leading)


def expiring(conn: Connection, now: datetime) -> list[Expiring]:
    """Count the gateways whose certificate is over or ends soon, the most urgent first; what was revoked is nobody's surprise."""
    return [Expiring(*row) for row in conn.execute(statements(FILE)["expiring"], {"now": now})]


def renewals(conn: Connection, now: datetime, zone: str, month: date | None = None) -> list[Renewal]:
    """Give the gateways to be renewed in a month, or all with their month; what is overdue belongs to the present one."""
    return [Renewal(*row) for row in conn.execute(statements(FILE)["renewals"], {**_plan(now, zone), "month": month})]


def renewal_months(conn: Connection, now: datetime, zone: str) -> list[RenewalMonth]:
    """Count the gateways to be renewed in each month, the next ones first."""
    rows = conn.execute(statements(FILE)["renewal_months"], {**_plan(now, zone), "limit": MONTHS_SHOWN})
    return [RenewalMonth(*row) for row in rows]


def batches(conn: Connection, limit: int) -> list[Batch]:
    """Give the account's newest batches."""
    return [Batch(*row) for row in conn.execute(statements(FILE)["batches"], {"id": None, "limit": limit})]


def batch(conn: Connection, batch_id: int) -> Batch:
    """Give one batch of the account; raises NotFound."""
    row = conn.execute(statements(FILE)["batches"], {"id": batch_id, "limit": 1}).one_or_none()
    if row is None:
        raise NotFound("there is no such batch")
    return Batch(*row)


def batch_lines(conn: Connection, batch_id: int) -> list[BatchLine]:
    """Give the lines of a batch in the order of its file."""
    return [BatchLine(*row) for row in conn.execute(statements(FILE)["batch_lines"], {"batch": batch_id})]


def open_lines(conn: Connection, batch_id: int, limit: int) -> list[OpenLine]:
    """Give the first lines of a batch whose bundles were not handed out."""
    return [OpenLine(*row) for row in conn.execute(statements(FILE)["open_batch_lines"], {"batch": batch_id, "limit": limit})]


def begin_batch(conn: Connection, batch_id: int) -> bool:
    """Hold a batch for one download; tells whether nobody else had it."""
    return conn.execute(statements(FILE)["begin_batch"], {"batch": batch_id}).one_or_none() is not None


def hold_batch(conn: Connection, batch_id: int) -> None:
    """Go on holding it: what is not held for a minute is free."""
    conn.execute(statements(FILE)["hold_batch"], {"batch": batch_id})


def leave_batch(conn: Connection, batch_id: int) -> None:
    """Give it up."""
    conn.execute(statements(FILE)["leave_batch"], {"batch": batch_id})


def receive_lines(conn: Connection, batch_id: int, first: int, last: int) -> list[tuple[str, str]]:
    """Note that the bundles of these lines arrived; gives MAC and serial of each."""
    found = conn.execute(statements(FILE)["receive_lines"], {"batch": batch_id, "first": first, "last": last})
    return [(row.mac, row.serial) for row in found]


def gateways_by_mac(conn: Connection, macs: Sequence[str], now: datetime) -> dict[str, Named]:
    """Give the gateways in use with these MACs."""
    rows = conn.execute(statements(FILE)["gateways_by_mac"], {"macs": list(macs), "now": now})
    return {row.mac: Named(*row) for row in rows}


def add_batch(conn: Connection, account_id: int, name: str, lines: Sequence[NewLine], by: Actor) -> int:
    """Keep a batch and its lines; gives its number."""
    batch_id = conn.execute(statements(FILE)["add_batch"], {"account": account_id, "name": name, "by": by.name}).scalar_one()
    rows = json.dumps([{**line._asdict(), "outcome": dict(line.outcome) if line.outcome else None} for line in lines])
    origin = {"user": by.user_id, "actor": by.name, "address": by.address, "agent": by.agent}
    conn.execute(statements(FILE)["add_batch_lines"], {"account": account_id, "batch": batch_id, "rows": rows, **origin})
    return int(batch_id)


def _plan(now: datetime, zone: str) -> dict[str, object]:
    return {"now": now, "zone": zone, "ahead": RENEW_MONTHS, "spread": SPREAD_MONTHS}
