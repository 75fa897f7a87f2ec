"""A meter's days against a temperature on its page: a card that is there where the account has a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, callback, ctx, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql.consumption import consumption
from sql.errors import NotFound
from sql.queries.devices import Device, devices
from tds_dash import degree_view, doors, view
from tds_dash.components import chart_card
from tds_dash.components.files import files, picture
from tds_dash.degree_view import Against
from tds_dash.identity import account, locale, zone
from tds_dash.load_panel import AS_ABOVE, SAID, period_of
from tds_dash.still import still
from tds_dash.view import Span
from tds_dash.wording import t

ID = "device-degrees"


def card(device_id: Any, language: str) -> Component:
    """Give the frame."""
    said = html.Div(id=f"{ID}-said", className="tds-outlook")
    title = t("degree.waiting", language)
    saved = picture(ID, language, **SAID, of=title)
    out = [files(f"{ID}-files", f"/_device/{device_id}/degrees", language, of=title, beside=saved)]
    made = chart_card(ID, title, locale=language, legend=False, below=said, controls=out, toolbar=False)
    return html.Div(made, id=f"{ID}-card", hidden=True)


def gauge_of(known: Sequence[Device], device: Device, asked: Any) -> Device | None:
    """Give the gauge that is asked for, else the nearest temperature: behind the same gateway, else the first; NotFound for no gauge of the account's."""
    wanted = view.numbers(asked)[:1]
    if wanted:
        found = next((one for one in known if one.id == wanted[0] and one.kind == "gauge"), None)
        if found is None:
            raise NotFound("there is no such gauge")
        return found
    warm = [one for one in known if one.kind == "gauge" and one.resource == "temperature"]
    return min(warm, key=lambda one: (one.gateway_id != device.gateway_id, one.id), default=None)


def against(conn: Connection, device: Device, span: Span, asked: Any) -> Against | None:
    """Read a meter's days and a temperature's; None where there is no temperature, or it is one itself."""
    now = datetime.now(UTC)
    if device.kind == "gauge":
        return None
    gauge = gauge_of(devices(conn, now), device, asked)
    if gauge is None:
        return None
    rows = consumption(conn, [device.id, gauge.id], "day", span.start, span.end, account().timezone)
    own, levels = ([row for row in rows if row.device_id == one.id] for one in (device, gauge))
    days = degree_view.days_of(own, levels, zone(), now)
    return Against(device, gauge, span, zone(), locale(), degree_view.kept_of(days))


def connect() -> None:
    """Register the callback."""

    @callback(
        Output(ID, "figure"),
        Output(f"{ID}-title", "children"),
        Output(f"{ID}-table", "children"),
        Output(f"{ID}-summary", "children"),
        Output(f"{ID}-empty", "children"),
        Output(f"{ID}-said", "children"),
        Output(f"{ID}-card", "hidden"),
        Input("device-id", "data"),
        Input("device-profile", "value"),
        Input("device-period", "value"),
        Input("device-from", "value"),
        Input("device-to", "value"),
        Input("device-temperature", "value"),
    )
    def show_degrees(device_id: Any, chosen: Any, *given: Any) -> tuple[Any, ...]:
        """Draw the days of the load's period against the temperature beside."""
        *period, asked = given
        if ctx.triggered_id in ("device-period", "device-from", "device-to") and chosen != AS_ABOVE:
            raise PreventUpdate
        with doors.reading() as conn:
            found = against(conn, doors.device_for_user(conn, device_id), period_of(chosen, *period), asked)
        if found is None:
            return degree_view.figure(None, locale()), "", None, "", None, None, True
        return (
            degree_view.figure(found, found.locale),
            degree_view.title(found),
            still(degree_view.table(found)) if found.days else None,
            degree_view.summary(found),
            degree_view.nothing(found),
            degree_view.said(found),
            False,
        )
