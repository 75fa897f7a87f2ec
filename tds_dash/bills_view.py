"""The bills page in words and tables: the invoices, and one of them held line by line against what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from sql.held import AGREES, Difference, Held, Verdict
from sql.invoices import Invoice
from tds_dash import wording
from tds_dash.components import data_table, empty_state, sentence
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.files import files
from tds_dash.components.states import State, badge
from tds_dash.components.tables import Cell, Column, facts_list
from tds_dash.costs_view import bill_table
from tds_dash.money import money, price
from tds_dash.wording import DASH, NOTHING, number, percent, portion, t

LOOKS: dict[Verdict, State] = {
    "agrees": "online",
    "more": "offline",
    "less": "silent",
    "unfair": "never",
    "running": "never",
    "nothing": "never",
    "unknown": "never",
}


def days(invoice: Invoice, locale: str) -> str:
    """Write the days that an invoice is for, both included."""
    first, last = (wording.date(day, locale) for day in (invoice.first_day, invoice.last_day))
    return first if invoice.first_day == invoice.last_day else f"{first} {DASH} {last}"


def named(invoice: Invoice, locale: str) -> str:
    """Name an invoice."""
    return f"{t(f'resource.{invoice.resource}', locale)}, {days(invoice, locale)}"


def invoices_table(
    found: Sequence[tuple[Invoice, Held | None]], chosen: int | None, currency: str, locale: str, may_edit: bool
) -> Component:
    """Give the invoices, the newest period first, each with how it differs; the chosen one is marked."""
    columns = [
        Column(t("bills.invoice", locale), wraps=True),
        Column(t("costs.quantity", locale), "end"),
        Column(t("costs.amount", locale), "end"),
        Column(t("bills.quantity_differs", locale), "end", secondary=True),
        Column(t("bills.amount_differs", locale), "end", secondary=True),
        Column(t("bills.verdict", locale)),
    ]
    columns += [Column(t("field.actions", locale), "end")] if may_edit else []
    lines = [line(invoice, held, invoice.id == chosen, currency, locale, may_edit) for invoice, held in found]
    return data_table(columns, lines, caption=t("bills.title", locale), boxed=True)


def line(invoice: Invoice, held: Held | None, chosen: bool, currency: str, locale: str, may_edit: bool) -> list[Cell]:
    """Give an invoice's cells."""
    name = act("show", invoice, named(invoice, locale), locale, "btn btn-link", **{"aria-pressed": str(chosen).lower()})
    grey = held is not None and not held.fair
    cells: list[Cell] = [
        name,
        number(invoice.quantity, locale, invoice.unit, 3),
        money(invoice.amount, currency, locale),
        share_of(held.quantity if held else None, locale, grey),
        share_of(held.money if held else None, locale, grey),
        verdict(held, locale) if held else t("bills.not_held", locale),
    ]
    if may_edit:
        acts = [act(verb, invoice, t(f"bills.{verb}", locale), locale) for verb in ("edit", "remove")]
        cells.append(html.Div(acts, className="tds-row-actions"))
    return cells


def act(
    verb: str, invoice: Invoice, word: str, locale: str, look: str = "btn btn-sm btn-outline-secondary", **more: Any
) -> html.Button:
    """Give a button that says what it asks for; assets/fleet.js sends it to the page's callbacks."""
    spoken = labelled(t(f"bills.{verb}_of", locale, name=named(invoice, locale)))
    thing = "bill" if verb == "show" else "bills"  # what everybody may press, and what editors may
    words: dict[str, Any] = {"data-fleet": verb, "data-thing": thing, "data-id": str(invoice.id), **spoken, **more}
    return html.Button(word, className=look, **words)


def share_of(found: Difference | None, locale: str, grey: bool) -> Cell:
    """Write a difference as a share; grey where it should not be judged by."""
    if found is None or found.share is None:
        return NOTHING
    return html.Span(percent(found.share, locale, 1, sign=True), className="tds-unfair" if grey else "")


def verdict(held: Held, locale: str) -> Component:
    """Say in a word or two how an invoice compares."""
    return badge(LOOKS[held.verdict], t(f"bills.verdict_{held.verdict}", locale))


def told(held: Held, currency: str, locale: str) -> list[Component]:
    """Judge an invoice in sentences: what keeps it from being judged, its quantity, its amount, what is estimated."""
    invoice = held.invoice
    said: list[Component] = []
    if held.running:
        said.append(
            sentence("bills.says_running", locale, n=held.over, of=held.days)
            if held.over
            else sentence("bills.says_ahead", locale)
        )
    if not held.known:
        if held.over:
            said.append(sentence("bills.says_nothing", locale, resource=t(f"resource.{invoice.resource}", locale).lower()))
        return said
    if held.quantity is not None:
        said.append(quantity_told(held.quantity, invoice.unit, locale))
        said.append(estimated_told(held, locale))
    else:
        said.append(sentence("bills.says_unit", locale, unit=invoice.unit, units=", ".join(held.units)))
    if held.money is not None:
        said.append(money_told(held.money, currency, locale))
    elif held.unpriced:
        said.append(sentence("bills.says_unpriced", locale, n=held.unpriced, of=held.days))
    else:
        said.append(sentence("bills.says_no_price", locale, units=", ".join(held.units)))
    if not held.running and not held.fair:
        said.append(sentence("bills.says_unfair", locale, coverage=percent(held.coverage, locale, 1)))
    return said


def quantity_told(found: Difference, unit: str, locale: str) -> Component:
    """Say how the quantities differ."""
    return differs("quantity", found, number(abs(found.amount), locale, unit, 3), locale)


