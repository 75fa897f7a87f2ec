"""Maximum demand: the largest quarter-hours of devices, alone and together, found without reading every quarter-hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import calendar, rollups
from sql.consumption import buckets, hashed, rollups_of, running_binds
from sql.queries import packed
from sql.queries.peak_search import HOUR, UNKNOWN, Period, Quarter, Search, hour_of
from sql.statements import raw_statements, statements

FILE = "queries/peaks.sql"
HALF_SLOT = timedelta(minutes=7, seconds=30)
SHORT = timedelta(days=32)  # what nobody tells of and is no longer than this, the future included, is searched by hours at once
FEW = 8  # stretches whose days are asked for one by one


class Group(NamedTuple):
    """Devices that are looked at together, each with the factor that brings its unit to the common one, in a zone."""

    devices: list[int]
    factors: list[Decimal]
    zone: str

    @property
    def factor_of(self) -> dict[int, Decimal]:
        """Give each device its factor."""
        return dict(zip(self.devices, self.factors, strict=True))


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

    Where the worker keeps totals of just these devices, they say it, else their packed quarter-hours, added up. What neither tells is
    searched, by branch and bound: what the devices took at most alone, added up by day and then by hour, bounds what they took
    together. Only hours whose bound is above the smallest quarter-hour that is kept are read by quarter-hours, so the answer is exact;
    of quarter-hours that are equal, those found first are kept.
    """
    searches = [Search(period, count) for period, count in wanted]
    if not group.devices or not wanted:
        return [[] for _ in searches]
    ends = sorted({end for period, _ in wanted for end in period})
    most = max(count for _, count in wanted)
    totals = _totals(conn, group, ends, most)
    known = totals or packed.largest(conn, group.factor_of, ends, most)
    for search in searches:
        search.keep(known.quarters)
    # What is packed tells of amounts above zero alone: where there are too few of those, all of it is looked at.
    lacking = [] if totals else [search.period for search in searches if search.lacks]
    if known.unknown or lacking:
        _begin_with_unknown(conn, group, searches, calendar.joined([*known.unknown, *lacking]))
    _search(conn, group, searches)
    return [search.found() for search in searches]


def _begin_with_unknown(conn: Connection, group: Group, searches: Sequence[Search], unknown: Sequence[Period]) -> None:
    """Have what nobody tells of searched: by hours where that is little, else by days."""
    if sum((high - low for low, high in unknown), timedelta()) <= SHORT:
        bounds = _hour_bounds(conn, group, unknown)
        for search in searches:
            search.begin_with(unknown)
            search.add_hours(bounds)
    else:
        looked = unknown if len(unknown) <= FEW else [(unknown[0][0], unknown[-1][1])]
        days = {day: bound for low, high in looked for bound, day in _day_bounds(conn, group, low, high)}
        touched = [(bound, day) for day, bound in days.items() if any(low < day[1] and high > day[0] for low, high in unknown)]
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


def _totals(conn: Connection, group: Group, ends: Sequence[datetime], most: int) -> packed.Found | None:
    """Ask the totals that the worker keeps; None where there are none of these very devices."""
    binds = {
        "devices": group.devices,
        "factors": group.factors,
        "lows": ends[:-1],
        "highs": ends[1:],
        "most": most,
        "start": ends[0],
        "end": ends[-1],
    }
    rows = conn.execute(statements(FILE)["totals"], binds).all()
    if not rows:
        return None
    quarters = [Quarter(*row[2:]) for row in rows if row.quantity is not None]
    waiting = [(max(row.low, ends[0]), min(row.high, ends[-1])) for row in rows if row.low is not None]
    return packed.Found(quarters, waiting)


def shares(conn: Connection, group: Group, quarters: Iterable[Quarter]) -> dict[datetime, list[Share]]:
    """Give what each device took in some quarter-hours, the most first."""
    starts = {quarter.start for quarter in quarters}
    until = packed.until(conn)
    found = packed.parts(conn, group.devices, [start for start in starts if until is not None and start < until]) or {}
    # Of what nothing was taken of it is not known there whether that was measured.
    silent = {start: set(group.devices) - own.keys() for start, own in found.items() if len(own) < len(group.devices)}
    for start, own in _parts_of_ledger(conn, sorted(set().union(*silent.values())), silent).items():
        found[start] |= {device: taken for device, taken in own.items() if device in silent[start]}
    found |= _parts_of_ledger(conn, group.devices, starts - found.keys())
    factors = group.factor_of
    shared: dict[datetime, list[Share]] = {}
    for start, own in sorted(found.items()):
        if own:
            shared[start] = [Share(device, own[device][0] * factors[device], own[device][1]) for device in sorted(own)]
            shared[start].sort(key=itemgetter(1), reverse=True)
    return shared


def _parts_of_ledger(
    conn: Connection, devices: Sequence[int], starts: Iterable[datetime]
) -> dict[datetime, dict[int, packed.Taken]]:
    middles = sorted(start + HALF_SLOT for start in starts)
    if not middles or not devices:
        return {}
    binds = {"devices": list(devices), "middles": middles, "low": middles[0], "high": middles[-1]}
    found: dict[datetime, dict[int, packed.Taken]] = {}
    for start, device, quantity, measured in conn.execute(statements(FILE)["parts"], binds):
        found.setdefault(start, {})[device] = quantity, measured
    return found


def moments(conn: Connection, largest: Sequence[Largest], zone: str) -> dict[int, datetime]:
    """Give the start of the quarter-hour in which each device first reached its largest of a month."""
    if not largest:
        return {}
    wanted = [
        packed.Reached(one.device_id, one.quantity, one.month, calendar.next_bucket("month", one.month, zone)) for one in largest
    ]
    until = packed.until(conn)
    found, odd = packed.first_reached(conn, wanted) if until else ({}, {one.device_id for one in wanted})
    rest = [
        one if one.device_id in odd or until is None else one._replace(low=max(one.low, until))
        for one in wanted
        if one.device_id not in found
    ]
    binds = {
        "devices": [one.device_id for one in rest],
        "largest": [one.largest for one in rest],
        "lows": [one.low for one in rest],
        "highs": [one.high for one in rest],
    }
    return found | {row.device_id: row.start for row in conn.execute(statements(FILE)["moments"], binds)} if rest else found


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
