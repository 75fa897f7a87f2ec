"""Budgets: what a month of a resource should not pass, in units or money, from a month on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.errors import Refused
from sql.statements import statements
from sql.tariff_rules import NEWEST, OLDEST, RESOURCES, unit_fault
from sql.units import canonical

FILE = "tariffs.sql"
MEASURES = ("money", "quantity")
LARGEST = Decimal("1e15")


class Budget(NamedTuple):
    """What a month of a resource should not pass; `unit` is empty for money, an amount of 0 is no budget."""

    resource: str
    month: date
    measure: str
    unit: str
    amount: Decimal

    @property
    def target(self) -> str:
        """Name it for the audit."""
        return f"{self.resource} {self.month:%Y-%m}"


def budgets(connection: Connection, account_id: int) -> list[Budget]:
    """List an account's budgets by resource and month."""
    return [Budget(*row) for row in connection.execute(statements(FILE)["budgets"], {"account": account_id})]


def budget_of(found: list[Budget], resource: str, month: date) -> Budget | None:
    """Give the budget of a month: the last one that was set from that month on or before; None where there is none."""
    valid = [one for one in found if one.resource == resource and one.month <= month]
    return valid[-1] if valid and valid[-1].amount else None


def hold_budget(connection: Connection, account_id: int, resource: str, month: date) -> Budget | None:
    """Give the budget that was set from a month on, which stays so until the end of the transaction; None where there is none."""
    binds = {"account": account_id, "resource": resource, "month": month.replace(day=1)}
    row = connection.execute(statements(FILE)["hold_budget"], binds).one_or_none()
    return None if row is None else Budget(*row)


def set_budget(connection: Connection, account_id: int, given: Budget, over: bool = True) -> Budget:
    """Set a budget from a month on, `over` one that is there; raises Refused."""
    if given.resource not in RESOURCES:
        raise Refused("a budget is of electricity, water, gas or other", "tariff_resource")
    if given.measure not in MEASURES:
        raise Refused("a budget is in money or units", "budget_measure")
    if not OLDEST <= given.month <= NEWEST:
        raise Refused("a budget begins between 1970 and 2100", "tariff_day")
    if not (given.amount.is_finite() and 0 <= given.amount < LARGEST):
        raise Refused("a budget is from 0 and below 10^15", "budget_amount")
    if given.measure == "quantity" and (fault := unit_fault(given.resource, given.unit)):
        raise fault
    unit = canonical(given.unit) if given.measure == "quantity" else ""
    kept = given._replace(month=given.month.replace(day=1), unit=unit)
    if (
        connection.execute(statements(FILE)["set_budget"], {**kept._asdict(), "account": account_id, "over": over}).scalar()
        is None
    ):
        raise Refused("somebody else has set a budget of that month a moment ago", "budget_changed")
    return kept


def remove_budget(connection: Connection, account_id: int, resource: str, month: date) -> Budget | None:
    """Take a budget back: the one before it is valid again; gives it, None where there was none."""
    binds = {"account": account_id, "resource": resource, "month": month}
    row = connection.execute(statements(FILE)["remove_budget"], binds).one_or_none()
    return None if row is None else Budget(*row)
