"""Gateways: which there are, which are heard, how full they are; editors register, change, retire and delete them here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.queries.fleet import GATEWAY_SORTS, GATEWAY_STATES, Sought, gateways_page, in_state
from tds_dash import doors, fleet_confirm, fleet_view, gateway_dialogs
from tds_dash.certificate_acts import one_of, page_number
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.fleet_view import Shown
from tds_dash.identity import locale, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

PAGE = 50
ALL = "all"
STATES = (ALL, *GATEWAY_STATES, "full")

register_page(__name__, "nav.gateways", path="/gateways", order=3)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them; `edit` opens a gateway."""
    language = locale()
    edit = query.get("edit")
    wanted = {"verb": "edit", "id": edit} if isinstance(edit, str) and edit.isdigit() else None
    states = [(ALL, t("fleet.in_use", language)), *((one, fleet_view.word_of("gateways", one, language)) for one in STATES[1:])]
    sorts = [(one, t(f"fleet.sort_{one}", language)) for one in GATEWAY_SORTS]
    return html.Div(
        [
            beat("gateways-refresh"),
            dcc.Location(id="gateways-url", refresh=False),
            dcc.Store(id="gateways-page", data=page_number(query.get("page"))),
            dcc.Store(id="gateways-defaults", data={"state": ALL, "sort": GATEWAY_SORTS[0], "page": 1}),
            dcc.Store(id="gateways-wanted", data=wanted),
            dcc.Store(id="gateways-asked"),
            *(dcc.Store(id=f"gateways-{name}") for name in ("changed", "form-seen")),
            page_header(t("gateways.title", language), actions=[html.Div(id="gateways-actions", className="tds-actions")]),
            html.Div(id="gateways-told", **LIVE),
            html.Div(html.Div(className="tds-skeleton tds-glance-waiting"), id="gateways-glance"),
            html.Div(
                [
                    fleet_view.search("gateways", query, language),
                    fleet_view.select(
                        "gateways", "state", t("field.status", language), states, one_of(STATES, query.get("state"))
                    ),
                    fleet_view.select(
                        "gateways", "sort", t("fleet.sort", language), sorts, one_of(GATEWAY_SORTS, query.get("sort"))
                    ),
                ],
                className="tds-filters",
            ),
            html.Section(
                [
                    html.Div(skeleton("table"), id="gateways-table", className="tds-fleet-list"),
                    fleet_view.pager("gateways", language),
                ],
                className="tds-card",
            ),
            gateway_dialogs.form(language),
            fleet_confirm.confirmation("gateways", language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("gateways-table", "children"),
    Output("gateways-glance", "children"),
    Output("gateways-range", "children"),
    Output("gateways-previous", "disabled"),
    Output("gateways-next", "disabled"),
    Output("gateways-actions", "children"),
    Input("gateways-search", "value"),
    Input("gateways-state", "value"),
    Input("gateways-sort", "value"),
    Input("gateways-page", "data"),
    Input("gateways-refresh", "n_intervals"),
    Input("gateways-changed", "data"),
)
def show(text: Any, state: Any, sort: Any, page: Any, *_: Any) -> tuple[Any, ...]:
    """Show one page of what the filters leave, with buttons where they can be used."""
    shown, number = Shown(datetime.now(UTC), zone(), locale(), may_edit()), page_number(page)
    chosen = one_of(STATES, state).replace(ALL, "")
    sought = Sought(str(text or "")[:100], chosen, sort=one_of(GATEWAY_SORTS, sort))
    with doors.transaction() as conn:
        found = gateways_page(conn, sought, shown.now, PAGE, (number - 1) * PAGE)
    first, lines = (number - 1) * PAGE, found.lines
    total = in_state(found.counts, "" if chosen == "full" else chosen)
    last = len(lines) < PAGE if chosen == "full" else first + len(lines) >= total
    said = (
        t("action.range_of", shown.locale, first=first + 1, last=first + len(lines), total=total)
        if lines and chosen != "full"
        else ""
    )
    return (
        still(fleet_view.gateways_table(lines, shown))
        if lines
        else fleet_view.nothing("gateways", bool(sought.text or chosen), shown.locale),
        still(fleet_view.glance("gateways", found.counts, ("", *GATEWAY_STATES), chosen, shown.locale)),
        said,
        number == 1,
        last,
        actions(shown),
    )


def actions(shown: Shown) -> list[Any]:
    """Give what may be done on the page."""
    if not shown.may_edit:
        return []
    words: Any = {"data-fleet": "new", "data-thing": "gateways"}
    return [html.Button(t("gateways.new", shown.locale), type="button", className="btn btn-primary", **words)]


gateway_dialogs.connect()
fleet_confirm.connect("gateways")
clientside_callback(ClientsideFunction("fleet", "begin"), Output("gateways-asked", "data"), Input("gateways-wanted", "data"))
clientside_callback(
    ClientsideFunction("certificates", "turn"),
    Output("gateways-page", "data"),
    Input("gateways-search", "value"),
    Input("gateways-state", "value"),
    Input("gateways-sort", "value"),
    Input("gateways-previous", "n_clicks"),
    Input("gateways-next", "n_clicks"),
    State("gateways-page", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("gateways-url", "search"),
    Input("gateways-search", "value"),
    Input("gateways-state", "value"),
    Input("gateways-sort", "value"),
    Input("gateways-page", "data"),
    State("gateways-defaults", "data"),
)
