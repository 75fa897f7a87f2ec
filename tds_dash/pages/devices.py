"""Devices: which meters and sensors there are, and whether each reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, callback, dcc, html

from sql.queries.devices import Device, devices
from tds_dash import doors, wording
from tds_dash.components import condition_badge, data_table, empty_state, page_header, skeleton
from tds_dash.components.tables import Column
from tds_dash.identity import locale, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.still import still
from tds_dash.wording import number, t

register_page(__name__, "nav.devices", path="/devices", order=4)


def layout(**_: object) -> html.Div:
    """Give the table's frame."""
    return html.Div(
        [
            beat("devices-refresh"),
            page_header(t("devices.title", locale())),
            html.Div(html.Div(skeleton("table"), id="devices-table"), className="tds-card"),
        ],
        className="tds-page tds-stack",
    )


@callback(Output("devices-table", "children"), Input("devices-refresh", "n_intervals"))
def show(_: int | None) -> Any:
    """List the account's devices."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        found = devices(conn, now)
    if not found:
        return empty_state(t("devices.empty", language), t("devices.empty_text", language), icon="speedometer")
    columns = [
        Column(t("field.name", language)),
        Column(t("field.status", language)),
        Column(t("field.last_reading", language), "end"),
        Column(t("field.time", language)),
        Column(t("field.gateway", language)),
        Column(t("field.code", language)),
    ]
    return still(data_table(columns, [line(device, now, language) for device in found], caption=t("devices.caption", language)))


def line(device: Device, now: datetime, language: str) -> list[Any]:
    """Give a device's cells."""
    exact = wording.date_clock(device.last_time, language, zone()) if device.last_time else None
    swatch = html.Span(className=f"tds-swatch tds-swatch-{device.resource}", title=t(f"resource.{device.resource}", language))
    return [
        dcc.Link([swatch, device.name], href=f"/device/{device.id}"),
        condition_badge(device.state, language, title=exact_since(device, language)),
        number(device.last_value, language, device.unit) if device.last_value is not None else "",
        html.Span(wording.since(device.last_time, now, language), title=exact),
        dcc.Link(device.gateway_name, href=f"/gateway/{device.gateway_id}"),
        device.code,
    ]


def exact_since(device: Device, language: str) -> str:
    """Say since when a device does not do well."""
    return wording.date_clock(device.since, language, zone()) if device.since else ""
