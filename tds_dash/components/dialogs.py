"""Dialogs in which something is decided: a title, fields, one button that saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from tds_dash.components.attributes import DECORATION


def dialog(
    id: str, title: str | Component, fields: Sequence[Component], save: str | Component, look: str = "primary", size: str = ""
) -> Component:
    """Give a closed dialog `id` with its button `{id}-save`, `danger` where something is lost; callbacks open it by `is_open`."""
    found: Component = dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle(title, id=f"{id}-heading"), close_button=True),
            dbc.ModalBody(list(fields), className="tds-form"),
            dbc.ModalFooter(html.Button(save, id=f"{id}-save", type="button", className=f"btn btn-{look}")),
        ],
        id=id,
        is_open=False,
        labelledby=f"{id}-heading",
        centered=True,
        size=size or None,
    )
    return found


def register_field(id: str, label: str) -> html.Div:
    """Give a field `id` for a register under its label, with `{id}-hint` below."""
    field = dbc.Input(id=id, type="text", inputmode="decimal", autocomplete="off", debounce=True, className="tds-input")
    return labelled_field(id, label, field)


def moment_field(id: str, label: str) -> html.Div:
    """Give a field `id` for a local day and time, which speaks the reader's language by itself, with `{id}-hint` below."""
    return labelled_field(id, label, dbc.Input(id=id, type="datetime-local", className="tds-input"))


def labelled_field(id: str, label: str, field: Component, hint: str = "") -> html.Div:
    """Put a field under its label and over its hint."""
    below = html.Div(hint or None, id=f"{id}-hint", className="tds-hint")
    return html.Div([html.Label(label, htmlFor=id, className="tds-label"), field, below], className="tds-field")


def notice(text: str, *, ok: bool) -> html.Div:
    """Give a message: what worked, or why it did not."""
    icon = html.I(className=f"bi bi-{'check-circle' if ok else 'exclamation-circle'}", **DECORATION)
    look = "alert tds-note " + ("tds-note-done" if ok else "alert-danger")
    said: dict[str, Any] = {"role": "status" if ok else "alert"}
    return html.Div([icon, text], className=look, **said)
