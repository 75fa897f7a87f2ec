"""Consumption: bars by device, gateway or resource, over any period and step, beside another; the address holds the view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from sql.queries.meters import meters
from tds_dash import books_panel, doors, explorer, explorer_books, explorer_controls, explorer_table, exploring, view
from tds_dash.addresses import controls
from tds_dash.components import chart_card, page_header
from tds_dash.cost_hooks import cost_columns
from tds_dash.identity import locale, zone
from tds_dash.page_frame import register_page
from tds_dash.still import still
from tds_dash.totals import parts
from tds_dash.wording import t

PAGE = "consumption"
NAMES = ("resource", "devices", "group", "period", "day", "at", "from", "to", "step", "bars", "compare", "with")
PROPERTY = {"at": "data"}
SET = ("resource", "group", "period", "day", "at", "from", "to", "step", "bars", "compare")  # by a link within the page
OUTPUTS = {
    "figure": Output("consumption-chart", "figure"),
    "size": Output("consumption-chart-figure", "className"),
    "title": Output("consumption-chart-title", "children"),
    "note": Output("consumption-chart-note", "children"),
    "summary": Output("consumption-chart-summary", "children"),
    "totals": Output("consumption-totals", "children"),
    "card": Output("consumption-card", "hidden"),
    "empty": Output("consumption-empty", "children"),
    "no_empty": Output("consumption-empty", "hidden"),
    "remark": Output("consumption-remark", "children"),
    "crumbs": Output("consumption-crumbs", "children"),
    "dates": Output("consumption-dates", "children"),
    "back": Output("consumption-back", "href"),
    "on": Output("consumption-on", "href"),
    "drawn": Output("consumption-drawn", "data"),
}

register_page(__name__, "nav.consumption", path="/consumption", order=1)


def of_controls(kind: type[Input] | type[State]) -> dict[str, Any]:
    """Give every control as an input or a state, by its name in the address."""
    return {name: kind(f"{PAGE}-{name}", PROPERTY.get(name, "value")) for name in NAMES}


def layout(**query: Any) -> html.Div:
    """Give the controls as the address sets them, and the chart's frame; the devices to choose from come by callback."""
    language = locale()
    given = {**query, "devices": query.get("devices") or query.get("device")}
    asked = exploring.read(given, zone(), datetime.now(UTC))
    chosen = view.numbers(given["devices"])
    crumbs: dict[str, Any] = {"aria-label": t("consumption.way", language)}
    return html.Div(
        [
            dcc.Location(id="consumption-url", refresh=False),
            dcc.Store(id="consumption-asked", data={"devices": chosen, "with": asked.other, **explorer.faults(asked, given)}),
            dcc.Store(id="consumption-at", data=str(query.get("at") or "")),
            dcc.Store(id="consumption-defaults", data=exploring.DEFAULTS),
            dcc.Store(id="consumption-go"),
            dcc.Store(id="consumption-drawn"),
            page_header(t("consumption.title", language), lead=t("consumption.drill", language), actions=explorer_controls.out(language)),
            html.Div(
                [
                    explorer_controls.what(asked, language),
                    explorer_controls.when(asked, given, language),
                    html.P(id="consumption-remark", className="tds-muted mb-0", role="status"),
                    html.P(id="consumption-forged", className="tds-muted mb-0", role="status"),
                ],
                className="tds-controls",
            ),
            html.Div(id="consumption-empty", className="tds-card", hidden=True),
            html.Div(
                [
                    html.Nav(html.Ol(id="consumption-crumbs", className="tds-crumbs"), **crumbs),
                    chart_card(
                        "consumption-chart",
                        t("consumption.title", language),
                        locale=language,
                        controls=[*explorer_controls.how(asked, language), books_panel.button("consumption", language)],
                        height="tall",
                        revised=True,
                        toolbar=False,
                        below=html.Div(id="consumption-totals", className="tds-totals-slot"),
                    ),
                ],
                id="consumption-card",
            ),
            books_panel.panel("consumption", language),
        ],
        className="tds-page tds-stack",
    )  # fmt: skip


