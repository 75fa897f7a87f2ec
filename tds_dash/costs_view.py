"""The costs page in words and tables: its cards, the bill line by line, what the month comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from dash import html
from dash.development.base_component import Component

from sql.bills import KINDS, Bill, Line
from tds_dash import wording
from tds_dash.components import Change, data_table, metric_card, sentence
from tds_dash.components.tables import Cell, Column
from tds_dash.cost_data import Compared, Found, Projected
from tds_dash.figures.costs import Spent
from tds_dash.money import money, price
from tds_dash.wording import NOTHING, number, percent, portion, t


def cards(found: Found, locale: str) -> list[Component]:
    """Give the month's total, how it will end, what a unit comes to, and the largest quarter-hour."""
    bill, asked = found.bill, found.asked
    name = t("costs.total", locale, resource=t(f"resource.{asked.resource}", locale), month=wording.month(asked.month, locale))
    unit = t("costs.so_far", locale) if asked.running else ""
    made: list[Component] = [
        metric_card(
            name,
            money(bill.total, bill.currency, locale),
            unit,
            locale=locale,
            change=change(found.compared, locale),
            resource=asked.resource,
        )
    ]
    if found.projected is not None:
        made.append(expected_card(found.projected, bill, locale))
    mean = bill.total / bill.quantity if bill.total is not None and bill.quantity else None
    made.append(
        metric_card(
            t("costs.average", locale),
            NOTHING if mean is None else money(mean, bill.currency, locale),
            locale=locale,
            note=t("costs.average_note", locale, unit=bill.unit) if mean is not None else t("costs.none_yet", locale),
        )
    )
    demands = [line for line in bill.lines if line.kind == "demand"]
    if demands:
        largest = max(demands, key=lambda line: line.quantity or Decimal(0))
        when = wording.date_clock(largest.at, locale, asked.zone) if largest.at else ""
        made.append(
            metric_card(
                t("costs.demand", locale), number(largest.quantity, locale, significant=4), "kW", locale=locale,
                note=t("costs.demand_note", locale, time=when) if when else t("tariffs.field_contracted", locale),
            )
        )  # fmt: skip
    return made


def expected_card(projected: Projected, bill: Bill, locale: str) -> Component:
    """Say how the month will end, from what to what."""
    consumption, unit = projected.consumption, projected.unit
    units = [number(value, locale, significant=4) for value in (consumption.expected, consumption.low, consumption.high)]
    if projected.total is None:
        note = t("costs.expected_note", locale, low=units[1], high=f"{units[2]}{wording.SPACE}{unit}")
        return metric_card(t("costs.expected", locale), units[0], unit, locale=locale, note=note)
    ends = {
        name: money(value, bill.currency, locale, cents=False)
        for name, value in (("low", projected.low), ("high", projected.high))
    }
    return metric_card(
        t("costs.expected", locale),
        money(projected.total, bill.currency, locale, cents=False),
        locale=locale,
        note=t("costs.expected_note", locale, **ends),
    )


def change(compared: Compared, locale: str) -> Change:
    """Say how the month compares with the same part of the one before, or why it cannot be compared."""
    before = compared.before
    if before is None or not before.total or compared.bill.total is None:
        return Change(None, reason=t("costs.none_comparable", locale) if before is None else t("change.none_before", locale))
    if not compared.fair:
        least = min(compared.coverage, compared.coverage_before)
        return Change(None, reason=t("costs.unfair", locale, coverage=percent(least, locale)))
    return Change(compared.bill.total / before.total - 1, period=run_of(before, locale))


def run_of(bill: Bill, locale: str) -> str:
    """Name the days of a bill that were looked at."""
    return wording.days(bill.start, date.fromordinal(bill.until.toordinal() - 1), locale)


def outlook(projected: Projected | None, bill: Bill, locale: str) -> Component | None:
    """Say how the month will end against its budget, and how that is known."""
    if projected is None:
        return None
    budget = projected.budget
    said = sentence("costs.budget_none", locale) if budget is None else against_budget(projected, bill, locale)
    return html.Div(
        [html.P(said, className="mb-1"), html.P(t("costs.how", locale), className="tds-muted mb-0")], className="tds-outlook"
    )


