"""CSV in: devices by the list, readings by the million; a broken line stops the import and nothing of it stays."""

from __future__ import annotations

import csv
import io
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from settings import Settings
from sql import audit, fleet
from sql.cells import unguarded
from sql.commands import owner_transaction
from sql.errors import Refused, TdsError
from sql.statements import statements
from sql.units import canonical, convert, convertible

DEVICE_COLUMNS = ("gateway_mac", "code", "name", "kind", "resource", "unit")
DEVICE_OPTIONAL = ("interval", "max_rate", "resolution", "modulus")
READING_COLUMNS = ("gateway_mac", "device_code", "timestamp", "value", "unit")
BLOCK = 200_000
LARGEST = Decimal("1e15")
AHEAD = timedelta(minutes=10)
OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
# A value that is in the device's unit and has at most 6 places needs no arithmetic at all.
_SIMPLE = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Target(NamedTuple):
    """A device that readings are imported for."""

    id: int
    kind: str
    unit: str
    open_from: datetime | None = None


class Imported(NamedTuple):
    """What an import did: readings stored, readings that were there already."""

    stored: int
    known: int


def device_import(settings: Settings, args: Namespace) -> None:
    """Register the devices of a CSV file, all or none."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        count = 0
        for line, row in rows_of(args.file, DEVICE_COLUMNS, DEVICE_OPTIONAL):
            try:
                _check_owner(connection, row["gateway_mac"], args.account)
                fleet.add_device(connection, row["gateway_mac"], unguarded(row["code"]), **_device_fields(row))
            except TdsError as error:
                raise Refused(f"{args.file}, line {line}: {error}; nothing was imported") from None
            count += 1
        connection.execute(statements("fleet_import.sql")["count_fleet"])
        audit.command(connection, account.id, "device.imported", args.file.name, after={"devices": count})
    print(f"Added {count} device{'s' if count != 1 else ''}.")


def reading_import(settings: Settings, args: Namespace) -> None:
    """Import the readings of a CSV file, all or none."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        done = import_readings(connection, args.file, account)
        audit.command(connection, account.id, "reading.imported", args.file.name, after=done._asdict())
    print(f"Stored {done.stored} readings; {done.known} were there already. Figures follow with the next `tds ledger drain`.")


def import_readings(connection: Connection, path: Path, account: fleet.Account) -> Imported:
    """Store a file's readings in the connection's transaction, whatever its size; raises Refused for the first broken line."""
    connection.execute(statements("imports.sql")["stage"])
    ranges: dict[int, tuple[datetime, datetime]] = {}
    stored = lines = 0
    block = io.StringIO()
    low, high = datetime.max.replace(tzinfo=UTC), OLDEST
    for line, device, moment, value, shown in _parsed(connection, path, account):
        block.write(f"{line}\t{device}\t{moment.isoformat()}\t{value}\t{shown}\n")
        lines, low, high = lines + 1, min(low, moment), max(high, moment)
        if lines % BLOCK == 0:
            stored += _store(connection, block, low, high, ranges)
            block = io.StringIO()
    stored += _store(connection, block, low, high, ranges)
    if ranges:
        values = {"devices": list(ranges), "lows": [r[0] for r in ranges.values()], "highs": [r[1] for r in ranges.values()]}
        connection.execute(statements("imports.sql")["finish"], values)
    return Imported(stored, lines - stored)


