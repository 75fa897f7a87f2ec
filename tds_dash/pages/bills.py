"""Bills: what suppliers ask, held against what was measured on exactly the same days and what that costs by the tariffs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update

from sql.errors import NotFound
from sql.invoices import Invoice, invoices
from sql.tariff_rules import RESOURCES
from sql.tariffs import ONE_DAY
from tds_dash import bill_data, bill_dialog, bills_view, books_panel, doors, tariff_acts, view
from tds_dash.components import page_header, segmented, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.files import files
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page, stamp
from tds_dash.pressing import pressed
from tds_dash.rights import may_edit, require_editor
from tds_dash.still import still
from tds_dash.view import Span, midnight
from tds_dash.wording import t

ALL = "all"
DEFAULTS = {"resource": ALL, "invoice": ""}

register_page(__name__, "nav.bills", path="/bills")


def layout(**query: Any) -> html.Div:
    """Give the page's frame; what it holds arrives by the callbacks below."""
    language = locale()
    resource = str(query.get("resource")) if query.get("resource") in RESOURCES else ALL
    chosen = view.number(str(query.get("invoice") or "")) or None
    choices = [(ALL, t("action.all", language)), *((name, t(f"resource.{name}", language)) for name in RESOURCES)]
    export = files("bills-export", "/_bills/export", language)
    return html.Div(
        [
            dcc.Location(id="bills-url", refresh=False),
            dcc.Store(id="bills-defaults", data=DEFAULTS),
            dcc.Store(id="bills-invoice", data=chosen),
            *(dcc.Store(id=name) for name in ("bill-asked", "bills-asked", "bills-changed", "bills-confirm-seen", "bills-drawn")),
            page_header(
                t("bills.title", language),
                lead=t("bills.lead", language),
                actions=[dcc.Link(t("costs.title", language), href="/costs", className="btn btn-outline-primary"), html.Div(id="bills-actions")],
            ),
            html.Div(
                [segmented("bills-resource", choices, resource, label=t("costs.resource", language)), export], className="tds-filters tds-spread"
            ),
            html.Div(id="bills-told", **LIVE),
            html.Section(html.Div(skeleton("table"), id="bills-table", className="tds-fleet-list"), className="tds-card"),
            html.Section(
                [
                    html.Div(
                        [html.H2(id="bills-title", className="tds-section-title"), html.Div([books_panel.button("bills", language), html.Div(id="bills-links", className="tds-actions")], className="tds-actions")],
                        className="tds-spread",
                    ),
                    html.Div(id="bills-said", className="tds-judged", **LIVE),
                    html.Div(
                        [
                            html.Div([html.H3(t("bills.compared", language), className="tds-subtitle"), html.Div(id="bills-compared")]),
                            html.Div([html.H3(t("bills.parts", language), className="tds-subtitle"), html.Div(id="bills-parts")]),
                        ],
                        className="tds-columns",
                    ),
                ],
                id="bills-held",
                className="tds-card tds-stack",
                hidden=True,
            ),
            books_panel.panel("bills", language),
            bill_dialog.form(language),
            dialog("bills-confirm", t("bills.remove_title", language), [html.P(id="bills-confirm-said")], t("bills.remove", language), look="danger"),
        ],
        className="tds-page tds-stack",
    )  # fmt: skip


