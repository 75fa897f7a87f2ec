"""A CSV that names gateways, read line by line: what each names, or why it names nothing. No files, no database."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

from sql.errors import Refused
from sql.fleet import normalize_mac

COLUMN = "gateway_mac"


class Line(NamedTuple):
    """One line of the file: what it holds, and the gateway it names unless `fault` says why not."""

    number: int
    given: str
    mac: str
    fault: Refused | None = None


def read_lines(text: str) -> list[Line]:
    """Read the column gateway_mac, separated by commas, semicolons or tabs; raises Refused where there is no such column."""
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        if COLUMN not in names:
            raise Refused(f"has no column {COLUMN}: its first line must name it", "no_column", column=COLUMN)
        # A line of separators alone is what a spreadsheet leaves of a row that was emptied.
        rows = [(reader.line_num, (row[names[COLUMN]] or "").strip()) for row in reader if _says_anything(row)]
    except csv.Error as error:
        raise Refused(f"cannot be read as CSV: {error}", "not_csv") from error
    seen, lines = dict[str, int](), list[Line]()
    for number, given in rows:
        try:
            mac = normalize_mac(given)
        except Refused as error:
            lines.append(Line(number, given, "", Refused(str(error), "not_a_mac")))
            continue
        fault = None
        if mac in seen:
            fault = Refused(f"{mac} stands in line {seen[mac]} already", "twice", mac=mac, line=seen[mac])
        seen.setdefault(mac, number)
        lines.append(Line(number, given, mac, fault))
    return lines


def _says_anything(row: dict[str, str | list[str] | None]) -> bool:
    return any(cell.strip() for cells in row.values() for cell in (cells if isinstance(cells, list) else [cells or ""]))
