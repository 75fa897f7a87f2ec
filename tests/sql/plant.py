"""A small plant for the store's tests: accounts, meters, readings by hand, the ledger read back, and the `tds` command."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from zoneinfo import ZoneInfo

from sqlalchemy import text

import cli
from sql import fleet, ledger
from sql.books import Books, books
from sql.consumption import ConsumptionRow, Step, consumption
from tests.conftest import Database

_NUMBERS = itertools.count(1)
SLOT = timedelta(minutes=15)


class Meter(NamedTuple):
    """A device of a test, with what names it."""

    id: int
    mac: str
    code: str
    account: str
    account_id: int
    zone: str

    @property
    def name(self) -> str:
        return f"{self.mac}/{self.code}"


class Slot(NamedTuple):
    """A row of the ledger by the start of its quarter-hour; covered in whole seconds."""

    quantity: Decimal | None
    estimated: Decimal | None
    covered: float
    readings: int


class Result(NamedTuple):
    """What a run of `tds` gave."""

    code: int
    out: str
    err: str


def number() -> int:
    """Give a number that no other test has."""
    return next(_NUMBERS)


def mac() -> str:
    n = number()
    return f"02:aa:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"


def account(database: Database, zone: str = "UTC") -> tuple[str, int]:
    """Add an account of its own for a test."""
    name = f"Account {number()}"
    return name, database.account(name, zone)


def meter(database: Database, zone: str = "UTC", **given: Any) -> Meter:
    """Add an account with one gateway and one device; a counter in kWh at 15 minutes unless told otherwise."""
    name, account_id = account(database, zone)
    return meter_of(database, name, account_id, zone, **given)


def meter_of(database: Database, name: str, account_id: int, zone: str = "UTC", **given: Any) -> Meter:
    address = mac()
    chosen = {
        "kind": "counter",
        "resource": "electricity",
        "unit": "kWh",
        "resolution": Decimal("0.001"),
        "max_rate": Decimal(100),
    }
    with database.owner.transaction() as connection:
        fleet.add_gateway(connection, address, name)
        device = fleet.add_device(connection, address, "D01", **(chosen | given))
    return Meter(device, address, "D01", name, account_id, zone)


def at(given: str, zone: str = "UTC") -> datetime:
    """Read a time of a test; without an offset it is of the zone."""
    moment = datetime.fromisoformat(given)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def series(start: str, step_minutes: float, values: Iterable[float | str], zone: str = "UTC") -> list[tuple[datetime, Decimal]]:
    """Give readings at even steps from a start."""
    first = at(start, zone)
    return [(first + i * timedelta(minutes=step_minutes), Decimal(str(value))) for i, value in enumerate(values)]


def put(database: Database, device: Meter | int, readings: Sequence[tuple[datetime | str, Any]]) -> None:
    """Store readings as the ingester does: facts and the dirty range in one transaction, by its own login."""
    number_of = device.id if isinstance(device, Meter) else device
    times = [moment if isinstance(moment, datetime) else at(moment) for moment, _ in readings]
    with database.ingest.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO tds.reading SELECT :d, t, v FROM unnest(CAST(:t AS timestamptz[]), CAST(:v AS numeric[])) AS r (t, v)"
                " ON CONFLICT DO NOTHING"
            ),
            {"d": number_of, "t": times, "v": [Decimal(str(value)) for _, value in readings]},
        )
        connection.execute(
            text("INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, :l, :h)"),
            {"d": number_of, "l": min(times), "h": max(times)},
        )


def feed(database: Database, device: Meter | int, readings: Sequence[tuple[datetime | str, Any]]) -> None:
    """Store readings and drain."""
    put(database, device, readings)
    ledger.drain(database.owner)


def slots(database: Database, device: Meter | int) -> dict[str, Slot]:
    """Give a counter's or interval device's ledger by slot start, as UTC text to the minute."""
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT middle - interval '450 seconds', quantity, estimated, covered, readings FROM tds.ledger"
                " WHERE device_id = :d ORDER BY 1"
            ),
            {"d": device.id if isinstance(device, Meter) else device},
        ).all()
    return {f"{row[0]:%m-%d %H:%M}": Slot(row[1], row[2], row[3] / 1e6, row[4]) for row in rows}


def quantities(database: Database, device: Meter | int) -> dict[str, Decimal | None]:
    """Give only the quantities of the ledger, exact, without trailing zeros."""
    return {start: slot.quantity for start, slot in slots(database, device).items()}


def ledger_text(database: Database, devices: Sequence[int] | None = None) -> list[tuple[Any, ...]]:
    """Give every row of the ledger, to be compared with itself later."""
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT * FROM tds.ledger WHERE CAST(:d AS integer[]) IS NULL OR device_id = any(:d) ORDER BY device_id, middle"
            ),
            {"d": list(devices) if devices else None},
        )
        return [tuple(row) for row in rows]


def events(database: Database, device: Meter | int) -> list[tuple[str, str, Decimal]]:
    """Give a device's events: kind, the later reading's time, correction."""
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT kind, at, correction FROM tds.event WHERE device_id = :d ORDER BY at, kind"),
            {"d": device.id if isinstance(device, Meter) else device},
        ).all()
    return [(row[0], f"{row[1]:%m-%d %H:%M}", row[2]) for row in rows]


def event_id(database: Database, device: Meter, kind: str) -> int:
    """Give the number of a device's only event of a kind."""
    with database.owner.transaction() as connection:
        return int(
            connection.execute(
                text("SELECT id FROM tds.event WHERE device_id = :d AND kind = :k"), {"d": device.id, "k": kind}
            ).scalar_one()
        )


