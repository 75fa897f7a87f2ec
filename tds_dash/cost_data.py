"""What the costs page shows of a month: its bill, the same part of the month before, each day by band, how it will end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql import tariffs
from sql.bills import Bill, measured_bill
from sql.budgets import Budget, budget_of, budgets
from sql.calendar import month_after
from sql.consumption import Step
from sql.once import Once, Reader
from sql.pricing import EXACT, Left, Meter, Portion, left, meters, of_plan
from sql.tariff_rules import RESOURCES
from sql.tariffs import ONE_DAY, Plan
from sql.units import convertible, ratio
from tds_dash import wording
from tds_dash.amounts import FAIR, MAIN_UNIT
from tds_dash.cost_ahead import Ahead, ahead
from tds_dash.figures.costs import ESTIMATED, Spent
from tds_dash.forecast import WINDOW, Day, Forecast, forecast
from tds_dash.identity import account, zone
from tds_dash.money import money
from tds_dash.view import midnight

MONTHS = 13


class Asked(NamedTuple):
    """Which month of which resource of which account, as of when."""

    account_id: int
    currency: str
    resource: str
    month: date
    zone: ZoneInfo
    now: datetime

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()

    @property
    def end(self) -> date:
        """The first day of the month after."""
        return month_after(self.month)

    @property
    def running(self) -> bool:
        """Whether the month is not over."""
        return self.month <= self.today < self.end


class Compared(NamedTuple):
    """The same part of two months, whole days; what was measured of each. `before` is None where there is no such part."""

    bill: Bill
    before: Bill | None
    coverage: float
    coverage_before: float

    @property
    def fair(self) -> bool:
        """Whether enough of both was measured to compare them."""
        return min(self.coverage, self.coverage_before) >= FAIR


class Projected(NamedTuple):
    """How the running month is expected to end: consumption, and the bill with its band; and what is budgeted."""

    consumption: Forecast
    unit: str
    total: Decimal | None
    low: Decimal | None
    high: Decimal | None
    budget: Budget | None
    passed_on: date | None


class Found(NamedTuple):
    """Everything about a month."""

    asked: Asked
    plan: Plan
    bill: Bill
    compared: Compared
    projected: Projected | None
    left: Left | None


def gather(conn: Connection, asked: Asked) -> Found:
    """Ask for everything about a month."""
    plan = tariffs.plan(conn, asked.account_id, asked.resource)
    before = (asked.month - ONE_DAY).replace(day=1)
    since = min(before, asked.today - WINDOW * ONE_DAY) if asked.running else before
    counting = meters(conn, asked.account_id, asked.resource)
    read = Once({"day": [(midnight(since, asked.zone), midnight(asked.end, asked.zone))]})
    days, unit = daily(conn, asked, plan, since, counting, read)

    def bill_of(start: date, end: date, until: date | None = None) -> Bill:
        return measured_bill(
            conn, asked.account_id, plan, asked.resource, (start, end), asked.currency, until, counting, read, by_day=True
        )

    whole = bill_of(asked.month, asked.end)
    until = asked.today if asked.running else asked.end
    last = before + (until - asked.month)
    if not asked.running:
        last = asked.month
    comparable = before < last <= asked.month
    bill = bill_of(asked.month, asked.end, until) if asked.running else whole
    earlier = bill_of(before, asked.month, last) if comparable else None
    compared = Compared(bill, earlier, covered(days, asked.month, until), covered(days, before, last))
    return Found(asked, plan, whole, compared, project(conn, asked, plan, whole, days, unit), left(conn, asked.account_id))


def daily(
    conn: Connection, asked: Asked, plan: Plan, since: date, counting: Sequence[Meter], read: Reader
) -> tuple[dict[date, Day], str]:
    """Give what the account's meters of the resource counted by local day, and in which unit."""
    unit = MAIN_UNIT.get(asked.resource, "")
    kinds: dict[str, dict[int, int]] = {}
    for meter in counting:
        kinds.setdefault(meter.unit, {})[meter.id] = 1
    unit = unit or next(iter(kinds), "")
    found: dict[date, tuple[Decimal, float, int]] = {}
    for own, groups in kinds.items():
        if not convertible(own, unit):
            continue
        factor = ratio(own, unit)
        for row in read(conn, groups, "day", midnight(since, asked.zone), midnight(asked.end, asked.zone), plan.zone):
            if row.consumption is not None:
                day = row.bucket.astimezone(asked.zone).date()
                quantity, coverage, devices = found.get(day, (Decimal(0), 0.0, 0))
                with localcontext(EXACT):
                    quantity += row.consumption * factor
                found[day] = quantity, coverage + row.coverage * row.devices, devices + row.devices
    return {day: Day(quantity, coverage / devices) for day, (quantity, coverage, devices) in found.items()}, unit


