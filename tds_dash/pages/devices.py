"""Devices: which meters and sensors there are, how each does; editors register, change, move, retire and import them here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update

from sql import fleet_import
from sql.device_rules import RESOURCES
from sql.errors import Refused
from sql.queries.fleet import DEVICE_SORTS, DEVICE_STATES, Sought, devices_page, in_state
from tds_dash import device_dialogs, doors, fleet_confirm, fleet_imports, fleet_view
from tds_dash.certificate_acts import one_of, page_number
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import notice
from tds_dash.event_words import refusal
from tds_dash.fleet_view import Shown
from tds_dash.identity import locale, zone
from tds_dash.page_frame import beat, register_page, stamp
from tds_dash.pressing import pressed
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

PAGE = 50
ALL = "all"
STATES = (ALL, "attention", *DEVICE_STATES)
DEFAULTS = {"state": ALL, "resource": ALL, "sort": DEVICE_SORTS[0], "page": 1}

register_page(__name__, "nav.devices", path="/devices", order=4)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them; `edit` opens a device."""
    language = locale()
    edit = query.get("edit")
    wanted = {"verb": "edit", "id": edit} if isinstance(edit, str) and edit.isdigit() else None
    return html.Div(
        [
            beat("devices-refresh"),
            dcc.Location(id="devices-url", refresh=False),
            dcc.Store(id="devices-page", data=page_number(query.get("page"))),
            dcc.Store(id="devices-defaults", data=DEFAULTS),
            dcc.Store(id="devices-wanted", data=wanted),
            dcc.Store(id="devices-asked"),
            *(dcc.Store(id=f"devices-{name}") for name in ("changed", "form-seen", "move-seen")),
            page_header(
                t("devices.title", language),
                lead=t("devices.lead", language),
                actions=[html.Div(id="devices-actions", className="tds-actions")],
            ),
            html.Div(id="devices-told", **LIVE),
            html.Div(html.Div(className="tds-skeleton tds-glance-waiting"), id="devices-glance"),
            filters(query, language),
            html.Section(
                [
                    html.Div(skeleton("table"), id="devices-table", className="tds-fleet-list"),
                    fleet_view.pager("devices", language),
                ],
                className="tds-card",
            ),
            html.Section(
                [html.H2(t("fleet.imports", language), className="tds-section-title"), html.Div(id="devices-imports")],
                id="devices-imports-card",
                className="tds-card",
                hidden=True,
            ),
            device_dialogs.form(language),
            device_dialogs.mover(language),
            fleet_confirm.confirmation("devices", language),
            fleet_imports.importer(language),
        ],
        className="tds-page tds-stack",
    )


def filters(query: dict[str, Any], language: str) -> html.Div:
    """Give the text to look for, state, resource and order."""
    states = [(ALL, t("fleet.in_use", language)), *((one, fleet_view.word_of("devices", one, language)) for one in STATES[1:])]
    resources = [(ALL, t("action.all", language)), *((one, t(f"resource.{one}", language)) for one in RESOURCES)]
    sorts = [(one, t(f"fleet.sort_{one}", language)) for one in DEVICE_SORTS]
    return html.Div(
        [
            fleet_view.search("devices", query, language),
            fleet_view.select("devices", "state", t("field.status", language), states, one_of(STATES, query.get("state"))),
            fleet_view.select(
                "devices", "resource", t("field.resource", language), resources, one_of((ALL, *RESOURCES), query.get("resource"))
            ),
            fleet_view.select("devices", "sort", t("fleet.sort", language), sorts, one_of(DEVICE_SORTS, query.get("sort"))),
        ],
        className="tds-filters",
    )


@callback(
    Output("devices-table", "children"),
    Output("devices-glance", "children"),
    Output("devices-range", "children"),
    Output("devices-previous", "disabled"),
    Output("devices-next", "disabled"),
    Output("devices-actions", "children"),
    Input("devices-search", "value"),
    Input("devices-state", "value"),
    Input("devices-resource", "value"),
    Input("devices-sort", "value"),
    Input("devices-page", "data"),
    Input("devices-refresh", "n_intervals"),
    Input("devices-changed", "data"),
)
def show(text: Any, state: Any, resource: Any, sort: Any, page: Any, *_: Any) -> tuple[Any, ...]:
    """Show one page of what the filters leave, with buttons where they can be used."""
    shown, number = Shown(datetime.now(UTC), zone(), locale(), may_edit()), page_number(page)
    chosen = one_of(STATES, state).replace(ALL, "")
    of = one_of((ALL, *RESOURCES), resource).replace(ALL, "")
    sought = Sought(str(text or "")[:100], chosen, of, None, one_of(DEVICE_SORTS, sort))
    with doors.transaction() as conn:
        found = devices_page(conn, sought, shown.now, PAGE, (number - 1) * PAGE)
    total, first = in_state(found.counts, chosen), (number - 1) * PAGE
    lines = found.lines
    table = fleet_view.devices_table(lines, shown) if lines else None
    return (
        still(table) if table else fleet_view.nothing("devices", bool(sought.text or chosen or of), shown.locale),
        still(fleet_view.glance("devices", found.counts, ("", *DEVICE_STATES), chosen, shown.locale)),
        t("action.range_of", shown.locale, first=first + 1, last=first + len(lines), total=total) if lines else "",
        number == 1,
        first + len(lines) >= total,
        actions(shown),
    )


