"""Recording a meter's replacement from its page: the button, the dialog, and what they do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.decisions import Wanted, select_events
from sql.errors import Refused
from tds_dash import deciding, doors
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, moment_field, notice, register_field
from tds_dash.event_words import refusal
from tds_dash.identity import account, locale
from tds_dash.rights import may_edit
from tds_dash.wording import t

MOST_COUNTED = 100


def button(language: str) -> Component:
    """Give the button that opens the dialog, hidden until it is known who asks and for what device."""
    return html.Button(
        t("replacing.open", language), id="device-replace-open", type="button", hidden=True, className="btn btn-outline-primary"
    )


def replacement(language: str) -> Component:
    """Give the dialog that asks when, and for the two registers."""
    fields = [
        html.P(t("replacing.lead", language), className="tds-muted"),
        moment_field("device-replace-at", t("replacing.at", language)),
        register_field("device-replace-final", t("replacing.final", language)),
        register_field("device-replace-initial", t("replacing.initial", language)),
        html.Div(id="device-replace-told", **LIVE),
    ]
    return dialog("device-replace", t("replacing.title", language), fields, t("replacing.save", language))


def connect() -> None:
    """Register the callbacks; the device page does so whenever it is registered itself."""
    callback(
        Output("device-replace-open", "hidden"),
        Output("device-replace-at-hint", "children"),
        Output("device-events", "children"),
        Input("device-id", "data"),
        Input("shell-decided", "data"),
    )(offer)
    callback(
        Output("device-replace-told", "children"),
        Output("device-replace", "is_open"),
        Output("device-replaced", "children"),
        Output("shell-decided", "data", allow_duplicate=True),
        Input("device-replace-save", "n_clicks"),
        State("device-id", "data"),
        State("device-replace-at", "value"),
        State("device-replace-final", "value"),
        State("device-replace-initial", "value"),
        prevent_initial_call=True,
    )(record)
    clientside_callback(
        ClientsideFunction("tds", "open"),
        Output("device-replace", "is_open", allow_duplicate=True),
        Input("device-replace-open", "n_clicks"),
        prevent_initial_call=True,
    )


def offer(device_id: Any, _: Any) -> tuple[bool, str, Component | None]:
    """Offer the button to whoever may record a replacement of this device, and the way to its events."""
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, device_id)
        waiting = len(select_events(conn, Wanted(account().id, device=device.id, decided=False), MOST_COUNTED))
    counter = device.kind == "counter"
    return (
        not (counter and may_edit()),
        t("replacing.at_hint", locale(), zone=account().timezone),
        events_link(device.id, waiting) if counter else None,
    )


def events_link(device_id: int, waiting: int) -> Component:
    """Lead to the device's events, and say how many wait for a review."""
    said = t("events.to_review", locale(), n=waiting) if waiting else t("replacing.see_events", locale())
    return dcc.Link(said, href=f"/events?device={device_id}", className="btn btn-outline-primary")


def record(clicks: Any, device_id: Any, at: Any, final: Any, initial: Any) -> tuple[Any, ...]:
    """Record the replacement, or say in the dialog why that cannot be."""
    if not clicks:
        raise PreventUpdate
    try:
        deciding.replace(device_id, at, final, initial, locale())
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update
    return None, False, notice(t("replacing.done", locale()), ok=True), datetime.now(UTC).timestamp()
