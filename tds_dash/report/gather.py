"""What a monthly report says, taken from where the pages take theirs: the explorer's sums, the costs page's bill, the peaks' search.

Nothing is added up here a second time, so report and pages cannot disagree. Meters that have been retired since count where they
measured something in the month: the bill counts them as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql import tariffs
from sql.bills import Bill
from sql.budgets import Budget, budget_of, budgets
from sql.consumption import OTHERS, grouped
from sql.decisions import Wanted, select_events
from sql.errors import Refused
from sql.fleet import Account
from sql.pricing import left
from sql.pricing import meters as all_meters
from sql.queries.meters import Meter, meters
from sql.queries.peaks import Group, highest, shares
from sql.queries.reach import reach
from sql.queries.revised import revised
from sql.units import convertible, ratio
from tds_dash import addresses, cost_data, exploring, grouping, periods
from tds_dash.comparing import LAST_YEAR, NONE, PREVIOUS, Compared, Side
from tds_dash.cost_data import Asked, Found
from tds_dash.demand import demand_of
from tds_dash.exploring import METERED, Look
from tds_dash.figures.series import Bucket, together
from tds_dash.grouping import Chart
from tds_dash.periods import Days
from tds_dash.rates import per_hour
from tds_dash.totals import parts
from tds_dash.view import midnight

MONTH = re.compile(r"(\d{4})-(\d{2})")
MOST_EVENTS = 10_000
LARGEST = 5
MAKERS = 3
MOMENT = timedelta(microseconds=1)


class Peak(NamedTuple):
    """The largest quarter-hour of all meters of a resource together, as what it would be within an hour; who took most of it."""

    demand: Decimal
    unit: str
    at: datetime
    makers: tuple[tuple[str, Decimal], ...]


class Section(NamedTuple):
    """A resource in one unit: its sums, the same of the month before and a year before, its days, its peak, its bill and budget.

    `compared` says of each other month, or of the same part of it, whether both may be compared, and if not, why. `days` is empty where there are too
    many meters to read them by day. `revised` counts the days that changed after they had been complete.
    """

    resource: str
    unit: str
    side: Side
    compared: tuple[tuple[Days, Compared], ...]
    days: tuple[Bucket, ...]
    peak: Peak | None
    cost: Found | None
    budget: Budget | None
    meters: int
    revised: int

    @property
    def budget_share(self) -> Decimal | None:
        """What of the budget was used; None where there is none, or nothing to hold against it."""
        if self.budget is None:
            return None
        if self.budget.measure == "money":
            spent = self.cost.bill.total if self.cost else None
        elif self.side.quantity is not None and convertible(self.unit, self.budget.unit):
            spent = self.side.quantity * ratio(self.unit, self.budget.unit)
        else:
            spent = None
        return None if spent is None else spent / self.budget.amount


class Largest(NamedTuple):
    """A device that consumed much: what it is called, how much that was, and its share of all."""

    name: str
    quantity: Decimal
    share: Decimal | None


class Report(NamedTuple):
    """Everything that the page says; `link` is the path of the explorer's view with the same sums, `remaking` tells that prices are."""

    account: Account
    month: date
    now: datetime
    sections: tuple[Section, ...]
    largest: tuple[Largest, ...]
    events: int
    link: str
    remaking: bool

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return ZoneInfo(self.account.timezone)

    @property
    def running(self) -> bool:
        """Whether the month is not over."""
        return self.month == self.now.astimezone(self.zone).date().replace(day=1)

    def bill(self, cost: Found) -> Bill:
        """Give the bill that stands beside that of the month before: of a running month its whole days, as there."""
        return cost.compared.bill if self.running and cost.compared.before else cost.bill

    @property
    def total(self) -> Decimal | None:
        """What all those bills come to; None where nothing has a price."""
        known = [self.bill(one.cost).total for one in self.sections if one.cost]
        return sum((one for one in known if one is not None), Decimal(0)) if any(one is not None for one in known) else None


