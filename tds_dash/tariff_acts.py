"""Changing tariffs, holidays, budgets and invoices in the pages: the role first, then the change, with its line in the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sql import budgets, invoices, tariffs
from sql.audit import changed
from sql.budgets import Budget
from sql.consumption import plain
from sql.errors import NotFound, Refused
from sql.holidays import BRAZIL, Holiday, add_holidays, brazilian, remove_holiday
from sql.invoices import Invoice
from sql.tariff_rules import RESOURCES, Terms
from sql.tariffs import Tariff
from tds_dash import auditing, doors
from tds_dash.identity import account, locale, person
from tds_dash.rights import require_editor


def tariff_of(tariff_id: object) -> Tariff:
    """Give a tariff to somebody who may change it."""
    with doors.transaction() as conn:
        found = doors.tariff_for_user(conn, tariff_id)
    require_editor()
    return found


def save(seen: object, terms: Terms) -> Tariff:
    """Add a tariff, or change the one that was opened; raises Refused, Outdated where somebody else was faster."""
    require_editor()
    number = seen.get("id") if isinstance(seen, dict) else None
    with doors.transaction() as conn:
        if number is None:
            made = tariffs.add_tariff(conn, account().id, terms)
            auditing.note(conn, "tariff.added", made.target, after=made.facts())
            return made
        version = seen.get("version") if isinstance(seen, dict) else None
        doors.tariff_for_user(conn, number)
        before = tariffs.find_tariff(conn, int(number), version if isinstance(version, int) else 0, hold=True)
        if (terms.resource, terms.valid_from) != (before.terms.resource, before.terms.valid_from):
            raise Refused("a tariff keeps its resource and its day: copy it to another day", "tariff_kept")
        made = tariffs.change_tariff(conn, before, terms)
        old, new = changed(before.facts(), made.facts())
        if new:
            auditing.note(conn, "tariff.changed", made.target, old, new)
    return made


def remove(tariff_id: object) -> Tariff:
    """Remove a tariff."""
    with doors.transaction() as conn:
        before = doors.tariff_for_user(conn, tariff_id)
        require_editor()
        tariffs.remove_tariff(conn, before)
        auditing.note(conn, "tariff.removed", before.target, before=before.facts())
    return before


def add_days(wanted: Mapping[date, str]) -> list[Holiday]:
    """Add holidays; raises Refused."""
    require_editor()
    with doors.transaction() as conn:
        made = add_holidays(conn, account().id, wanted)
        if made:
            auditing.note(conn, "holiday.added", f"{made[0].day} - {made[-1].day}" if len(made) > 1 else str(made[0].day),
                          after={"name": ", ".join(one.name for one in made)[:400]})  # fmt: skip
    return made


def add_national(year: int) -> list[Holiday]:
    """Add Brazil's national holidays of a year and the next; raises Refused elsewhere."""
    require_editor()
    if account().timezone not in BRAZIL:
        raise Refused("these are Brazil's holidays", "holiday_elsewhere")
    return add_days({one.day: one.name for which in (year, year + 1) for one in brazilian(which, locale())})


def remove_day(ordinal: object) -> Holiday:
    """Take a holiday back."""
    require_editor()
    if not isinstance(ordinal, int) or isinstance(ordinal, bool) or not 700_000 < ordinal < 800_000:
        raise NotFound("there is no such holiday")
    with doors.transaction() as conn:
        found = remove_holiday(conn, account().id, date.fromordinal(ordinal))
        if found is None:
            raise NotFound("there is no such holiday")
        auditing.note(conn, "holiday.removed", str(found.day), before={"name": found.name})
    return found


def keep_budget(given: Budget, seen: object) -> Budget:
    """Set a budget; raises Refused, also where it is not the one that was looked at (`seen`) that it would take the place of."""
    require_editor()
    with doors.transaction() as conn:
        before = budgets.hold_budget(conn, account().id, given.resource, given.month)
        if before is not None and set_to(before) != set_to(given):
            untouched(before, seen)
        made = budgets.set_budget(conn, account().id, given, over=before is not None)
        old, new = changed(set_to(before) if before else {}, set_to(made))
        if new:
            auditing.note(conn, "budget.set", made.target, old if before else None, new)
    return made


def set_to(budget: Budget) -> dict[str, object]:
    """Give what a month was allowed."""
    return {"measure": budget.measure, "unit": budget.unit, "amount": plain(budget.amount)}


def looked_at(found: Sequence[Budget]) -> dict[str, dict[str, object]]:
    """Give what a page shows of budgets, for it to say later what was looked at."""
    return {str(number_of(one)): set_to(one) for one in found}


def untouched(budget: Budget, seen: object) -> None:
    """Refuse where a budget is another one than the page showed."""
    if not isinstance(seen, dict) or seen.get(str(number_of(budget))) != set_to(budget):
        raise Refused("somebody else has set this budget meanwhile", "budget_changed")


def number_of(budget: Budget) -> int:
    """Give the number by which a button names a budget: its resource and its month."""
    return (budget.month.year * 12 + budget.month.month - 1) * len(RESOURCES) + RESOURCES.index(budget.resource)


def drop_budget(number: object, seen: object) -> Budget:
    """Take a budget back; raises Refused where it is not the one that was looked at."""
    require_editor()
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2200 * 12 * len(RESOURCES):
        raise NotFound("there is no such budget")
    months, resource = divmod(number, len(RESOURCES))
    year, month = divmod(months, 12)
    if year < 1970:
        raise NotFound("there is no such budget")
    with doors.transaction() as conn:
        found = budgets.hold_budget(conn, account().id, RESOURCES[resource], date(year, month + 1, 1))
        if found is None:
            raise NotFound("there is no such budget")
        untouched(found, seen)
        budgets.remove_budget(conn, account().id, found.resource, found.month)
        auditing.note(conn, "budget.removed", found.target, before=set_to(found))
    return found


def keep_invoice(given: Invoice) -> Invoice:
    """Keep an invoice; raises Refused."""
    require_editor()
    with doors.transaction() as conn:
        made = invoices.add_invoice(conn, account().id, given._replace(created_by=person().row.email))
        auditing.note(conn, "invoice.added", made.target, after=made.facts())
    return made


def invoice_of(invoice_id: object) -> Invoice:
    """Give an invoice to somebody who may correct it."""
    with doors.transaction() as conn:
        found = doors.invoice_for_user(conn, invoice_id)
    require_editor()
    return found


def correct_invoice(invoice_id: object, version: object, given: Invoice) -> Invoice:
    """Put what is given in place of what an invoice says; raises Refused, Outdated where it is not the version that was looked at."""
    with doors.transaction() as conn:
        doors.invoice_for_user(conn, invoice_id)
        require_editor()
        looked_at = version if isinstance(version, int) and not isinstance(version, bool) else 0
        before = doors.invoice_for_user(conn, invoice_id, looked_at, hold=True)
        made = invoices.change_invoice(conn, account().id, before, given)
        old, new = changed(before.all_facts(), made.all_facts())
        if new:
            auditing.note(conn, "invoice.changed", before.target, old, new)
    return made


def drop_invoice(invoice_id: object) -> Invoice:
    """Remove an invoice."""
    with doors.transaction() as conn:
        found = doors.invoice_for_user(conn, invoice_id)
        require_editor()
        invoices.remove_invoice(conn, found)
        auditing.note(conn, "invoice.removed", found.target, before=found.facts())
    return found
