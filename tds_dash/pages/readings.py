"""Readings: as they were received, filtered and paged by the server, and whole as CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.queries.devices import devices
from sql.queries.gateways import gateways
from sql.queries.readings import readings_page
from tds_dash import doors, readings_view, view
from tds_dash.components import page_header, period_picker, skeleton
from tds_dash.components.choosers import chooser
from tds_dash.identity import locale, zone
from tds_dash.page_frame import register_page
from tds_dash.readings_view import PAGE, Selection
from tds_dash.wording import t

register_page(__name__, "nav.readings", path="/readings", order=2)


def layout(**query: Any) -> html.Div:
    """Give the filters as the address sets them and the table's frame; what can be chosen comes by callback."""
    language = locale()
    days = [view.day_of(query.get(name)) for name in ("from", "to")]
    filters = html.Div(
        [
            chooser("readings-gateway", t("readings.gateway", language), t("readings.all_gateways", language), locale=language),
            chooser("readings-device", t("readings.device", language), t("readings.all_devices", language), locale=language),
            period_picker("readings", locale=language, start=days[0], end=days[1]),
        ],
        className="tds-filters",
    )
    pager = html.Div(
        [
            html.Button(t("readings.newer", language), id="readings-newer", className="btn btn-outline-primary", disabled=True),
            html.Button(t("readings.older", language), id="readings-older", className="btn btn-outline-primary", disabled=True),
        ],
        className="tds-pager tds-actions",
    )
    export = html.A(
        t("readings.export", language),
        id="readings-export",
        href="#",
        download="",
        title=t("readings.export_hint", language),
        className="btn btn-outline-primary",
    )
    return html.Div(
        [
            dcc.Location(id="readings-url", refresh=False),
            dcc.Store(id="readings-asked-gateway", data=view.numbers(query.get("gateway"))),
            dcc.Store(id="readings-asked-device", data=view.numbers(query.get("device"))),
            dcc.Store(id="readings-page", data=str(query.get("page") or "")),
            dcc.Store(id="readings-defaults", data={}),
            dcc.Store(id="readings-edges"),
            page_header(t("readings.title", language), lead=t("readings.lead", language), actions=[export]),
            filters,
            html.P(id="readings-remark", className="tds-muted mb-0", role="status"),
            html.Div(html.Div(skeleton("table"), id="readings-table"), className="tds-card"),
            pager,
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("readings-gateway", "options"),
    Output("readings-gateway", "value"),
    Input("readings-asked-gateway", "data"),
)
def offer_gateways(asked: Any) -> tuple[list[dict[str, Any]], int | None]:
    """Offer the account's gateways, with the one that the address names."""
    with doors.reading() as conn:
        offered = gateways(conn, datetime.now(UTC))
    wanted = view.numbers(asked)
    options = [{"label": f"{gateway.name} · {gateway.mac}", "value": gateway.id} for gateway in offered]
    return options, next((gateway.id for gateway in offered if gateway.id in wanted), None)


@callback(
    Output("readings-device", "options"),
    Output("readings-device", "value"),
    Input("readings-gateway", "value"),
    State("readings-asked-device", "data"),
    State("readings-device", "value"),
)
def offer_devices(gateway_id: Any, asked: Any, current: Any) -> tuple[list[dict[str, Any]], int | None]:
    """Offer the devices of the chosen gateway, or all; keep the one chosen while it is among them."""
    with doors.reading() as conn:
        offered = [device for device in devices(conn, datetime.now(UTC)) if not gateway_id or device.gateway_id == gateway_id]
    wanted = view.numbers(current) or view.numbers(asked)
    options = [{"label": f"{device.name} · {device.code}", "value": device.id} for device in offered]
    return options, next((device.id for device in offered if device.id in wanted), None)


@callback(
    Output("readings-table", "children"),
    Output("readings-edges", "data"),
    Output("readings-newer", "disabled"),
    Output("readings-older", "disabled"),
    Output("readings-remark", "children"),
    Output("readings-export", "href"),
    Input("readings-gateway", "value"),
    Input("readings-device", "value"),
    Input("readings-from", "value"),
    Input("readings-to", "value"),
    Input("readings-page", "data"),
)
def show(gateway_id: Any, device_id: Any, first: Any, last: Any, position: Any) -> tuple[Any, ...]:
    """Show one page of what the filters leave."""
    now, language = datetime.now(UTC), locale()
    with doors.reading() as conn:
        chosen = Selection(
            doors.gateway_for_user(conn, gateway_id) if gateway_id else None,
            doors.device_for_user(conn, device_id) if device_id else None,
            *readings_view.days(first, last, zone(), now),
        )
        known = [device for device in devices(conn, now) if chosen.holds(device)]
        before, after = readings_view.position(position)
        page = readings_page(conn, [device.id for device in known], chosen.start, chosen.end, PAGE, before, after)
    edges = {"older": readings_view.written(page.older, "older"), "newer": readings_view.written(page.newer, "newer")}
    table = readings_view.table(page, known, chosen, now, zone(), language)
    return table, edges, not page.newer, not page.older, chosen.said(language), readings_view.export(chosen, language)


clientside_callback(
    ClientsideFunction("tds", "turn"),
    Output("readings-page", "data"),
    Input("readings-gateway", "value"),
    Input("readings-device", "value"),
    Input("readings-from", "value"),
    Input("readings-to", "value"),
    Input("readings-older", "n_clicks"),
    Input("readings-newer", "n_clicks"),
    State("readings-edges", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("readings-url", "search"),
    Input("readings-gateway", "value"),
    Input("readings-device", "value"),
    Input("readings-from", "value"),
    Input("readings-to", "value"),
    Input("readings-page", "data"),
    State("readings-defaults", "data"),
)