def buckets(database: Database, device: Meter, step: Step, start: str, end: str) -> dict[str, ConsumptionRow]:
    """Give consumption by local bucket start, to the minute."""
    zone = ZoneInfo(device.zone)
    with database.owner.transaction() as connection:
        rows = consumption(connection, [device.id], step, at(start, device.zone), at(end, device.zone), device.zone)
    return {f"{row.bucket.astimezone(zone):%Y-%m-%d %H:%M%z}": row for row in rows}


def page(database: Database, device: Meter, start: str, end: str) -> Books:
    """Open a device's books."""
    with database.owner.transaction() as connection:
        return books(connection, device.id, at(start, device.zone), at(end, device.zone))


def sound(database: Database, *devices: Meter) -> None:
    """Hold that ledger, rollups and readings of the devices agree."""
    assert ledger.verify(database.owner, [device.id for device in devices]) == []


def planned_for(database: Database) -> bool:
    """Tell whether the planner knows how many gateways and devices there are."""
    query = "SELECT array_agg(reltuples ORDER BY relname) = ARRAY[(SELECT count(*) FROM tds.device), (SELECT count(*) FROM tds.gateway)]::real[]"
    with database.owner.transaction() as connection:
        tables = "FROM pg_class WHERE oid IN ('tds.device'::regclass, 'tds.gateway'::regclass)"
        return bool(connection.execute(text(f"{query} {tables}")).scalar_one())


def tds(database: Database, *arguments: str | Path, stdin: str = "") -> Result:
    """Run `tds` in this process against the test's database."""
    out, err = io.StringIO(), io.StringIO()
    given = {"TDS_DATABASE_URL": database.owner.url, "TDS_STATE_DIR": str(database.settings.state_dir)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TDS_")}
    with mock.patch.dict(os.environ, kept | given, clear=True), redirect_stdout(out), redirect_stderr(err):
        with mock.patch.object(sys, "stdin", io.StringIO(stdin)):
            try:
                code = cli.main([str(argument) for argument in arguments])
            except SystemExit as error:
                code = int(error.code or 0)
    return Result(code, out.getvalue(), err.getvalue())


def refused(result: Result) -> str:
    """Hold that a run was refused in one clear line; gives the line."""
    assert result.code == 1, result
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("tds: "), lines[0]
    assert "Traceback" not in result.err
    return lines[0].removeprefix("tds: ")


def json_of(result: Result) -> Any:
    """Read the one JSON document that a run printed, numbers as exact decimals."""
    assert result.code == 0, result
    return json.loads(result.out, parse_float=Decimal, parse_int=Decimal)
