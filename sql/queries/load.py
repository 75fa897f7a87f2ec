"""How a device's consumption, or a gauge's level, lies over day and week; what never rests; how long it stood how high."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import calendar
from sql.statements import raw_statements

FILE = "queries/load.sql"
SHARES = 200  # a duration curve has so many parts, and a point at each end of one
PLACES = Decimal("0.000001")


class Wanted(NamedTuple):
    """A device over [start, end), in the hours of a zone."""

    device_id: int
    gauge: bool
    start: datetime
    end: datetime
    zone: str


class HourOfWeek(NamedTuple):
    """The mean of an hour of a weekday (1: Monday) over so many measured hours."""

    weekday: int
    hour: int
    hours: int
    mean: Decimal


class HourOfDay(NamedTuple):
    """The mean of an hour of working days or of weekends, with its tenth and ninetieth percentile."""

    weekend: bool
    hour: int
    hours: int
    mean: Decimal
    low: Decimal
    high: Decimal


class Profile(NamedTuple):
    """How a device's hours lie over the week and over the day; hours with nothing measured are left out."""

    week: list[HourOfWeek]
    day: list[HourOfDay]

    @property
    def hours(self) -> int:
        """How many hours were measured."""
        return sum(one.hours for one in self.week)


class Base(NamedTuple):
    """What is consumed at night (22 to 6 o'clock), at weekends and around the clock.

    Quantities are sums of all that is known, levels are means of measured hours, in units per hour; `always` is what the four
    lowest hours of each of `days` whole days would make around the clock, of the `days_quantity` of those days.
    """

    quantity: Decimal | None
    hours: int
    measured: int
    night: Decimal | None
    night_level: Decimal | None
    weekend: Decimal | None
    weekend_level: Decimal | None
    weekday_level: Decimal | None
    days: int
    days_quantity: Decimal | None
    always: Decimal | None
    always_level: Decimal | None


class Night(NamedTuple):
    """The least flow within an hour of a whole night, and what flowed in it, by the evening on which it began."""

    evening: date
    least: Decimal
    quantity: Decimal


class Duration(NamedTuple):
    """For which share of the time (0 to 1) so many measured quarter-hours stood how high, in units per hour, or a gauge's units."""

    quarters: int
    points: list[tuple[float, Decimal]]


def profile(conn: Connection, wanted: Wanted) -> Profile:
    """Give the means of the hours of the week, and of the hours of working days and weekends."""
    rows = _run(conn, "profile", wanted)
    week = [HourOfWeek(row.weekday, row.hour, row.hours, row.mean) for row in rows if row.weekday is not None]
    day = [HourOfDay(row.weekend, row.hour, row.hours, row.mean, row.low, row.high) for row in rows if row.weekday is None]
    return Profile(week, day)


def base(conn: Connection, wanted: Wanted) -> Base:
    """Give what a meter consumes at night, at weekends and around the clock."""
    (row,) = _run(conn, "base", wanted)
    return Base(*(getattr(row, name) for name in Base._fields))


def nights(conn: Connection, wanted: Wanted) -> list[Night]:
    """Give the least flow of each whole night, oldest first; none of a meter that does not report every hour."""
    return [Night(row.evening, row.least, row.quantity) for row in _run(conn, "nights", wanted)]


def duration(conn: Connection, wanted: Wanted) -> Duration:
    """Give the load-duration curve of the measured quarter-hours, highest first."""
    shares = [part / SHARES for part in range(SHARES + 1)]
    (row,) = _run(conn, "duration", wanted, shares=shares)
    levels = [level.quantize(PLACES) for level in row.levels or []]
    return Duration(row.quarters, list(zip(shares, levels, strict=False)))


def _run(conn: Connection, name: str, wanted: Wanted, **more: Any) -> list[Any]:
    bodies = raw_statements(FILE)
    whole = calendar.has_whole_hours(wanted.start, wanted.end, wanted.zone)
    hour = bodies["hour"].format(hours=bodies["hours_of_rollup" if whole else "hours_of_ledger"])
    binds = {"device": wanted.device_id, "gauge": wanted.gauge, "start": wanted.start, "end": wanted.end, "zone": wanted.zone}
    return list(conn.execute(text(bodies[name].format(hour=hour)), {**binds, **more}).all())
