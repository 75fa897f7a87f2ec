"""The bill of a resource for a period, line by line: energy by band, demand, standing charge, tax. Only here is money rounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Literal, NamedTuple, Protocol

from sqlalchemy import Connection

from sql.calendar import first_instant, is_month, months_later
from sql.consumption import grouped
from sql.once import Reader
from sql.pricing import EXACT, Demand, Portion, demand, meters, of_plan
from sql.tariff_rules import BANDS
from sql.tariffs import Plan, Tariff
from sql.units import convertible, ratio

# Minor units of currencies that have not two of them.
PLACES = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)
MONTH = Decimal("30.436875")  # days of a mean month
KINDS = ("energy", "demand", "excess", "standing", "tax", "unpriced")  # of lines, in their order


class Counting(Protocol):
    """A meter of the resource, whatever else is known of it."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def unit(self) -> str:
        """In what it counts."""


class Line(NamedTuple):
    """A line of a bill: an amount of something at a price, for so many of the period's days; `amount` None: it has no price."""

    kind: str  # one of KINDS
    tariff: Tariff | None
    band: str
    quantity: Decimal | None
    unit: str
    price: Decimal | None
    amount: Decimal | None
    days: int
    of_days: int
    estimated: Decimal = Decimal(0)
    at: datetime | None = None


class Bill(NamedTuple):
    """The bill of local days from one (included) to another (excluded), with what was measured before `until`."""

    resource: str
    start: date
    end: date
    until: date
    currency: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal | None:
        """Give the sum of the lines; None where nothing has a price."""
        amounts = [line.amount for line in self.lines if line.amount is not None]
        return sum(amounts, Decimal(0)) if amounts else None

    @property
    def unit(self) -> str:
        """Give the unit in which consumption is counted; of two tariffs the later one's."""
        return next((line.unit for line in reversed(self.lines) if line.kind in ("energy", "unpriced")), "")

    @property
    def quantity(self) -> Decimal:
        """Give what was consumed, in the bill's unit."""
        return self.in_unit("quantity", self.unit)

    @property
    def estimated(self) -> Decimal:
        """Give how much of it is estimated."""
        return self.in_unit("estimated", self.unit)

    def in_unit(self, what: Literal["quantity", "estimated"], unit: str) -> Decimal:
        """Give what was consumed, or how much of it is estimated, in a unit; what counts in another kind of unit is left out."""
        with localcontext(EXACT):
            return sum(
                (
                    getattr(line, what) * ratio(line.unit, unit)
                    for line in self.lines
                    if line.kind in ("energy", "unpriced") and convertible(line.unit, unit)
                ),
                Decimal(0),
            )


def places(currency: str) -> int:
    """Give the decimals of a currency's amounts."""
    return PLACES.get(currency, 2)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round an amount half-even to the currency's smallest unit."""
    with localcontext(EXACT):
        return amount.quantize(Decimal(1).scaleb(-places(currency)), ROUND_HALF_EVEN)


def measured_bill(
    connection: Connection,
    account_id: int,
    plan: Plan,
    resource: str,
    period: tuple[date, date],
    currency: str,
    until: date | None = None,
    counting: Sequence[Counting] | None = None,
    read: Reader = grouped,
    by_day: bool = False,
) -> Bill:
    """Give the bill of a period of whole local days by what was measured, all of it or before the day `until`; `counting` where its meters are known.

    Consumption comes from `read`: by months where the period is one, unless by days, which `read` may hold already.
    """
    start, end = period
    stop = min(until or end, end)
    found: list[Portion] = []
    whole_month = is_month(start, end) and stop == end and not by_day
    known = meters(connection, account_id, resource) if counting is None else counting
    for unit, groups in _units(known).items():
        low, high = (first_instant(day, plan.zone) for day in (start, stop))
        found += of_plan(connection, plan, groups, unit, "month" if whole_month else "day", low, high, read)
    charged = resource == "electricity" and any(tariff.terms.demand for tariff in plan.tariffs)
    slices = [
        (low, high, demand(connection, account_id, low, min(high, stop)) if charged else None)
        for low, high in months_of(start, end)
    ]
    return bill_of(plan, resource, found, slices, currency, stop)


