"""What consumption costs, by bucket and band: exact, never rounded; a bill's lines alone are (bills.py).

A tariff of one price is priced from the rollups that every chart is drawn from. Where the price depends on the time of day,
days and months come from `tds.band_day` and `tds.band_month`, which the worker makes (bands.py), and what is finer from the
ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from functools import cache
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql import calendar
from sql.consumption import Step, grouped, outward
from sql.once import Reader
from sql.statements import statements
from sql.tariff_rules import ALL, BANDS
from sql.tariffs import ONE_DAY, Plan, Tariff
from sql.units import convertible, ratio

FILE = "pricing.sql"
_first_instant = cache(calendar.first_instant)
EXACT = Context(prec=100)  # sums and products of amounts and prices are finite: nothing is lost


class Metered(Protocol):
    """What must be known of a device to price what it counts."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def resource(self) -> str:
        """What it counts."""

    @property
    def unit(self) -> str:
        """In which unit."""


class Meter(NamedTuple):
    """A device that counts a resource."""

    id: int
    resource: str
    unit: str


class Portion(NamedTuple):
    """What a group consumed in a bucket within one band of one tariff; no tariff: of days before the first one."""

    group: int
    bucket: datetime
    tariff: Tariff | None
    band: str
    quantity: Decimal
    estimated: Decimal
    unit: str

    @property
    def price(self) -> Decimal | None:
        """Give the price of one of its own units; None where there is none."""
        if self.tariff is None or not convertible(self.unit, self.tariff.terms.unit):
            return None
        with localcontext(EXACT):
            return self.tariff.terms.prices[self.band] * ratio(self.unit, self.tariff.terms.unit)

    @property
    def cost(self) -> Decimal | None:
        """Give what it costs; None where it has no price."""
        return self._priced(self.quantity)

    @property
    def estimated_cost(self) -> Decimal | None:
        """Give what the estimated part of it costs."""
        return self._priced(self.estimated)

    def _priced(self, quantity: Decimal) -> Decimal | None:
        price = self.price
        if price is None:
            return None
        with localcontext(EXACT):
            return quantity * price


class Cost(NamedTuple):
    """What a group's bucket costs, None where nothing of it has a price; `unpriced` tells whether a part of it has none."""

    group: int
    bucket: datetime
    cost: Decimal | None
    unpriced: bool
    bands: tuple[Portion, ...]


class Demand(NamedTuple):
    """The largest quarter-hour of an account's electricity, in kW, and when it began."""

    power: Decimal
    at: datetime


class Left(NamedTuple):
    """What a changed tariff has left to be made anew: meters, of how many, and days."""

    devices: int
    of: int
    days: int


def costs(
    connection: Connection,
    plans: Mapping[str, Plan],
    devices: Sequence[Metered],
    groups: Mapping[int, int],
    step: Step,
    start: datetime,
    end: datetime,
) -> list[Cost]:
    """Give what groups of devices cost, by group and bucket; `groups` gives each device its group's number, or leaves it out.

    Buckets in which nothing was consumed are left out, and devices of resources without any tariff.
    """
    kinds: dict[tuple[str, str], dict[int, int]] = {}
    for device in devices:
        if device.id in groups and device.resource in plans:
            kinds.setdefault((device.resource, device.unit), {})[device.id] = groups[device.id]
    found: dict[tuple[int, datetime], list[Portion]] = {}
    for (resource, unit), own in kinds.items():
        for portion in of_plan(connection, plans[resource], own, unit, step, start, end):
            found.setdefault((portion.group, portion.bucket), []).append(portion)
    return [_cost(group, bucket, some) for (group, bucket), some in sorted(found.items(), key=lambda one: one[0])]


def of_plan(
    connection: Connection,
    plan: Plan,
    groups: Mapping[int, int],
    unit: str,
    step: Step,
    start: datetime,
    end: datetime,
    read: Reader = grouped,
) -> Iterator[Portion]:
    """Give what groups of devices of one resource and unit consumed, by bucket, tariff and band; the period moves outwards to whole buckets."""
    if end <= start or not groups:
        return
    low, high = outward(step, start, end, plan.zone)
    place = ZoneInfo(plan.zone)
    last = (high - timedelta(microseconds=1)).astimezone(place).date()
    for segment in plan.segments(low.astimezone(place).date(), last + ONE_DAY):
        for width, first, until in _pieces(step, segment.start, segment.end):
            begin, stop = max(low, _first_instant(first, plan.zone)), min(high, _first_instant(until, plan.zone))
            rows: Iterator[tuple[int, datetime, str, Decimal, Decimal]]
            into = step if width != step else None  # what they are still to be added up to
            if segment.tariff is None or segment.tariff.terms.schedule is None:
                rows = _flat(connection, groups, width, begin, stop, plan.zone, read)
            elif width in ("day", "month"):
                rows = _banded(connection, groups, width, first, until, plan.zone)
            else:
                rows = _by_quarter(connection, plan, segment.tariff, groups, begin, stop)
                into = step if step != "15min" else None
            yield from _summed(rows, segment.tariff, unit, into, plan.zone)


