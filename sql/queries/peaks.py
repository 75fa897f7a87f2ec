"""Maximum demand: the largest quarter-hours of devices, alone and together, found without reading every quarter-hour."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import calendar, rollups
from sql.consumption import buckets, rollups_of
from sql.statements import raw_statements, statements

FILE = "queries/peaks.sql"
HOUR = timedelta(hours=1)
HALF_SLOT = timedelta(minutes=7, seconds=30)
UNKNOWN = Decimal("Infinity")  # the bound of a day that no rollup tells of
FIRST_DAYS, FIRST_HOURS, GROWTH = 1, 2, 2
Period = tuple[datetime, datetime]


class Group(NamedTuple):
    """Devices that are looked at together, each with the factor that brings its unit to the common one, in a zone."""

    devices: list[int]
    factors: list[Decimal]
    zone: str


class Quarter(NamedTuple):
    """What a group took in one quarter-hour: measured, of so many devices; and beside it what is estimated, which does not count."""

    start: datetime
    quantity: Decimal
    estimated: Decimal
    devices: int
    estimated_devices: int


class Largest(NamedTuple):
    """The largest measured quarter-hour of a device in a local month, in the device's own unit; None: none was measured."""

    device_id: int
    month: datetime
    quantity: Decimal | None


class Share(NamedTuple):
    """What a device took in a quarter-hour, in the group's unit, and whether that was measured."""

    device_id: int
    quantity: Decimal
    measured: bool


def largest_by_month(conn: Connection, group: Group, start: datetime, end: datetime) -> list[Largest]:
    """Give the largest measured quarter-hour of each device and local month of a period of whole months."""
    if not group.devices or start >= end:
        return []
    binds: dict[str, Any] = {"devices": group.devices, "start": start, "end": end}
    known = {} if calendar.repeats_midnight(start, end, group.zone) else rollups_of(conn, group.zone)
    if not known:
        rows = conn.execute(statements(FILE)["months_of_ledger"], {**binds, "lows": buckets("month", start, end, group.zone)})
        return sorted(Largest(*row) for row in rows)
    whole = calendar.has_whole_hours(start, end, group.zone)
    names = {
        "month": f"consumption_month_{rollups.slug(group.zone)}",
        "day": f"consumption_day_{rollups.slug(group.zone)}",
        "today": rollups.HOUR if whole else "ledger",
        "moment": "bucket" if whole else "middle",
        "largest": "largest" if whole else "CASE WHEN estimated = 0 THEN quantity END",
    }
    body = text(raw_statements(FILE)["months"].format(**names))
    rows = conn.execute(body, {**binds, "zone": group.zone, "closed": known["month"], "until": known["day"]})
    return sorted((Largest(*row) for row in rows), key=lambda one: (one.device_id, one.month))


def highest(conn: Connection, group: Group, wanted: Sequence[tuple[Period, int]]) -> list[list[Quarter]]:
    """Give, for each period, so many quarter-hours in which the devices together took most, the largest first.

    Branch and bound: what the devices took at most alone, added up by day and then by hour, bounds what they took together.
    Only hours whose bound is above the smallest quarter-hour that is kept are read by quarter-hours, so the answer is exact; of
    quarter-hours that are equal, those found first are kept.
    """
    searches = [Search(period, count) for period, count in wanted]
    if not group.devices or not wanted:
        return [[] for _ in searches]
    days = _day_bounds(conn, group, min(start for (start, _), _ in wanted), max(end for (_, end), _ in wanted))
    read: set[datetime] = set()
    for search in searches:
        search.begin(days)
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
    return [search.found() for search in searches]


