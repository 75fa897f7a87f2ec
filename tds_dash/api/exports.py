"""CSV of any size, streamed: rows come from a cursor on the server and go out as they come."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request, send_file

from sql.consumption import parse_step
from sql.errors import Refused
from sql.queries.devices import Device
from sql.queries.readings import all_readings
from sql.reports import FIELDS, SECONDS, Named, csv_cell, report
from tds_dash import doors
from tds_dash.api.parameters import chosen_devices, span
from tds_dash.identity import account, zone
from tds_dash.streaming import for_request

ROWS_AT_ONCE = 500
ALL_DAYS = 3 * 366
MOST_SHEET_ROWS = 200_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
READING_FIELDS = ("gateway_mac", "device_code", "timestamp", "value", "unit")
# Excel in Portuguese reads a CSV only with semicolons, decimal commas and a byte order mark.
BYTE_ORDER_MARK = "\ufeff"

blueprint = Blueprint("api_exports", __name__)


@blueprint.get("/export/readings.csv")
def readings_csv() -> Response:
    """Stream readings as received; the columns are those that `tds reading import` reads."""
    start, end = span(days=ALL_DAYS)
    with doors.reading() as conn:
        devices = chosen_devices(conn)
    return stream("readings", READING_FIELDS, reading_rows(devices, start, end))


@blueprint.get("/export/consumption.csv")
def consumption_csv() -> Response:
    """Stream consumption by bucket; the columns are those of `tds consumption`."""
    return stream("consumption", FIELDS, consumption_rows())


@blueprint.get("/export/consumption.xlsx")
def consumption_xlsx() -> Response:
    """Give consumption by bucket as a workbook; the columns are those of `tds consumption`."""
    return workbook("consumption", FIELDS, consumption_rows(MOST_SHEET_ROWS))


def consumption_rows(most: int | None = None) -> Iterator[Sequence[Any]]:
    """Read what is asked for, then give its rows as they come; raises Refused where that is more than `most`."""
    step = parse_step(request.args.get("step") or "day")
    start, end = span(days=30)
    zone_name = account().timezone
    with doors.reading() as conn:
        devices = [Named(one.id, one.gateway_mac, one.code, one.unit) for one in chosen_devices(conn)]
    if most is not None and len(devices) * (end - start).total_seconds() / SECONDS[step] > most:
        raise Refused(
            f"that is more than {most} rows: ask for less, or take /api/v1/export/consumption.csv", "api_rows_streamed", most=most
        )

    def rows() -> Iterator[Sequence[Any]]:
        with doors.reading() as conn:
            for row in report(conn, devices, step, start, end, zone_name):
                yield [row[field] for field in FIELDS]

    return rows()


def workbook(name: str, fields: Sequence[str], rows: Iterator[Sequence[Any]]) -> Response:
    """Answer with a workbook: numbers are numbers, text is text and never a formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet(name)
    sheet.append(list(fields))
    for row in rows:
        cells = [WriteOnlyCell(sheet, value=value) for value in row]
        for one in cells:
            if isinstance(one.value, str):
                one.data_type = "s"
        sheet.append(cells)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
    book.save(file)
    file.seek(0)
    return send_file(file, mimetype=XLSX, as_attachment=True, download_name=f"tds-{name}.xlsx")


def reading_rows(devices: Sequence[Device], start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
    """Give readings device by device, each oldest first: the order of the index, so nothing is sorted."""
    local = zone()
    with doors.reading() as conn:
        for device in devices:
            for reading in all_readings(conn, device.id, start, end):
                moment = reading.time.astimezone(local).isoformat()
                yield device.gateway_mac, device.code, moment, reading.value, device.unit


def stream(name: str, fields: Sequence[str], rows: Iterator[Sequence[Any]]) -> Response:
    """Answer with a CSV file whose rows are written as they arrive."""
    spreadsheet = request.args.get("locale") == "pt-BR"
    response = Response(for_request(written(fields, rows, spreadsheet)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="tds-{name}.csv"'
    return response


def written(fields: Sequence[str], rows: Iterator[Sequence[Any]], spreadsheet: bool) -> Iterator[str]:
    """Write a header and rows as CSV, some hundred lines at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if spreadsheet else ",", lineterminator="\r\n")
    writer.writerow([cell(field, spreadsheet) for field in fields])
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
    """Write one cell: numbers in full, with the decimal comma where the file is for a spreadsheet."""
    text = csv_cell(value)
    return text.replace(".", ",") if spreadsheet and isinstance(value, Decimal | float) else text
