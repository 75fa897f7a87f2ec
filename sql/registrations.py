"""Gateways at their first boot: who waits, who takes one into an account, what was signed for it.

For the operator's command line: `list_registrations`, `allocate`, `refuse`; what pages do is in claims.py. The rest is the registrar's
(certs/registrar.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, TextClause

from sql import audit
from sql.errors import NotFound, Refused
from sql.fleet import find_account
from sql.statements import statements

# Bounds on what a holder of the bootstrap certificate can have kept here, whatever he sends.
MOST_WAITING = 10_000
MOST_OF_ONE_MAC = 4
# A gateway that waits says so every minute: one silent for this long may make room for another, and says it again when it is back.
SILENT_SECONDS = 600
PENDING_DAYS, REFUSED_DAYS = 30, 90

# Why a gateway cannot be taken; the first word of each is the key that pages translate by.
REASONS = {
    "no_right": "only an admin of the account may take a gateway into it",
    "too_many": "too many gateways were named that are not waiting: try again in an hour",
    "ambiguous": "two gateways with different keys say they are this one: ask the operator, who sees both keys",
    "not_found": "no gateway with this MAC and serial number is waiting: is it switched on, and connected?",
    "elsewhere": "another account has this gateway in use: it must be retired there first",
    "certified": "this gateway has a valid certificate already: take it again only if it was reset or repaired",
    "allocated": "this gateway was taken already",
    "refused_already": "this gateway was refused already",
}


class Registration(NamedTuple):
    """A registration as the operator sees it; `others`: how many more keys claim its MAC, `holder`: the account that uses it now."""

    id: int
    mac: str
    serial_number: str
    model: str
    firmware: str
    key: str
    state: str
    first_seen_at: datetime
    last_seen_at: datetime
    account: str | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    certificate_serial: str | None
    fault: str | None
    delivered_at: datetime | None
    others: int
    holder: str | None
    certified: bool


class Known(NamedTuple):
    """What the registrar finds under a MAC and key."""

    id: int
    state: str
    certificate: str | None
    certificate_serial: str | None
    fault: str | None
    retired: bool
    revoked: bool
    expired: bool
    new: bool = False


class Unsigned(NamedTuple):
    """An allocated registration without its certificate."""

    id: int
    mac: str
    request: str
    decided_by: str


def list_registrations(connection: Connection, state: str | None = None) -> list[Registration]:
    """List registrations for the operator, those that wait first."""
    return [Registration(*row) for row in connection.execute(_sql("listed"), {"state": state, "id": None})]


def find_registration(connection: Connection, registration_id: int) -> Registration:
    """Find a registration for the operator; raises NotFound."""
    row = connection.execute(_sql("listed"), {"state": None, "id": registration_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no registration {registration_id}: `tds registration list` shows them")
    return Registration(*row)


def allocate(
    connection: Connection,
    registration_id: int,
    account: str,
    by: str,
    name: str | None = None,
    capacity: int | None = None,
    again: bool = False,
) -> Registration:
    """Take a registration into an account, as the operator; raises NotFound or Refused with a key of REASONS."""
    found, owner = find_registration(connection, registration_id), find_account(connection, account)
    given = {
        "id": registration_id,
        "account": owner.id,
        "name": name_of(name),
        "capacity": capacity_of(capacity),
        "by": by,
        "again": again,
    }
    raise_unless("done", connection.execute(_sql("allocate"), given).scalar_one())
    after = {"serial_number": found.serial_number, "by": by}
    audit.command(connection, owner.id, "gateway.claimed", found.mac, after=after)
    return find_registration(connection, registration_id)


def refuse(connection: Connection, registration_id: int, by: str, reason: str = "") -> Registration:
    """Turn a gateway away: its key stays refused until it is allocated after all."""
    found, said = find_registration(connection, registration_id), reason_of(reason)
    if not connection.execute(_sql("refuse"), {"id": registration_id, "by": by, "reason": said or None}).rowcount:
        raise Refused(f"{found.mac} was taken by {found.account}: revoke its certificate instead")
    return find_registration(connection, registration_id)


def hear(
    connection: Connection, *, mac: str, key: str, serial_number: str, model: str, firmware: str, request: str
) -> Known | None:
    """Note that a gateway asked for its certificate, and give what is known of it; None where there is no room for it now."""
    sql, told = statements("registrations.sql"), {"serial_number": serial_number, "model": model, "firmware": firmware}
    row = connection.execute(sql["known"], {"mac": mac, "key": key}).one_or_none()
    if row is None:
        return _add(connection, mac, {**told, "mac": mac, "key": key, "request": request})
    known = Known(*row)
    connection.execute(sql["heard"], {**told, "id": known.id, "request": request})
    if known.state == "allocated" and (known.retired or known.expired):
        connection.execute(sql["reopen"], {"id": known.id})
        return Known(known.id, "pending", None, None, None, False, False, False)
    return known


def unsigned(connection: Connection) -> list[Unsigned]:
    """List what was allocated and has no certificate yet."""
    return [Unsigned(*row) for row in connection.execute(_sql("unsigned"))]


def sign(connection: Connection, registration_id: int, certificate: str, serial: str) -> None:
    """Note the certificate of an allocated registration."""
    connection.execute(_sql("sign"), {"id": registration_id, "certificate": certificate, "serial": serial})


def fail(connection: Connection, registration_id: int, fault: str) -> None:
    """Note why an allocated registration gets no certificate."""
    connection.execute(_sql("fault"), {"id": registration_id, "fault": fault})


def deliver(connection: Connection, registration_id: int) -> None:
    """Note that the broker has the certificate for the gateway."""
    connection.execute(_sql("delivered"), {"id": registration_id})


def waiting(connection: Connection) -> int:
    """Count the gateways that wait."""
    return int(connection.execute(_sql("waiting"), {"mac": ""}).one().total)


def forget(connection: Connection) -> int:
    """Delete what nobody waits for any more; gives how many."""
    return connection.execute(_sql("forget"), {"pending_days": PENDING_DAYS, "refused_days": REFUSED_DAYS}).rowcount


def _add(connection: Connection, mac: str, given: dict[str, str]) -> Known | None:
    counted = connection.execute(_sql("waiting"), {"mac": mac}).one()
    if counted.same >= MOST_OF_ONE_MAC or counted.total >= MOST_WAITING:
        leaving = {"silent": SILENT_SECONDS, "mac": mac if counted.same >= MOST_OF_ONE_MAC else None}
        if not connection.execute(_sql("evict"), leaving).rowcount:
            return None
    return Known(
        int(connection.execute(_sql("add"), given).scalar_one()), "pending", None, None, None, False, False, False, new=True
    )


def raise_unless(wanted: str, outcome: str) -> None:
    """Raise Refused with the reason where something did not come out as wanted."""
    if outcome != wanted:
        raise Refused(REASONS[outcome], outcome)


def name_of(name: str | None) -> str | None:
    """Read a gateway's name as it was typed; None where none was."""
    text = (name or "").strip()
    if len(text) > 200 or not text.isprintable():
        raise Refused("a gateway's name has 1 to 200 printable characters", "name")
    return text or None


def capacity_of(capacity: int | None) -> int | None:
    """Check how many devices a gateway may have; None leaves it as it is."""
    if capacity is not None and not 1 <= capacity <= 32:
        raise Refused(f"a gateway's capacity is between 1 and 32 devices, not {capacity}", "capacity")
    return capacity


def reason_of(reason: str) -> str:
    """Read why a gateway is refused."""
    said = " ".join(reason.split())
    if len(said) > 200 or not said.isprintable():
        raise Refused("a reason is one line of at most 200 characters", "reason")
    return said


def _sql(name: str) -> TextClause:
    return statements("registrations.sql")[name]
