"""Fields of a form: each under its label, over its hint, and with what is wrong with it beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from tds_dash.components.attributes import LIVE


def form_field(id: str, label: str, control: Component, hint: str = "") -> html.Div:
    """Put a control `id` under its label, with `{id}-hint` and `{id}-fault` below."""
    return html.Div(
        [
            html.Label(label, htmlFor=id, className="tds-label"),
            control,
            html.Div(hint, id=f"{id}-hint", className="tds-hint"),
            html.Div(id=f"{id}-fault", className="tds-fault", **LIVE),
        ],
        className="tds-field",
    )


def line_of_text(id: str, label: str, hint: str = "", **given: Any) -> html.Div:
    """Give a field for a line of text."""
    return form_field(id, label, dbc.Input(id=id, type="text", autocomplete="off", className="tds-input", **given), hint)


def one_of(id: str, label: str, options: Sequence[tuple[str, str]], hint: str = "") -> html.Div:
    """Give a field for one of a few (value, word)."""
    choices = [{"value": value, "label": word} for value, word in options]
    return form_field(id, label, dbc.Select(id=id, options=choices, value=options[0][0], className="tds-input"), hint)
