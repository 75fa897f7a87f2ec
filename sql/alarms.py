"""Alarms as people and programs see them: what is open, what was, and taking note of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.audit import Actor, Entry, write
from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "alarms.sql"
LONGEST_NOTE = 1000


class Alarm(NamedTuple):
    """What broke a rule: of a device, or of a gateway as a whole, where `device_id` and `code` are None and `name` is the gateway's."""

    id: int
    account_id: int
    kind: str
    rule_id: int | None
    device_id: int | None
    code: str | None
    name: str
    resource: str | None
    gateway_id: int
    gateway_mac: str
    gateway_name: str
    period_start: datetime | None
    period_end: datetime | None
    value: Decimal | None
    worst: Decimal | None
    estimated: Decimal | None
    projected: bool
    threshold: Decimal | None
    usual: Decimal | None
    unit: str | None
    since: datetime
    opened_at: datetime
    closed_at: datetime | None
    outcome: str | None
    returned: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None

    @property
    def unit_shown(self) -> str | None:
        """The unit of value and limit."""
        return unit_of(self.kind, self.unit)

    @property
    def target(self) -> str:
        """Name what it is about, for the audit: MAC/CODE, or the MAC of a gateway."""
        return f"{self.gateway_mac}/{self.code}" if self.code is not None else self.gateway_mac

    def document(self) -> dict[str, Any]:
        """Give it as programs get it, in the unit that value and limit are in."""
        hidden = ("account_id", "worst", "threshold", "code", "unit")
        facts = {name: value for name, value in self._asdict().items() if name not in hidden}
        limits = {"limit": self.threshold, "highest": self.worst, "unit": self.unit_shown, "device_code": self.code}
        return {**facts, **limits, "state": "open" if self.closed_at is None else "closed"}


class Wanted(NamedTuple):
    """Which alarms: of an account, open or closed, of a kind, of a device or gateway, by number, before a number. None leaves it open."""

    account: int | None
    open: bool | None = None
    kind: str | None = None
    device: int | None = None
    gateway: int | None = None
    ids: Sequence[int] | None = None
    below: int | None = None


class Waiting(NamedTuple):
    """How many open alarms nobody has acknowledged, of how many."""

    unacknowledged: int
    open: int


def alarms(connection: Connection, wanted: Wanted, limit: int, offset: int = 0, ranked: bool = True) -> list[Alarm]:
    """List alarms: ranked, what is open and unacknowledged first; else by number, the newest first."""
    binds = {**wanted._asdict(), "ids": None if wanted.ids is None else list(wanted.ids)}
    rows = connection.execute(statements(FILE)["alarms"], {**binds, "limit": limit, "offset": offset, "ranked": ranked})
    return [Alarm(*row) for row in rows]


def find_alarm(connection: Connection, alarm_id: int, account_id: int | None = None) -> Alarm:
    """Give one alarm, of one account where it is given; raises NotFound."""
    found = alarms(connection, Wanted(account_id, ids=[alarm_id]), 1)
    if not found:
        raise NotFound(f"there is no alarm {alarm_id}: `tds alarm list` shows them")
    return found[0]


def waiting(connection: Connection, account_id: int) -> Waiting:
    """Count an account's open alarms."""
    return Waiting(*connection.execute(statements(FILE)["waiting"], {"account": account_id}).one())


def acknowledge(connection: Connection, alarm: Alarm, actor: Actor, note: str = "") -> Alarm:
    """Take note of an alarm, with a word about it; raises Refused where somebody else was faster, and says who."""
    text = note.strip()
    if len(text) > LONGEST_NOTE or not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise Refused(f"a note has at most {LONGEST_NOTE} characters that can be seen", "note", n=LONGEST_NOTE)
    binds = {"id": alarm.id, "account": alarm.account_id, "by": actor.name, "note": text or None}
    if connection.execute(statements(FILE)["acknowledge"], binds).scalar() is None:
        now = find_alarm(connection, alarm.id, alarm.account_id)
        said = f"{now.acknowledged_by} has acknowledged it already"
        raise Refused(said, "acknowledged_already", who=now.acknowledged_by or "", at=now.acknowledged_at or "")
    after = {"alarm": alarm.kind, "note": text} if text else {"alarm": alarm.kind}
    write(connection, Entry(alarm.account_id, actor, "alarm.acknowledged", alarm.target, after=after))
    return find_alarm(connection, alarm.id, alarm.account_id)


def rate_unit(unit: str) -> str:
    """Give the unit of a rate per hour: kW for kWh, m³/h for m³."""
    return unit.removesuffix("h") if unit.endswith(("Wh", "varh")) else f"{unit}/h"


def unit_of(kind: str, unit: str | None) -> str | None:
    """Give the unit in which a kind of rule counts: per hour of a peak and of a base load, else the device's own."""
    return rate_unit(unit) if unit is not None and kind in ("peak", "base") else unit
