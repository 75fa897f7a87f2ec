"""Invoices as people type them, to be held against what was measured."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.errors import NotFound, Outdated, Refused
from sql.statements import statements
from sql.tariff_rules import NEWEST, OLDEST, RESOURCES, unit_fault
from sql.units import canonical

FILE = "tariffs.sql"
LARGEST = Decimal("1e15")
PLACES = 8
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
    version: int = 1
    changed_at: datetime | None = None
    changed_by: str | None = None

    @property
    def target(self) -> str:
        """Name it for the audit."""
        return f"{self.resource} {self.first_day.isoformat()} - {self.last_day.isoformat()}"

    def facts(self) -> dict[str, object]:
        """Give what it says, by the names of the audit."""
        return {"quantity": self.quantity, "unit": self.unit, "amount": self.amount}

    def all_facts(self) -> dict[str, object]:
        """Give what a correction may change, by the names of the audit."""
        days = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        return {"resource": self.resource, **days, **self.facts()}


def invoices(connection: Connection, account_id: int, resource: str | None = None) -> list[Invoice]:
    """List an account's newest invoices, the newest period first."""
    binds = {"account": account_id, "resource": resource, "limit": SHOWN}
    return [Invoice(*row) for row in connection.execute(statements(FILE)["invoices"], binds)]


def every_invoice(connection: Connection, account_id: int, resource: str | None = None) -> list[Invoice]:
    """List all of an account's invoices, in the order in which they were entered."""
    binds = {"account": account_id, "resource": resource}
    return [Invoice(*row) for row in connection.execute(statements(FILE)["every_invoice"], binds)]


def find_invoice(connection: Connection, invoice_id: int, version: int | None = None, *, hold: bool = False) -> Invoice:
    """Give an invoice; raises NotFound. `hold` it until the end of the transaction, and raise Outdated where it is not the version looked at."""
    if hold:
        connection.execute(statements(FILE)["hold_invoice"], {"id": invoice_id})
    row = connection.execute(statements(FILE)["invoice"], {"id": invoice_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such invoice")
    if version is not None and row.version != version:
        raise Outdated
    return Invoice(*row)


def add_invoice(connection: Connection, account_id: int, given: Invoice) -> Invoice:
    """Keep an invoice; raises Refused for one that cannot be, and for days of which there is one already."""
    binds = _checked(connection, account_id, given._replace(id=0))
    return find_invoice(connection, connection.execute(statements(FILE)["add_invoice"], binds).scalar_one())


def change_invoice(connection: Connection, account_id: int, before: Invoice, given: Invoice) -> Invoice:
    """Put what is given in place of what an invoice says; who entered it stays. Raises Refused as `add_invoice` does."""
    binds = _checked(connection, account_id, given._replace(id=before.id))
    connection.execute(statements(FILE)["change_invoice"], binds)
    return find_invoice(connection, before.id)


def _checked(connection: Connection, account_id: int, given: Invoice) -> dict[str, object]:
    """Give the values of an invoice that may be kept; no other one of the account gets days of the resource until the end of the transaction."""
    for fault in faults(given).values():
        raise fault
    binds = {**given._asdict(), "unit": canonical(given.unit), "account": account_id, "by": given.created_by}
    connection.execute(statements(FILE)["lock_invoices"], {"account": account_id})
    row = connection.execute(statements(FILE)["overlapping"], binds).one_or_none()
    if row is not None:
        other = Invoice(*row)
        raise Refused(f"there is an invoice of these days already: {other.target}", "invoice_overlaps",
                      first_day=other.first_day, last_day=other.last_day)  # fmt: skip
    return binds


def faults(given: Invoice) -> dict[str, Refused]:
    """Give what is wrong with an invoice, by field, in the order in which a person reads them."""
    found: dict[str, Refused] = {}
    if given.resource not in RESOURCES:
        found["resource"] = Refused("an invoice is of electricity, water, gas or other", "tariff_resource")
    for name, day in (("first_day", given.first_day), ("last_day", given.last_day)):
        if not OLDEST <= day <= NEWEST:
            found[name] = Refused("a day of an invoice lies between 1970 and 2100", "tariff_day")
    if not found.keys() & {"first_day", "last_day"} and not timedelta(0) <= given.last_day - given.first_day <= LONGEST:
        found["last_day"] = Refused("an invoice's last day comes after its first, by 400 days at most", "invoice_days")
    if not 0 <= _exact(given.quantity) < LARGEST:
        found["quantity"] = Refused(
            "an invoice's quantity is from 0 and below 10^15, with at most 8 decimals", "invoice_quantity"
        )
    if "resource" not in found and (fault := unit_fault(given.resource, given.unit)):
        found["unit"] = fault
    if not abs(_exact(given.amount)) < LARGEST:
        found["amount"] = Refused("an invoice's amount is below 10^15, with at most 8 decimals", "invoice_amount")
    return found


def remove_invoice(connection: Connection, before: Invoice) -> None:
    """Remove an invoice."""
    connection.execute(statements(FILE)["remove_invoice"], {"id": before.id})


def _exact(value: Decimal) -> Decimal:
    """Give an amount that can be kept; infinity for any other, with more decimals or digits than anybody is asked for."""
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and -PLACES <= exponent <= 15 else Decimal("Infinity")