@callback(
    Output("consumption-devices", "options"),
    Output("consumption-devices", "value"),
    Output("consumption-with", "options"),
    Output("consumption-with", "value"),
    Output("consumption-forged", "children"),
    Input("consumption-resource", "value"),
    Input("consumption-group", "value"),
    Input("consumption-asked", "data"),
)
def offer_devices(resource: Any, group: Any, asked: Any) -> tuple[Any, ...]:
    """Offer the account's meters of a resource, those chosen that the address names; say where it names others."""
    named = asked if isinstance(asked, dict) else {"devices": asked}
    wanted, other = view.numbers(named.get("devices")), view.numbers(named.get("with"))
    with doors.reading() as conn:
        known = meters(conn, [*wanted, *other])
    looked = exploring.read({"resource": resource, "group": group}, zone(), datetime.now(UTC))
    offered = [one for one in known if exploring.shows(looked, one) and (not one.retired or one.id in wanted or one.id in other)]
    options: Any = [{"label": f"{one.name} · {one.gateway_name}", "value": one.id} for one in offered]
    ids = {one.id for one in offered}
    strangers = set(wanted) - {one.id for one in known}
    said = explorer.about_address(named, strangers, locale())
    if ctx.triggered_id == "consumption-asked" and not any(one.retired for one in offered):
        options = no_update
    return options, [one for one in wanted if one in ids], options, next((one for one in other if one in ids), None), said


@callback(output=OUTPUTS, inputs={"given": of_controls(Input)})
def show(given: dict[str, Any]) -> dict[str, Any]:
    """Draw what the controls say."""
    now = datetime.now(UTC)
    with doors.reading() as conn:
        look = exploring.look(conn, exploring.read(given, zone(), now), now, zone(), locale())
        return explorer.answer(look, given, cost_columns(conn, look))


@callback(
    output=Output("consumption-chart-table", "children"),
    inputs={
        "clicks": Input("consumption-chart-open", "n_clicks"),
        "drawn": Input("consumption-drawn", "data"),
        "given": of_controls(State),
    },
    prevent_initial_call=True,
)
def show_table(clicks: Any, drawn: Any, given: dict[str, Any]) -> Any:
    """Give the chart as a table while that is open; it is opened and closed by turns."""
    if not isinstance(clicks, int) or clicks % 2 == 0 or not drawn:
        raise PreventUpdate
    now = datetime.now(UTC)
    with doors.reading() as conn:
        look = exploring.look(conn, exploring.read(given, zone(), now), now, zone(), locale())
    return still(explorer_table.tables(look, parts(look), controls(look.asked, given)))


clientside_callback(
    ClientsideFunction("explorer", "remember"),
    Output("consumption-url", "search"),
    *of_controls(Input).values(),
    State("consumption-devices", "options"),
    State("consumption-defaults", "data"),
)
clientside_callback(
    ClientsideFunction("explorer", "toggles"),
    Output("consumption-custom", "hidden"),
    Output("consumption-billing", "hidden"),
    Output("consumption-dates", "hidden"),
    Output("consumption-others", "hidden"),
    Output("consumption-resources", "hidden"),
    Input("consumption-period", "value"),
    Input("consumption-compare", "value"),
    Input("consumption-group", "value"),
)
clientside_callback(
    ClientsideFunction("explorer", "apply"),
    *(Output(f"{PAGE}-{name}", PROPERTY.get(name, "value")) for name in SET),
    Output("consumption-asked", "data"),
    Input("consumption-go", "data"),
    *(State(f"{PAGE}-{name}", PROPERTY.get(name, "value")) for name in SET),
    State("consumption-asked", "data"),
    State("consumption-defaults", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("explorer", "drill"),
    Output("consumption-period", "value", allow_duplicate=True),
    Output("consumption-from", "value", allow_duplicate=True),
    Output("consumption-to", "value", allow_duplicate=True),
    Output("consumption-step", "value", allow_duplicate=True),
    Output("consumption-bar", "data"),
    Output("consumption-chart", "clickData"),
    Output("consumption-books", "hidden"),
    Input("consumption-chart", "clickData"),
    Input("consumption-books-whole", "n_clicks"),
    Input("consumption-books-close", "n_clicks"),
    Input("consumption-resource", "value"),
    Input("consumption-group", "value"),
    Input("consumption-devices", "value"),
    State("consumption-drawn", "data"),
    prevent_initial_call=True,
)
explorer_books.connect(of_controls(State))
