"""Audit: who changed what in the account, when, from where; for its administrators."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.audit import read
from tds_dash import audit_view, doors
from tds_dash.components import no_right_state, page_header, skeleton
from tds_dash.components.dialogs import labelled_field
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page
from tds_dash.rights import is_admin
from tds_dash.still import still
from tds_dash.wording import t

PAGE = 50
EVERYTHING = "all"

register_page(__name__, "audit.title", path="/audit", order=12)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them."""
    language = locale()
    groups = [{"value": one, "label": t(f"audit.group.{one}", language)} for one in audit_view.GROUPS]
    what = dbc.Select(
        id="audit-what",
        options=[{"value": EVERYTHING, "label": t("audit.everything", language)}, *groups],
        value=query.get("what") if query.get("what") in audit_view.GROUPS else EVERYTHING,
    )
    who = dbc.Input(
        id="audit-who",
        type="search",
        value=str(query.get("who") or "")[:100],
        debounce=0.4,
        maxLength=100,
        placeholder=t("audit.who_hint", language),
        className="tds-input",
    )
    export = html.A(
        t("action.export_csv", language),
        id="audit-export",
        href="#",
        download="",
        hidden=True,
        title=t("audit.export_hint", language),
        className="btn btn-outline-primary",
    )
    fields = [html.Div(labelled_field(f"audit-{name}", t(f"audit.{name}", language), field), className="tds-field-wide")
              for name, field in (("what", what), ("who", who))]  # fmt: skip
    turn: dict[str, Any] = {"className": "btn btn-outline-primary", "disabled": True}
    pager = html.Div(
        [
            html.Button(t("readings.newer", language), id="audit-newer", **turn),
            html.Button(t("readings.older", language), id="audit-older", **turn),
        ],
        className="tds-pager tds-actions",
    )
    return html.Div(
        [
            dcc.Location(id="audit-url", refresh=False),
            dcc.Store(id="audit-page", data=""),
            dcc.Store(id="audit-edges"),
            dcc.Store(id="audit-defaults", data={"what": EVERYTHING}),
            page_header(t("audit.title", language), lead=t("audit.lead", language), actions=[export]),
            html.Div(fields, className="tds-filters"),
            html.Section([html.Div(skeleton("table"), id="audit-table"), pager], className="tds-card"),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("audit-table", "children"),
    Output("audit-edges", "data"),
    Output("audit-newer", "disabled"),
    Output("audit-older", "disabled"),
    Output("audit-export", "href"),
    Output("audit-export", "hidden"),
    Input("audit-what", "value"),
    Input("audit-who", "value"),
    Input("audit-page", "data"),
)
def show(what: Any, who: Any, position: Any) -> tuple[Any, ...]:
    """Show one page of what the filters leave, the newest first; to administrators."""
    language = locale()
    if not is_admin():
        return no_right_state("admin", account().name, language), {}, True, True, "#", True
    trail = places(position)
    with doors.transaction() as conn:
        found = read(conn, audit_view.wanted(what, who, trail[-1] if trail else None), PAGE + 1)
    more, shown = len(found) > PAGE, found[:PAGE]
    older = ".".join(str(one) for one in [*trail, shown[-1].id]) if more else ""
    # Back to the first page is the place "", which the browser takes for no place at all: so it has a name.
    newer = ".".join(str(one) for one in trail[:-1]) or "first" if trail else ""
    query = urlencode(
        {name: one for name, one in (("what", what), ("who", who)) if isinstance(one, str) and one} | {"locale": language}
    )
    return (
        still(audit_view.table(shown, zone(), language)),
        {"older": older, "newer": newer},
        not trail,
        not more,
        f"/_audit/export.csv?{query}",
        False,
    )


def places(given: Any) -> list[int]:
    """Read the way that led here: the last line of each page before this one."""
    parts = given.split(".") if isinstance(given, str) and len(given) < 4000 else []
    if not parts or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return []
    return [int(part) for part in parts]


clientside_callback(
    ClientsideFunction("tds", "turn"),
    Output("audit-page", "data"),
    Input("audit-what", "value"),
    Input("audit-who", "value"),
    Input("audit-older", "n_clicks"),
    Input("audit-newer", "n_clicks"),
    State("audit-edges", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("audit-url", "search"),
    Input("audit-what", "value"),
    Input("audit-who", "value"),
    State("audit-defaults", "data"),
)
