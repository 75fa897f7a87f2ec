"""Drop-downs with their label, speaking the reader's language."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from tds_dash.wording import t


def chooser(
    id: str,
    label: str,
    placeholder: str,
    *,
    locale: str,
    multi: bool = False,
) -> html.Div:
    """Give an empty drop-down; a callback brings its options, and its value with them."""
    words: Any = {
        name: t(f"chooser.{name}", locale, num_selected="{num_selected}")
        for name in (
            "select_all",
            "deselect_all",
            "selected_count",
            "search",
            "clear_search",
            "clear_selection",
            "no_options_found",
        )
    }
    field = dcc.Dropdown(
        id=id, options=[], value=None, multi=multi, placeholder=placeholder, labels=words, className="tds-chooser"
    )
    return html.Div([html.Label(label, htmlFor=id, className="tds-label"), field], className="tds-field tds-field-wide")
