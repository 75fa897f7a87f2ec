"""Invoices as people type them, to be held against what was measured."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.errors import NotFound, Refused
from sql.statements import statements
from sql.tariff_rules import NEWEST, OLDEST, RESOURCES, unit_fault
from sql.units import canonical

FILE = "tariffs.sql"
LARGEST = Decimal("1e15")
LONGEST = timedelta(days=400)
SHOWN = 24


class Invoice(NamedTuple):
    """What a supplier asks for a period, its first and last day both included."""

    id: int
    resource: str
    first_day: date
    last_day: date
    quantity: Decimal
    unit: str
    amount: Decimal
    created_at: datetime | None
    created_by: str

    @property
    def target(self) -> str:
        """Name it for the audit."""
        return f"{self.resource} {self.first_day.isoformat()} - {self.last_day.isoformat()}"

    def facts(self) -> dict[str, object]:
        """Give what it says, by the names of the audit."""
        return {"quantity": self.quantity, "unit": self.unit, "amount": self.amount}


def invoices(connection: Connection, account_id: int, resource: str | None = None) -> list[Invoice]:
    """List an account's newest invoices, the newest period first."""
    binds = {"account": account_id, "resource": resource, "limit": SHOWN}
    return [Invoice(*row) for row in connection.execute(statements(FILE)["invoices"], binds)]


def find_invoice(connection: Connection, invoice_id: int) -> Invoice:
    """Give an invoice; raises NotFound."""
    row = connection.execute(statements(FILE)["invoice"], {"id": invoice_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such invoice")
    return Invoice(*row)


def add_invoice(connection: Connection, account_id: int, given: Invoice) -> Invoice:
    """Keep an invoice; raises Refused."""
    if given.resource not in RESOURCES:
        raise Refused("an invoice is of electricity, water, gas or other", "tariff_resource")
    if not OLDEST <= given.first_day <= given.last_day <= NEWEST or given.last_day - given.first_day > LONGEST:
        raise Refused("an invoice's last day comes after its first, by 400 days at most", "invoice_days")
    if not (given.quantity.is_finite() and 0 <= given.quantity < LARGEST):
        raise Refused("an invoice's quantity is from 0 and below 10^15", "invoice_quantity")
    if not (given.amount.is_finite() and abs(given.amount) < LARGEST):
        raise Refused("an invoice's amount is below 10^15", "invoice_amount")
    if fault := unit_fault(given.resource, given.unit):
        raise fault
    binds = {**given._asdict(), "unit": canonical(given.unit), "account": account_id, "by": given.created_by}
    return find_invoice(connection, connection.execute(statements(FILE)["add_invoice"], binds).scalar_one())


def remove_invoice(connection: Connection, before: Invoice) -> None:
    """Remove an invoice."""
    connection.execute(statements(FILE)["remove_invoice"], {"id": before.id})