def read_month(given: str) -> date:
    """Read `2026-10`; raises Refused for whatever is no month of a calendar."""
    found = MONTH.fullmatch(given)
    if found is None or not given.isascii() or not (1970 <= int(found[1]) <= 2100 and 1 <= int(found[2]) <= 12):
        shown = given if len(given) <= 20 else f"{given[:20]}…"
        raise Refused(f"{shown!r} is not a month: write 2026-10", "report_month", given=shown)
    return date(int(found[1]), int(found[2]), 1)


def first_month(conn: Connection, account: Account) -> date | None:
    """Give the month of an account's first reading of a meter; None where there is none."""
    known = reach(conn, [meter.id for meter in all_meters(conn, account.id)])
    first = min((one.first for one in known.values()), default=None)
    return None if first is None else first.astimezone(ZoneInfo(account.timezone)).date().replace(day=1)


def last_month(account: Account, now: datetime) -> date:
    """Give the month that was over last."""
    return date(*periods.months_on(now.astimezone(ZoneInfo(account.timezone)).date(), -1), 1)


def months(conn: Connection, account: Account, now: datetime) -> list[date]:
    """List the months that there can be a report of, the newest first, the running one too; at most ten years."""
    first = first_month(conn, account)
    month = now.astimezone(ZoneInfo(account.timezone)).date().replace(day=1)
    found: list[date] = []
    while first is not None and month >= first and len(found) < 120:
        found.append(month)
        month = date(*periods.months_on(month, -1), 1)
    return found


def gather(conn: Connection, account: Account, month: date, locale: str, now: datetime) -> Report:
    """Ask for everything about a month, in a transaction that acts for the account; raises Refused where there is nothing to say."""
    zone = ZoneInfo(account.timezone)
    check(conn, account, month, now)
    given = {"period": "custom", "from": month.isoformat(), "to": periods.month_of(month).last.isoformat()}
    retired = counted_since_retired(conn, account, periods.month_of(month), zone)
    devices = tuple(sorted({one.id for one in meters(conn)} | set(retired))) if retired else ()
    asked = exploring.Asked(METERED[0], devices, grouping.RESOURCE, periods.read(given, zone, now), "month", exploring.STACKED, PREVIOUS, 0)  # fmt: skip
    look = exploring.look(conn, asked, now, zone, locale)
    sections = sections_of(conn, look, account)
    if not sections:
        raise Refused(f"nothing was measured in {month:%Y-%m}", "report_nothing", month=month)
    events = select_events(conn, Wanted(account.id, decided=False), MOST_EVENTS)
    words = {**addresses.controls(asked, given), "compare": NONE, "step": "day"}
    return Report(
        account,
        month,
        now,
        sections,
        largest(conn, look, sections[0]),
        sum(look.span.start <= event.at < look.span.end for event in events),
        addresses.address(words),
        left(conn, account.id) is not None,
    )


def check(conn: Connection, account: Account, month: date, now: datetime) -> None:
    """Refuse a month that has not begun, or lies before everything that was measured."""
    if month > now.astimezone(ZoneInfo(account.timezone)).date():
        raise Refused(f"{month:%Y-%m} has not begun", "report_future", month=month)
    first = first_month(conn, account)
    if first is None:
        raise Refused("nothing has been measured yet: a report needs a meter with readings", "report_empty")
    if month < first:
        raise Refused(f"nothing was measured before {first:%Y-%m}", "report_before", month=first)


def counted_since_retired(conn: Connection, account: Account, days: Days, zone: ZoneInfo) -> list[int]:
    """Give the meters that have been retired since and consumed something in a month."""
    kept = {one.id for one in meters(conn)}
    gone = {one.id: one.id for one in all_meters(conn, account.id) if one.id not in kept and one.resource in METERED}
    rows = grouped(conn, gone, "month", midnight(days.first, zone), midnight(days.after, zone), zone.key)
    return [row.device_id for row in rows if row.consumption is not None]