def money_told(found: Difference, currency: str, locale: str) -> Component:
    """Say how the amounts differ."""
    return differs("money", found, money(abs(found.amount), currency, locale), locale)


def differs(what: str, found: Difference, amount: str, locale: str) -> Component:
    """Say how much more or less an invoice asks."""
    if not found.amount:
        return sentence(f"bills.says_{what}_same", locale)
    word = "more" if found.amount > 0 else "less"
    if found.share is None:
        return sentence(f"bills.says_{what}_only", locale, amount=amount)
    return sentence(f"bills.says_{what}_{word}", locale, percent=percent(abs(found.share), locale, 1), amount=amount)


def estimated_told(held: Held, locale: str) -> Component:
    """Say how much of what was measured is estimated, and whether that explains the difference."""
    if not held.estimated or not held.measured:
        return sentence("bills.says_estimated_none", locale)
    key = (
        "bills.says_estimated_within"
        if held.within_estimate and held.quantity and held.quantity.amount
        else "bills.says_estimated"
    )
    return sentence(key, locale, percent=portion(held.estimated / held.measured, locale, 1))


def compared(held: Held, currency: str, locale: str) -> Component:
    """Give quantity, amount and price of a unit beside each other."""
    invoice, quantity, cost = held.invoice, held.quantity, held.money
    columns = [Column("", wraps=True)] + [
        Column(t(f"bills.{name}", locale), "end") for name in ("asks", "found", "differs", "share")
    ]
    lines: list[list[Cell]] = [
        [
            t("costs.quantity", locale),
            number(invoice.quantity, locale, invoice.unit, 3),
            number(held.measured, locale, invoice.unit, 3) if quantity else NOTHING,
            number(quantity.amount, locale, invoice.unit, 3, sign=True) if quantity else NOTHING,
            share_of(quantity, locale, not held.fair),
        ],
        [
            t("costs.amount", locale),
            money(invoice.amount, currency, locale),
            money(held.cost, currency, locale),
            money(cost.amount, currency, locale, sign=True) if cost else NOTHING,
            share_of(cost, locale, not held.fair),
        ],
    ]
    if invoice.quantity:
        lines.append(mean_price(held, currency, locale))
    return data_table(columns, lines, caption=t("bills.compared", locale))


def mean_price(held: Held, currency: str, locale: str) -> list[Cell]:
    """Give what a unit comes to, all included, by the invoice and by what was measured."""
    invoice = held.invoice
    asks = invoice.amount / invoice.quantity
    found = held.cost / held.measured if held.cost is not None and held.measured else None
    differs = Difference(asks, found) if found is not None else None
    shown = [price(one.quantize(Decimal("0.0001")), currency, locale) if one is not None else NOTHING for one in (asks, found)]
    return [t("bills.mean_price", locale, unit=invoice.unit), *shown, "", share_of(differs, locale, not held.fair)]


def facts(held: Held, zone: tzinfo, locale: str) -> Component:
    """Give how well the days were measured, and who entered the invoice."""
    invoice = held.invoice
    estimated = portion(held.estimated / held.measured, locale, 1) if held.measured else NOTHING
    entered: list[str | Component] = [html.Div(invoice.created_by)]
    entered += [html.Div(wording.date(invoice.created_at, locale, zone))] if invoice.created_at else []
    rows: list[tuple[str, Cell]] = [
        (t("chart.coverage", locale), portion(held.coverage, locale, 1)),
        (t("chart.estimated", locale), estimated),
        (t("bills.entered", locale), entered),
    ]
    if invoice.changed_at is not None:
        corrected: list[str | Component] = [
            html.Div(invoice.changed_by),
            html.Div(wording.date_clock(invoice.changed_at, locale, zone)),
        ]
        rows.append((t("bills.corrected", locale), corrected))
    return facts_list(rows)


def parts(held: Held, zone: tzinfo, locale: str) -> Component:
    """Give what was measured line by line, as the tariff prices it."""
    if not held.bill.lines:
        return html.P(t("bills.no_lines", locale), className="tds-muted mb-0")
    return bill_table(held.bill, zone, locale, t("bills.parts", locale))


def links(held: Held, locale: str) -> list[Component]:
    """Lead to the consumption of the days, and to the comparison as a file."""
    invoice = held.invoice
    view = {
        "resource": invoice.resource,
        "period": "custom",
        "from": invoice.first_day.isoformat(),
        "to": invoice.last_day.isoformat(),
    }
    icon = html.I(className="bi bi-bar-chart-line", **DECORATION)
    explore = dcc.Link(
        [icon, " ", t("bills.explore", locale)], href=f"/consumption?{urlencode(view)}", className="btn btn-outline-primary"
    )
    return [explore, files("bill-files", f"/_bills/{invoice.id}", locale, of=named(invoice, locale))]


def nothing(locale: str, may_edit: bool) -> Component:
    """Say what will be here, and offer the button that gets it to whoever may press it."""
    text = t("bills.empty_text" if may_edit else "bills.empty_viewer", locale)
    made = empty_state(t("bills.empty", locale), text, icon="receipt")
    return html.Div([made, html.Div(new_button(locale), className="tds-state-action")]) if may_edit else made


def new_button(locale: str) -> html.Button:
    """Give the button that opens the form."""
    words: dict[str, Any] = {"data-fleet": "new", "data-thing": "bills"}
    return html.Button(t("bills.new", locale), type="button", className="btn btn-primary", **words)


def rule(locale: str) -> str:
    """Say from where on a difference counts."""
    return t("bills.rule", locale, percent=percent(AGREES, locale))
