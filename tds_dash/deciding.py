"""Carrying out what was pressed on the events page: the door first, then the role, then the decision."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import Connection

from sql import decisions
from sql.decision_trail import note_decision, note_replacement
from sql.decisions import Event
from tds_dash import auditing, doors, typed
from tds_dash.identity import account, person, zone
from tds_dash.rights import require_editor

DECIDE: dict[str, Callable[[Connection, int, str], None]] = {
    "accept": decisions.accept,
    "ignore": decisions.ignore,
    "undo": decisions.undo,
}


def pressed(asked: object) -> tuple[str, object]:
    """Read which button of which event was pressed; ("", None) for what no page of ours sends."""
    verb = asked.get("verb") if isinstance(asked, dict) else None
    return (verb, asked["event"]) if isinstance(verb, str) and isinstance(asked, dict) and "event" in asked else ("", None)


def event_to_change(conn: Connection, event_id: object) -> Event:
    """Give an event of the account to somebody who may decide; NotFound for a stranger, 403 for a viewer."""
    event = doors.event_for_user(conn, event_id)
    require_editor()
    return event


def decide(verb: str, event_id: object) -> None:
    """Accept, ignore or undo; raises Refused with the reason."""
    with doors.transaction() as conn:
        event = event_to_change(conn, event_id)
        DECIDE[verb](conn, event.id, person().row.email)
        note_decision(conn, account().id, auditing.actor(), verb, event)


def correct(event_id: object, final: object, initial: object, locale: str) -> None:
    """Correct an event's registers as they were typed; raises Refused with the reason."""
    with doors.transaction() as conn:
        event = event_to_change(conn, event_id)
        registers = [typed.register(given, locale) for given in (final, initial)]
        decisions.correct(conn, event.id, registers[0], registers[1], person().row.email)
        note_decision(conn, account().id, auditing.actor(), "correct", event, (registers[0], registers[1]))


def taken(event: Event, final: Decimal, initial: Decimal) -> Decimal:
    """Give the consumption that a correction takes for the pair; raises Refused where it would be refused."""
    decisions.check_registers(event.value_before, event.value_after, final, initial)
    return final - event.value_before + event.value_after - initial


def replace(device_id: object, at: object, final: object, initial: object, locale: str) -> None:
    """Record a meter's replacement as it was typed; raises Refused with the reason."""
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, device_id)
        require_editor()
        moment = typed.local_moment(at, zone())
        registers = [typed.register(given, locale) for given in (final, initial)]
        decisions.replace(conn, device.id, moment, registers[0], registers[1], person().row.email)
        note_replacement(conn, auditing.actor(), device.id, moment, (registers[0], registers[1]))