def sections_of(conn: Connection, look: Look, account: Account) -> tuple[Section, ...]:
    """Give the sections of all resources of which anything is known in the month, in their order."""
    year = look._replace(asked=look.asked._replace(compare=LAST_YEAR))
    year = year._replace(other=exploring.other_side(conn, year))
    daily = exploring.look(conn, look.asked._replace(step="day", compare=NONE), look.now, look.zone, look.locale)
    by_day = {part.chart.number: part for part in parts(daily)} if daily.step == "day" else {}
    plans, known = tariffs.plans(conn, account.id), budgets(conn, account.id)
    found: list[Section] = []
    for before, then in zip(parts(look), parts(year), strict=True):
        chart, side = before.chart, before.whole.side
        if side.quantity is None:
            continue
        others = [(compared_days(one), part.whole.compared) for one, part in ((look, before), (year, then))]
        part = by_day.get(chart.number)
        days = together(part.series, "day", look.zone, look.span.start, look.span.end) if part else {}
        first = all(chart.resource != one.resource for one in found)  # the bill is of the resource, whatever its units are
        month = look.span.start.astimezone(look.zone).date()
        asked = Asked(account.id, account.currency, chart.resource, month, look.zone, look.now)
        cost = cost_data.gather(conn, asked) if first and chart.resource in plans else None
        late = revised(
            conn, [one.id for one in chart.devices], "day", look.span.start, look.span.end, look.zone.key, look.span.start
        )
        found.append(
            Section(
                chart.resource,
                chart.unit,
                side,
                tuple((when, one) for when, one in others if one is not None),
                tuple(days.values()),
                peak_of(conn, chart, look),
                cost if cost and cost.bill.lines else None,
                budget_of(known, chart.resource, month) if first else None,
                len(chart.devices),
                len(late),
            )
        )
    return tuple(found)


def compared_days(look: Look) -> Days:
    """Give the days that stand beside a look's: of a running month those up to the same moment."""
    assert look.other is not None
    then = look.other.earlier
    first, last = (moment.astimezone(look.zone).date() for moment in (then.start, max(then.end - MOMENT, then.start)))
    return Days(first, last + periods.DAY)


def peak_of(conn: Connection, chart: Chart, look: Look) -> Peak | None:
    """Give the largest quarter-hour of a chart's meters together."""
    own = chart.devices
    group = Group([one.id for one in own], [grouping.factor(one, chart.unit) for one in own], look.zone.key)
    top = next(iter(highest(conn, group, [((look.span.start, look.span.end), 1)])[0]), None)
    if top is None:
        return None
    names = names_of(own)
    taken = shares(conn, group, [top]).get(top.start, ())
    makers = tuple((names[one.device_id], one.quantity * 4) for one in taken if one.quantity > 0)[:MAKERS]
    return Peak(demand_of(top), per_hour(chart.unit), top.start, makers)


def names_of(devices: Sequence[Meter]) -> dict[int, str]:
    """Give what devices are called."""
    return {one.id: one.name or one.code for one in devices}


def largest(conn: Connection, look: Look, section: Section) -> tuple[Largest, ...]:
    """Give the devices of the first resource that consumed most, the largest first."""
    asked = look.asked._replace(resource=section.resource, group=grouping.DEVICE, compare=NONE)
    found = exploring.look(conn, asked, look.now, look.zone, look.locale)
    part = next(one for one in parts(found) if one.chart.unit == section.unit)
    known = [(line.series.name, line.side.quantity, line.share) for line in part.lines if line.series.number != OTHERS]
    ranked = [Largest(name, quantity, share) for name, quantity, share in known if quantity is not None]
    return tuple(sorted(ranked, key=lambda one: -one.quantity)[:LARGEST])
