"""The tariffs page in tables: tariffs, holidays, budgets; and what a tariff that is being typed would change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from dash import html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql import tariffs
from sql.budgets import Budget
from sql.holidays import Holiday
from sql.pricing import EXACT, meters, of_plan
from sql.tariff_rules import Terms, periods_of
from sql.tariffs import ONE_DAY, Plan, Tariff
from tds_dash import wording
from tds_dash.components import data_table, empty_state
from tds_dash.components.attributes import labelled
from tds_dash.components.tables import Cell, Column
from tds_dash.identity import account, zone
from tds_dash.money import money, price
from tds_dash.tariff_acts import number_of
from tds_dash.view import midnight
from tds_dash.wording import number, percent, t

PREVIEW_DAYS = 28
SLASH = f"{wording.SPACE}/{wording.SPACE}"
PREVIEW_SLOTS = 300_000  # rows of the ledger that a preview may read


class Effect(NamedTuple):
    """What days would have cost, against what they do cost; None where they have no tariff."""

    start: date
    end: date
    now: Decimal | None
    then: Decimal


def tariffs_table(found: Sequence[Tariff], locale: str, may_edit: bool) -> Component:
    """Give the tariffs, the newest of each resource first."""
    if not found:
        return empty_state(t("tariffs.empty", locale), t("tariffs.empty_text", locale), icon="cash-coin")
    columns = [
        Column(t("field.resource", locale)),
        Column(t("tariffs.valid_from", locale)),
        Column(t("field.name", locale), wraps=True),
        Column(t("tariffs.prices", locale), wraps=True),
        Column(t("tariffs.charges", locale), wraps=True),
    ]
    columns += [Column(t("field.actions", locale), "end")] if may_edit else []
    ordered = sorted(found, key=lambda one: (one.terms.resource, -one.terms.valid_from.toordinal()))
    return data_table(columns, [line(one, locale, may_edit) for one in ordered], caption=t("tariffs.title", locale))


def line(one: Tariff, locale: str, may_edit: bool) -> list[Cell]:
    """Give a tariff's cells."""
    terms = one.terms
    cells: list[Cell] = [
        t(f"resource.{terms.resource}", locale),
        wording.date(terms.valid_from, locale),
        terms.name,
        html.Div([html.Div(said) for said in prices(terms, locale)]),
        html.Div([html.Div(said) for said in charges(terms, locale)]),
    ]
    if may_edit:
        buttons = [act("tariffs", verb, one.id, terms.name, locale) for verb in ("edit", "copy", "remove")]
        cells.append(html.Div(buttons, className="tds-row-actions"))
    return cells


def prices(terms: Terms, locale: str) -> list[str]:
    """Say what a unit costs, by band with its hours."""
    currency = account().currency
    if terms.schedule is None:
        return [f"{price(terms.prices['all'], currency, locale)}{SLASH}{terms.unit}"]
    found = hours_of(terms, locale)
    return [
        f"{t(f'costs.band_{band}', locale)}: {price(cost, currency, locale)}{SLASH}{terms.unit}"
        + (f" ({'; '.join(found[band])})" if band in found else "")
        for band, cost in terms.prices.items()
    ]


def hours_of(terms: Terms, locale: str) -> dict[str, list[str]]:
    """Say by band at which hours of which days it holds; a band that holds at all other hours is left out."""
    found: dict[str, list[str]] = {}
    for one in periods_of(terms.schedule) if terms.schedule is not None else ():
        days = ", ".join(t(f"tariffs.short_{day}", locale) for day in one.days)
        ends = [hour(quarter, locale) for quarter in (one.start, one.end)]
        found.setdefault(one.band, []).append(f"{ends[0]}{wording.DASH}{ends[1]} {days}")
    return found


def hour(quarter: int, locale: str) -> str:
    """Write a time of day as the reader does."""
    mark = "h" if wording.known(locale) == "pt-BR" else ":"
    return f"{quarter // 4:02}{mark}{quarter % 4 * 15:02}"


def charges(terms: Terms, locale: str) -> list[str]:
    """Say what comes on top of the units."""
    currency, said = account().currency, []
    if terms.demand:
        said.append(t("tariffs.demand_is", locale, price=price(terms.demand, currency, locale)))
    if terms.contracted:
        said.append(t("tariffs.contracted_is", locale, power=number(terms.contracted, locale, "kW")))
    if terms.excess:
        words = {"limit": number(terms.limit, locale, "kW", significant=6), "times": number(terms.excess, locale)}
        said.append(t("tariffs.excess_is", locale, **words))
    if terms.standing:
        said.append(t("tariffs.standing_is", locale, price=price(terms.standing, currency, locale)))
    if terms.tax:
        said.append(t("tariffs.tax_is", locale, percent=number(terms.tax, locale, "%")))
    return said


