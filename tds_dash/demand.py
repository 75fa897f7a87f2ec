"""Maximum demand of a group of meters: by month, together and alone; the top quarter-hours, and which devices made each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection

from sql import calendar
from sql.consumption import buckets
from sql.queries.devices import Device
from sql.queries.meters import Meter
from sql.queries.peak_search import Quarter
from sql.queries.peaks import Group, Largest, Share, alone, highest, moments, shares
from sql.tariffs import Plan
from sql.units import convert, convertible
from tds_dash.amounts import MAIN_UNIT
from tds_dash.identity import zone
from tds_dash.rates import per_hour

PLACES = Decimal("0.000001")
TOP = 10
PER_HOUR = 4  # quarter-hours
Period = tuple[datetime, datetime]
D = TypeVar("D", Device, Meter)


class DeviceDemand(NamedTuple, Generic[D]):
    """What a device took at most alone, in which month and when, in the group's unit per hour."""

    device: D
    demand: Decimal
    month: datetime
    moment: datetime | None


class MonthDemand(NamedTuple):
    """A local month: the largest quarter-hour of all together, and the sum of what each took at most alone, per hour."""

    month: datetime
    quarter: Quarter | None
    alone: Decimal | None

    @property
    def together(self) -> Decimal | None:
        """What all took together at most, per hour."""
        return None if self.quarter is None else demand_of(self.quarter)

    @property
    def diversity(self) -> Decimal | None:
        """How many times the sum of the single maxima is what all took together."""
        return (self.alone / self.together).quantize(PLACES) if self.alone and self.together else None


class Contracted(NamedTuple):
    """What demand is contracted, and above what there is a surcharge, in kW."""

    power: Decimal
    limit: Decimal | None


class Demand(NamedTuple, Generic[D]):
    """The demand of the devices of one unit; devices that count in another unit are `left_out`."""

    unit: str
    devices: list[D]
    left_out: int
    months: list[MonthDemand]
    top: list[Quarter]
    parts: dict[datetime, list[Share]]
    alone: list[DeviceDemand[D]]


def contracted_of(plan: Plan, now: datetime) -> Contracted | None:
    """Give the contracted demand by the tariff of today; None where none is."""
    tariff = plan.on(now.astimezone(zone()).date())
    return Contracted(tariff.terms.contracted, tariff.terms.limit) if tariff is not None and tariff.terms.contracted else None


def excess_of(plan: Plan, months: Sequence[MonthDemand]) -> dict[datetime, Decimal]:
    """Give by month what went beyond the contracted demand, in kW, by the tariff of the day of the largest quarter-hour.

    A month that stayed within the tolerance has none, as on its bill; one whose tariff knows no surcharge is left out.
    """
    found = {}
    for month in months:
        tariff = plan.on(month.quarter.start.astimezone(zone()).date()) if month.quarter else None
        if month.together is not None and tariff is not None and tariff.terms.limit is not None:
            beyond = month.together - tariff.terms.contracted
            found[month.month] = beyond if month.together > tariff.terms.limit else Decimal(0)
    return found


def demand_of(quarter: Quarter) -> Decimal:
    """Give a quarter-hour as what it would be within an hour."""
    return quarter.quantity * PER_HOUR


def meters_of(devices: Sequence[D], resource: object) -> list[D]:
    """Give the devices that count consumption of a resource."""
    return [device for device in devices if device.kind != "gauge" and device.resource == resource]


def group_of(devices: Sequence[D], zone: str) -> tuple[Group, str, list[D]]:
    """Give the meters that count in one unit, with their factors: in the resource's main unit, or in the first one's."""
    meters = [device for device in devices if device.kind != "gauge"]
    if not meters:
        return Group([], [], zone), "", []
    main = MAIN_UNIT.get(meters[0].resource, meters[0].unit)
    units = {device.unit for device in meters}
    unit = main if any(convertible(one, main) for one in units) else meters[0].unit
    factors = {one: convert(Decimal(1), one, unit) for one in units if convertible(one, unit)}
    own = [device for device in meters if device.unit in factors]
    return Group([device.id for device in own], [factors[device.unit] for device in own], zone), unit, own


def demand(
    conn: Connection,
    devices: Sequence[D],
    start: datetime,
    end: datetime,
    zone: str,
    of: Period | None = None,
    count: int = TOP,
    timed: int = 50,
) -> Demand[D]:
    """Give the demand of meters over whole months of a zone, the top quarter-hours of a part of them, and when the `timed` largest reached their own."""
    group, unit, own = group_of(devices, zone)
    starts = buckets("month", start, end, zone)
    periods: list[Period] = [(month, calendar.next_bucket("month", month, zone)) for month in starts]
    most = alone(conn, group, start, end, of)
    factors = dict(zip(group.devices, group.factors, strict=True))
    *found, top = highest(conn, group, [*((period, 1) for period in periods), (of or (start, end), count)])
    months = [
        MonthDemand(month, next(iter(best), None), most.months[month] * PER_HOUR if month in most.months else None)
        for month, best in zip(starts, found, strict=True)
    ]
    own_largest = single(conn, own, most.devices, factors, zone, timed)
    return Demand(per_hour(unit), own, len(devices) - len(own), months, top, shares(conn, group, top), own_largest)


def single(
    conn: Connection, devices: Sequence[D], largest: Sequence[Largest], factors: dict[int, Decimal], zone: str, timed: int
) -> list[DeviceDemand[D]]:
    """Give what each device took at most alone, the largest first, and of the first ones when that was."""
    ranked = sorted(largest, key=lambda one: (-one.quantity * factors[one.device_id], one.device_id))
    when = moments(conn, ranked[:timed], zone)
    known = {device.id: device for device in devices}
    return [
        DeviceDemand(
            known[one.device_id],
            one.quantity * factors[one.device_id] * PER_HOUR,
            one.month,
            when.get(one.device_id),
        )
        for one in ranked
    ]
