"""Gateways: which there are, which are heard, and how full they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, callback, dcc, html

from sql.queries.gateways import Gateway, gateways
from tds_dash import doors, gateway_view, wording
from tds_dash.components import data_table, empty_state, page_header, skeleton, status_badge
from tds_dash.components.tables import Column
from tds_dash.identity import locale, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.still import still
from tds_dash.wording import t

register_page(__name__, "nav.gateways", path="/gateways", order=3)


def layout(**_: object) -> html.Div:
    """Give the table's frame."""
    return html.Div(
        [
            beat("gateways-refresh"),
            page_header(t("gateways.title", locale())),
            html.Div(html.Div(skeleton("table"), id="gateways-table"), className="tds-card"),
        ],
        className="tds-page tds-stack",
    )


@callback(Output("gateways-table", "children"), Input("gateways-refresh", "n_intervals"))
def show(_: int | None) -> Any:
    """List the account's gateways."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        found = gateways(conn, now)
    if not found:
        return empty_state(t("gateways.empty", language), t("gateways.empty_text", language), icon="hdd-network")
    columns = [
        Column(t("field.name", language)),
        Column(t("field.status", language)),
        Column(t("field.last_seen", language)),
        Column(t("field.devices", language), "end"),
        Column(t("field.mac", language)),
    ]
    return still(
        data_table(columns, [line(gateway, now, language) for gateway in found], caption=t("gateways.caption", language))
    )


def line(gateway: Gateway, now: datetime, language: str) -> list[Any]:
    """Give a gateway's cells."""
    state: Any = gateway.state
    seen = gateway.last_seen_at
    exact = wording.date_clock(seen, language, zone()) if seen else None
    return [
        dcc.Link(gateway.name, href=f"/gateway/{gateway.id}"),
        [status_badge(state, language), *gateway_view.unwell(gateway, language)],
        html.Span(wording.since(seen, now, language), title=exact),
        t("gateways.devices_of", language, n=gateway.devices, capacity=gateway.capacity),
        html.Code(gateway.mac),
    ]
