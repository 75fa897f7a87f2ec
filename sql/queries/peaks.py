"""Maximum demand: the largest quarter-hours of devices, alone and together, found without reading every quarter-hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import calendar, rollups
from sql.consumption import buckets, hashed, rollups_of, running_binds
from sql.queries.peak_search import HOUR, UNKNOWN, Period, Quarter, Search, hour_of
from sql.statements import raw_statements, statements

FILE = "queries/peaks.sql"
HALF_SLOT = timedelta(minutes=7, seconds=30)
SLOT = timedelta(minutes=15)
ADDED_UP = 300_000  # rows of the ledger that are added up in less time than a search takes
SHORT = timedelta(days=3)  # what waits for its totals and is no longer than this is searched by hours at once


class Group(NamedTuple):
    """Devices that are looked at together, each with the factor that brings its unit to the common one, in a zone."""

    devices: list[int]
    factors: list[Decimal]
    zone: str


class Largest(NamedTuple):
    """The largest measured quarter-hour of a device, in the device's own unit, and the first local month in which it had it."""

    device_id: int
    month: datetime
    quantity: Decimal


class Alone(NamedTuple):
    """What each device of a group took at most alone: added up by local month in the group's unit, and the largest of each device."""

    months: dict[datetime, Decimal]
    devices: list[Largest]


class Share(NamedTuple):
    """What a device took in a quarter-hour, in the group's unit, and whether that was measured."""

    device_id: int
    quantity: Decimal
    measured: bool


def alone(conn: Connection, group: Group, start: datetime, end: datetime, of: Period | None = None) -> Alone:
    """Give what each device took at most alone over whole months of a period; the largest of each device within a part of it."""
    if not group.devices or start >= end:
        return Alone({}, [])
    first, last = of or (start, end)
    binds: dict[str, Any] = {
        "devices": group.devices,
        "factors": group.factors,
        "start": start,
        "end": end,
        "first": first,
        "last": last,
    }
    known = {} if calendar.repeats_midnight(start, end, group.zone) else rollups_of(conn, group.zone)
    bodies = raw_statements(FILE)
    if known:
        whole = calendar.has_whole_hours(start, end, group.zone)
        names = {
            "month": f"consumption_month_{rollups.slug(group.zone)}",
            "day": f"consumption_day_{rollups.slug(group.zone)}",
            "today": rollups.HOUR if whole else "ledger",
            "moment": "bucket" if whole else "middle",
            "largest": "largest" if whole else "CASE WHEN estimated = 0 THEN quantity END",
        }
        body = bodies["months"].format(**names)
        binds |= running_binds(known, group.zone)
    else:
        body = bodies["months_of_ledger"]
    binds["lows"] = buckets("month", start, end, group.zone)
    with hashed(conn):
        rows = conn.execute(text(bodies["alone"].format(body=body)), binds).all()
    months = {row.bucket: row.largest for row in rows if row.device_id is None}
    return Alone(months, sorted(Largest(*row) for row in rows if row.device_id is not None))


def highest(conn: Connection, group: Group, wanted: Sequence[tuple[Period, int]]) -> list[list[Quarter]]:
    """Give, for each period, so many quarter-hours in which the devices together took most, the largest first.

    Where the worker keeps totals of just these devices, they say it; what they do not know yet is searched, as is everything where
    there are none. Branch and bound: what the devices took at most alone, added up by day and then by hour, bounds what they took
    together. Only hours whose bound is above the smallest quarter-hour that is kept are read by quarter-hours, so the answer is exact;
    of quarter-hours that are equal, those found first are kept.
    """
    searches = [Search(period, count) for period, count in wanted]
    if not group.devices or not wanted:
        return [[] for _ in searches]
    start, end = min(start for (start, _), _ in wanted), max(end for (_, end), _ in wanted)
    totals = _totals(conn, group, wanted)
    if totals is None and len(group.devices) * ((end - start) / SLOT) <= ADDED_UP:
        top = _top(conn, group, wanted)
        for search in searches:
            search.keep(top)
    elif totals is None:
        days = _day_bounds(conn, group, start, end)
        for search in searches:
            search.begin(days)
    else:
        for search in searches:
            search.keep(totals.quarters)
        _begin_with_waiting(conn, group, searches, [(max(low, start), min(high, end)) for low, high in totals.waiting])
    _search(conn, group, searches)
    return [search.found() for search in searches]


def _begin_with_waiting(conn: Connection, group: Group, searches: Sequence[Search], waiting: Sequence[Period]) -> None:
    """Have what waits for its totals searched: by hours where that is little, else by days."""
    if sum((high - low for low, high in waiting), timedelta()) <= SHORT:
        bounds = _hour_bounds(conn, group, waiting)
        for search in searches:
            search.begin_with(waiting)
            search.add_hours(bounds)
    else:
        days = _day_bounds(conn, group, min(low for low, _ in waiting), max(high for _, high in waiting))
        touched = [(bound, day) for bound, day in days if any(low < day[1] and high > day[0] for low, high in waiting)]
        for search in searches:
            search.begin(touched)


