"""Maximum demand as CSV: what the page shows, its months, top quarter-hours and the devices' own maxima, one below the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from tds_dash import doors, peaks_asked, view
from tds_dash.api.exports import stream
from tds_dash.demand import PER_HOUR, Demand, demand_of
from tds_dash.peaks_view import Asked

FIELDS = ("what", "month", "at", "device", "gateway", "demand", "unit", "estimated", "sum_of_single_maxima", "diversity")
MONTH = "%Y-%m"

blueprint = Blueprint("peaks", __name__)


@blueprint.get("/_peaks/export.csv")
def export() -> Response:
    """Give the peaks that the address asks for."""
    resource, months, month = (request.args.get(name) for name in ("resource", "months", "month"))
    behind, chosen = (view.numbers(request.args.get(name)) for name in ("gateways", "devices"))
    with doors.reading() as conn:
        asked, found = peaks_asked.read(conn, resource, months, behind, chosen, month)
    return stream(f"peaks-{asked.resource}", FIELDS, rows(asked, found))


def rows(asked: Asked, found: Demand) -> Iterator[Sequence[Any]]:
    """Give the months, then the top quarter-hours, then the devices."""

    def local(moment: datetime | None, look: str = "%Y-%m-%d %H:%M") -> str:
        return f"{moment.astimezone(asked.zone):{look}}" if moment else ""

    for month in found.months:
        quarter = month.quarter
        estimated = quarter.estimated * PER_HOUR if quarter else None
        at = local(quarter.start if quarter else None)
        yield [
            "month",
            local(month.month, MONTH),
            at,
            "",
            "",
            month.together,
            found.unit,
            estimated,
            month.alone,
            month.diversity,
        ]
    for quarter in found.top:
        estimated = quarter.estimated * PER_HOUR
        yield [
            "top",
            local(quarter.start, MONTH),
            local(quarter.start),
            "",
            "",
            demand_of(quarter),
            found.unit,
            estimated,
            None,
            None,
        ]
    for one in found.alone:
        name, gateway = one.device.name, one.device.gateway_name
        yield ["device", local(one.month, MONTH), local(one.moment), name, gateway, one.demand, found.unit, None, None, None]
