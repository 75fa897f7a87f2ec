"""What stands at an address where nothing is."""

from __future__ import annotations

from dash import html

from tds_dash.components import empty_state
from tds_dash.identity import locale
from tds_dash.page_frame import register_page
from tds_dash.wording import t

register_page(__name__, "state.not_found", path="/404")


def layout(**_: object) -> html.Div:
    """Say so, and lead back."""
    language = locale()
    state = empty_state(
        t("state.not_found", language),
        t("state.not_found_text", language),
        action=t("state.home", language),
        href="/",
        icon="compass",
        whole_page=True,
    )
    return html.Div(html.Div(state, className="tds-card"), className="tds-page")