def covered(days: Mapping[date, Day], start: date, end: date) -> float:
    """Give the mean measured share of some days."""
    length = (end - start).days
    return (
        sum(days[start + n * ONE_DAY].coverage for n in range(length) if start + n * ONE_DAY in days) / length
        if length > 0
        else 0.0
    )


def project(conn: Connection, asked: Asked, plan: Plan, bill: Bill, days: Mapping[date, Day], unit: str) -> Projected | None:
    """Expect how the running month ends; None for another one, or where too little is known."""
    if not asked.running:
        return None

    def kind(day: date) -> str:
        named = plan.day_type(day)
        return "sunday" if named == "holiday" else named

    expected = forecast(days, kind, asked.today, asked.month, asked.end)
    if expected is None:
        return None
    budget = budget_of(budgets(conn, asked.account_id), asked.resource, asked.month)
    priced = ahead(bill, plan, expected.days, unit)
    totals = [priced.of(value) if priced else None for value in (expected.expected, expected.low, expected.high)]
    return Projected(expected, unit, totals[0], totals[1], totals[2], budget, passes(budget, expected, priced, unit))


def passes(budget: Budget | None, expected: Forecast, priced: Ahead | None, unit: str) -> date | None:
    """Give the day on which a budget will be passed, or was today at the latest; None where it will not be."""
    if budget is None:
        return None
    if budget.measure == "money":
        return next((day for day, total in priced.days if total > budget.amount), None) if priced else None
    return next((day for day, total in expected.days if total * ratio(unit, budget.unit) > budget.amount), None)


def by_band(conn: Connection, asked: Asked, plan: Plan, step: Step) -> list[Portion]:
    """Give each day of the month, or each of thirteen months up to it, by band."""
    first = asked.month
    if step == "month":
        for _ in range(MONTHS - 1):
            first = (first - ONE_DAY).replace(day=1)
    kinds: dict[str, dict[int, int]] = {}
    for meter in meters(conn, asked.account_id, asked.resource):
        kinds.setdefault(meter.unit, {})[meter.id] = 1
    low, high = midnight(first, asked.zone), midnight(asked.end, asked.zone)
    return [portion for unit, groups in kinds.items() for portion in of_plan(conn, plan, groups, unit, step, low, high)]


def spent_by_bucket(portions: Iterable[Portion]) -> dict[datetime, dict[str, Spent]]:
    """Add up what portions cost, by bucket and band; what has no price is left out."""
    sums: dict[datetime, dict[str, Spent]] = {}
    with localcontext(EXACT):
        for portion in portions:
            cost, estimated = portion.cost, portion.estimated_cost
            if cost is not None and estimated is not None:
                own = sums.setdefault(portion.bucket, {})
                known = own.get(portion.band, Spent(Decimal(0)))
                own[portion.band] = Spent(known.cost + cost, known.estimated + estimated)
    return sums


def spent_in_words(sums: Mapping[datetime, Mapping[str, Spent]], currency: str, locale: str) -> dict[datetime, dict[str, str]]:
    """Write what each band of each bucket costs, its estimated part, and the sum."""
    return {
        bucket: {band: money(one.cost, currency, locale) for band, one in own.items()}
        | {ESTIMATED + band: money(one.estimated, currency, locale) for band, one in own.items()}
        | {"": money(total_of(own), currency, locale)}
        for bucket, own in sums.items()
    }


def total_of(own: Mapping[str, Spent]) -> Decimal:
    """Add up the bands of a bucket."""
    with localcontext(EXACT):
        return sum((one.cost for one in own.values()), Decimal(0))


def month_name(month: date, locale: str) -> str:
    """Write a month."""
    return wording.month(month, locale)


def months_back(now: datetime, zone: ZoneInfo, count: int = 25) -> list[date]:
    """Give the first days of the running month and of those before it."""
    month = now.astimezone(zone).date().replace(day=1)
    found = []
    for _ in range(count):
        found.append(month)
        month = (month - ONE_DAY).replace(day=1)
    return found


def start_of(asked: Asked, step: Step) -> datetime:
    """Give where the chart begins."""
    first = (
        asked.month
        if step == "day"
        else months_back(midnight(asked.month, asked.zone) + timedelta(hours=36), asked.zone, MONTHS)[-1]
    )
    return midnight(first, asked.zone)


def asked(resource: object, month: object, now: datetime) -> Asked:
    """Read what is wanted of the person's account; the running month and electricity where that says nothing that can be."""
    months = months_back(now, zone())
    chosen = next((one for one in months if isinstance(month, str) and f"{one:%Y-%m}" == month), months[0])
    which = resource if isinstance(resource, str) and resource in RESOURCES else RESOURCES[0]
    return Asked(account().id, account().currency, which, chosen, zone(), now)
