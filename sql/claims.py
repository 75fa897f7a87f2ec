"""First boot in the pages: an account's admin looks at a waiting gateway by its label, takes it or refuses it, sees what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from sql import audit
from sql.audit import Actor, Entry
from sql.engine import Store
from sql.fleet import normalize_mac
from sql.registrations import capacity_of, name_of, raise_unless, reason_of
from sql.statements import statements

FILE = "queries/claims.sql"
LONGEST_SERIAL = 100
SHOWN = 20


class Waiting(NamedTuple):
    """What a gateway that waits says of itself; `gateway`: its name and room in this account, where it was registered beforehand."""

    model: str
    firmware: str
    key: str
    first_seen_at: datetime
    last_seen_at: datetime
    others: int
    certified: bool
    refused: bool
    gateway: str | None
    capacity: int | None


class Expected(NamedTuple):
    """A gateway that this account registered and that waits; with several keys, one is not the gateway's.

    `certified`: it has a certificate that works, so that either it was reset or somebody else asks in its name.
    """

    gateway_id: int
    gateway: str
    mac: str
    model: str
    firmware: str
    first_seen_at: datetime
    last_seen_at: datetime
    keys: int
    certified: bool


class Claim(NamedTuple):
    """What an account decided of a gateway at its first boot, and how far it is; `heard_at`: its first message since, or its newest."""

    id: int
    mac: str
    serial_number: str
    model: str
    firmware: str
    key: str
    state: str
    gateway_id: int | None
    gateway: str | None
    decided_at: datetime
    decided_by: str
    reason: str | None
    certificate_serial: str | None
    fault: str | None
    delivered_at: datetime | None
    last_seen_at: datetime
    heard_at: datetime | None
    devices: int

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing more is to come: it publishes, or was refused, or gets no certificate."""
        return self.state == "refused" or self.fault is not None or self.heard_at is not None


class Label(NamedTuple):
    """What is written on a gateway."""

    mac: str
    serial_number: str


def look(store: Store, account_id: int, by: Actor, mac: str, serial_number: str) -> Waiting:
    """Show an admin what a waiting gateway says of itself; raises Refused with a key of registrations.REASONS.

    Like `claim` and `refuse` it opens its own transaction on the web login's store, because a miss is counted although it is refused.
    """
    row = _act(store, account_id, by, "look", read_label(mac, serial_number))
    raise_unless("found", row.outcome)
    return Waiting(**{name: row._mapping[name] for name in Waiting._fields})


def claim(
    store: Store,
    account_id: int,
    by: Actor,
    mac: str,
    serial_number: str,
    name: str | None = None,
    capacity: int | None = None,
    again: bool = False,
) -> int:
    """Take the waiting gateway of this MAC and serial number into the account, for an admin; gives the registration's id.

    Raises Refused, whose `key` is one of registrations.REASONS; at `certified` ask the person, and call again with `again`.
    """
    label = read_label(mac, serial_number)
    given = {"name": name_of(name), "capacity": capacity_of(capacity), "again": again}
    row = _act(store, account_id, by, "claim", label, given, "gateway.claimed", {"serial_number": label.serial_number})
    raise_unless("done", row.outcome)
    return int(row.registration_id)


def refuse(store: Store, account_id: int, by: Actor, mac: str, serial_number: str, reason: str = "") -> None:
    """Turn the waiting gateway of this MAC and serial number away, for an admin; whoever has its label may still take it."""
    label, said = read_label(mac, serial_number), reason_of(reason)
    after = {"serial_number": label.serial_number, "reason": said}
    row = _act(store, account_id, by, "refuse", label, {"reason": said or None}, "gateway.refused", after)
    raise_unless("done", row.outcome)


def expected(connection: Connection) -> list[Expected]:
    """List the waiting gateways that the account of this transaction registered, for its admins."""
    return [Expected(*row) for row in connection.execute(statements(FILE)["expected"], {"limit": SHOWN})]


def claims(connection: Connection) -> list[Claim]:
    """List what the account of this transaction decided at first boot: the newest of each gateway, what is not settled first."""
    return [Claim(*row) for row in connection.execute(statements(FILE)["claims"], {"limit": SHOWN})]


def demonstration(connection: Connection) -> Label | None:
    """Give the label of the gateway that the demonstration has waiting; None where this is none, or it does not wait."""
    row = connection.execute(statements(FILE)["demonstration"]).one_or_none()
    return Label(*row) if row else None


def announce_demonstration(connection: Connection, label: Label) -> None:
    """Note which gateway the demonstration has waiting, as the owner."""
    connection.execute(statements(FILE)["announce_demonstration"], {"label": f"{label.mac} {label.serial_number}"})


def read_label(mac: str, serial_number: str) -> Label:
    """Read what was typed from a label; raises Refused where it cannot be one."""
    serial = "".join(filter(str.isprintable, serial_number)).strip()[:LONGEST_SERIAL]
    return Label(normalize_mac(mac), serial)


def _act(
    store: Store,
    account_id: int,
    by: Actor,
    act: str,
    label: Label,
    given: Mapping[str, object] | None = None,
    action: str = "",
    after: Mapping[str, object] | None = None,
) -> Row[Any]:
    with store.transaction(account_id, by.user_id) as connection:
        row = connection.execute(statements(FILE)[act], {**label._asdict(), **(given or {})}).one()
        if action and row.outcome == "done":
            audit.write(connection, Entry(account_id, by, action, label.mac, after=after))
    return row
