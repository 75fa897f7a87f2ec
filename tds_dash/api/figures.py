"""Consumption by bucket, as the command `tds consumption` gives it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sql.consumption import parse_step
from sql.errors import Refused
from sql.reports import Named, report
from tds_dash import doors
from tds_dash.api.parameters import answer, chosen_devices, span
from tds_dash.identity import account

MOST_ROWS = 50_000
SECONDS = {"15min": 900, "hour": 3600, "day": 86_400, "month": 28 * 86_400}

blueprint = Blueprint("api_figures", __name__)


@blueprint.get("/consumption")
def consumption() -> Response:
    """List every bucket of the period for every device asked for, empty ones too."""
    step = parse_step(request.args.get("step") or "day")
    start, end = span(days=30)
    zone = account().timezone
    with doors.transaction() as conn:
        devices = chosen_devices(conn)
        if len(devices) * (end - start).total_seconds() / SECONDS[step] > MOST_ROWS:
            raise Refused(f"that is more than {MOST_ROWS} rows: ask for less, or stream it from /api/v1/export/consumption.csv")
        named = [Named(device.id, device.gateway_mac, device.code, device.unit) for device in devices]
        return answer(list(report(conn, named, step, start, end, zone)))
