"""Alarms: what is open and what was, the rules, and who is told; editors acknowledge and write rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql import alarm_recipients, alarm_rules, alarms
from sql.alarm_judging import KINDS
from sql.alarms import Wanted
from sql.queries.gateways import gateways
from tds_dash import alarm_dialogs, alarms_view, doors, recipient_dialog, view
from tds_dash.alarms_view import Shown
from tds_dash.components import page_header, segmented, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.choosers import chooser
from tds_dash.components.files import files
from tds_dash.identity import account, locale, person, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.rights import is_admin, may_edit
from tds_dash.still import still
from tds_dash.wording import t

PAGE, MOST_OPEN = 50, 200
VIEWS = ("open", "history", "rules", "told")

register_page(__name__, "nav.alarms", path="/alarms", order=5)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its view and filters as the address sets them."""
    language = locale()
    wanted = next((name for name in VIEWS if name == query.get("view")), VIEWS[0])
    filters = html.Div(
        [
            chooser("alarms-kind", t("alarms.kind", language), t("alarms.all_kinds", language), locale=language),
            chooser("alarms-gateway", t("alarms.gateway", language), t("alarms.all_gateways", language), locale=language),
        ],
        id="alarms-filters",
        className="tds-filters",
    )
    pager = html.Div(
        [
            html.Button(t(f"alarms.{name}", language), id=f"alarms-{name}", className="btn btn-outline-primary", disabled=True)
            for name in ("newer", "older")
        ],
        id="alarms-pager",
        className="tds-pager tds-actions",
        hidden=True,
    )
    choices = [(name, t(f"alarms.view_{name}", language)) for name in VIEWS]
    return html.Div(
        [
            beat("alarms-refresh"),
            dcc.Location(id="alarms-url", refresh=False),
            dcc.Store(id="alarms-wanted-kind", data=query.get("kind") if query.get("kind") in KINDS else None),
            dcc.Store(id="alarms-wanted-gateway", data=view.numbers(query.get("gateway"))),
            dcc.Store(id="alarms-wanted", data=view.numbers(query.get("alarm"))),
            dcc.Store(id="alarms-page", data=str(query.get("page") or "")),
            dcc.Store(id="alarms-defaults", data={"view": VIEWS[0]}),
            *(dcc.Store(id=f"alarms-{name}") for name in ("edges", "asked", "changed", "rule-seen", "who-seen", "who-asked")),
            page_header(
                t("alarms.title", language),
                lead=t("alarms.lead", language),
                actions=[
                    html.Div(id="alarms-actions"),
                    files("alarms-files", "/_alarms/export", language, of=t("alarms.title", language)),
                ],
            ),
            html.Div(id="alarms-right"),
            segmented("alarms-view", choices, wanted, label=t("alarms.views", language)),
            filters,
            html.Div(id="alarms-told", **LIVE),
            html.Section(html.Div(skeleton("table"), id="alarms-list"), className="tds-card"),
            pager,
            alarm_dialogs.note_dialog(language),
            alarm_dialogs.rule_dialog(language),
            alarm_dialogs.drop_dialog(language),
            recipient_dialog.recipient_dialog(language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("alarms-kind", "options"),
    Output("alarms-kind", "value"),
    Output("alarms-gateway", "options"),
    Output("alarms-gateway", "value"),
    Input("alarms-wanted-kind", "data"),
    State("alarms-wanted-gateway", "data"),
)
def offer(kind: Any, wanted: Any) -> tuple[Any, ...]:
    """Offer the kinds and the account's gateways, with those that the address names."""
    with doors.transaction() as conn:
        offered = gateways(conn, datetime.now(UTC))
    kinds = [{"label": t(f"alarms.kind_{name}", locale()), "value": name} for name in KINDS]
    options = [{"label": gateway.name, "value": gateway.id} for gateway in offered]
    chosen = next((gateway.id for gateway in offered if gateway.id in view.numbers(wanted)), None)
    return kinds, kind if kind in KINDS else None, options, chosen


@callback(
    Output("alarms-list", "children"),
    Output("alarms-actions", "children"),
    Output("alarms-right", "children"),
    Output("alarms-filters", "hidden"),
    Output("alarms-pager", "hidden"),
    Output("alarms-files", "hidden"),
    Output("alarms-edges", "data"),
    Output("alarms-newer", "disabled"),
    Output("alarms-older", "disabled"),
    Input("alarms-view", "value"),
    Input("alarms-kind", "value"),
    Input("alarms-gateway", "value"),
    Input("alarms-page", "data"),
    Input("alarms-refresh", "n_intervals"),
    Input("alarms-changed", "data"),
    State("alarms-wanted", "data"),
)
def show(chosen: Any, kind: Any, gateway_id: Any, page: Any, _: Any, __: Any, wanted: Any) -> tuple[Any, ...]:
    """Show what is chosen: alarms, rules, or who is told."""
    what = chosen if chosen in VIEWS else VIEWS[0]
    shown = Shown(datetime.now(UTC), zone(), locale(), may_edit(), is_admin())
    number, more = page_number(page), False
    with doors.transaction() as conn:
        if what == "rules":
            found: Any = alarms_view.rules(alarm_rules.rules(conn, account().id, kind if kind in KINDS else None), shown)
        elif what == "told":
            found = alarms_view.recipients(alarm_recipients.recipients(conn, account().id) if shown.may_edit else [], shown)
        else:
            found, more = show_alarms(conn, what, kind, gateway_id, number, wanted, shown)
    paged = what == "history" and (more or number > 0)
    edges = {"older": str(number + 1), "newer": str(number - 1) if number > 1 else ""}
    buttons = alarms_view.actions(what, shown)
    right = None if shown.may_edit else alarms_view.no_right(person().row.role, account(), shown.locale)
    return (
        still(found),
        still(html.Div(buttons, className="tds-actions")),
        right,
        what == "told",
        not paged,
        what == "told",
        edges,
        number == 0,
        not more,
    )


def show_alarms(conn: Any, what: str, kind: Any, gateway_id: Any, page: int, wanted: Any, shown: Shown) -> tuple[Any, bool]:
    """List what is open, or a page of what was; the alarm that a message leads to comes first, open or not."""
    gateway = doors.gateway_for_user(conn, gateway_id).id if gateway_id else None
    sought = Wanted(account().id, what == "open", kind if kind in KINDS else None, gateway=gateway)
    limit = MOST_OPEN if what == "open" else PAGE
    rows = alarms.alarms(conn, sought, limit + 1, page * PAGE if what == "history" else 0)
    named = view.numbers(wanted)[:1]
    if named and page == 0 and named[0] not in {row.id for row in rows}:
        rows = [*alarms.alarms(conn, Wanted(account().id, ids=named), 1), *rows]
    counts = alarms.waiting(conn, account().id) if what == "open" else None
    if not rows:
        has_rules = bool(alarm_rules.rules(conn, account().id))
        return alarms_view.nothing(what, kind in KINDS or gateway is not None, has_rules, shown.locale), False
    return alarms_view.listed(rows[:limit], counts, shown), len(rows) > limit and what == "history"


def page_number(given: Any) -> int:
    """Read which page of the history is asked for."""
    return int(given) if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 5 else 0


clientside_callback(
    ClientsideFunction("tds", "turn"),
    Output("alarms-page", "data"),
    Input("alarms-view", "value"),
    Input("alarms-kind", "value"),
    Input("alarms-gateway", "value"),
    Input("alarms-older", "n_clicks"),
    Input("alarms-newer", "n_clicks"),
    State("alarms-edges", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("alarms-url", "search"),
    Input("alarms-view", "value"),
    Input("alarms-kind", "value"),
    Input("alarms-gateway", "value"),
    Input("alarms-page", "data"),
    State("alarms-defaults", "data"),
)
alarm_dialogs.connect()
recipient_dialog.connect()