def expected_words(projected: Projected, bill: Bill, locale: str) -> str:
    """Say what the month is expected to come to, in what its budget is in."""
    budget = projected.budget
    if projected.total is not None and (budget is None or budget.measure == "money"):
        return t("costs.will_be", locale, amount=money(projected.total, bill.currency, locale, cents=False))
    shown = number(projected.consumption.expected, locale, projected.unit, significant=4)
    return t("costs.will_be", locale, amount=shown)


def against_budget(projected: Projected, bill: Bill, locale: str) -> Component:
    """Say whether and when the budget will be passed."""
    budget = projected.budget
    assert budget is not None
    shown = (
        money(budget.amount, bill.currency, locale) if budget.measure == "money" else number(budget.amount, locale, budget.unit)
    )
    if projected.passed_on is None:
        return sentence("costs.budget_keeps", locale, budget=shown)
    first = projected.consumption.days[0][0]
    if projected.passed_on <= first:
        return sentence("costs.budget_passed", locale, budget=shown)
    return sentence("costs.budget_passes", locale, budget=shown, day=wording.date(projected.passed_on, locale))


def bill_table(bill: Bill, zone: tzinfo, locale: str, caption: str = "") -> Component:
    """Give a bill line by line; by default under the name of its month."""
    columns = [
        Column(t("costs.line", locale), wraps=True),
        Column(t("costs.quantity", locale), "end"),
        Column(t("costs.price", locale), "end", secondary=True),
        Column(t("costs.amount", locale), "end"),
    ]
    several = len({line.tariff.id for line in bill.lines if line.tariff}) > 1
    lines: list[list[Cell]] = [
        [
            name_of(line, zone, locale, several),
            quantity_of(line, locale),
            price_of(line, bill.currency, locale),
            money(line.amount, bill.currency, locale),
        ]
        for line in bill.lines
    ]
    lines.append([html.Strong(t("costs.line_total", locale)), "", "", html.Strong(money(bill.total, bill.currency, locale))])
    return data_table(columns, lines, caption=caption or t("costs.bill", locale, month=wording.month(bill.start, locale)))


def compared_table(compared: Compared, zone: tzinfo, locale: str) -> Component:
    """Give the same part of two months beside each other, line by line."""
    bill, before = compared.bill, compared.before
    if before is None:
        return html.P(t("costs.none_comparable", locale), className="tds-muted mb-0")
    keys = keys_of(compared)
    sums = [{key: summed(one.lines, key) for key in keys} for one in (bill, before)]
    columns = [Column(t("costs.line", locale), wraps=True)]
    columns += [Column(run_of(one, locale), "end") for one in (bill, before)]
    columns += [Column(t("costs.difference", locale), "end")]
    lines: list[list[Cell]] = []
    for key in keys:
        now, then = sums[0][key], sums[1][key]
        lines.append([plain_name(key, locale), *(money(value, bill.currency, locale) for value in (now, then)),
                      money(now - then, bill.currency, locale, sign=True)])  # fmt: skip
    totals = [one.total or Decimal(0) for one in (bill, before)]
    cells = [money(value, bill.currency, locale) for value in totals] + [
        money(totals[0] - totals[1], bill.currency, locale, sign=True)
    ]
    lines.append([html.Strong(t("costs.line_total", locale)), *(html.Strong(cell) for cell in cells)])
    note = t("costs.to_date_text", locale, now=run_of(bill, locale), then=run_of(before, locale))
    if not compared.fair:
        least = min(compared.coverage, compared.coverage_before)
        note = t("costs.unfair", locale, coverage=percent(least, locale))
    return html.Div([data_table(columns, lines, caption=t("costs.to_date", locale)), html.P(note, className="tds-muted mb-0")],
                    className="" if compared.fair else "tds-unfair")  # fmt: skip


def keys_of(compared: Compared) -> list[tuple[str, str]]:
    """Give the kinds of lines of both months, in the order of a bill."""
    sides = [one for one in (compared.bill, compared.before) if one is not None]
    keys = dict.fromkeys(key_of(line) for one in sides for line in one.lines if line.amount is not None)
    return sorted(keys, key=lambda key: KINDS.index(key[0]))


