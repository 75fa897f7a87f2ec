"""Device: what one meter or sensor is, how it does, its history and its newest readings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, State, callback, dcc, html

from sql.errors import NotFound
from sql.queries.readings import device_readings
from tds_dash import books_panel, degree_panel, device_view, doors, history_panel, load_panel, replacing
from tds_dash.components import empty_state, page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.identity import locale, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

LATEST = 100

register_page(__name__, "nav.device", path_template="/device/<device_id>")


def layout(device_id: Any = None, **query: Any) -> html.Div:
    """Give the page's frame, or the sentence that there is no such device; its facts come by the callbacks below."""
    language = locale()
    if not is_here(device_id):
        missing = empty_state(
            t("device.not_found", language),
            t("device.not_found_text", language),
            action=t("nav.devices", language),
            href="/devices",
            whole_page=True,
        )
        return html.Div(html.Div(missing, className="tds-card"), className="tds-page")
    actions = [html.Div(id="device-events"), replacing.button(language), html.Div(id="device-links", className="tds-actions")]
    return html.Div(
        [
            dcc.Store(id="device-id", data=device_id),
            *history_panel.stores(query),
            beat("device-refresh"),
            page_header(
                t("device.title", language),
                id="device-name",
                lead=html.Span("\u00a0", id="device-state", className="d-inline-flex flex-wrap gap-3"),
                actions=actions,
            ),
            html.Div(id="device-advice"),
            html.Div(id="device-replaced", **LIVE),
            replacing.replacement(language),
            history_panel.filters(query, language),
            history_panel.card(device_id, language),
            books_panel.panel("device", language),
            history_panel.cards(),
            load_panel.panel(device_id, query, language),
            degree_panel.card(device_id, language),
            html.Div(
                [
                    section("device.facts", html.Div(skeleton("line"), id="device-facts")),
                    section("device.latest", html.Div(skeleton("table"), id="device-readings")),
                ],
                className="tds-columns",
            ),
        ],
        className="tds-page tds-stack",
    )


def section(heading: str, body: html.Div) -> html.Section:
    """Give a card with a heading."""
    return html.Section([html.H2(t(heading, locale()), className="tds-section-title"), body], className="tds-card")


def is_here(device_id: Any) -> bool:
    """Tell whether this account has the device."""
    try:
        with doors.reading() as conn:
            doors.device_for_user(conn, device_id)
    except NotFound:
        return False
    return True


@callback(
    Output("device-name", "children"),
    Output("device-state", "children"),
    Output("device-links", "children"),
    Output("device-advice", "children"),
    Output("device-facts", "children"),
    Output("device-readings", "children"),
    Input("device-id", "data"),
    Input("device-refresh", "n_intervals"),
)
def show_facts(device_id: Any, _: int | None) -> tuple[Any, ...]:
    """Say what the device is and how it does, and list its newest readings."""
    now, language = datetime.now(UTC), locale()
    with doors.reading() as conn:
        device = doors.device_for_user(conn, device_id)
        gateway = doors.gateway_for_user(conn, device.gateway_id)
        readings = device_readings(conn, device.id, LATEST, now)
    return (
        device.name,
        device_view.state_line(device, gateway, now, zone(), language),
        device_view.links(device, language, may_edit()),
        device_view.advice(device, gateway, now, zone(), language),
        device_view.facts(device, gateway, zone(), language),
        still(device_view.readings(readings, device, zone(), language)),
    )


history_panel.connect()
load_panel.connect()
degree_panel.connect()
books_panel.connect("device", books_panel.of_device, State("device-id", "data"))
replacing.connect()
