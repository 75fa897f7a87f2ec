"""Cost beside consumption on other pages: a column in the explorer, the cards and the budgets of the overview."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from functools import cache
from typing import Literal

from dash import dcc, html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql import tariffs
from sql.bills import measured_bill
from sql.budgets import budgets
from sql.calendar import month_after
from sql.pricing import EXACT, Portion, of_plan
from sql.tariff_rules import ALL, BANDS
from sql.tariffs import ONE_DAY, Plan, Tariff
from sql.units import convertible, ratio
from tds_dash import cost_data, costs_view
from tds_dash.cost_data import Asked
from tds_dash.exploring import Look
from tds_dash.figures import axes
from tds_dash.identity import account, locale, zone
from tds_dash.money import money
from tds_dash.totals import Line, Part
from tds_dash.totals_view import Extra
from tds_dash.wording import t

HOUR = timedelta(hours=1)
BANDED: Literal["banded"] = "banded"


def cost_columns(conn: Connection, look: Look) -> list[Extra]:
    """Give the explorer's column of costs, where any resource that is shown has a tariff; asked while the transaction is open."""
    cost = costs_of(conn, look)
    if cost is None:
        return []
    return [Extra(t("costs.column", look.locale), lambda part, line: money(cost(part, line), account().currency, look.locale))]


def costs_of(conn: Connection, look: Look) -> Callable[[Part, Line], Decimal | None] | None:
    """Give what says what a line of the totals costs; None where no resource that is shown has a tariff."""
    plans = tariffs.plans(conn, account().id)
    if not any(chart.resource in plans for chart in look.charts):
        return None
    known: dict[int, dict[int, Decimal]] = {}

    def cost(part: Part, line: Line) -> Decimal | None:
        plan, number = plans.get(part.chart.resource), part.chart.number
        if plan is not None and number not in known:
            known[number] = spent(conn, plan, look, part)
        own = known.get(number, {})
        if line is part.whole and own:
            with localcontext(EXACT):
                return sum(own.values(), Decimal(0))
        return None if line is part.whole else own.get(line.series.number)

    return cost


def spent(conn: Connection, plan: Plan, look: Look, part: Part) -> dict[int, Decimal]:
    """Give what each line of a chart costs over the period that is looked at, by its number; a line of which nothing has a price is left out.

    A bucket that has one price throughout is priced as it was drawn; only what has bands, or a tariff that changes within it, is read.
    """
    found: dict[int, Decimal] = {}
    anew: dict[datetime, datetime] = {}
    tariff_of = cache(lambda start: throughout(plan, start, look))
    with localcontext(EXACT):
        for line in part.lines:
            for bucket in line.series.buckets.values():
                tariff = tariff_of(bucket.start)
                if tariff == BANDED:
                    end = axes.bucket_end(bucket.start, look.step, look.zone) + bucket.repeated * HOUR
                    anew[bucket.start] = max(end, anew.get(bucket.start, end))
                elif tariff is not None and bucket.consumption is not None and convertible(part.chart.unit, tariff.terms.unit):
                    price = tariff.terms.prices[BANDS[ALL]] * ratio(part.chart.unit, tariff.terms.unit)
                    found[line.series.number] = found.get(line.series.number, Decimal(0)) + bucket.consumption * price
    for portion in portions(conn, plan, look, part, anew):
        if (cost := portion.cost) is not None:
            with localcontext(EXACT):
                found[portion.group] = found.get(portion.group, Decimal(0)) + cost
    return found


def throughout(plan: Plan, start: datetime, look: Look) -> Tariff | Literal["banded"] | None:
    """Give the tariff of one price that a bucket has throughout, None where it has none; `banded` where there is more to it."""
    first = start.astimezone(look.zone).date()
    end = month_after(first) if look.step == "month" else first + ONE_DAY
    segments = list(plan.segments(first, end))
    tariff = segments[0].tariff
    return BANDED if len(segments) > 1 or (tariff is not None and tariff.terms.schedule is not None) else tariff


def portions(conn: Connection, plan: Plan, look: Look, part: Part, buckets: Mapping[datetime, datetime]) -> Iterator[Portion]:
    """Read what the lines of a chart consumed in some buckets, by band, all lines at once."""
    stretches: list[tuple[datetime, datetime]] = []
    for start, end in sorted(buckets.items()):
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    units: dict[str, dict[int, int]] = {}
    unit_of = {device.id: device.unit for device in part.chart.devices}
    for line in part.lines:
        for device in line.devices:
            if device in unit_of:
                units.setdefault(unit_of[device], {})[device] = line.series.number
    for start, end in stretches:
        for unit, groups in units.items():
            yield from of_plan(conn, plan, groups, unit, look.step, start, end)


def month_costs(conn: Connection, now: datetime) -> dict[str, str]:
    """Give what each resource's bill of this month has come to, all its lines, as it is written."""
    first = now.astimezone(zone()).date().replace(day=1)
    found = {}
    for resource, plan in tariffs.plans(conn, account().id).items():
        bill = measured_bill(conn, account().id, plan, resource, (first, month_after(first)), account().currency)
        if bill.total is not None and any(line.quantity for line in bill.lines if line.kind == "energy"):
            found[resource] = t("costs.bill_so_far", locale(), amount=money(bill.total, bill.currency, locale(), cents=False))
    return found


def budget_panel(conn: Connection, now: datetime) -> Component | None:
    """Say of each budget whether and when it will be passed; nothing where there is none."""
    month = now.astimezone(zone()).date().replace(day=1)
    resources = list(dict.fromkeys(one.resource for one in budgets(conn, account().id)))
    lines = [line for resource in resources if (line := outlook_of(conn, resource, now)) is not None]
    if not lines:
        return None
    title = html.H2(t("costs.budgets_of", locale(), month=cost_data.month_name(month, locale())), className="tds-section-title")
    return html.Section([title, html.Ul(lines, className="tds-budgets")], className="tds-card")


def outlook_of(conn: Connection, resource: str, now: datetime) -> Component | None:
    """Give the line of a resource's budget."""
    language = locale()
    month = now.astimezone(zone()).date().replace(day=1)
    found = cost_data.gather(conn, Asked(account().id, account().currency, resource, month, zone(), now))
    if found.projected is None or found.projected.budget is None:
        return None
    said: Sequence[Component | str] = [
        dcc.Link(t(f"resource.{resource}", language), href=f"/costs?resource={resource}"),
        ": ",
        costs_view.expected_words(found.projected, found.bill, language),
        " ",
        costs_view.against_budget(found.projected, found.bill, language),
    ]
    return html.Li(list(said))
