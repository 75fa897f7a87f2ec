"""A file of devices, line by line: what each line says, in whichever way a spreadsheet has written it. Touches nothing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sql.cells import unguarded
from sql.device_rules import DeviceSettings, faults, shown
from sql.errors import Refused
from sql.fleet import normalize_mac

COLUMNS = ("gateway_mac", "code", "name", "kind", "resource", "unit")
OPTIONAL = ("interval", "max_rate", "resolution", "modulus", "jitter", "stuck_after", "gateway_name", "gateway_capacity")
WHOLE = ("interval", "stuck_after")
MOST_LINES = 20_000
ROOM = 8  # of a gateway, unless the file says
_NUMBER = re.compile(r"\d{1,16}(\.\d{1,12})?", re.ASCII)


class Line(NamedTuple):
    """One line: the gateway it names, its device, and why it cannot be used where it cannot."""

    number: int
    mac: str
    code: str
    device: DeviceSettings | None
    gateway_name: str
    capacity: int
    fault: Refused | None


def read_lines(content: str) -> list[Line]:
    """Read a file; raises Refused where it is no such file at all."""
    text = content.removeprefix("\ufeff").replace("\0", "")
    head = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=head.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip().lower() for name in next(reader, [])]
        check_header(header)
        found: list[Line] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(found) >= MOST_LINES:
                raise Refused(f"more than {MOST_LINES} lines", "too_many_lines", most=MOST_LINES)
            found.append(read_line(reader.line_num, header, cells))
    except csv.Error as error:
        raise Refused(f"this is no CSV: {error}", "not_csv") from None
    if not found:
        raise Refused("the file names no device", "no_devices")
    return found


def check_header(header: list[str]) -> None:
    """Refuse a first line that lacks a column, or has one that is unknown or comes twice."""
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise Refused(f"the file has no column {', '.join(missing)}", "columns_missing", columns=", ".join(missing))
    odd = [shown(name) for name in header if name not in (*COLUMNS, *OPTIONAL)]
    odd += [shown(name) for name in dict.fromkeys(header) if header.count(name) > 1]
    if odd:
        raise Refused(f"the file has columns that mean nothing: {', '.join(odd)}", "columns_odd", columns=", ".join(odd[:10]))


def read_line(number: int, header: list[str], cells: list[str]) -> Line:
    """Read one line; what is wrong with it is kept beside it."""
    row = {name: unguarded(cell.strip()) for name, cell in zip(header, cells, strict=False)}
    named = (number, row.get("gateway_mac", "")[:40], row.get("code", "")[:80])
    try:
        if len(cells) != len(header):
            raise Refused(f"{len(cells)} fields instead of {len(header)}", "fields", n=len(cells), wanted=len(header))
        mac = normalize_mac(row["gateway_mac"])
        given = fields(row)
        device = DeviceSettings(**given)
        found = faults(row["code"], device)
        if found:
            raise next(iter(found.values()))
        room = whole("gateway_capacity", row) if row.get("gateway_capacity") else ROOM
        if not 1 <= room <= 32:
            raise Refused("a gateway's capacity is between 1 and 32 devices", "capacity", most=32)
        name = row.get("gateway_name", "")
        if len(name) > 200 or not name.isprintable():
            raise Refused("a gateway's name has 1 to 200 printable characters", "name")
        return Line(number, mac, row["code"], device, name, room, None)
    except Refused as fault:
        return Line(*named, None, "", ROOM, fault)


def fields(row: Mapping[str, str]) -> dict[str, Any]:
    """Give a line's device settings; raises Refused for what is no number."""
    found: dict[str, Any] = {name: row[name].lower() if name != "unit" else row[name] for name in ("kind", "resource", "unit")}
    found["name"] = row["name"] or None
    for name in OPTIONAL[:6]:
        if row.get(name):
            found[name] = whole(name, row) if name in WHOLE else quantity(name, row)
    return found


def quantity(name: str, row: Mapping[str, str]) -> Decimal:
    """Read a number with a decimal point or a decimal comma."""
    given = row[name]
    digits = given.replace(",", ".") if given.count(",") == 1 and "." not in given else given
    if not _NUMBER.fullmatch(digits):
        raise Refused(f"{name} is not a number: {shown(given)}", "column_number", column=name, given=shown(given))
    return Decimal(digits)


def whole(name: str, row: Mapping[str, str]) -> int:
    """Read a whole number."""
    given = row[name]
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise Refused(f"{name} is not a whole number: {shown(given)}", "column_whole", column=name, given=shown(given))
    return int(given)
