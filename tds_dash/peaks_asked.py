"""What the page of maximum demand and its file ask for: a resource, the last months, some gateways or devices, one month of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from sql import calendar, tariffs
from sql.queries.meters import Meter
from tds_dash import doors, view
from tds_dash.amounts import MAIN_UNIT
from tds_dash.demand import Demand, contracted_of, demand, excess_of, meters_of
from tds_dash.figures import axes
from tds_dash.identity import account, locale, zone
from tds_dash.peaks_view import Asked
from tds_dash.rates import per_hour

RESOURCES = ("electricity", "water", "gas", "other")
MONTHS = ("3", "6", "13", "25")
DEFAULTS = {"resource": "electricity", "months": "13"}


def months_of(chosen: Any) -> tuple[datetime, datetime]:
    """Give the last months, the running one included."""
    count = int(chosen) if chosen in MONTHS else int(DEFAULTS["months"])
    start, end = axes.last_months(datetime.now(UTC), count, zone())
    return start.astimezone(UTC), end.astimezone(UTC)


def month_of(chosen: Any, start: datetime, end: datetime) -> datetime | None:
    """Give the month that is chosen of a period, by `2026-11`; None where none of it is."""
    day = view.day_of(f"{chosen}-01") if isinstance(chosen, str) else None
    found = calendar.first_instant(day, account().timezone) if day else None
    return found if found and start <= found < end else None


def read(conn: Connection, resource: Any, months: Any, behind: Any, chosen: Any, month: Any) -> tuple[Asked, Demand[Meter]]:
    """Find the peaks that are asked for; NotFound for a gateway or a device that is not the account's."""
    now = datetime.now(UTC)
    wanted = resource if resource in RESOURCES else DEFAULTS["resource"]
    start, end = months_of(months)
    one = month_of(month, start, end)
    behind_these = {doors.gateway_for_user(conn, given).id for given in view.numbers(behind)}
    known, own = doors.meters_for_user(conn, chosen or [])
    shown = [
        meter
        for meter in meters_of(known, wanted)
        if not meter.retired and (not own or meter.id in own) and (not behind_these or meter.gateway_id in behind_these)
    ]
    part = (one, calendar.next_bucket("month", one, account().timezone)) if one else None
    found = demand(conn, shown, start, end, account().timezone, part)
    if not shown:
        found = found._replace(unit=per_hour(MAIN_UNIT.get(wanted, "")))
    # It is the account's: of some of its meters the line would say nothing.
    plan = tariffs.plan(conn, account().id, "electricity") if wanted == "electricity" and not own and not behind_these else None
    contracted = contracted_of(plan, now) if plan else None
    excess = excess_of(plan, found.months) if plan else {}
    who = ",".join(str(meter.id) for meter in shown) if own or behind_these else "all"
    return Asked(wanted, start, end, one, now, zone(), locale(), who, contracted, excess), found
