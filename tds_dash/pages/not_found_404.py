"""What stands at an address where nothing is."""

from __future__ import annotations

import dash
from dash import html

from tds_dash.components import empty_state
from tds_dash.identity import locale
from tds_dash.refresh import page_title
from tds_dash.wording import t

dash.register_page(__name__, path="/404", title=lambda **_: page_title("state.not_found"))


def layout(**_: object) -> html.Div:
    """Say so, and lead back."""
    language = locale()
    state = empty_state(
        t("state.not_found", language), t("state.not_found_text", language), action=t("state.home", language), href="/", icon="compass"
    )
    return html.Div(html.Div(state, className="tds-card"), className="tds-page")