def actions(shown: Shown) -> list[Any]:
    """Give what may be done on the page."""
    export = html.A(
        t("action.export_csv", shown.locale),
        href=f"/_fleet/devices.csv?locale={shown.locale}",
        download="",
        className="btn btn-outline-primary",
    )
    if not shown.may_edit:
        return [export]
    buttons = [button(verb, look, shown.locale) for verb, look in (("import", "outline-primary"), ("new", "primary"))]
    unknown = dcc.Link(
        t("fleet.adopt", shown.locale), href="/rejections?reason=unknown_device", className="btn btn-outline-primary"
    )
    return [export, unknown, *buttons]


def button(verb: str, look: str, language: str) -> html.Button:
    """Give a button of the page's head."""
    words: Any = {"data-fleet": verb, "data-thing": "devices"}
    return html.Button(t(f"fleet.{verb}_devices", language), type="button", className=f"btn btn-{look}", **words)


@callback(
    Output("devices-imports", "children"),
    Output("devices-imports-card", "hidden"),
    Input("devices-refresh", "n_intervals"),
    Input("devices-changed", "data"),
)
def show_imports(*_: Any) -> tuple[Any, bool]:
    """Show the newest imports, which can be taken back."""
    with doors.transaction() as conn:
        found = fleet_import.imports(conn, fleet_imports.IMPORTS)
    return still(fleet_imports.listed(found, may_edit())), not found


@callback(
    Output("devices-import", "is_open"),
    Output("devices-import-file", "contents"),
    Output("devices-import-told", "children"),
    Output("devices-import-file-name", "children"),
    Output("devices-import-save", "disabled"),
    Input("devices-asked", "data"),
    prevent_initial_call=True,
)
def open_import(asked: Any) -> tuple[Any, ...]:
    """Open the dialog that takes a file."""
    pressed(asked, "import")
    return True, None, None, None, True


@callback(
    Output("devices-import-told", "children", allow_duplicate=True),
    Output("devices-import-file-name", "children", allow_duplicate=True),
    Output("devices-import-save", "disabled", allow_duplicate=True),
    Input("devices-import-file", "contents"),
    Input("devices-import-gateways", "value"),
    State("devices-import-file", "filename"),
    prevent_initial_call=True,
)
def preview(contents: Any, gateways: Any, name: Any) -> tuple[Any, ...]:
    """Say what a file would do, line by line."""
    if not contents:
        return no_update, no_update, no_update
    shown = f": {str(name or '')[:100]}"
    try:
        said, good = fleet_imports.preview(contents, gateways)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), shown, True
    return still(said), shown, not good


@callback(
    Output("devices-import-told", "children", allow_duplicate=True),
    Output("devices-import", "is_open", allow_duplicate=True),
    Output("devices-told", "children"),
    Output("devices-changed", "data"),
    Input("devices-import-save", "n_clicks"),
    State("devices-import-file", "contents"),
    State("devices-import-file", "filename"),
    State("devices-import-gateways", "value"),
    prevent_initial_call=True,
    running=[(Output("devices-import-save", "disabled"), True, False)],
)
def carry_out(_: Any, contents: Any, name: Any, gateways: Any) -> tuple[Any, ...]:
    """Import the file, all of it or nothing."""
    try:
        said = fleet_imports.carry_out(contents, name, gateways)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update
    return None, False, notice(said, ok=True), stamp()


device_dialogs.connect()
fleet_confirm.connect("devices")
clientside_callback(ClientsideFunction("fleet", "begin"), Output("devices-asked", "data"), Input("devices-wanted", "data"))
clientside_callback(
    ClientsideFunction("certificates", "turn"),
    Output("devices-page", "data"),
    Input("devices-search", "value"),
    Input("devices-state", "value"),
    Input("devices-resource", "value"),
    Input("devices-sort", "value"),
    Input("devices-previous", "n_clicks"),
    Input("devices-next", "n_clicks"),
    State("devices-page", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("devices-url", "search"),
    Input("devices-search", "value"),
    Input("devices-state", "value"),
    Input("devices-resource", "value"),
    Input("devices-sort", "value"),
    Input("devices-page", "data"),
    State("devices-defaults", "data"),
)
