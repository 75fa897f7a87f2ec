"""Invoices for programs: entered, corrected and removed by editors, each held against what was measured on its days and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson
from flask import Blueprint, Response, request

from sql.errors import Refused
from sql.invoices import Invoice, every_invoice
from sql.tariff_rules import NEWEST, OLDEST, RESOURCES
from tds_dash import bill_data, doors, tariff_acts, view
from tds_dash.api.parameters import answer, not_one_of, paged, shown
from tds_dash.identity import account

TEXTS, DAYS, NUMBERS = ("resource", "unit"), ("first_day", "last_day"), ("quantity", "amount")
FIELDS = (*TEXTS, *DAYS, *NUMBERS)
LONGEST = 60

blueprint = Blueprint("api_invoices", __name__)


@blueprint.get("/invoices")
def list_invoices() -> Response:
    """List the account's invoices."""
    resource = request.args.get("resource") or None
    if resource is not None and resource not in RESOURCES:
        raise not_one_of("resource", RESOURCES)
    with doors.transaction() as conn:
        found = every_invoice(conn, account().id, resource)
    return paged(found, lambda one: plain(bill_data.facts(one)))


@blueprint.get("/invoices/<invoice_id>")
def one_invoice(invoice_id: str) -> Response:
    """Hold one invoice against what was measured."""
    with doors.transaction() as conn:
        return answer(
            plain(bill_data.document(bill_data.held_of(conn, doors.invoice_for_user(conn, invoice_id), datetime.now(UTC))))
        )


@blueprint.post("/invoices")
def add_invoice() -> tuple[Response, int]:
    """Keep an invoice, given as JSON."""
    made = tariff_acts.keep_invoice(invoice_of(body_of(request.get_data(cache=False), FIELDS)))
    return answer(plain(bill_data.facts(made))), 201


@blueprint.put("/invoices/<invoice_id>")
def correct_invoice(invoice_id: str) -> Response:
    """Put what is given, as JSON, in place of what an invoice says; `version` is the one that was read."""
    tariff_acts.invoice_of(invoice_id)  # whose it is comes before what is sent
    given = body_of(request.get_data(cache=False), (*FIELDS, "version"))
    version = given.pop("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Refused("version is the number that the invoice was read with", "api_version")
    return answer(plain(bill_data.facts(tariff_acts.correct_invoice(invoice_id, version, invoice_of(given)))))


@blueprint.delete("/invoices/<invoice_id>")
def remove_invoice(invoice_id: str) -> Response:
    """Remove an invoice; gives what it was."""
    return answer(plain(bill_data.facts(tariff_acts.drop_invoice(invoice_id))))


def body_of(body: bytes, fields: Sequence[str]) -> dict[str, Any]:
    """Read an object of some fields, all of them; raises Refused. Numbers keep their digits."""
    try:
        given = simplejson.loads(body.decode(), use_decimal=True)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused(f"the body is JSON, an object of {', '.join(fields)}", "api_body", fields=", ".join(fields))
    if strange := [str(name)[:LONGEST] for name in given if name not in fields]:
        raise Refused(
            f"an invoice has no field {strange[0]!r}: it has {', '.join(fields)}",
            "api_no_field",
            name=repr(strange[0]),
            fields=", ".join(fields),
        )
    if missing := [name for name in fields if name not in given]:
        raise Refused(f"the field {missing[0]} is missing", "api_field_missing", name=missing[0])
    return given


def invoice_of(given: Mapping[str, Any]) -> Invoice:
    """Make an invoice; raises Refused for what is none. Numbers may be given as text."""
    if wrong := [name for name in TEXTS if not isinstance(given[name], str)]:
        raise Refused(f"{wrong[0]} is text", "api_field_text", name=wrong[0])
    days, numbers = [day(name, given[name]) for name in DAYS], [number(name, given[name]) for name in NUMBERS]
    return Invoice(0, given["resource"], days[0], days[1], numbers[0], given["unit"], numbers[1], None, "")


def day(name: str, given: object) -> date:
    """Read a day."""
    found = view.day_of(given)
    if found is None and view.calendar_day(given):
        raise Refused(
            f"{name} lies between {OLDEST.year} and {NEWEST.year}",
            "api_field_year",
            name=name,
            first=str(OLDEST.year),
            last=str(NEWEST.year),
        )
    if found is None:
        raise Refused(f"{name} is a day that exists, such as 2026-02-28", "api_field_day", name=name)
    return found


def number(name: str, given: object) -> Decimal:
    """Read a number."""
    try:
        if isinstance(given, bool) or not isinstance(given, int | Decimal | str) or len(str(given)) > LONGEST:
            raise InvalidOperation
        return Decimal(given)
    except (InvalidOperation, ValueError):
        raise Refused(f"{name} is a number, or one as text", "api_field_number", name=name) from None


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Give facts as JSON shows them, those of a bill's lines too."""
    return {name: [plain(one) for one in value] if isinstance(value, list) else shown(value) for name, value in found.items()}
