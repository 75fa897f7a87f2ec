"""Rejections: what could not be stored, why, and what to do; unknown devices are registered from here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.exceptions import PreventUpdate

from sql import rejections
from sql.errors import Refused
from sql.queries.gateways import gateways
from sql.rejections import REASONS, Wanted
from tds_dash import adopting, adoption_dialog, doors, payloads, readings_view, rejections_view, view
from tds_dash.adoption_dialog import LOOKS
from tds_dash.components import page_header, period_picker, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.choosers import chooser
from tds_dash.components.dialogs import notice
from tds_dash.event_words import refusal
from tds_dash.identity import account, locale, person, zone
from tds_dash.page_frame import beat, looks_until, register_page, stamp
from tds_dash.rejections_view import Shown
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

PAGE, CAUSES, REPLAYS = 50, 20, 5
LOOK_MS = 1500
REPLAYS_SHOWN = timedelta(days=1)

register_page(__name__, "nav.rejections", path="/rejections", order=6)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them."""
    language = locale()
    days = [view.day_of(query.get(name)) for name in ("from", "to")]
    filters = html.Div(
        [
            chooser(
                "rejections-reason", t("rejections.reason", language), t("rejections.all_reasons", language), locale=language
            ),
            chooser(
                "rejections-gateway", t("rejections.gateway", language), t("rejections.all_gateways", language), locale=language
            ),
            period_picker("rejections", locale=language, start=days[0], end=days[1]),
        ],
        className="tds-filters",
    )
    pager = html.Div(
        [
            html.Button(
                t("rejections.newer", language), id="rejections-newer", className="btn btn-outline-primary", disabled=True
            ),
            html.Button(
                t("rejections.older", language), id="rejections-older", className="btn btn-outline-primary", disabled=True
            ),
        ],
        className="tds-pager tds-actions",
    )
    return html.Div(
        [
            beat("rejections-refresh"),
            dcc.Location(id="rejections-url", refresh=False),
            dcc.Store(id="rejections-wanted-gateway", data=view.numbers(query.get("gateway"))),
            dcc.Store(id="rejections-wanted-reason", data=query.get("reason") if query.get("reason") in REASONS else None),
            dcc.Store(id="rejections-page", data=str(query.get("page") or "")),
            dcc.Store(id="rejections-defaults", data={}),
            dcc.Store(id="rejections-edges"),
            dcc.Store(id="rejections-asked"),
            dcc.Store(id="rejections-changed"),
            dcc.Interval(id="rejections-follow", interval=LOOK_MS, max_intervals=0),
            page_header(t("rejections.title", language), lead=t("rejections.lead", language)),
            html.Div(id="rejections-right"),
            filters,
            html.P(id="rejections-remark", className="tds-muted mb-0", role="status"),
            html.Div(id="rejections-told", **LIVE),
            html.Div(id="rejections-unkept", className="tds-stack"),
            html.Section(id="rejections-tried", className="tds-card", hidden=True, **LIVE),
            html.Section(html.Div(skeleton("table"), id="rejections-causes"), className="tds-card"),
            html.Section(html.Div(id="rejections-list"), id="rejections-each", className="tds-card", hidden=True),
            pager,
            adoption_dialog.adoption_dialog(language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("rejections-reason", "options"),
    Output("rejections-reason", "value"),
    Output("rejections-gateway", "options"),
    Output("rejections-gateway", "value"),
    Input("rejections-wanted-reason", "data"),
    State("rejections-wanted-gateway", "data"),
)
def offer(reason: Any, wanted: Any) -> tuple[Any, ...]:
    """Offer the reasons and the account's gateways, with those that the address names."""
    with doors.transaction() as conn:
        offered = gateways(conn, datetime.now(UTC))
    reasons = [{"label": t(f"rejections.{name}", locale()), "value": name} for name in REASONS if name != "unknown_gateway"]
    options = [{"label": f"{gateway.name} · {gateway.mac}", "value": gateway.id} for gateway in offered]
    chosen = next((gateway.id for gateway in offered if gateway.id in view.numbers(wanted)), None)
    return reasons, reason if reason in REASONS else None, options, chosen


@callback(
    Output("rejections-causes", "children"),
    Output("rejections-unkept", "children"),
    Output("rejections-tried", "children"),
    Output("rejections-tried", "hidden"),
    Output("rejections-right", "children"),
    Output("rejections-remark", "children"),
    Output("rejections-follow", "max_intervals"),
    Input("rejections-reason", "value"),
    Input("rejections-gateway", "value"),
    Input("rejections-from", "value"),
    Input("rejections-to", "value"),
    Input("rejections-refresh", "n_intervals"),
    Input("rejections-follow", "n_intervals"),
    Input("rejections-changed", "data"),
)
def sum_up(reason: Any, gateway_id: Any, first: Any, last: Any, _: Any, looks: Any, __: Any) -> tuple[Any, ...]:
    """Show the causes, what was not kept, and how what was tried again goes."""
    now, shown = datetime.now(UTC), Shown(zone(), locale(), may_edit())
    with doors.transaction() as conn:
        wanted, remark = chosen(conn, reason, gateway_id, first, last, now)
        found = rejections.groups(conn, wanted, CAUSES)
        unkept = rejections.unkept(conn, account().id, wanted.gateway)
        tried = rejections.replays(conn, account().id, now - REPLAYS_SHOWN, REPLAYS)
    narrowed = wanted != Wanted(account().id)
    going = any(one.finished_at is None for one in tried)
    tried_again = rejections_view.tried(tried, shown)
    return (
        still(rejections_view.causes(found, CAUSES, shown)) if found else rejections_view.nothing(narrowed, shown.locale),
        rejections_view.not_kept(unkept, shown),
        tried_again,
        tried_again is None,
        None if shown.may_edit else rejections_view.no_right(person().row.role, account(), shown.locale),
        t(remark, shown.locale) if remark else "",
        looks_until(looks, LOOKS) if going else no_update,
    )


@callback(
    Output("rejections-list", "children"),
    Output("rejections-each", "hidden"),
    Output("rejections-edges", "data"),
    Output("rejections-newer", "disabled"),
    Output("rejections-older", "disabled"),
    Input("rejections-reason", "value"),
    Input("rejections-gateway", "value"),
    Input("rejections-from", "value"),
    Input("rejections-to", "value"),
    Input("rejections-page", "data"),
    Input("rejections-changed", "data"),
)
def show(reason: Any, gateway_id: Any, first: Any, last: Any, position: Any, _: Any) -> tuple[Any, ...]:
    """Show one page of single rejections; it stays while it is read, until something is asked for."""
    now, shown = datetime.now(UTC), Shown(zone(), locale(), may_edit())
    with doors.transaction() as conn:
        wanted, _remark = chosen(conn, reason, gateway_id, first, last, now)
        before, after = rejections_view.position(position)
        page = rejections.rejections_page(conn, wanted, PAGE, before, after, cut=payloads.SHOWN)
    edges = {"older": rejections_view.written(page.older, "older"), "newer": rejections_view.written(page.newer, "newer")}
    listed = still(rejections_view.listed(page.rejections, shown)) if page.rejections else None
    return listed, listed is None, edges, not page.newer, not page.older


def chosen(conn: Any, reason: Any, gateway_id: Any, first: Any, last: Any, now: datetime) -> tuple[Wanted, str]:
    """Read the filters: every id through its door; and what is not as it was asked for."""
    gateway = doors.gateway_for_user(conn, gateway_id).id if gateway_id else None
    start, end, begin, until, remark = readings_view.days(first, last, zone(), now)
    return Wanted(
        account().id, reason if reason in REASONS else None, gateway, start if begin else None, end if until else None
    ), remark


@callback(
    Output("rejections-told", "children"),
    Output("rejections-changed", "data"),
    Output("rejections-follow", "max_intervals", allow_duplicate=True),
    Input("rejections-asked", "data"),
    State("rejections-follow", "n_intervals"),
    prevent_initial_call=True,
)
def retry(asked: Any, looks: Any) -> tuple[Any, ...]:
    """Ask to try a cause again, and say so."""
    verb, rejection_id = adopting.asked_for(asked)
    if verb != "retry":
        raise PreventUpdate
    try:
        adopting.try_again(rejection_id)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), stamp(), no_update
    return notice(t("rejections.asked", locale()), ok=True), stamp(), looks_until(looks, LOOKS)


clientside_callback(
    ClientsideFunction("tds", "turn"),
    Output("rejections-page", "data"),
    Input("rejections-reason", "value"),
    Input("rejections-gateway", "value"),
    Input("rejections-from", "value"),
    Input("rejections-to", "value"),
    Input("rejections-older", "n_clicks"),
    Input("rejections-newer", "n_clicks"),
    State("rejections-edges", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("rejections-url", "search"),
    Input("rejections-reason", "value"),
    Input("rejections-gateway", "value"),
    Input("rejections-from", "value"),
    Input("rejections-to", "value"),
    Input("rejections-page", "data"),
    State("rejections-defaults", "data"),
)
adoption_dialog.connect()
