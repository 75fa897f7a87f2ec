"""What a device's nights, weekends and what never rests cost, by the tariffs that are valid in each hour."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import NamedTuple

from sqlalchemy import Connection

from sql import tariffs
from sql.pricing import EXACT, Portion, of_plan
from sql.queries.devices import Device
from sql.queries.load import Base
from sql.tariff_rules import ALL, BANDS
from sql.tariffs import Plan, each
from sql.units import convertible, ratio
from tds_dash.cost_ahead import mean_price
from tds_dash.identity import account, zone
from tds_dash.view import Span

EVENING, MORNING, SATURDAY = 22, 6, 5  # as sql/queries/load.sql has nights and weekends


class Costs(NamedTuple):
    """What each part costs, consumption alone; None where an hour of it has no price."""

    night: Decimal | None = None
    weekend: Decimal | None = None
    always: Decimal | None = None


def costs_of(conn: Connection, device: Device, span: Span, base: Base) -> Costs:
    """Price what a meter consumes at night, at weekends and around the clock."""
    plan = tariffs.plans(conn, account().id).get(device.resource)
    if plan is None:
        return Costs()
    always = steady(plan, device.unit, span, base.always)
    flat, price = only_price(plan, device.unit, span)
    if flat:
        night, weekend = (
            None if price is None or one is None else EXACT.multiply(one, price) for one in (base.night, base.weekend)
        )
        return Costs(night, weekend, always)
    place = zone()
    portions = of_plan(conn, plan, {device.id: 1}, device.unit, "hour", span.start, span.end)
    local = [(portion, portion.bucket.astimezone(place)) for portion in portions]
    at_night = [portion for portion, at in local if at.hour >= EVENING or at.hour < MORNING]
    at_weekends = [portion for portion, at in local if at.weekday() >= SATURDAY]
    return Costs(total(at_night), total(at_weekends), always)


def only_price(plan: Plan, unit: str, span: Span) -> tuple[bool, Decimal | None]:
    """Tell whether one price holds throughout, whatever the hour, and give it, of a unit of the meter; None where there is none."""
    first, end = days_of(span)
    segments = list(plan.segments(first, end))
    tariff = segments[0].tariff if segments else None
    if len(segments) != 1 or (tariff is not None and tariff.terms.schedule is not None):
        return False, None
    if tariff is None or not convertible(unit, tariff.terms.unit):
        return True, None
    return True, EXACT.multiply(tariff.terms.prices[BANDS[ALL]], ratio(unit, tariff.terms.unit))


def days_of(span: Span) -> tuple[date, date]:
    """Give the local days that a period reaches into, the last one excluded."""
    first, last = (moment.astimezone(zone()).date() for moment in (span.start, span.end - timedelta(microseconds=1)))
    return first, last + timedelta(days=1)


def total(portions: list[Portion]) -> Decimal | None:
    """Add up what portions cost; None where one of them has no price, or there is none."""
    costs = [portion.cost for portion in portions]
    known = [cost for cost in costs if cost is not None]
    with localcontext(EXACT):
        return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


def steady(plan: Plan, unit: str, span: Span, quantity: Decimal | None) -> Decimal | None:
    """Give what a quantity costs that is consumed evenly around the clock; None where a day has no price."""
    if quantity is None:
        return None
    first, end = days_of(span)
    prices: list[Decimal] = []
    with localcontext(EXACT):
        for day in each(first, end):
            tariff = plan.on(day)
            if tariff is None or not convertible(unit, tariff.terms.unit):
                return None
            prices.append(mean_price(plan, tariff, day) * ratio(unit, tariff.terms.unit))
        return quantity * sum(prices, Decimal(0)) / len(prices)
