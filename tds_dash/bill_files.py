"""Bills as CSV: invoices with how they differ, one of them line by line, and the bill of a month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from sql.held import Held
from sql.invoices import every_invoice
from sql.tariff_rules import RESOURCES
from sql.tariffs import ONE_DAY
from tds_dash import bill_data, cost_data, doors
from tds_dash.api.exports import stream
from tds_dash.identity import account

LIST = ("resource", "first_day", "last_day", "quantity", "unit", "amount", "currency", "measured", "estimated", "coverage", "days_over", "cost",
        "quantity_difference", "quantity_share", "amount_difference", "amount_share", "verdict")  # fmt: skip
LINES = (
    "resource",
    "first_day",
    "last_day",
    "line",
    "band",
    "tariff",
    "days",
    "of_days",
    "quantity",
    "unit",
    "price",
    "amount",
    "currency",
    "estimated",
)

blueprint = Blueprint("bills", __name__)


@blueprint.get("/_bills/export.csv")
def export() -> Response:
    """Stream the invoices, each with what it is held against, one by one."""
    resource = request.args.get("resource")
    with doors.transaction() as conn:
        found = every_invoice(conn, account().id, resource if resource in RESOURCES else None)
    return stream("bills", LIST, all_rows([one.id for one in found]))


@blueprint.get("/_bills/<invoice_id>.csv")
def one(invoice_id: str) -> Response:
    """Give one invoice, what was measured, and the lines that it is made of."""
    with doors.transaction() as conn:
        held = bill_data.held_of(conn, doors.invoice_for_user(conn, invoice_id), datetime.now(UTC))
    name = f"bill-{held.invoice.resource}-{held.invoice.first_day.isoformat()}-{held.invoice.last_day.isoformat()}"
    return stream(name, LINES, one_rows(held))


@blueprint.get("/_costs/export.csv")
def month() -> Response:
    """Give the bill of a month line by line, as the costs page shows it."""
    resource, now = request.args.get("resource", ""), datetime.now(UTC)
    asked = cost_data.asked(resource, request.args.get("month"), now)
    with doors.reading() as conn:
        bill = cost_data.gather(conn, asked).bill
    last = bill.until - ONE_DAY
    head = [asked.resource, bill.start.isoformat(), last.isoformat()]
    rows = ([*head, *({**line, "currency": bill.currency}[name] for name in LINES[3:])] for line in bill_data.lines(bill))
    return stream(f"costs-{asked.resource}-{asked.month:%Y-%m}", LINES, rows)


def all_rows(ids: Sequence[int]) -> Iterator[Sequence[Any]]:
    """Give a row for each invoice."""
    for number in ids:
        with doors.transaction() as conn:
            row = bill_data.document(bill_data.held_of(conn, doors.invoice_for_user(conn, number), datetime.now(UTC)))
        yield [row[name] for name in LIST]


def one_rows(held: Held) -> Iterator[Sequence[Any]]:
    """Give what is asked, what was measured, how they differ; then the measured lines."""
    row = bill_data.document(held)
    head = [row["resource"], row["first_day"], row["last_day"]]
    for line, quantity, amount, estimated in (
        ("invoice", row["quantity"], row["amount"], None),
        ("measured", row["measured"], row["cost"], row["estimated"]),
        ("difference", row["quantity_difference"], row["amount_difference"], None),
    ):
        yield [*head, line, "", "", row["days"], "", quantity, row["unit"], None, amount, row["currency"], estimated]
    for part in row["lines"]:
        values = {**part, "currency": row["currency"]}
        yield [*head, *(values[name] for name in LINES[3:])]