def bill_of(
    plan: Plan,
    resource: str,
    found: Iterable[Portion],
    slices: Sequence[tuple[date, date, Demand | None]],
    currency: str,
    until: date,
) -> Bill:
    """Put a bill together from what was consumed by band and the largest quarter-hour of each of its months."""
    start, end = slices[0][0], slices[-1][1]
    portions = list(found)
    lines: list[Line] = []
    for tariff in _valid(plan, start, end):
        meant = [portion for portion in portions if _number(portion.tariff) == _number(tariff)]
        own = [portion for portion in meant if _fits(portion, tariff)]
        if tariff is None:
            lines += _unpriced(own)
            continue
        lines += [_energy(tariff, band, [one for one in own if one.band == BANDS[band]], currency) for band in tariff.terms.bands]
        lines += _by_month(plan, tariff, slices, currency)
        lines += _unpriced([portion for portion in meant if not _fits(portion, tariff)])
        if tariff.terms.tax:
            lines.append(_tax(tariff, lines, currency))
    return Bill(resource, start, end, until, currency, tuple(lines))


def months_of(start: date, end: date) -> list[tuple[date, date]]:
    """Cut a period into its months, counted from its first day; what is less than half a month belongs to the one before."""
    count = max(1, round(Decimal((end - start).days) / MONTH))
    edges = [months_later(start, number) for number in range(count)]
    return list(zip(edges, [*edges[1:], end], strict=True))


def _valid(plan: Plan, start: date, end: date) -> list[Tariff | None]:
    """Give the tariffs of a period in their order, None for days without one."""
    found = {_number(segment.tariff): segment.tariff for segment in plan.segments(start, end)}
    return list(found.values())


def _number(tariff: Tariff | None) -> int:
    return tariff.id if tariff is not None else 0


def _units(known: Sequence[Counting]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for meter in known:
        found.setdefault(meter.unit, {})[meter.id] = 1
    return found


def _fits(portion: Portion, tariff: Tariff | None) -> bool:
    return tariff is None or convertible(portion.unit, tariff.terms.unit)


def _energy(tariff: Tariff, band: int, own: Sequence[Portion], currency: str) -> Line:
    terms = tariff.terms
    with localcontext(EXACT):
        quantity, estimated = (
            sum((getattr(one, name) * ratio(one.unit, terms.unit) for one in own), Decimal(0))
            for name in ("quantity", "estimated")
        )
        price = terms.prices[BANDS[band]]
        amount = quantity * price
    return Line("energy", tariff, BANDS[band], quantity, terms.unit, price, rounded(amount, currency), 0, 0, estimated)


def _by_month(plan: Plan, tariff: Tariff, slices: Sequence[tuple[date, date, Demand | None]], currency: str) -> list[Line]:
    """Give what is charged for each month, for the days that the tariff is valid: the largest quarter-hour, or what is contracted if that is more; what goes beyond it; the standing charge."""
    terms, lines = tariff.terms, []
    for start, end, largest in slices:
        of_days = (end - start).days
        days = sum((one.end - one.start).days for one in plan.segments(start, end) if _number(one.tariff) == tariff.id)
        with localcontext(EXACT):
            share = Decimal(days) / Decimal(of_days)
            power = max(largest.power if largest is not None else Decimal(0), terms.contracted)
            if days and terms.demand and power:
                amount = rounded(power * terms.demand * days / of_days, currency)
                at = largest.at if largest is not None and largest.power == power else None
                lines.append(Line("demand", tariff, "", power, "kW", terms.demand, amount, days, of_days, at=at))
            if days and terms.demand and terms.limit is not None and power > terms.limit:
                beyond, price = power - terms.contracted, terms.demand * terms.excess
                amount = rounded(beyond * price * days / of_days, currency)
                lines.append(Line("excess", tariff, "", beyond, "kW", price, amount, days, of_days, at=at))
            if days and terms.standing:
                amount = rounded(terms.standing * days / of_days, currency)
                lines.append(Line("standing", tariff, "", share, "", terms.standing, amount, days, of_days))
    return lines


def _unpriced(own: Sequence[Portion]) -> list[Line]:
    found: dict[str, list[Portion]] = {}
    for portion in own:
        found.setdefault(portion.unit, []).append(portion)
    with localcontext(EXACT):
        return [
            Line("unpriced", None, "", sum((one.quantity for one in some), Decimal(0)), unit, None, None, 0, 0,
                 sum((one.estimated for one in some), Decimal(0)))
            for unit, some in found.items()
        ]  # fmt: skip


def _tax(tariff: Tariff, lines: Sequence[Line], currency: str) -> Line:
    base = sum((line.amount for line in lines if _number(line.tariff) == tariff.id and line.amount is not None), Decimal(0))
    with localcontext(EXACT):
        amount = rounded(base * tariff.terms.tax / 100, currency)
    return Line("tax", tariff, "", base, "", tariff.terms.tax, amount, 0, 0)
