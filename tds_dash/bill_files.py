"""Bills and costs as files: invoices with how they differ, one of them line by line, and the bill of a month as its page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, request

from sql import tariffs
from sql.bills import Bill, rounded
from sql.held import Held
from sql.invoices import Invoice, every_invoice
from sql.tariff_rules import RESOURCES
from tds_dash import bill_data, bills_view, cost_data, costs_view, doors, sheets
from tds_dash.cost_data import Compared, Found
from tds_dash.figures.costs import ORDER, Spent
from tds_dash.identity import account, zone
from tds_dash.sheets import Field, File, Sheet, share
from tds_dash.wording import month as month_in_words
from tds_dash.wording import t

COUNTED = ("energy", "unpriced", "demand", "excess")  # the others go by days, which have columns of their own, or by other lines

blueprint = Blueprint("bills", __name__)


def invoices() -> File:
    """Give the invoices, each with what it is held against, one by one."""
    language, resource = sheets.language(), request.args.get("resource")
    with doors.transaction() as conn:
        found = every_invoice(conn, account().id, resource if resource in RESOURCES else None)
    fields = [
        Field(t("field.resource", language)),
        Field(t("bills.field_first_day", language), "day"),
        Field(t("bills.field_last_day", language), "day"),
    ]
    fields += [
        Field(t("costs.quantity", language), "number"),
        Field(t("bills.found", language), "number"),
        Field(t("field.unit", language)),
    ]
    fields += [
        Field(t("bills.quantity_differs", language), "share"),
        Field(t("chart.estimated", language), "share"),
        Field(t("chart.coverage", language), "share"),
    ]
    fields += [Field(in_money("costs.amount", language), "money"), Field(in_money("bills.by_tariffs", language), "money")]
    fields += [
        Field(t("bills.amount_differs", language), "share"),
        Field(t("bills.verdict", language)),
        Field(t("bills.entered", language)),
    ]
    return File("bills", language, [Sheet(t("bills.title", language), fields, invoice_rows(found, language))])


def invoice_rows(found: Sequence[Invoice], language: str) -> Iterator[list[Any]]:
    """Give a row for each invoice."""
    for held in bill_data.held_each(found, datetime.now(UTC)):
        invoice = held.invoice
        yield [
            t(f"resource.{invoice.resource}", language), invoice.first_day, invoice.last_day, invoice.quantity, held.measured, invoice.unit,
            bill_data.rounded(held.quantity.share) if held.quantity else None, share(held.estimated, held.measured), round(held.coverage, 6),
            invoice.amount, held.cost, bill_data.rounded(held.money.share) if held.money else None,
            t(f"bills.verdict_{held.verdict}", language), invoice.created_by,
        ]  # fmt: skip


def invoice(invoice_id: str) -> File:
    """Give one invoice held against what was measured, and the lines that it is made of."""
    language = sheets.language()
    with doors.transaction() as conn:
        held = bill_data.held_of(conn, doors.invoice_for_user(conn, invoice_id), datetime.now(UTC))
    found = held.invoice
    name = f"bill-{found.resource}-{found.first_day.isoformat()}-{found.last_day.isoformat()}"
    return File(name, language, [compared_sheet(held, language), bill_sheet(held.bill, t("bills.parts", language), language)])


def compared_sheet(held: Held, language: str) -> Sheet:
    """Give quantity and amount of an invoice beside what was found."""
    fields = [Field(bills_view.named(held.invoice, language)), Field(t("field.unit", language))]
    fields += [Field(t(f"bills.{name}", language), "number") for name in ("asks", "found", "differs")]
    fields += [Field(t("bills.share", language), "share"), Field(t("chart.estimated", language), "share"), Field(t("chart.coverage", language), "share")]  # fmt: skip
    one, quality = held.invoice, [share(held.estimated, held.measured), round(held.coverage, 6)]
    rows = [
        [t(f"costs.{name}", language), unit, asked, found, differs.amount if differs else None, bill_data.rounded(differs.share) if differs else None, *quality]
        for name, unit, asked, found, differs in (
            ("quantity", one.unit, one.quantity, held.measured, held.quantity),
            ("amount", account().currency, one.amount, held.cost, held.money),
        )
    ]  # fmt: skip
    return Sheet(t("bills.compared", language), fields, rows)


def month() -> File:
    """Give the bill of a month, the same part of the month before, and each day, or month, by band, as the costs page shows them."""
    language, now = sheets.language(), datetime.now(UTC)
    asked = cost_data.asked(request.args.get("resource", ""), request.args.get("month"), now)
    step: Any = "month" if request.args.get("per") == "month" else "day"
    with doors.reading() as conn:
        found = cost_data.gather(conn, asked)
        sums = cost_data.spent_by_bucket(
            cost_data.by_band(conn, asked, tariffs.plan(conn, asked.account_id, asked.resource), step)
        )
    title = t("costs.bill_running" if asked.running else "costs.bill", language, month=month_in_words(asked.month, language))
    shown = [bill_sheet(found.bill, title, language), to_date_sheet(found.compared, language), *ahead_sheet(found, language)]
    name = t(f"costs.chart_{step}", language, resource=t(f"resource.{asked.resource}", language), currency=asked.currency)
    shown.append(Sheet(name, *by_band(sums, step, language)))
    return File(f"costs-{asked.resource}-{asked.month:%Y-%m}", language, shown)


sheets.serve(blueprint, "/_bills/export", invoices)
sheets.serve(blueprint, "/_bills/<invoice_id>", invoice, "one")
sheets.serve(blueprint, "/_costs/export", month, "month")


def bill_sheet(bill: Bill, title: str, language: str) -> Sheet:
    """Give a bill line by line."""
    fields = [
        Field(t("costs.line", language)),
        Field(t("costs.tariff", language)),
        Field(t("costs.days", language), "count"),
        Field(t("costs.of_days", language), "count"),
    ]
    fields += [
        Field(t("costs.quantity", language), "number"),
        Field(t("field.unit", language)),
        Field(t("chart.estimated", language), "number"),
    ]
    fields += [Field(in_money("costs.price", language), "price"), Field(in_money("costs.amount", language), "money")]  # fmt: skip
    rows: list[list[Any]] = [
        [
            costs_view.plain_name((line.kind, line.band), language), line.tariff.terms.name if line.tariff else None, line.days or None, line.of_days or None,
            *((line.quantity, line.unit) if line.kind in COUNTED else (None, None)), line.estimated or None, line.price if line.kind != "tax" else None, line.amount,
        ]
        for line in bill.lines
    ]  # fmt: skip
    rows.append([t("costs.line_total", language), *[None] * 7, bill.total])
    return Sheet(title, fields, rows)


def to_date_sheet(compared: Compared, language: str) -> Sheet:
    """Give the same part of two months beside each other, line by line."""
    sides = [one for one in (compared.bill, compared.before) if one is not None]
    fields = [
        Field(t("costs.line", language)),
        *(Field(f"{costs_view.run_of(one, language)} ({one.currency})", "money") for one in sides),
    ]
    fields.append(Field(in_money("costs.difference", language), "money"))
    rows: list[list[Any]] = []
    for key in costs_view.keys_of(compared) if len(sides) == 2 else []:
        now, then = (costs_view.summed(one.lines, key) for one in sides)
        rows.append([costs_view.plain_name(key, language), now, then, now - then])
    return Sheet(t("costs.to_date", language), fields, rows)


def ahead_sheet(found: Found, language: str) -> list[Sheet]:
    """Give how the running month is expected to end, and its budget; nothing of another month."""
    ahead = found.projected
    if ahead is None:
        return []
    fields = [Field(t("costs.expected", language)), Field(t("field.unit", language))]
    fields += [Field(t(f"costs.{name}", language), "number") for name in ("expected_short", "at_least", "at_most", "budget")]
    fields.append(Field(t("costs.passed_on", language), "day"))
    budget = ahead.budget
    in_units, by_money = (budget is not None and (budget.measure == "money") is wanted for wanted in (False, True))
    consumed = ahead.consumption
    rows: list[list[Any]] = [
        [t("chart.consumption", language), ahead.unit, round(consumed.expected, 6), round(consumed.low, 6), round(consumed.high, 6),
         budget.amount if budget and in_units else None, ahead.passed_on if in_units else None],
        [t("costs.amount", language), found.bill.currency, *(None if one is None else rounded(one, found.bill.currency) for one in (ahead.total, ahead.low, ahead.high)),
         budget.amount if budget and by_money else None, ahead.passed_on if by_money else None],
    ]  # fmt: skip
    return [Sheet(t("costs.expected", language), fields, rows)]


def by_band(sums: dict[datetime, dict[str, Spent]], step: str, language: str) -> tuple[list[Field], Iterator[list[Any]]]:
    """Give the chart: a row for each day or month, oldest first, a column for each band."""
    bands = [band for band in ORDER if any(band in own for own in sums.values())]
    fields = [
        Field(t("chart.bucket", language), step),
        *(Field(in_money(f"costs.band_{band}", language), "money") for band in bands),
    ]
    fields += [Field(in_money("chart.total", language), "money"), Field(t("chart.estimated", language), "share")]

    def rows() -> Iterator[list[Any]]:
        for start in sorted(sums):
            own = sums[start]
            total = cost_data.total_of(own)
            estimated = sum((one.estimated for one in own.values()), Decimal(0))
            costs = [round(own[band].cost, 6) if band in own else None for band in bands]
            yield [sheets.bucket(start, step, zone()), *costs, round(total, 6), share(estimated, total)]

    return fields, rows()


def in_money(key: str, language: str) -> str:
    """Name a column of amounts with their currency."""
    return f"{t(key, language)} ({account().currency})"
