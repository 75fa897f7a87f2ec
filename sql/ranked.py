"""Consumption of many devices added up by group: of each chart the groups that consumed most, the rest together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql import calendar
from sql.consumption import Asked, ConsumptionRow, Step, added, outward, rows_of, summed
from sql.together import One


class Member(NamedTuple):
    """A device within a chart: the group that it is added to, and the factor that brings its unit to the chart's."""

    device_id: int
    group: int
    chart: int = 0
    factor: Decimal = Decimal(1)


def others(chart: int) -> int:
    """Give the number under which the groups that a chart leaves out are added up."""
    return -chart


def added_up(
    connection: Connection, members: Sequence[Member], step: Step, start: datetime, end: datetime, zone: str
) -> list[ConsumptionRow]:
    """Give the consumption of groups, by group and time."""
    return added(connection, [One(one.device_id, one.group, one.factor) for one in members], step, start, end, zone)


def ranked(
    connection: Connection, members: Sequence[Member], step: Step, start: datetime, end: datetime, zone: str, most: int
) -> list[ConsumptionRow]:
    """Give the consumption of the groups of each chart that consumed most, and of its others under `others(chart)`."""
    if end <= start or not members:
        return []
    if all(count <= most for count in groups_of(members).values()):
        return added_up(connection, members, step, start, end, zone)
    if has_whole_days(step, start, end, zone):
        # Hours and quarter-hours are ranked by their days, which are far fewer and hold the same.
        largest = asked_of(members, "day", start, end, zone, "largest", most=most)
        own = {row.device_id for row in rows_of(connection, largest, "day", zone)}
        return added_up(connection, _kept(members, own), step, start, end, zone)
    if parts := _by_hours(step, start, end, zone):
        return added_up(connection, _kept(members, _largest(connection, members, parts, zone, most)), step, start, end, zone)
    asked = asked_of(members, step, start, end, zone, "ranked", most=most)
    return summed(rows_of(connection, asked, step, zone), step, zone)


def _kept(members: Sequence[Member], own: set[int]) -> list[Member]:
    return [one if one.group in own else one._replace(group=others(one.chart)) for one in members]


def _by_hours(step: Step, start: datetime, end: datetime, zone: str) -> list[tuple[Step, datetime, datetime]]:
    """Part quarter-hours into whole hours, a fourth of the rows, and what is left on both sides; nothing where there is no whole hour."""
    low, high = outward(step, start, end, zone)
    first, last = outward("hour", low, low, zone)[1], calendar.bucket_start("hour", high, zone)
    if step != "15min" or first >= last or not calendar.has_whole_hours(low, high, zone):
        return []
    parts: list[tuple[Step, datetime, datetime]] = [("15min", low, first), ("hour", first, last), ("15min", last, high)]
    return [part for part in parts if part[1] < part[2]]


def _largest(
    connection: Connection, members: Sequence[Member], parts: Iterable[tuple[Step, datetime, datetime]], zone: str, most: int
) -> set[int]:
    """Give the groups of each chart that consumed most in all parts together."""
    sums: dict[int, Decimal] = {}
    for step, start, end in parts:
        for group, one in altogether(connection, members, step, start, end, zone).items():
            if one.quantity is not None:
                sums[group] = sums.get(group, Decimal(0)) + one.quantity
    charts: dict[int, set[int]] = {}
    for member in members:
        charts.setdefault(member.chart, set()).add(member.group)
    ranks = (
        sorted(groups, key=lambda group: (group not in sums, -sums.get(group, Decimal(0)), group)) for groups in charts.values()
    )
    return {group for ranked_groups in ranks for group in ranked_groups[:most]}


class Sum(NamedTuple):
    """What a group consumed over a period, of which how much is estimated, and how many of its devices did."""

    quantity: Decimal | None
    estimated: Decimal
    devices: int


def altogether(
    connection: Connection, members: Sequence[Member], step: Step, start: datetime, end: datetime, zone: str
) -> dict[int, Sum]:
    """Add each group up over a whole period, read by a step."""
    if end <= start or not members:
        return {}
    rows = rows_of(connection, asked_of(members, step, start, end, zone, "altogether"), step, zone)
    return {row.device_id: Sum(row.quantity, row.estimated or Decimal(0), row.devices) for row in rows}


def groups_of(members: Iterable[Member]) -> dict[int, int]:
    """Count the groups of each chart."""
    found: dict[int, set[int]] = {}
    for one in members:
        found.setdefault(one.chart, set()).add(one.group)
    return {chart: len(groups) for chart, groups in found.items()}


def has_whole_days(step: Step, start: datetime, end: datetime, zone: str) -> bool:
    """Tell whether a period by hours or quarter-hours is one of whole days."""
    return step in ("hour", "15min") and all(calendar.bucket_start("day", moment, zone) == moment for moment in (start, end))


def asked_of(members: Sequence[Member], step: Step, start: datetime, end: datetime, zone: str, within: str, **own: Any) -> Asked:
    """Ask for the buckets of members within a statement that adds them up."""
    values = {
        "groups": [one.group for one in members],
        "charts": [one.chart for one in members],
        "factors": [one.factor for one in members],
        **own,
    }
    times = " * m.factor" if any(one.factor != 1 for one in members) else ""
    return Asked([one.device_id for one in members], *outward(step, start, end, zone), within, values, times)
