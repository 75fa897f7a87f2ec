"""What the certificates page is filtered and ordered by, as its address and its fields say."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, clientside_callback, html

from sql.queries.certificates import SORTS, STATES, Sought
from tds_dash.certificate_acts import one_of
from tds_dash.components.dialogs import labelled_field
from tds_dash.wording import t

FILTERS = ("all", "without", *STATES[1:])
DEFAULTS = {"state": FILTERS[0], "sort": SORTS[0], "page": 1}
LONGEST = 100


def sought(text: Any, state: Any, sort: Any) -> Sought:
    """Read what the fields hold; what is on no offer filters nothing."""
    chosen = one_of(FILTERS, state)
    return Sought(str(text or "")[:LONGEST], "" if chosen == FILTERS[0] else chosen, one_of(SORTS, sort))


def filters(query: dict[str, Any], language: str) -> html.Div:
    """Give the text to look for, the state and the order."""
    states = [{"value": one, "label": state_word(one, language)} for one in FILTERS]
    sorts = [{"value": one, "label": t(f"certificates.sort_{one}", language)} for one in SORTS]
    search = dbc.Input(
        id="certificates-search",
        type="search",
        value=str(query.get("search") or "")[:LONGEST],
        debounce=0.4,
        maxLength=LONGEST,
        placeholder=t("certificates.search_hint", language),
        className="tds-input",
    )
    state = dbc.Select(id="certificates-state", options=states, value=one_of(FILTERS, query.get("state")))
    sort = dbc.Select(id="certificates-sort", options=sorts, value=one_of(SORTS, query.get("sort")))
    fields = (("search", search), ("state", state), ("sort", sort))
    return html.Div(
        [html.Div(labelled_field(f"certificates-{name}", t(f"certificates.{name}", language), field), className="tds-field-wide")
         for name, field in fields],
        className="tds-filters",
    )  # fmt: skip


def connect() -> None:
    """Register how pages are turned and the address remembers; the page does so whenever it is registered itself."""
    clientside_callback(
        ClientsideFunction("certificates", "turn"),
        Output("certificates-page", "data"),
        Input("certificates-search", "value"),
        Input("certificates-state", "value"),
        Input("certificates-sort", "value"),
        Input("certificates-previous", "n_clicks"),
        Input("certificates-next", "n_clicks"),
        State("certificates-page", "data"),
        prevent_initial_call=True,
    )
    clientside_callback(
        ClientsideFunction("tds", "remember"),
        Output("certificates-url", "search"),
        Input("certificates-search", "value"),
        Input("certificates-state", "value"),
        Input("certificates-sort", "value"),
        Input("certificates-page", "data"),
        State("certificates-defaults", "data"),
    )


def state_word(state: str, language: str) -> str:
    """Name a state to filter by."""
    if state in ("all", "without"):
        return t(f"certificates.{state}", language)
    return t(f"certificates.state_{state}", language)