@callback(
    Output("bills-table", "children"),
    Output("bills-actions", "children"),
    Output("bills-export", "hidden"),
    Output("bills-title", "children"),
    Output("bills-said", "children"),
    Output("bills-compared", "children"),
    Output("bills-parts", "children"),
    Output("bills-links", "children"),
    Output("bills-held", "hidden"),
    Output("bills-drawn", "data"),
    Input("bills-resource", "value"),
    Input("bills-invoice", "data"),
    Input("bills-changed", "data"),
)
def show(resource: Any, chosen: Any, _: Any) -> tuple[Any, ...]:
    """List the invoices, and hold the chosen one, or the newest, against what was measured."""
    language, editor, currency = locale(), may_edit(), account().currency
    wanted = resource if resource in RESOURCES else None
    with doors.transaction() as conn:
        found = invoices(conn, account().id, wanted)
        opened = bill_data.opened(conn, found, chosen)
        now = datetime.now(UTC)
        listed = list(zip(found, bill_data.held_all(conn, found, now), strict=True))
        held = opened and (dict(listed).get(opened) or bill_data.held_of(conn, opened, now))
    if held is None:
        return bills_view.nothing(language, editor), None, True, *("",) * 5, True, None
    table = still(bills_view.invoices_table(listed, held.invoice.id, currency, language, editor))
    said = [html.P(one) for one in bills_view.told(held, currency, language)]
    compared = [bills_view.compared(held, currency, language), bills_view.facts(held, zone(), language)]
    return (
        [table, html.P(bills_view.rule(language), className="tds-muted mt-2 mb-0")],
        bills_view.new_button(language) if editor else None,
        False,
        bills_view.named(held.invoice, language),
        [bills_view.verdict(held, language), html.Div(said)],
        still(html.Div(compared, className="tds-stack")),
        still(bills_view.parts(held, zone(), language)),
        bills_view.links(held, language),
        False,
        drawn(held.invoice),
    )


def drawn(invoice: Invoice) -> dict[str, Any]:
    """Say of what the books would be."""
    start, end = midnight(invoice.first_day, zone()), midnight(invoice.last_day + ONE_DAY, zone())
    step = view.automatic_step(Span(start, end))
    return {"step": step, "from": start.isoformat(), "to": end.isoformat(), "resource": invoice.resource}


@callback(
    Output("bills-invoice", "data", allow_duplicate=True),
    Input("bill-asked", "data"),
    prevent_initial_call=True,
)
def choose(asked: Any) -> Any:
    """Open the invoice whose button was pressed."""
    _, number = pressed(asked, "show")
    with doors.transaction() as conn:
        return doors.invoice_for_user(conn, number).id


@callback(
    Output("bills-confirm", "is_open"),
    Output("bills-confirm-said", "children"),
    Output("bills-confirm-seen", "data"),
    Input("bills-asked", "data"),
    prevent_initial_call=True,
)
def ask(asked: Any) -> tuple[Any, ...]:
    """Ask whether an invoice is to go."""
    _, number = pressed(asked, "remove")
    with doors.transaction() as conn:
        found = doors.invoice_for_user(conn, number)
    require_editor()
    return True, t("bills.remove_said", locale(), name=bills_view.named(found, locale())), found.id


@callback(
    Output("bills-confirm", "is_open", allow_duplicate=True),
    Output("bills-told", "children", allow_duplicate=True),
    Output("bills-changed", "data", allow_duplicate=True),
    Input("bills-confirm-save", "n_clicks"),
    State("bills-confirm-seen", "data"),
    prevent_initial_call=True,
)
def remove(_: Any, number: Any) -> tuple[Any, ...]:
    """Remove an invoice."""
    try:
        found = tariff_acts.drop_invoice(number)
    except NotFound:
        return False, no_update, stamp()
    return False, notice(t("bills.removed", locale(), name=bills_view.named(found, locale())), ok=True), stamp()


clientside_callback(
    ClientsideFunction("tds", "pickWhole"),
    Output("bills-bar", "data"),
    Output("bills-books", "hidden"),
    Input("bills-books-whole", "n_clicks"),
    Input("bills-books-close", "n_clicks"),
    Input("bills-drawn", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("bills-url", "search"),
    Input("bills-resource", "value"),
    Input("bills-invoice", "data"),
    State("bills-defaults", "data"),
)
books_panel.connect("bills", bill_data.drawn_meters, State("bills-drawn", "data"))
bill_dialog.connect()
