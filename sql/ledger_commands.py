"""Commands about the ledger: working it off, checking it, and what people decide of its events."""

from __future__ import annotations

import os
from argparse import Namespace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from settings import Settings
from sql import decisions, fleet, ledger
from sql.audit import COMMAND_LINE, Actor
from sql.commands import owner_store, owner_transaction, show
from sql.decision_trail import note_decision, note_replacement
from sql.decisions import Wanted
from sql.json_values import json_value
from sql.reports import as_json, instant

MOST_EVENTS = 10_000


def ledger_drain(settings: Settings, args: Namespace) -> None:
    """Work off every dirty range, refresh the rollups."""
    with owner_store(settings) as store:
        ledger.drain(store, sessions=min(4, os.cpu_count() or 1))


def ledger_verify(settings: Settings, args: Namespace) -> int:
    """Compare all books with each other; exit 1 where any differs."""
    with owner_store(settings) as store:
        found = ledger.verify(store)
        with store.transaction() as connection:
            rows = [difference._asdict() | _name(connection, difference.device_id) for difference in found]
    if args.json:
        print(as_json({"balanced": not rows, "differences": rows}))
    elif rows:
        show(False, rows, ("check", "gateway_mac", "device_code", "device_id", "rows"))
    else:
        print("Every rollup equals the ledger, and the ledger equals its readings.")
    return 1 if found else 0


def _name(connection: Connection, device_id: int) -> dict[str, str]:
    device = fleet.place_of_device(connection, device_id)
    return {"gateway_mac": device.mac, "device_code": device.code}


def event_list(settings: Settings, args: Namespace) -> None:
    """List an account's events with the decision that stands."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        rows = [
            {name: json_value(value) for name, value in event._asdict().items()} | {"sentence": decisions.sentence(event)}
            for event in decisions.select_events(connection, Wanted(account.id), MOST_EVENTS)
        ]
    show(args.json, rows, ("id", "gateway_mac", "device_code", "kind", "at", "correction", "decision", "sentence"))


def event_accept(settings: Settings, args: Namespace) -> None:
    """Confirm an event."""
    _decide(settings, args, "accept", decisions.accept)


def event_correct(settings: Settings, args: Namespace) -> None:
    """Give an event's final and initial register."""
    with owner_transaction(settings) as connection:
        event = decisions.find_event(connection, args.id)
        decisions.correct(connection, args.id, args.final, args.initial, by="command line")
        _note(connection, "correct", event, (args.final, args.initial))
    print("Corrected; figures follow with the next `tds ledger drain`.")


def event_ignore(settings: Settings, args: Namespace) -> None:
    """Leave an event's reading out."""
    _decide(settings, args, "ignore", decisions.ignore)


def event_undo(settings: Settings, args: Namespace) -> None:
    """Take back what was decided of an event."""
    _decide(settings, args, "undo", decisions.undo)


def _decide(settings: Settings, args: Namespace, verb: str, decide: Any) -> None:
    with owner_transaction(settings) as connection:
        event = decisions.find_event(connection, args.id)
        decide(connection, args.id, by="command line")
        _note(connection, verb, event)
    print("Noted; figures follow with the next `tds ledger drain`.")


def _note(connection: Connection, verb: str, event: decisions.Event, registers: tuple[Decimal, Decimal] | None = None) -> None:
    account = fleet.place_of_device(connection, event.device_id).account_id
    note_decision(connection, account, Actor(COMMAND_LINE), verb, event, registers)


def device_replace(settings: Settings, args: Namespace) -> None:
    """Record that a meter was replaced."""
    with owner_transaction(settings) as connection:
        device_id = fleet.find_device(connection, args.mac, args.code)
        moment = instant(args.at, fleet.place_of_device(connection, device_id).timezone)
        decisions.replace(connection, device_id, moment, args.final, args.initial, by="command line")
        note_replacement(connection, Actor(COMMAND_LINE), device_id, moment, (args.final, args.initial))
    print("Recorded; figures follow with the next `tds ledger drain`.")
