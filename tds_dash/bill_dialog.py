"""The dialog in which an invoice is typed, or corrected: what is wrong is said beside each field, with everything still there as it was typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql import invoices
from sql.errors import Refused
from sql.invoices import Invoice
from sql.tariff_rules import RESOURCES, unit_fault
from tds_dash import tariff_acts, typed, view
from tds_dash.bills_view import named
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.event_words import refusal
from tds_dash.identity import locale, zone
from tds_dash.page_frame import stamp
from tds_dash.pressing import pressed
from tds_dash.rights import require_editor
from tds_dash.tariff_form import UNITS
from tds_dash.wording import MINUS, t

FORM = "bills-form"
FIELDS = ("resource", "first_day", "last_day", "quantity", "unit", "amount")
PLACES = {"invoice_overlaps": "first_day"}


def form(language: str) -> Component:
    """Give the dialog, closed."""

    def field(name: str, hint: bool = False, **given: Any) -> html.Div:
        said = t(f"bills.hint_{name}", language) if hint else ""
        return line_of_text(f"{FORM}-{name}", t(f"bills.field_{name}", language), said, **given)

    resources = [(name, t(f"resource.{name}", language)) for name in RESOURCES]
    days = [
        form_field(f"{FORM}-{name}", t(f"bills.field_{name}", language), dbc.Input(id=f"{FORM}-{name}", type="date", className="tds-input"))
        for name in ("first_day", "last_day")
    ]  # fmt: skip
    fields = [
        one_of(f"{FORM}-resource", t("field.resource", language), resources),
        html.Div(days, className="tds-pair"),
        html.P(t("bills.hint_days", language), className="tds-muted mb-0"),
        html.Div(
            [field("quantity", inputMode="decimal", maxLength=40), field("unit", hint=True, maxLength=16)], className="tds-pair"
        ),
        field("amount", hint=True, inputMode="decimal", maxLength=40),
        html.Div(id=f"{FORM}-told", **LIVE),
        dcc.Store(id=f"{FORM}-seen"),
    ]
    return dialog(FORM, html.Span(t("bills.new", language), id=f"{FORM}-title"), fields, t("action.save", language))


def read(values: Sequence[Any], language: str) -> tuple[Invoice | None, dict[str, Refused]]:
    """Read the form; gives the invoice, or what is wrong by field."""
    given = dict(zip(FIELDS, values, strict=True))
    found: dict[str, Refused] = {}
    days = {name: view.day_of(given[name]) for name in ("first_day", "last_day")}
    found |= {name: typed.no_day(given[name]) for name, day in days.items() if day is None}
    numbers = {name: amount(name, given[name], language, found) for name in ("quantity", "amount")}
    resource, unit = (given[name].strip()[:200] if isinstance(given[name], str) else "" for name in ("resource", "unit"))
    first, last = (day or date(2000, 1, 1) for day in days.values())
    invoice = Invoice(0, resource, first, last, numbers["quantity"], unit, numbers["amount"], None, "")
    for name, fault in invoices.faults(invoice).items():
        if name != "last_day" or None not in days.values():
            found.setdefault(name, fault)
    return (None if found else invoice), found


def amount(name: str, given: object, language: str, found: dict[str, Refused]) -> Decimal:
    """Read a number; an amount may be below nought, where the supplier owes. Nought, with the fault noted, for what is none."""
    text = given.strip() if isinstance(given, str) else ""
    owed = name == "amount" and text[:1] in ("-", MINUS)
    try:
        value = typed.amount(text[1:] if owed else text, language)
    except Refused as error:
        found[name] = error
        return Decimal(0)
    return -value if owed else value


def open_form(asked: Any) -> tuple[Any, ...]:
    """Open the form: for the month before, or with an invoice as it is."""
    verb, number = pressed(asked, "new", "edit")
    require_editor()
    language = locale()
    if verb == "edit":
        found = tariff_acts.invoice_of(number)
        title = t("bills.edit_title", language, name=named(found, language))
        return True, title, {"id": found.id, "version": found.version}, *filled(found, language), *beside({}), None
    last = datetime.now(UTC).astimezone(zone()).date().replace(day=1) - timedelta(days=1)
    usual = ("electricity", last.replace(day=1).isoformat(), last.isoformat(), "", UNITS["electricity"], "")
    return True, t("bills.new", language), None, *usual, *beside({}), None


def filled(found: Invoice, language: str) -> list[str]:
    """Give the values of an invoice as it is."""
    amount = typed.shown(abs(found.amount), language)
    values = {
        "resource": found.resource,
        "first_day": found.first_day.isoformat(),
        "last_day": found.last_day.isoformat(),
        "quantity": typed.shown(found.quantity, language),
        "unit": found.unit,
        "amount": f"{MINUS}{amount}" if found.amount < 0 else amount,
    }
    return [values[name] for name in FIELDS]


def name_unit(resource: Any, unit: Any) -> str:
    """Give the unit in which a resource is usually counted, where it is not counted in the one that stands there."""
    require_editor()
    if resource in RESOURCES and isinstance(unit, str) and unit.strip() and unit_fault(resource, unit.strip()[:200]) is None:
        raise PreventUpdate
    return UNITS.get(str(resource), "")


def save_form(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Keep the invoice, and show it; or say beside each field what is wrong."""
    require_editor()
    invoice, found = read(values, locale())
    if invoice is None:
        return no_update, None, no_update, no_update, no_update, *beside(found)
    try:
        if isinstance(seen, dict):
            made = tariff_acts.correct_invoice(seen.get("id"), seen.get("version"), invoice)
        else:
            made = tariff_acts.keep_invoice(invoice)
    except Refused as error:
        place = PLACES.get(error.key)
        told = None if place else notice(refusal(error, locale()), ok=False)
        return no_update, told, no_update, no_update, no_update, *beside({place: error} if place else {})
    done = notice(t("bills.kept", locale(), name=named(made, locale())), ok=True)
    return False, None, done, stamp(), made.id, *beside({})


def beside(found: dict[str, Refused]) -> list[str | None]:
    """Say beside each field what is wrong with it."""
    return [refusal(found[name], locale()) if name in found else None for name in FIELDS]


def connect() -> None:
    """Register the callbacks; the bills page does so whenever it is registered itself."""
    again: dict[str, Any] = {"allow_duplicate": True}
    faults = [f"{FORM}-{name}-fault" for name in FIELDS]
    callback(
        Output(FORM, "is_open"),
        Output(f"{FORM}-title", "children"),
        Output(f"{FORM}-seen", "data"),
        *(Output(f"{FORM}-{name}", "value") for name in FIELDS),
        *(Output(one, "children") for one in faults),
        Output(f"{FORM}-told", "children"),
        Input("bills-asked", "data"),
        prevent_initial_call=True,
    )(open_form)
    callback(
        Output(f"{FORM}-unit", "value", **again),
        Input(f"{FORM}-resource", "value"),
        State(f"{FORM}-unit", "value"),
        prevent_initial_call=True,
    )(name_unit)
    callback(
        Output(FORM, "is_open", **again),
        Output(f"{FORM}-told", "children", **again),
        Output("bills-told", "children", **again),
        Output("bills-changed", "data", **again),
        Output("bills-invoice", "data", **again),
        *(Output(one, "children", **again) for one in faults),
        Input(f"{FORM}-save", "n_clicks"),
        State(f"{FORM}-seen", "data"),
        *(State(f"{FORM}-{name}", "value") for name in FIELDS),
        prevent_initial_call=True,
        running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_form)
