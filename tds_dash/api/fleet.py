"""Gateways, devices and their newest readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response

from sql.queries.delivery import Delivered, delivery
from sql.queries.devices import devices
from sql.queries.gateways import gateways
from sql.queries.readings import latest_readings
from tds_dash import doors
from tds_dash.api.parameters import answer, chosen_devices, paged, plain, whole_number
from tds_dash.identity import account

blueprint = Blueprint("api_fleet", __name__)
SEEN = ("id", "mac", "name", "online", "state", "last_seen_at", "devices_silent", "devices_stuck")


@blueprint.get("/gateways")
def list_gateways() -> Response:
    """List the gateways in use."""
    with doors.transaction() as conn:
        return paged(gateways(conn, datetime.now(UTC)))


@blueprint.get("/gateways/<gateway_id>")
def one_gateway(gateway_id: str) -> Response:
    """Show one gateway."""
    with doors.transaction() as conn:
        return answer(plain(doors.gateway_for_user(conn, gateway_id)))


@blueprint.get("/gateways/<gateway_id>/delivery")
def gateway_delivery(gateway_id: str) -> Response:
    """Show what a gateway should have delivered, and did: in the last 24 hours and day by day."""
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, gateway_id)
        found = delivery(conn, gateway.id, datetime.now(UTC), account().timezone)
    return answer(
        {
            "gateway_id": gateway.id,
            "delay_seconds": seconds(found.delay),
            "last_24_hours": delivered(found.last_day),
            "days": [delivered(day) for day in found.days],
        }
    )


@blueprint.get("/gateways/status")
def gateways_status() -> Response:
    """Count the gateways online and offline, and list them with the devices that do not do well behind them."""
    with doors.transaction() as conn:
        found = gateways(conn, datetime.now(UTC))
    online = sum(gateway.online for gateway in found)
    listed = [{name: value for name, value in plain(gateway).items() if name in SEEN} for gateway in found]
    return answer({"total": len(found), "online": online, "offline": len(found) - online, "gateways": listed})


def delivered(period: Delivered) -> dict[str, object]:
    """Give a period's delivery as JSON shows it."""
    facts = plain(period._replace(longest=None))
    return {**{name: value for name, value in facts.items() if name != "longest"}, "longest_seconds": seconds(period.longest)}


def seconds(delay: timedelta | None) -> float | None:
    """Give a delay in seconds."""
    return None if delay is None else delay.total_seconds()


@blueprint.get("/devices")
def list_devices() -> Response:
    """List the devices in use."""
    with doors.transaction() as conn:
        return paged(chosen_devices(conn))


@blueprint.get("/devices/<device_id>")
def one_device(device_id: str) -> Response:
    """Show one device."""
    with doors.transaction() as conn:
        return answer(plain(doors.device_for_user(conn, device_id)))


@blueprint.get("/readings/latest")
def readings_latest() -> Response:
    """List the account's newest readings, newest first."""
    now, limit = datetime.now(UTC), whole_number("limit", default=10, least=1, most=1000)
    with doors.transaction() as conn:
        readings = latest_readings(conn, limit, now)
        known = {device.id: device for device in devices(conn, now, sorted({reading.device_id for reading in readings}))}
    return answer(
        [
            {
                "device_id": reading.device_id,
                "gateway_mac": known[reading.device_id].gateway_mac,
                "device_code": known[reading.device_id].code,
                "device_name": known[reading.device_id].name,
                "resource": known[reading.device_id].resource,
                **{name: value for name, value in plain(reading).items() if name != "device_id"},
                "unit": known[reading.device_id].unit,
            }
            for reading in readings
        ]
    )
