"""Cost beside consumption on other pages: a column in the explorer, the cards and the budgets of the overview."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext

from dash import dcc, html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql import tariffs
from sql.bills import measured_bill
from sql.budgets import budgets
from sql.pricing import EXACT, of_plan
from sql.tariffs import Plan
from tds_dash import cost_data, costs_view
from tds_dash.cost_data import Asked, following
from tds_dash.exploring import Look
from tds_dash.identity import account, locale, zone
from tds_dash.money import money
from tds_dash.totals import Line, Part
from tds_dash.totals_view import Extra
from tds_dash.wording import t


def cost_columns(conn: Connection, look: Look) -> list[Extra]:
    """Give the explorer's column of costs, where any resource that is shown has a tariff; asked while the transaction is open."""
    plans = tariffs.plans(conn, account().id)
    if not any(chart.resource in plans for chart in look.charts):
        return []
    units = {device.id: device.unit for chart in look.charts for device in chart.devices}

    def cell(part: Part, line: Line) -> str:
        plan = plans.get(part.chart.resource)
        known = (
            None
            if plan is None
            else spent(conn, plan, {device: units[device] for device in line.devices if device in units}, look)
        )
        return money(known, account().currency, look.locale)

    return [Extra(t("costs.column", look.locale), cell)]


def spent(conn: Connection, plan: Plan, units: dict[int, str], look: Look) -> Decimal | None:
    """Give what devices cost over the period that is looked at; None where nothing has a price."""
    total: Decimal | None = None
    for unit in dict.fromkeys(units.values()):
        groups = {device: 1 for device, own in units.items() if own == unit}
        for portion in of_plan(conn, plan, groups, unit, look.step, look.span.start, look.span.end):
            if (cost := portion.cost) is not None:
                with localcontext(EXACT):
                    total = cost if total is None else total + cost
    return total


def month_costs(conn: Connection, now: datetime) -> dict[str, str]:
    """Give what each resource's bill of this month has come to, all its lines, as it is written."""
    first = now.astimezone(zone()).date().replace(day=1)
    found = {}
    for resource, plan in tariffs.plans(conn, account().id).items():
        bill = measured_bill(conn, account().id, plan, resource, (first, following(first)), account().currency)
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
