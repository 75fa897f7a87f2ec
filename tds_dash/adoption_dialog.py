"""The dialog that registers an unknown device: filled in by what its messages tell, saved as a person leaves it."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql import fleet
from sql.errors import Refused
from tds_dash import adopting, doors
from tds_dash.components import segmented, sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, labelled_field, notice
from tds_dash.event_words import refusal
from tds_dash.identity import locale
from tds_dash.page_frame import looks_until, stamp
from tds_dash.wording import t

LONGEST_NAME, LONGEST_UNIT = 200, 16
# After a change the page looks this many times more; while something is tried again, it goes on.
LOOKS = 3


def adoption_dialog(language: str) -> Component:
    """Give the dialog, closed and empty."""
    fields = [
        html.P(id="rejections-adopt-said"),
        text_field("rejections-adopt-name", t("adopting.name", language), maxlength=LONGEST_NAME),
        choice("rejections-adopt-resource", t("adopting.resource", language), "resource", fleet.RESOURCES, language),
        choice("rejections-adopt-kind", t("adopting.kind", language), "kind", fleet.KINDS, language),
        text_field("rejections-adopt-unit", t("adopting.unit", language), maxlength=LONGEST_UNIT),
        text_field("rejections-adopt-interval", t("adopting.interval", language), inputmode="numeric", maxlength=12),
        html.Div(id="rejections-adopt-told", **LIVE),
    ]
    return dialog("rejections-adopt", t("adopting.title", language), fields, t("adopting.save", language))


def text_field(id: str, label: str, **given: Any) -> html.Div:
    """Give a field for a line of text under its label, with `{id}-hint` below."""
    return labelled_field(id, label, dbc.Input(id=id, type="text", autocomplete="off", className="tds-input", **given))


def choice(id: str, label: str, words: str, values: tuple[str, ...], language: str) -> html.Div:
    """Give a row of values of which one is on, under its label, with `{id}-hint` below."""
    options = [(value, t(f"{words}.{value}", language)) for value in values]
    row = segmented(id, options, "", label=label)
    hint = html.Div(id=f"{id}-hint", className="tds-hint")
    return html.Div([html.Div(label, className="tds-label"), row, hint], className="tds-field")


def connect() -> None:
    """Register the callbacks; the page of rejections does so whenever it is registered itself."""
    callback(
        Output("rejections-adopt", "is_open"),
        Output("rejections-adopt-said", "children"),
        Output("rejections-adopt-name", "value"),
        Output("rejections-adopt-name-hint", "children"),
        Output("rejections-adopt-resource", "value"),
        Output("rejections-adopt-kind", "value"),
        Output("rejections-adopt-unit", "value"),
        Output("rejections-adopt-unit-hint", "children"),
        Output("rejections-adopt-interval", "value"),
        Output("rejections-adopt-interval-hint", "children"),
        Output("rejections-adopt-told", "children"),
        Input("rejections-asked", "data"),
        prevent_initial_call=True,
    )(open_dialog)
    callback(
        Output("rejections-adopt-kind-hint", "children"), Input("rejections-adopt-kind", "value"), prevent_initial_call=True
    )(explain)
    callback(
        Output("rejections-adopt-told", "children", allow_duplicate=True),
        Output("rejections-adopt", "is_open", allow_duplicate=True),
        Output("rejections-told", "children", allow_duplicate=True),
        Output("rejections-changed", "data", allow_duplicate=True),
        Output("rejections-follow", "max_intervals", allow_duplicate=True),
        Input("rejections-adopt-save", "n_clicks"),
        State("rejections-adopt-name", "value"),
        State("rejections-adopt-kind", "value"),
        State("rejections-adopt-resource", "value"),
        State("rejections-adopt-unit", "value"),
        State("rejections-adopt-interval", "value"),
        State("rejections-asked", "data"),
        State("rejections-follow", "n_intervals"),
        prevent_initial_call=True,
    )(save)


def open_dialog(asked: Any) -> tuple[Any, ...]:
    """Open the dialog with what the device's messages tell of it."""
    verb, rejection_id = adopting.asked_for(asked)
    if verb != "adopt":
        raise PreventUpdate
    with doors.transaction() as conn:
        rejection = adopting.rejection_to_mend(conn, rejection_id)
        return True, *adopting.filled(conn, rejection, locale()), None


def explain(kind: Any) -> str:
    """Say what the chosen kind means."""
    return t(f"kind.{kind}_hint", locale()) if kind in ("counter", "interval", "gauge") else ""


def save(*given: Any) -> tuple[Any, ...]:
    """Register the device, or say in the dialog why that cannot be."""
    _, name, kind, resource, unit, interval, asked, looks = given
    verb, rejection_id = adopting.asked_for(asked)
    if verb != "adopt":
        raise PreventUpdate
    try:
        registered = adopting.adopt(rejection_id, name, kind, resource, unit, interval)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update, no_update
    return None, False, done(registered), stamp(), looks_until(looks, LOOKS)


def done(name: str) -> Component:
    """Say that a device is registered and what follows."""
    return html.Div(sentence("adopting.done", locale(), name=name), className="alert tds-note tds-note-done", role="status")