class Search:
    """The search for the largest quarter-hours of one period; knows nothing of the database."""

    def __init__(self, period: Period, count: int) -> None:
        self.period = period
        self.count = count
        self.best: list[tuple[Decimal, float, Quarter]] = []  # a heap: the smallest that is kept comes first
        self.kept: set[datetime] = set()
        self.days: list[tuple[Decimal, Period]] = []  # a heap, as the next: the largest bound, negated, comes first
        self.hours: list[tuple[Decimal, datetime]] = []
        self.opened: list[Period] = []
        self.seen: set[datetime] = set()
        self.width = (FIRST_DAYS, FIRST_HOURS)

    def begin(self, days: Iterable[tuple[Decimal, Period]]) -> None:
        """Take in the bounds of the days that reach into the period."""
        start, end = self.period
        self.days = [(-bound, day) for bound, day in days if day[0] < end and day[1] > start]
        heapq.heapify(self.days)

    @property
    def threshold(self) -> Decimal:
        """What a quarter-hour must be above to be kept."""
        return self.best[0][0] if len(self.best) == self.count else -UNKNOWN

    def promises(self, heap: Sequence[tuple[Decimal, Any]]) -> bool:
        """Tell whether the first of a heap may hold more than what is kept."""
        return bool(heap) and -heap[0][0] > self.threshold

    @property
    def goes_on(self) -> bool:
        """Tell whether an unopened day or hour may hold more."""
        return self.promises(self.days) or self.promises(self.hours)

    def next_days(self) -> list[Period]:
        """Give the days to open now: none while an opened hour promises more than is kept."""
        self.opened = []
        if not self.promises(self.hours):
            while self.promises(self.days) and len(self.opened) < self.width[0]:
                self.opened.append(heapq.heappop(self.days)[1])
            self.width = (self.width[0] * GROWTH, self.width[1])
        return self.opened

    def add_hours(self, bounds: Mapping[datetime, Decimal]) -> None:
        """Take in the bounds of the hours of the days just opened; two days may share an hour."""
        for low, high in self.opened:
            hour = low.replace(minute=0)
            while hour < high:
                if hour in bounds and hour not in self.seen:
                    self.seen.add(hour)
                    heapq.heappush(self.hours, (-bounds[hour], hour))
                hour += HOUR

    def next_hours(self, read: set[datetime]) -> list[datetime]:
        """Give the hours to read now; of those that were read for another search, every search was given the quarter-hours."""
        found: list[datetime] = []
        while self.promises(self.hours) and len(found) < self.width[1]:
            hour = heapq.heappop(self.hours)[1]
            found += [] if hour in read else [hour]
        self.width = (self.width[0], self.width[1] * GROWTH)
        return found

    def keep(self, quarters: Iterable[Quarter]) -> None:
        """Keep what is largest of the period, each once."""
        start, end = self.period
        for quarter in quarters:
            if not start <= quarter.start < end or quarter.start in self.kept:
                continue
            self.kept.add(quarter.start)
            entry = (quarter.quantity, -quarter.start.timestamp(), quarter)
            if len(self.best) < self.count:
                heapq.heappush(self.best, entry)
            elif entry > self.best[0]:
                heapq.heapreplace(self.best, entry)

    def found(self) -> list[Quarter]:
        """Give what is kept, the largest first."""
        return [quarter for _, _, quarter in sorted(self.best, reverse=True)]


def shares(conn: Connection, group: Group, quarters: Iterable[Quarter]) -> dict[datetime, list[Share]]:
    """Give what each device took in some quarter-hours, the most first."""
    middles = sorted({quarter.start + HALF_SLOT for quarter in quarters})
    if not middles:
        return {}
    binds = {"devices": group.devices, "factors": group.factors, "middles": middles, "low": middles[0], "high": middles[-1]}
    found: dict[datetime, list[Share]] = {}
    for row in conn.execute(statements(FILE)["shares"], binds):
        found.setdefault(row.start, []).append(Share(row.device_id, row.quantity, row.measured))
    return found


def moments(conn: Connection, largest: Sequence[Largest], zone: str) -> dict[int, datetime]:
    """Give the start of the quarter-hour in which each device first reached its largest of a month."""
    known = [one for one in largest if one.quantity is not None]
    binds = {
        "devices": [one.device_id for one in known],
        "largest": [one.quantity for one in known],
        "lows": [one.month for one in known],
        "highs": [calendar.next_bucket("month", one.month, zone) for one in known],
    }
    return {row.device_id: row.start for row in conn.execute(statements(FILE)["moments"], binds)} if known else {}


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
    bounds = {row.bucket: row.bound for row in conn.execute(body, binds)}
    return [(bounds[day[0]], day) for day in days if day[0] in bounds]


def _hour_bounds(conn: Connection, group: Group, days: Sequence[Period]) -> dict[datetime, Decimal]:
    """Give the bounds of the hours that days reach into."""
    lows = [low.replace(minute=0) for low, _ in days]
    return {row.bucket: row.bound for row in _of_periods(conn, "hours", group, lows, [high for _, high in days])}


def _quarters(conn: Connection, group: Group, hours: Sequence[Period]) -> list[Quarter]:
    rows = _of_periods(conn, "quarters", group, [low for low, _ in hours], [high for _, high in hours])
    return [Quarter(*row) for row in rows]


def _of_periods(conn: Connection, name: str, group: Group, lows: Sequence[datetime], highs: Sequence[datetime]) -> Sequence[Any]:
    if not lows:
        return []
    binds = {"devices": group.devices, "factors": group.factors, "lows": list(lows), "highs": list(highs)}
    return conn.execute(statements(FILE)[name], binds).all()
