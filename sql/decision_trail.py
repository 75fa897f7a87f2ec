"""Decisions in the audit: which event of which meter, what was decided before and what now."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from sql import audit
from sql.audit import Actor, Entry
from sql.decisions import Event
from sql.fleet import place_of_device

ACTIONS = {"accept": "event.accepted", "correct": "event.corrected", "ignore": "event.ignored", "undo": "event.undone"}


def note_decision(
    connection: Connection,
    account_id: int,
    actor: Actor,
    verb: str,
    event: Event,
    registers: tuple[Decimal, Decimal] | None = None,
) -> None:
    """Write what was decided of an event; `event` is as it was before."""
    before: dict[str, object] = {"decision": event.decision}
    if event.decision in ("correct", "replacement"):
        before |= {"final": event.final, "initial": event.initial}
    after: dict[str, object] = {"event": event.kind, "at": event.at, "decision": None if verb == "undo" else verb}
    if registers:
        after |= {"final": registers[0], "initial": registers[1]}
    audit.write(connection, Entry(account_id, actor, ACTIONS[verb], f"{event.gateway_mac}/{event.device_code}", before, after))


def note_replacement(
    connection: Connection, actor: Actor, device_id: int, at: datetime, registers: tuple[Decimal, Decimal]
) -> None:
    """Write that a meter's replacement was recorded."""
    device = place_of_device(connection, device_id)
    after = {"at": at, "final": registers[0], "initial": registers[1]}
    audit.write(connection, Entry(device.account_id, actor, "device.replaced", f"{device.mac}/{device.code}", after=after))