def meters(connection: Connection, account_id: int, resource: str | None = None) -> list[Meter]:
    """List what counts a resource in an account, or any, retired devices too."""
    binds = {"account": account_id, "resource": resource}
    return [Meter(*row) for row in connection.execute(statements(FILE)["meters"], binds)]


def demand(connection: Connection, account_id: int, start: date, end: date) -> Demand | None:
    """Give the largest quarter-hour of an account's electricity within local days, the end excluded."""
    binds = {"account": account_id, "start": start, "end": end}
    row = connection.execute(statements(FILE)["largest"], binds).one_or_none()
    return None if row is None else Demand(row.quantity * 4, row.at)


def left(connection: Connection, account_id: int) -> Left | None:
    """Say how much of an account a changed tariff has left to be made anew; None where nothing is."""
    devices, of, days = connection.execute(statements(FILE)["left_to_price"], {"account": account_id}).one()
    return Left(devices, max(of or 0, devices), days) if devices else None


def _cost(group: int, bucket: datetime, own: Sequence[Portion]) -> Cost:
    known = [cost for portion in own if (cost := portion.cost) is not None]
    with localcontext(EXACT):
        total = sum(known, Decimal(0)) if known else None
    return Cost(group, bucket, total, len(known) < len(own), tuple(own))


def _pieces(step: Step, start: date, end: date) -> Iterator[tuple[Step, date, date]]:
    """Give the stretches of days that can be read at a step: a month that a tariff has only a part of is read by days."""
    if step != "month":
        yield step, start, end
        return
    first = start if start.day == 1 else calendar.month_after(start)
    last = end.replace(day=1)
    if first >= last:
        yield "day", start, end
        return
    if start < first:
        yield "day", start, first
    yield "month", first, last
    if last < end:
        yield "day", last, end


def _flat(
    connection: Connection, groups: Mapping[int, int], step: Step, start: datetime, end: datetime, zone: str, read: Reader
) -> Iterator[tuple[int, datetime, str, Decimal, Decimal]]:
    for row in read(connection, groups, step, start, end, zone):
        if row.consumption is not None:
            yield row.device_id, row.bucket, BANDS[ALL], row.consumption, row.estimated or Decimal(0)


def _banded(
    connection: Connection, groups: Mapping[int, int], step: Step, start: date, end: date, zone: str
) -> Iterator[tuple[int, datetime, str, Decimal, Decimal]]:
    binds = {"devices": list(groups), "groups": list(groups.values()), "start": start, "end": end}
    for row in connection.execute(statements(FILE)[f"{step}s_by_band"], binds):
        yield row.number, _first_instant(row.day, zone), BANDS[row.band], row.quantity, row.estimated


def _by_quarter(
    connection: Connection, plan: Plan, tariff: Tariff, groups: Mapping[int, int], start: datetime, end: datetime
) -> Iterator[tuple[int, datetime, str, Decimal, Decimal]]:
    bands: dict[datetime, str] = {}
    for row in grouped(connection, groups, "15min", start, end, plan.zone):
        if row.consumption is not None:
            band = bands.get(row.bucket) or bands.setdefault(row.bucket, plan.band_at(tariff, row.bucket))
            yield row.device_id, row.bucket, band, row.consumption, row.estimated or Decimal(0)


def _summed(rows: Iterator[Any], tariff: Tariff | None, unit: str, step: Step | None, zone: str) -> Iterator[Portion]:
    """Add rows up to the buckets of a step, or to those that they name."""
    starts: dict[datetime, datetime] = {}
    found: dict[tuple[int, datetime, str], tuple[Decimal, Decimal]] = {}
    with localcontext(EXACT):
        for group, moment, band, quantity, estimated in rows:
            bucket = (
                moment
                if step is None
                else starts.get(moment) or starts.setdefault(moment, calendar.bucket_start(step, moment, zone))
            )
            known = found.get((group, bucket, band))
            found[group, bucket, band] = (quantity, estimated) if known is None else (known[0] + quantity, known[1] + estimated)
    for (group, bucket, band), (quantity, estimated) in found.items():
        yield Portion(group, bucket, tariff, band, quantity, estimated, unit)
