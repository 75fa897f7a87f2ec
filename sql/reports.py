"""Reports of figures, consumption and books, as the commands print them and the API gives them."""

from __future__ import annotations

import csv
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

import simplejson
from sqlalchemy import Connection, text

from settings import Settings
from sql import books as bookkeeping
from sql import consumption as figures
from sql import fleet
from sql.calendar import first_instant
from sql.cells import guarded
from sql.commands import owner_transaction
from sql.errors import NotFound, Refused
from sql.json_values import json_value

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
# The years within which a period lies.
OLDEST, NEWEST, LONGEST_SHOWN = 1970, 2100, 60
# So many rows are held at a time: an export of any length stays small in memory.
ROWS_AT_ONCE = 20_000


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
            return first_instant(day, zone) if within(day) else _beyond()
        moment = datetime.fromisoformat(given)
    except ValueError:
        said = f"{given!r} is not a date or an ISO 8601 instant: write 2026-02-18 or 2026-02-18T14:30:00-03:00"
        raise Refused(said, "instant", given=given[:LONGEST_SHOWN]) from None
    if not within(moment):
        _beyond()
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def period(start: str, end: str, zone: str) -> tuple[datetime, datetime]:
    """Read the two ends of a period; the end is exclusive and comes after the start."""
    low, high = instant(start, zone), instant(end, zone)
    if high <= low:
        raise Refused("the period is empty: --to must come after --from", "period_empty")
    if not (low.year >= OLDEST and high.year <= NEWEST):
        _beyond()
    return low, high


def within(day: date) -> bool:
    """Tell whether a day is one that every calendar and zone can count with."""
    return 1900 <= day.year <= 2200


def _beyond() -> NoReturn:
    raise Refused(f"the period must lie between {OLDEST} and {NEWEST}", "period_years", first=str(OLDEST), last=str(NEWEST))


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