def _search(conn: Connection, group: Group, searches: Sequence[Search]) -> None:
    read: set[datetime] = set()
    while any(search.goes_on for search in searches):
        opened = {day for search in searches for day in search.next_days()}
        bounds = _hour_bounds(conn, group, sorted(opened))
        for search in searches:
            search.add_hours(bounds)
        hours = {hour for search in searches for hour in search.next_hours(read)}
        read |= hours
        quarters = _quarters(conn, group, [(hour, hour + HOUR) for hour in sorted(hours)])
        for search in searches:
            search.keep(quarters)


class Totals(NamedTuple):
    """The largest quarter-hours between the ends of some periods, and the stretches of which they do not tell."""

    quarters: list[Quarter]
    waiting: list[Period]


def _totals(conn: Connection, group: Group, wanted: Sequence[tuple[Period, int]]) -> Totals | None:
    """Ask the totals that the worker keeps; None where there are none of these very devices."""
    ends = sorted({end for period, _ in wanted for end in period})
    binds = {
        "devices": group.devices,
        "factors": group.factors,
        "lows": ends[:-1],
        "highs": ends[1:],
        "most": max(count for _, count in wanted),
        "start": ends[0],
        "end": ends[-1],
    }
    rows = conn.execute(statements(FILE)["totals"], binds).all()
    if not rows:
        return None
    quarters = [Quarter(*row[2:]) for row in rows if row.quantity is not None]
    return Totals(quarters, [(row.low, row.high) for row in rows if row.low is not None])


def _top(conn: Connection, group: Group, wanted: Sequence[tuple[Period, int]]) -> list[Quarter]:
    """Give the largest quarter-hours between the ends of some periods, by adding all of them up."""
    ends = sorted({end for period, _ in wanted for end in period})
    most = max(count for _, count in wanted)
    binds = {"devices": group.devices, "factors": group.factors, "start": ends[0], "end": ends[-1], "ends": ends, "most": most}
    with hashed(conn):
        return [Quarter(*row) for row in conn.execute(statements(FILE)["top"], binds)]


def shares(conn: Connection, group: Group, quarters: Iterable[Quarter]) -> dict[datetime, list[Share]]:
    """Give what each device took in some quarter-hours, the most first."""
    middles = sorted({quarter.start + HALF_SLOT for quarter in quarters})
    if not middles:
        return {}
    binds = {"devices": group.devices, "factors": group.factors, "middles": middles, "low": middles[0], "high": middles[-1]}
    found: dict[datetime, list[Share]] = {}
    with hashed(conn):
        rows = conn.execute(statements(FILE)["shares"], binds).all()
    for row in rows:
        found.setdefault(row.start, []).append(Share(row.device_id, row.quantity, row.measured))
    return found


def moments(conn: Connection, largest: Sequence[Largest], zone: str) -> dict[int, datetime]:
    """Give the start of the quarter-hour in which each device first reached its largest of a month."""
    binds = {
        "devices": [one.device_id for one in largest],
        "largest": [one.quantity for one in largest],
        "lows": [one.month for one in largest],
        "highs": [calendar.next_bucket("month", one.month, zone) for one in largest],
    }
    return {row.device_id: row.start for row in conn.execute(statements(FILE)["moments"], binds)} if largest else {}


def _day_bounds(conn: Connection, group: Group, start: datetime, end: datetime) -> list[tuple[Decimal, Period]]:
    """Give each local day of a period with its bound; days without any measured quarter-hour are left out."""
    starts = buckets("day", start, end, group.zone)
    if not starts:
        return []
    days = list(zip(starts, [*starts[1:], calendar.next_bucket("day", starts[-1], group.zone)], strict=True))
    if not rollups_of(conn, group.zone) or calendar.repeats_midnight(days[0][0], days[-1][1], group.zone):
        return [(UNKNOWN, day) for day in days]
    body = text(raw_statements(FILE)["days"].format(day=f"consumption_day_{rollups.slug(group.zone)}"))
    binds = {"devices": group.devices, "factors": group.factors, "start": days[0][0], "end": end}
    with hashed(conn):
        bounds = {row.bucket: row.bound for row in conn.execute(body, binds)}
    return [(bounds[day[0]], day) for day in days if day[0] in bounds]


def _hour_bounds(conn: Connection, group: Group, days: Sequence[Period]) -> dict[datetime, Decimal]:
    """Give the bounds of the hours that days reach into."""
    lows = [hour_of(low) for low, _ in days]
    return {row.bucket: row.bound for row in _of_periods(conn, "hours", group, lows, [high for _, high in days])}


def _quarters(conn: Connection, group: Group, hours: Sequence[Period]) -> list[Quarter]:
    rows = _of_periods(conn, "quarters", group, [low for low, _ in hours], [high for _, high in hours])
    return [Quarter(*row) for row in rows]


def _of_periods(conn: Connection, name: str, group: Group, lows: Sequence[datetime], highs: Sequence[datetime]) -> Sequence[Any]:
    if not lows:
        return []
    binds = {"devices": group.devices, "factors": group.factors, "lows": list(lows), "highs": list(highs)}
    with hashed(conn):
        return conn.execute(statements(FILE)[name], binds).all()