def holidays_table(found: Sequence[Holiday], locale: str, may_edit: bool) -> Component:
    """Give the holidays, the latest first."""
    if not found:
        return html.P(t("tariffs.no_holidays", locale), className="tds-muted")
    columns = [Column(t("tariffs.day", locale)), Column(t("field.name", locale), wraps=True)]
    columns += [Column(t("field.actions", locale), "end")] if may_edit else []
    lines: list[list[Cell]] = []
    for one in reversed(found):
        cells: list[Cell] = [f"{wording.weekday_name(one.day, locale)} {wording.date(one.day, locale)}", one.name]
        lines.append([*cells, act("holidays", "remove", one.day.toordinal(), one.name, locale)] if may_edit else cells)
    return data_table(columns, lines, caption=t("tariffs.holidays", locale), boxed=True)


def budgets_table(found: Sequence[Budget], locale: str, may_edit: bool) -> Component:
    """Give the budgets."""
    if not found:
        return html.P(t("tariffs.no_budgets", locale), className="tds-muted")
    columns = [
        Column(t("field.resource", locale)),
        Column(t("tariffs.from_month", locale)),
        Column(t("tariffs.per_month", locale), "end"),
    ]
    columns += [Column(t("field.actions", locale), "end")] if may_edit else []
    lines: list[list[Cell]] = []
    for one in found:
        amount = money(one.amount, account().currency, locale) if one.measure == "money" else number(one.amount, locale, one.unit)
        cells: list[Cell] = [t(f"resource.{one.resource}", locale), wording.month(one.month, locale), amount]
        name = t(f"resource.{one.resource}", locale)
        lines.append([*cells, act("budgets", "remove", number_of(one), name, locale)] if may_edit else cells)
    return data_table(columns, lines, caption=t("tariffs.budgets", locale))


def act(thing: str, verb: str, id: int, name: str, locale: str) -> html.Button:
    """Give a button that says what it asks for; assets/fleet.js sends it to the page's callbacks."""
    words: dict[str, Any] = {
        "data-fleet": verb,
        "data-thing": thing,
        "data-id": str(id),
        **labelled(t(f"tariffs.{verb}_of", locale, name=name)),
    }
    return html.Button(t(f"tariffs.{verb}", locale), className="btn btn-sm btn-outline-secondary", **words)


def effect(conn: Connection, terms: Terms, today: date) -> Effect | None:
    """Give what the last whole days would have cost by a tariff that is being typed; None where nothing was measured."""
    plan = tariffs.plan(conn, account().id, terms.resource)
    own = meters(conn, account().id, terms.resource)
    if not own:
        return None
    length = max(1, min(PREVIEW_DAYS, PREVIEW_SLOTS // (96 * len(own))))
    start = today - length * ONE_DAY
    wanted = Plan(
        plan.zone, (Tariff(-1, account().id, 0, None, None, terms._replace(valid_from=date(1970, 1, 1))),), plan.holidays
    )
    low, high = midnight(start, zone()), midnight(today, zone())
    sums: list[Decimal | None] = [None, None]
    for place, one in enumerate((plan, wanted)):
        for unit in dict.fromkeys(meter.unit for meter in own):
            groups = {meter.id: 1 for meter in own if meter.unit == unit}
            # By quarter-hours: bands of a tariff that is not kept yet are in no table.
            step: Any = "15min" if place == 1 and terms.schedule else "day"
            for portion in of_plan(conn, one, groups, unit, step, low, high):
                cost = portion.cost
                if cost is not None:
                    with localcontext(EXACT):
                        sums[place] = cost + (sums[place] or Decimal(0))
    return None if sums[1] is None else Effect(start, today, sums[0], sums[1])


def effect_words(found: Effect | None, locale: str) -> str:
    """Say what a tariff would have changed."""
    if found is None:
        return t("tariffs.effect_none", locale)
    days = wording.days(found.start, found.end - timedelta(days=1), locale)
    values = {"days": days, "then": money(found.then, account().currency, locale)}
    if not found.now:
        return t("tariffs.effect_first", locale, **values)
    share = percent(found.then / found.now - 1, locale, 1, sign=True)
    return t("tariffs.effect", locale, **values, now=money(found.now, account().currency, locale), percent=share)
