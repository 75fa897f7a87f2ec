"""CSV of any size, streamed: rows come from a cursor on the server and go out as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request, stream_with_context

from sql.consumption import parse_step
from sql.queries.devices import Device
from sql.queries.readings import all_readings
from sql.reports import FIELDS, Named, csv_cell, report
from tds_dash import doors
from tds_dash.api.parameters import chosen_devices, span
from tds_dash.identity import account, zone

ROWS_AT_ONCE = 500
ALL_DAYS = 3 * 366
READING_FIELDS = ("gateway_mac", "device_code", "timestamp", "value", "unit")
FORMULA = tuple("=+-@\t\r")
# Excel in Portuguese reads a CSV only with semicolons, decimal commas and a byte order mark.
BYTE_ORDER_MARK = "\ufeff"

blueprint = Blueprint("api_exports", __name__)


@blueprint.get("/export/readings.csv")
def readings_csv() -> Response:
    """Stream readings as received; the columns are those that `tds reading import` reads."""
    start, end = span(days=ALL_DAYS)
    with doors.transaction() as conn:
        devices = chosen_devices(conn)
    return stream("readings", READING_FIELDS, reading_rows(devices, start, end))


@blueprint.get("/export/consumption.csv")
def consumption_csv() -> Response:
    """Stream consumption by bucket; the columns are those of `tds consumption`."""
    step = parse_step(request.args.get("step") or "day")
    start, end = span(days=30)
    with doors.transaction() as conn:
        devices = [Named(one.id, one.gateway_mac, one.code, one.unit) for one in chosen_devices(conn)]

    def rows() -> Iterator[Sequence[Any]]:
        with doors.transaction() as conn:
            for row in report(conn, devices, step, start, end, account().timezone):
                yield [row[field] for field in FIELDS]

    return stream("consumption", FIELDS, rows())


def reading_rows(devices: Sequence[Device], start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
    """Give readings device by device, each oldest first: the order of the index, so nothing is sorted."""
    local = zone()
    with doors.transaction() as conn:
        for device in devices:
            for reading in all_readings(conn, device.id, start, end):
                moment = reading.time.astimezone(local).isoformat()
                yield device.gateway_mac, device.code, moment, reading.value, device.unit


def stream(name: str, fields: Sequence[str], rows: Iterator[Sequence[Any]]) -> Response:
    """Answer with a CSV file whose rows are written as they arrive."""
    spreadsheet = request.args.get("locale") == "pt-BR"
    response = Response(stream_with_context(written(fields, rows, spreadsheet)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="tds-{name}.csv"'
    return response


def written(fields: Sequence[str], rows: Iterator[Sequence[Any]], spreadsheet: bool) -> Iterator[str]:
    """Write a header and rows as CSV, some hundred lines at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if spreadsheet else ",", lineterminator="\r\n")
    writer.writerow(fields)
    yield (BYTE_ORDER_MARK if spreadsheet else "") + drained(buffer)
    for count, row in enumerate(rows, start=1):
        writer.writerow([cell(value, spreadsheet) for value in row])
        if count % ROWS_AT_ONCE == 0:
            yield drained(buffer)
    yield drained(buffer)


def drained(buffer: io.StringIO) -> str:
    """Give what a buffer holds and empty it."""
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def cell(value: Any, spreadsheet: bool) -> str:
    """Write one cell: numbers in full, and no name that a spreadsheet would take for a formula."""
    text = csv_cell(value)
    if isinstance(value, Decimal | float):
        return text.replace(".", ",") if spreadsheet else text
    return f"'{text}" if text.startswith(FORMULA) else text
