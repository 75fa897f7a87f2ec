"""An invoice held against what was measured on exactly its days, and against what that costs by the account's tariffs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql import calendar
from sql.bills import Bill, measured_bill
from sql.consumption import Step, grouped
from sql.invoices import Invoice
from sql.once import Once, Reader
from sql.pricing import EXACT
from sql.statements import statements
from sql.tariffs import ONE_DAY, Plan
from sql.units import convertible

FILE = "pricing.sql"
FAIR = 0.95  # the share of the days that must be measured before an invoice is judged by them
AGREES = Decimal("0.01")  # of what was measured: closer than meters and suppliers' roundings come to each other

Verdict = Literal["agrees", "more", "less", "unfair", "running", "nothing", "unknown"]


class Heard(NamedTuple):
    """A meter, when it was first heard and when it was retired."""

    id: int
    unit: str
    first: datetime | None
    retired: datetime | None


class Difference(NamedTuple):
    """What an invoice asks beside what was found; `share` is of what was found, None where that is nought."""

    asked: Decimal
    found: Decimal

    @property
    def amount(self) -> Decimal:
        """Give how much more the invoice asks; negative where it asks less."""
        with localcontext(EXACT):
            return self.asked - self.found

    @property
    def share(self) -> Decimal | None:
        """Give the same as a share of what was found."""
        return self.amount / self.found if self.found else None

    @property
    def direction(self) -> int:
        """Tell whether the invoice asks more (1) or less (-1) by more than is usual; 0 where it agrees."""
        share = self.share
        if share is None:
            return (self.asked > 0) - (self.asked < 0)
        return 0 if abs(share) <= AGREES else 1 if self.amount > 0 else -1


class Held(NamedTuple):
    """An invoice, what was measured of its days so far, and what that costs.

    `measured` and `estimated` are in the invoice's unit; `measured` is None where nothing of these days was measured, or nothing
    in a unit that can be converted (`units` are those of the meters). `unpriced` days have no tariff. `coverage` is the measured
    share of the days that are over; `known` is whether anything is known of them at all.
    """

    invoice: Invoice
    bill: Bill
    measured: Decimal | None
    estimated: Decimal
    units: tuple[str, ...]
    known: bool
    coverage: float
    over: int
    unpriced: int
    priced: bool

    @property
    def days(self) -> int:
        """Give how many days the invoice is for."""
        return (self.invoice.last_day - self.invoice.first_day).days + 1

    @property
    def running(self) -> bool:
        """Tell whether not all of the days are over."""
        return self.over < self.days

    @property
    def cost(self) -> Decimal | None:
        """Give what was measured costs; None unless all days have a tariff in a unit that was measured."""
        return self.bill.total if self.priced and not self.unpriced and self.known else None

    @property
    def quantity(self) -> Difference | None:
        """Give how the quantities differ; None where nothing was measured that could be compared."""
        return None if self.measured is None else Difference(self.invoice.quantity, self.measured)

    @property
    def money(self) -> Difference | None:
        """Give how the amounts differ; None where not all days have a price."""
        return None if self.cost is None else Difference(self.invoice.amount, self.cost)

    @property
    def fair(self) -> bool:
        """Tell whether enough was measured to judge the invoice by it."""
        return self.coverage >= FAIR and not self.running

    @property
    def within_estimate(self) -> bool:
        """Tell whether the quantities differ by no more than what is estimated."""
        return self.quantity is not None and abs(self.quantity.amount) <= self.estimated

    @property
    def verdict(self) -> Verdict:
        """Judge the invoice: by its amount where that differs, else by its quantity."""
        if self.running:
            return "running"
        if not self.known:
            return "nothing"
        known = [one for one in (self.money, self.quantity) if one is not None]
        if not known:
            return "unknown"
        if not self.fair:
            return "unfair"
        direction = next((one.direction for one in known if one.direction), 0)
        return "more" if direction > 0 else "less" if direction else "agrees"


def hold(
    connection: Connection,
    account_id: int,
    plan: Plan,
    invoice: Invoice,
    currency: str,
    now: datetime,
    known_meters: Sequence[Heard] | None = None,
    read: Reader = grouped,
) -> Held:
    """Hold an invoice against what was measured of it; the running day does not count yet. Its meters are read where they are not known."""
    start, end = invoice.first_day, invoice.last_day + ONE_DAY
    today = now.astimezone(ZoneInfo(plan.zone)).date()
    until = max(start, min(end, today))
    meters = heard(connection, account_id, invoice.resource) if known_meters is None else known_meters
    bill = measured_bill(connection, account_id, plan, invoice.resource, (start, end), currency, until, meters, read)
    same = [meter for meter in meters if convertible(meter.unit, invoice.unit)]
    known, coverage = covered(connection, same or meters, start, until, plan.zone, read)
    tariffs = [segment.tariff for segment in plan.segments(start, end)]
    units = tuple(dict.fromkeys(meter.unit for meter in meters))
    return Held(
        invoice,
        bill,
        bill.in_unit("quantity", invoice.unit) if same and known else None,
        bill.in_unit("estimated", invoice.unit) if same else Decimal(0),
        units,
        known,
        coverage,
        (until - start).days,
        sum((segment.end - segment.start).days for segment in plan.segments(start, end) if segment.tariff is None),
        all(any(convertible(unit, tariff.terms.unit) for unit in units) for tariff in tariffs if tariff is not None),
    )


def read_once(invoices: Iterable[Invoice], zone: str) -> Reader:
    """Give what reads what several invoices are held against: months that follow each other, and days that do, at once."""
    stretches: dict[Step, list[tuple[datetime, datetime]]] = {"day": [], "month": []}
    for one in invoices:
        start, end = one.first_day, one.last_day + ONE_DAY
        low, high = (calendar.first_instant(day, zone) for day in (start, end))
        stretches["month" if calendar.is_month(start, end) else "day"].append((low, high))
    return Once(stretches)


def rows_of(invoice: Invoice, meters: int) -> int:
    """Give how many rows of the rollups are read to hold an invoice: of a whole month one a meter, else one a meter and day."""
    days = (invoice.last_day - invoice.first_day).days + 1
    return meters * (1 if calendar.is_month(invoice.first_day, invoice.last_day + ONE_DAY) else days)


def heard(connection: Connection, account_id: int, resource: str) -> list[Heard]:
    """List what counts a resource in an account, retired meters too."""
    return [Heard(*row) for row in connection.execute(statements(FILE)["heard"], {"account": account_id, "resource": resource})]


def covered(
    connection: Connection, meters: Sequence[Heard], start: date, until: date, zone: str, read: Reader = grouped
) -> tuple[bool, float]:
    """Tell whether anything is known of days, the end excluded, and give their measured share, of all meters together.

    A meter that was first heard within these days counts as missing before, and one that has fallen silent as missing since; one
    that was retired counts until then.
    """
    low, high = (calendar.first_instant(day, zone) for day in (start, until))
    own = [
        meter
        for meter in meters
        if meter.first is not None and meter.first < high and (meter.retired is None or meter.retired > low)
    ]
    expected = sum((min(high, meter.retired or high) - low).total_seconds() for meter in own)
    if not expected:
        return False, 0.0
    step: Step = "month" if calendar.is_month(start, until) else "day"
    rows = read(connection, {meter.id: 1 for meter in own}, step, low, high, zone)
    measured = sum(
        row.coverage * row.devices * (calendar.next_bucket(step, row.bucket, zone) - row.bucket).total_seconds() for row in rows
    )
    return any(row.consumption is not None for row in rows), min(measured / expected, 1.0)
