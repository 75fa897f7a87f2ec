"""What the bills page, its files and the API show: invoices, each held against what was measured, as far as that may be read at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql import tariffs
from sql.bills import Bill
from sql.errors import NotFound
from sql.held import Held, heard, hold, read_once, rows_of
from sql.invoices import Invoice
from sql.tariffs import Plan
from tds_dash import books_panel, doors
from tds_dash.figures import ChartDevice
from tds_dash.identity import account

MOST_ROWS = 100_000  # of the rollups, for a list of invoices


def held_of(conn: Connection, invoice: Invoice, now: datetime) -> Held:
    """Hold one invoice against what was measured."""
    plan = tariffs.plan(conn, account().id, invoice.resource)
    return hold(conn, account().id, plan, invoice, account().currency, now)


def held_all(conn: Connection, found: Sequence[Invoice], now: datetime) -> list[Held | None]:
    """Hold invoices in their order; None for those of which more would be read than one answer may."""
    plans = tariffs.plans(conn, account().id)
    meters = {resource: heard(conn, account().id, resource) for resource in {one.resource for one in found}}
    zone = account().timezone
    made: list[Held | None] = []
    left = MOST_ROWS
    read = read_once(found, zone)
    for one in found:
        own = meters[one.resource]
        left -= rows_of(one, len(own))
        plan = plans.get(one.resource) or Plan(zone)
        made.append(hold(conn, account().id, plan, one, account().currency, now, own, read) if left >= 0 else None)
    return made


def opened(conn: Connection, found: list[Invoice], chosen: Any) -> Invoice | None:
    """Give the invoice that is chosen; the newest where none is, or where it is not there any more."""
    try:
        return doors.invoice_for_user(conn, chosen) if chosen else next(iter(found), None)
    except NotFound:
        return next(iter(found), None)


def drawn_meters(conn: Connection, given: Any) -> list[ChartDevice]:
    """Give the meters whose books are opened."""
    if not isinstance(given, dict):
        raise PreventUpdate
    return books_panel.of_resource(conn, given.get("resource"), None)


def facts(invoice: Invoice) -> dict[str, Any]:
    """Give an invoice as programs read it."""
    days = {name: getattr(invoice, name).isoformat() for name in ("first_day", "last_day")}
    return {**invoice._asdict(), **days, "currency": account().currency}


def document(found: Held) -> dict[str, Any]:
    """Give an invoice with what it is held against as programs read it."""
    quantity, money = found.quantity, found.money
    return {
        **facts(found.invoice),
        "verdict": found.verdict,
        "days": found.days,
        "days_over": found.over,
        "days_without_tariff": found.unpriced,
        "coverage": round(found.coverage, 6),
        "measured": found.measured,
        "estimated": found.estimated if found.measured is not None else None,
        "cost": found.cost,
        "quantity_difference": quantity.amount if quantity else None,
        "quantity_share": rounded(quantity.share) if quantity else None,
        "amount_difference": money.amount if money else None,
        "amount_share": rounded(money.share) if money else None,
        "lines": lines(found.bill),
    }


def lines(bill: Bill) -> list[dict[str, Any]]:
    """Give a bill's lines as programs read them."""
    return [
        {
            "line": line.kind, "band": line.band, "tariff": line.tariff.terms.name if line.tariff else None,
            "quantity": line.quantity, "unit": line.unit, "price": line.price, "amount": line.amount, "estimated": line.estimated,
            "days": line.days, "of_days": line.of_days,
        }
        for line in bill.lines
    ]  # fmt: skip


def rounded(share: Any) -> Any:
    """Give a share to six places."""
    return None if share is None else round(share, 6)
