"""Commands about figures: consumption, books, events, and the ledger's own."""

from __future__ import annotations

import csv
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import simplejson
from sqlalchemy import Connection, text

from settings import Settings
from sql import books as bookkeeping
from sql import consumption as figures
from sql import decisions, fleet, ledger
from sql.audit import COMMAND_LINE, Actor
from sql.calendar import first_instant
from sql.cells import guarded
from sql.commands import owner_store, owner_transaction, show
from sql.decision_trail import note_decision, note_replacement
from sql.decisions import Wanted
from sql.errors import NotFound, Refused
from sql.json_values import json_value
from sql.statements import raw_statements

FIELDS = (
    "bucket",
    "gateway_mac",
    "device_code",
    "unit",
    "consumption",
    "estimated",
    "coverage",
    "mean",
    "minimum",
    "maximum",
    "readings",
)
# How long a bucket is at least.
SECONDS = {"15min": 900, "hour": 3600, "day": 86_400, "month": 28 * 86_400}
# So many rows are held at a time: an export of any length stays small in memory.
ROWS_AT_ONCE = 20_000
MOST_EVENTS = 10_000


class Named(NamedTuple):
    """A device as reports name it."""

    id: int
    mac: str
    code: str
    unit: str


def instant(given: str, zone: str) -> datetime:
    """Read a date or ISO 8601 instant; a date, or a time without an offset, is local to the zone."""
    try:
        if len(given) == 10:
            day = date.fromisoformat(given)
            return first_instant(day.year, day.month, day.day, zone)
        moment = datetime.fromisoformat(given)
        if not 1900 <= moment.year <= 2200:
            raise ValueError
    except ValueError:
        raise Refused(f"{given!r} is not a date or an ISO 8601 instant: write 2026-02-18 or 2026-02-18T14:30:00-03:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def period(start: str, end: str, zone: str) -> tuple[datetime, datetime]:
    """Read the two ends of a period; the end is exclusive and comes after the start."""
    low, high = instant(start, zone), instant(end, zone)
    if high <= low:
        raise Refused("the period is empty: --to must come after --from")
    if not (low.year >= 1970 and high.year <= 2100):
        raise Refused("the period must lie between 1970 and 2100")
    return low, high


def devices_of(connection: Connection, account_id: int, wanted: Sequence[str] | None) -> list[Named]:
    """Find an account's devices, all of them or those named MAC/CODE, in the order of MAC and code."""
    rows = connection.execute(
        text(
            "SELECT d.id, g.mac, d.code, d.unit FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id"
            " WHERE d.account_id = :account ORDER BY g.mac, d.code, d.id"
        ),
        {"account": account_id},
    )
    devices = [Named(*row) for row in rows]
    if not wanted:
        return devices
    names = set()
    for name in wanted:
        mac, slash, code = name.partition("/")
        names.add((fleet.normalize_mac(mac), code))
        if not slash or not any((d.mac, d.code) == (fleet.normalize_mac(mac), code) for d in devices):
            raise NotFound(f"the account has no device {name!r}: name it as MAC/CODE, such as aa:bb:cc:dd:ee:ff/D01")
    return [device for device in devices if (device.mac, device.code) in names]


def consumption(settings: Settings, args: Namespace) -> None:
    """Print consumption by bucket, as CSV or as one JSON list."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        start, end = period(args.start, args.end, account.timezone)
        devices = devices_of(connection, account.id, args.device)
        rows = report(connection, devices, figures.parse_step(args.step), start, end, account.timezone)
        if args.format == "json":
            _print_json(rows)
        else:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(FIELDS)
            writer.writerows([csv_cell(row[field]) for field in FIELDS] for row in rows)


def report(
    connection: Connection, devices: Sequence[Named], step: figures.Step, start: datetime, end: datetime, zone: str
) -> Iterator[dict[str, Any]]:
    """Give the rows of a consumption report: every bucket of the period for every device, as the contract names the fields."""
    start, end = figures.outward(step, start, end, zone)
    place = ZoneInfo(zone)
    count = max(1, len(figures.buckets(step, start, end, zone)))
    at_once = max(1, ROWS_AT_ONCE // count)
    for first in range(0, len(devices), at_once):
        part = devices[first : first + at_once]
        names = {device.id: device for device in part}
        found = figures.consumption(connection, list(names), step, start, end, zone)
        for row in figures.filled(found, list(names), step, start, end, zone):
            device = names[row.device_id]
            yield {
                "bucket": row.bucket.astimezone(place).isoformat(),
                "gateway_mac": device.mac,
                "device_code": device.code,
                "unit": device.unit,
                "consumption": row.consumption,
                "estimated": row.estimated,
                "coverage": round(row.coverage, 6),
                "mean": row.mean,
                "minimum": row.minimum,
                "maximum": row.maximum,
                "readings": row.readings,
            }


def as_json(document: Any) -> str:
    """Write a document as JSON; decimals are numbers with their exact digits."""
    return str(simplejson.dumps(document, use_decimal=True, ensure_ascii=False, iterable_as_array=True))


def csv_cell(value: Any) -> str:
    """Write a value as CSV shows it: decimals in full, nothing for None, no text that a spreadsheet would take for a formula."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
    if isinstance(value, str):
        return guarded(value)
    return figures.plain(value) if isinstance(value, Decimal) else "" if value is None else str(value)


def _print_json(rows: Iterator[dict[str, Any]]) -> None:
    separator = "["
    for row in rows:
        print(separator + as_json({name: json_value(value) for name, value in row.items()}), end="")
        separator = ",\n"
    print("[]" if separator == "[" else "]")


def books_document(device: Named, page: bookkeeping.Books, zone: str) -> dict[str, Any]:
    """Give the books of a device as the contract names their fields, instants local to the zone."""
    place = ZoneInfo(zone)
    return {
        "device": f"{device.mac}/{device.code}",
        "unit": device.unit,
        "from": page.start.astimezone(place).isoformat(),
        "to": page.end.astimezone(place).isoformat(),
        "opening": json_value(page.opening),
        "closing": json_value(page.closing),
        "corrections": [
            {"at": one.at.astimezone(place).isoformat(), "kind": one.kind, "amount": json_value(one.amount)}
            for one in page.corrections
        ],
        "consumption": json_value(page.consumption),
        "estimated": json_value(page.estimated),
        "balanced": page.balanced,
    }


def books(settings: Settings, args: Namespace) -> int:
    """Print the books of a device for a period; exit 1 where they do not balance."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        start, end = period(args.start, args.end, account.timezone)
        device = devices_of(connection, account.id, [args.device])[-1]  # of a retired one and its successor, the one in use
        page = bookkeeping.books(connection, device.id, start, end)
    document = books_document(device, page, account.timezone)
    print(as_json(document) if args.json else "\n".join(f"{k}: {v}" for k, v in document.items()))
    return 0 if page.balanced else 1


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
    row = connection.execute(text(raw_statements("consumption.sql")["device_name"]), {"device": device_id}).one()
    return {"gateway_mac": row.mac, "device_code": row.code}


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
    account = connection.execute(text("SELECT account_id FROM tds.device WHERE id = :id"), {"id": event.device_id}).scalar_one()
    note_decision(connection, account, Actor(COMMAND_LINE), verb, event, registers)


def device_replace(settings: Settings, args: Namespace) -> None:
    """Record that a meter was replaced."""
    with owner_transaction(settings) as connection:
        device_id = fleet.find_device(connection, args.mac, args.code)
        zone = connection.execute(
            text("SELECT a.timezone FROM tds.device d JOIN tds.account a ON a.id = d.account_id WHERE d.id = :id"),
            {"id": device_id},
        ).scalar_one()
        moment = instant(args.at, zone)
        decisions.replace(connection, device_id, moment, args.final, args.initial, by="command line")
        note_replacement(connection, Actor(COMMAND_LINE), device_id, moment, (args.final, args.initial))
    print("Recorded; figures follow with the next `tds ledger drain`.")
