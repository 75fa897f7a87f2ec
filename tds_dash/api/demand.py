"""Maximum demand of meters, and the load profile of one device."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from sql.consumption import outward
from sql.errors import Refused
from sql.queries.devices import Device
from sql.queries.load import Wanted, base, duration, nights, profile
from sql.queries.peak_search import Quarter
from tds_dash import doors
from tds_dash.api.parameters import answer, chosen_devices, device_ids, plain, span, whole_number
from tds_dash.demand import PER_HOUR, TOP, Demand, DeviceDemand, MonthDemand, demand, demand_of
from tds_dash.identity import account
from tds_dash.load_view import FLOWING
from tds_dash.rates import per_hour

MOST_MONTHS = 132
MOST_MONTHS_OF_DEVICES = 30_000
DAYS_OF_PEAKS, DAYS_OF_PROFILE = 365, 90

blueprint = Blueprint("api_demand", __name__)


@blueprint.get("/peaks")
def peaks() -> Response:
    """Give the maximum demand of devices by month, the top quarter-hours of the period and which devices made each."""
    zone = account().timezone
    start, end = outward("month", *span(days=DAYS_OF_PEAKS), zone)
    count = whole_number("top", default=TOP, least=1, most=100)
    with doors.reading() as conn:
        named = request.args.get("device") or request.args.get("resource")
        devices = [one for one in chosen_devices(conn) if one.kind != "gauge" and (named or one.resource == "electricity")]
        months = (end - start).days // 28
        if months > MOST_MONTHS or len(devices) * months > MOST_MONTHS_OF_DEVICES:
            said = f"ask for at most {MOST_MONTHS} months, and {MOST_MONTHS_OF_DEVICES} months of devices in all"
            raise Refused(said, "api_months", most=MOST_MONTHS, of_devices=MOST_MONTHS_OF_DEVICES)
        found = demand(conn, devices, start, end, zone, count=count, timed=len(devices))
    known = {device.id: device for device in found.devices}
    return answer(
        {
            "unit": found.unit,
            "from": start,
            "to": end,
            "devices": len(found.devices),
            "left_out": found.left_out,
            "months": [month_of(month) for month in found.months],
            "top": [quarter_of(quarter, found, known) for quarter in found.top],
            "maxima": [maximum_of(one) for one in found.alone],
        }
    )


def month_of(month: MonthDemand) -> dict[str, Any]:
    """Give a month as JSON shows it."""
    quarter = month.quarter
    return {
        "month": month.month,
        "together": month.together,
        "at": quarter.start if quarter else None,
        "estimated": quarter.estimated * PER_HOUR if quarter else None,
        "alone": month.alone,
        "diversity": month.diversity,
    }


def quarter_of(quarter: Quarter, found: Demand[Device], known: dict[int, Device]) -> dict[str, Any]:
    """Give a quarter-hour with what each device took in it."""
    parts = [
        {**name_of(known[part.device_id]), "demand": part.quantity * PER_HOUR, "measured": part.measured}
        for part in found.parts.get(quarter.start, [])
    ]
    estimated = {"estimated": quarter.estimated * PER_HOUR, "estimated_devices": quarter.estimated_devices}
    return {"at": quarter.start, "demand": demand_of(quarter), **estimated, "devices": parts}


def maximum_of(one: DeviceDemand[Device]) -> dict[str, Any]:
    """Give what a device took at most alone."""
    return {**name_of(one.device), "demand": one.demand, "month": one.month, "at": one.moment}


def name_of(device: Device) -> dict[str, Any]:
    """Give what names a device."""
    return {"device_id": device.id, "gateway_mac": device.gateway_mac, "device_code": device.code}


@blueprint.get("/profile")
def load_profile() -> Response:
    """Give how the load of one device lies over day and week: means, percentiles, duration curve, base load, nights."""
    start, end = span(days=DAYS_OF_PROFILE)
    names = [name for name in request.args.getlist("device") if name]
    if len(names) != 1:
        raise Refused("name one device, by its id or as MAC/CODE: a profile is of one device at a time", "api_one_device")
    with doors.reading() as conn:
        (device,) = doors.devices_for_user(conn, device_ids(conn, names))
        gauge = device.kind == "gauge"
        wanted = Wanted(device.id, gauge, start, end, account().timezone)
        week, curve = profile(conn, wanted), duration(conn, wanted)
        never = None if gauge else base(conn, wanted)
        dark = nights(conn, wanted) if device.resource in FLOWING and not gauge else []
    return answer(
        {
            **name_of(device),
            "unit": device.unit if gauge else per_hour(device.unit),
            "from": start,
            "to": end,
            "hours": week.hours,
            "week": [plain(one) for one in week.week],
            "day": [plain(one) for one in week.day],
            "quarters": curve.quarters,
            "duration": [{"share": share, "level": level} for share, level in curve.points],
            "base": None if never is None else plain(never),
            "nights": [{**plain(night), "evening": night.evening.isoformat()} for night in dark],
        }
    )