def key_of(line: Line) -> tuple[str, str]:
    """Give what two months' lines are told apart by."""
    return line.kind, line.band


def summed(lines: Sequence[Line], key: tuple[str, str]) -> Decimal:
    """Add up the lines of a kind."""
    return sum((line.amount for line in lines if key_of(line) == key and line.amount is not None), Decimal(0))


def plain_name(key: tuple[str, str], locale: str) -> str:
    """Name a kind of line."""
    kind, band = key
    if kind == "energy":
        return t(f"costs.band_{band}", locale)
    words: dict[str, str] = {"power": "", "time": "", "percent": ""}
    return t(f"costs.line_{kind}", locale, **words).partition(",")[0]


def name_of(line: Line, zone: tzinfo, locale: str, several: bool) -> Cell:
    """Name a line; where the month has several tariffs, say which one it is of, and how much of it is estimated."""
    if line.kind == "energy":
        name = t(f"costs.band_{line.band}", locale)
    elif line.kind == "demand":
        power = number(line.quantity, locale, "kW", significant=4)
        when = wording.date_clock(line.at, locale, zone) if line.at else ""
        name = t("costs.line_demand", locale, power=power, time=when) if when else t("costs.line_contracted", locale, power=power)
    elif line.kind == "excess" and line.tariff is not None:
        contracted = number(line.tariff.terms.contracted, locale, "kW", significant=4)
        name = t("costs.line_excess_of", locale, power=contracted)
    elif line.kind == "tax":
        name = t("costs.line_tax", locale, percent=number(line.price, locale, "%"))
    else:
        name = t(f"costs.line_{line.kind}", locale)
    more = []
    if several and line.tariff is not None:
        more.append(t("costs.since", locale, name=line.tariff.terms.name, day=wording.date(line.tariff.terms.valid_from, locale)))
    if line.of_days and line.days != line.of_days:
        more.append(t("costs.for_days", locale, days=line.days, of=line.of_days))
    if line.kind == "excess" and line.tariff is not None:
        terms = line.tariff.terms
        tolerated = t("costs.excess_tolerated", locale, percent=number(terms.tolerance, locale, "%"))
        more += [tolerated] if terms.tolerance else []
        more.append(t("costs.excess_how", locale, times=number(terms.excess, locale)))
    if line.estimated and line.quantity:
        more.append(t("costs.estimated", locale, percent=portion(line.estimated / line.quantity, locale, 1)))
    return [name, html.Div(" · ".join(more), className="tds-muted")] if more else name


def quantity_of(line: Line, locale: str) -> str:
    """Write how much of it there was."""
    if line.kind in ("energy", "unpriced"):
        return number(line.quantity, locale, line.unit, 3, fixed=True)
    return number(line.quantity, locale, "kW", significant=5) if line.kind in ("demand", "excess") else ""


def price_of(line: Line, currency: str, locale: str) -> str:
    """Write what one of it costs."""
    return price(line.price, currency, locale) if line.price is not None and line.kind != "tax" else ""


def day_table(
    sums: Mapping[datetime, Mapping[str, Spent]], bands: Sequence[str], title: str, currency: str, naming: Any, locale: str
) -> Component:
    """Give the chart as a table, the newest first, with the part of each sum that is of estimated consumption."""
    columns = [Column(t("chart.bucket", locale))]
    columns += [Column(t(f"costs.band_{band}", locale), "end") for band in bands] if len(bands) > 1 else []
    columns += [Column(t("chart.total", locale), "end"), Column(t("chart.estimated", locale), "end")]
    lines: list[list[Cell]] = []
    for bucket in sorted(sums, reverse=True):
        spent = sums[bucket]
        own = [money(spent[band].cost if band in spent else None, currency, locale) for band in bands] if len(bands) > 1 else []
        total, estimated = (sum((one[part] for one in spent.values()), Decimal(0)) for part in (0, 1))
        share = portion(estimated / total, locale, 1) if total else NOTHING
        lines.append([naming(bucket), *own, money(total, currency, locale), share])
    return data_table(columns, lines, caption=title)