def rows_of(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the rows of a CSV file by column name, with their line numbers; raises Refused where it is not such a file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = tuple(name.strip() for name in next(reader, []))
            if (
                header[: len(columns)] != columns
                or len(set(header)) != len(header)
                or not set(header[len(columns) :]) <= set(optional)
            ):
                extra = f"[,{','.join(optional)}]" if optional else ""
                raise Refused(f"{path}: the first line must be {','.join(columns)}{extra}")
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise Refused(
                        f"{path}, line {reader.line_num}: {len(cells)} fields instead of {len(header)}; nothing was imported"
                    )
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except UnicodeDecodeError:
        raise Refused(f"{path} is not text in UTF-8: save it as CSV UTF-8") from None
    except csv.Error as error:
        raise Refused(f"{path}, line {reader.line_num}: {error}; nothing was imported") from None
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None


def _device_fields(row: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: row[name].strip() for name in ("kind", "resource", "unit")}
    fields["name"] = unguarded(row["name"].strip()) or None
    for name in DEVICE_OPTIONAL:
        given = row.get(name, "").strip()
        if not given:
            continue
        if not _DECIMAL.fullmatch(given) or (name == "interval" and not given.isdigit()):
            raise Refused(f"{name} is not a number: {given}")
        fields[name] = int(given) if name == "interval" else Decimal(given)
    return fields


def _check_owner(connection: Connection, mac: str, account: str) -> None:
    owner = connection.execute(statements("imports.sql")["owner"], {"mac": fleet.normalize_mac(mac)}).scalar()
    if owner is not None and owner != account:
        raise Refused(f"the gateway {fleet.normalize_mac(mac)} is not of the account {account}")


def _parsed(connection: Connection, path: Path, account: fleet.Account) -> Iterator[tuple[int, int, datetime, str, str]]:
    targets = _targets(connection, account.id)
    zone = ZoneInfo(account.timezone)
    newest = datetime.now(UTC) + AHEAD
    known: dict[tuple[str, str], Target] = {}
    for line, row in rows_of(path, READING_COLUMNS):
        mac, code, stamp, value, unit = row.values()
        try:
            device = known.get((mac, code))
            if device is None:
                device = known[mac, code] = _target(connection, targets, mac, code)
            moment = datetime.fromisoformat(stamp.strip())
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
            if not OLDEST <= moment <= newest:
                raise Refused(f"the time {stamp} lies {'in the future' if moment > newest else 'before 1970'}")
            if device.open_from is not None and moment < device.open_from:
                raise Refused(f"the readings around {stamp} are gone with retention: its figures are closed and stay as they are")
            simple = unit == device.unit and _SIMPLE.fullmatch(value)
            yield line, device.id, moment, value if simple else _value(value, unit, device), _copyable(",".join(row.values()))
        except TdsError as error:
            raise Refused(f"{path}, line {line}: {error}; nothing was imported") from None
        except (ValueError, OverflowError):
            raise Refused(f"{path}, line {line}: {stamp!r} is not an ISO 8601 time; nothing was imported") from None


def _targets(connection: Connection, account_id: int) -> dict[tuple[str, str], Target]:
    rows = connection.execute(statements("imports.sql")["targets"], {"account": account_id})
    return {(row.mac, row.code): Target(row.id, row.kind, row.unit) for row in rows}


def _target(connection: Connection, targets: Mapping[tuple[str, str], Target], mac: str, code: str) -> Target:
    named = fleet.normalize_mac(mac), code.strip()
    found = targets.get(named) or targets.get((named[0], unguarded(named[1])))  # as an export writes it
    if found is None:
        raise Refused(f"the account has no device {fleet.normalize_mac(mac)}/{code.strip()[:64]}")
    open_from = connection.execute(statements("imports.sql")["open_from"], {"device": found.id}).scalar()
    return found._replace(open_from=open_from)


def _value(given: str, unit: str, device: Target) -> str:
    given = given.strip()
    if not _DECIMAL.fullmatch(given):
        raise Refused(f"{given[:60]!r} is not a number")
    try:
        value = Decimal(given)
        if abs(value) >= LARGEST:
            raise Refused(f"{given[:60]} is too large: values stay below 10^15")
        if not convertible(unit, device.unit):
            raise Refused(f"the unit {canonical(unit)!r} cannot be converted to {device.unit}")
        value = convert(value, unit, device.unit)
    except InvalidOperation:
        raise Refused(f"{given[:60]!r} is not a number") from None
    if abs(value) >= LARGEST:
        raise Refused(f"{given[:60]} is too large: values stay below 10^15")
    if value < 0 and device.kind != "gauge":
        raise Refused(f"{given[:60]} is negative: a {device.kind} does not go below zero")
    return f"{value:f}"


def _copyable(shown: str) -> str:
    return shown[:500].replace("\\", "\\\\").replace("\t", " ").replace("\n", " ").replace("\r", " ").replace("\0", "")


def _store(
    connection: Connection, block: io.StringIO, low: datetime, high: datetime, ranges: dict[int, tuple[datetime, datetime]]
) -> int:
    if not block.tell():
        return 0
    block.seek(0)
    connection.execute(text("TRUNCATE import_stage"))
    driver: Any = connection.connection
    with driver.cursor() as cursor:
        cursor.copy_expert("COPY import_stage FROM STDIN", block)
    rows = connection.execute(statements("imports.sql")["store"]).all()
    for device, first, last, _ in rows:
        known = ranges.get(device, (first, last))
        ranges[device] = (min(first, known[0]), max(last, known[1]))
    connection.execute(statements("imports.sql")["reject_conflicts"], {"low": low, "high": high})
    return int(sum(row.readings for row in rows))
