"""Consumption by bucket, as the command `tds consumption` gives it, and a device's books, as `tds books` does."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sql import books as bookkeeping
from sql.consumption import parse_step
from sql.errors import Refused
from sql.reports import SECONDS, Named, books_document, report
from tds_dash import doors
from tds_dash.api.parameters import answer, chosen_devices, device_ids, span
from tds_dash.identity import account

MOST_ROWS = 50_000

blueprint = Blueprint("api_figures", __name__)


@blueprint.get("/consumption")
def consumption() -> Response:
    """List every bucket of the period for every device asked for, empty ones too."""
    step = parse_step(request.args.get("step") or "day")
    start, end = span(days=30)
    zone = account().timezone
    with doors.reading() as conn:
        devices = chosen_devices(conn)
        if len(devices) * (end - start).total_seconds() / SECONDS[step] > MOST_ROWS:
            said = f"that is more than {MOST_ROWS} rows: ask for less, or take /api/v1/export/consumption.csv"
            raise Refused(said, "api_rows_streamed", most=MOST_ROWS)
        named = [Named(device.id, device.gateway_mac, device.code, device.unit) for device in devices]
        return answer(list(report(conn, named, step, start, end, zone)))


@blueprint.get("/books")
def books() -> Response:
    """Open the books of one device for a period: registers, corrections, consumption, and whether they balance."""
    start, end = span(days=30)
    names = [name for name in request.args.getlist("device") if name]
    if len(names) != 1:
        raise Refused("name one device, by its id or as MAC/CODE: books are kept for one device at a time", "api_one_device")
    with doors.reading() as conn:
        (device,) = doors.devices_for_user(conn, device_ids(conn, names))
        page = bookkeeping.books(conn, device.id, start, end)
    return answer(books_document(Named(device.id, device.gateway_mac, device.code, device.unit), page, account().timezone))
