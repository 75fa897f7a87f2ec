"""What consumption costs by bucket, as the account's tariffs say."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from sql import pricing, tariffs
from sql.consumption import Step, buckets, outward, parse_step
from sql.errors import Refused
from sql.pricing import Cost
from sql.queries.devices import Device
from sql.reports import SECONDS
from tds_dash import doors
from tds_dash.api.parameters import answer, chosen_devices, shown, span
from tds_dash.identity import account

MOST_ROWS = 50_000

blueprint = Blueprint("api_costs", __name__)


@blueprint.get("/costs")
def costs() -> Response:
    """List what every bucket of the period costs for every device asked for that counts something; exact, nothing rounded."""
    step = parse_step(request.args.get("step") or "day")
    start, end = span(days=30)
    with doors.reading() as conn:
        devices = [device for device in chosen_devices(conn) if device.kind != "gauge"]
        if len(devices) * (end - start).total_seconds() / SECONDS[step] > MOST_ROWS:
            raise Refused(f"that is more than {MOST_ROWS} rows: ask for less", "api_rows", most=MOST_ROWS)
        plans = tariffs.plans(conn, account().id)
        found = pricing.costs(conn, plans, devices, {device.id: device.id for device in devices}, step, start, end)
    return answer(list(rows(devices, found, step, start, end)))


def rows(devices: list[Device], found: list[Cost], step: Step, start: datetime, end: datetime) -> Any:
    """Give every bucket of every device, those too that cost nothing."""
    known = {(one.group, one.bucket): one for one in found}
    low, high = outward(step, start, end, account().timezone)
    place = ZoneInfo(account().timezone)
    every = buckets(step, low, high, account().timezone)
    for device in devices:
        for bucket in every:
            one = known.get((device.id, bucket))
            yield {
                "bucket": bucket.astimezone(place).isoformat(),
                "gateway_mac": device.gateway_mac,
                "device_code": device.code,
                "unit": device.unit,
                "currency": account().currency,
                "cost": shown(one.cost) if one else None,
                "priced": one is not None and not one.unpriced,
                "bands": [
                    {"band": part.band, "quantity": shown(part.quantity), "price": shown(part.price), "cost": shown(part.cost)}
                    for part in (one.bands if one else ())
                ],
            }
