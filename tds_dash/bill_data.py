"""What the bills page, its files and the API show: invoices, each held against what was measured, as far as that may be read at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Any

from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql import tariffs
from sql.bills import Bill
from sql.errors import NotFound
from sql.held import Heard, Held, heard, hold, read_once, rows_of
from sql.invoices import Invoice
from sql.tariffs import Plan
from tds_dash import books_panel, doors
from tds_dash.figures import ChartDevice
from tds_dash.identity import account

MOST_ROWS = 100_000  # of the rollups, for a list of invoices
MOST_TOGETHER = 200  # invoices, for a file of them


def held_of(conn: Connection, invoice: Invoice, now: datetime) -> Held:
    """Hold one invoice against what was measured."""
    plan = tariffs.plan(conn, account().id, invoice.resource)
    return hold(conn, account().id, plan, invoice, account().currency, now)


def held_all(conn: Connection, found: Sequence[Invoice], now: datetime) -> list[Held | None]:
    """Hold invoices in their order; None for those of which more would be read than one answer may."""
    meters = _meters(conn, found)
    fit = _fitting(found, meters)
    return [*_together(conn, found[:fit], meters, now), *[None] * (len(found) - fit)]


def held_each(found: Sequence[Invoice], now: datetime) -> Iterator[Held]:
    """Hold any number of invoices in their order, as many at once as one answer may read; between them nothing stays open."""
    left = found
    while left:
        with doors.transaction() as conn:
            meters = _meters(conn, left)
            fit = max(1, _fitting(left[:MOST_TOGETHER], meters))
            held = _together(conn, left[:fit], meters, now)
        yield from held
        left = left[fit:]


def _meters(conn: Connection, found: Sequence[Invoice]) -> dict[str, list[Heard]]:
    """Give what counts each resource of which there is an invoice."""
    return {resource: heard(conn, account().id, resource) for resource in {one.resource for one in found}}


def _fitting(found: Sequence[Invoice], meters: Mapping[str, Sequence[Heard]]) -> int:
    """Give how many invoices, from the first on, may be held with what may be read at once."""
    rows = accumulate(rows_of(one, len(meters[one.resource])) for one in found)
    return sum(1 for _ in takewhile(lambda sum_so_far: sum_so_far <= MOST_ROWS, rows))


def _together(conn: Connection, found: Sequence[Invoice], meters: Mapping[str, Sequence[Heard]], now: datetime) -> list[Held]:
    """Hold invoices; what those of one resource need is read once."""
    zone, plans = account().timezone, tariffs.plans(conn, account().id)
    read = {resource: read_once([one for one in found if one.resource == resource], zone) for resource in meters}
    return [
        hold(conn, account().id, plans.get(one.resource) or Plan(zone), one, account().currency, now, meters[one.resource], read[one.resource])
        for one in found
    ]  # fmt: skip


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
