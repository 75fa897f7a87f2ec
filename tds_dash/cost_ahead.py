"""What a month will cost, as far as it is still to come: each day by the tariff that is valid on it. Pure, of plan and bill alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from sql.bills import Bill
from sql.pricing import EXACT
from sql.tariff_rules import BANDS, DAY_TYPES, QUARTERS
from sql.tariffs import Plan, Tariff
from sql.units import convertible, ratio


class Ahead(NamedTuple):
    """What the bill will have come to at the end of each day to come, and what a unit of all of them costs; taxes included."""

    days: tuple[tuple[date, Decimal], ...]
    spent: Decimal
    before: Decimal
    rate: Decimal

    def of(self, quantity: Decimal) -> Decimal:
        """Give the bill's total were so much consumed in all, in the unit of the days."""
        with localcontext(EXACT):
            return self.spent + (quantity - self.before) * self.rate


def ahead(bill: Bill, plan: Plan, days: Sequence[tuple[date, Decimal]], unit: str) -> Ahead | None:
    """Go on from a bill through the days to come, each with what will have been consumed by its end; None where nothing has a price.

    Demand and standing charge of the whole month are in the bill already, shared out by the days of each tariff.
    """
    if bill.total is None or not days or (bill.quantity and not convertible(unit, bill.unit)):
        return None
    with localcontext(EXACT):
        before = reached = bill.quantity * ratio(bill.unit, unit) if bill.quantity else Decimal(0)
        spent, found, last = bill.total, [], Decimal(0)
        for day, total in days:
            tariff = plan.on(day)
            if tariff is None or not convertible(unit, tariff.terms.unit):
                return None
            last = unit_price(plan, bill, tariff, day) * ratio(unit, tariff.terms.unit) * (1 + tariff.terms.tax / 100)
            spent += max(total - reached, Decimal(0)) * last
            reached = max(reached, total)
            found.append((day, spent))
        more = reached - before
        rate = (spent - bill.total) / more if more else last
    return Ahead(tuple(found), bill.total, before, rate)


def unit_price(plan: Plan, bill: Bill, tariff: Tariff, day: date) -> Decimal:
    """Give what a unit costs on a day: as it has by this tariff so far this month; by one that has priced nothing yet, as its hours say."""
    own = [line for line in bill.lines if line.kind == "energy" and line.tariff is not None and line.tariff.id == tariff.id]
    with localcontext(EXACT):
        quantity = sum((line.quantity or Decimal(0) for line in own), Decimal(0))
        if quantity > 0:
            return sum(((line.quantity or Decimal(0)) * (line.price or Decimal(0)) for line in own), Decimal(0)) / quantity
    return mean_price(plan, tariff, day)


def mean_price(plan: Plan, tariff: Tariff, day: date) -> Decimal:
    """Give what a unit costs that is consumed evenly over a day, in the tariff's unit."""
    terms = tariff.terms
    if terms.schedule is None:
        return terms.prices["all"]
    first = DAY_TYPES.index(plan.day_type(day)) * QUARTERS
    with localcontext(EXACT):
        return sum((terms.prices[BANDS[band]] for band in terms.schedule[first : first + QUARTERS]), Decimal(0)) / QUARTERS
