"""Device: what one meter or sensor is, how it does, its history and its newest readings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.consumption import STEPS, consumption
from sql.errors import NotFound
from sql.queries.devices import devices
from sql.queries.readings import device_readings
from sql.queries.revised import MARKED, revised
from tds_dash import books_panel, device_view, doors, replacing, view
from tds_dash.components import card_skeletons, chart_card, empty_state, metric_cards, page_header, segmented, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.device_view import Looked
from tds_dash.figures import placed
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import beat, redrawn, register_page
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

PERIODS = ("day", "week", "month", "quarter", "year")
DEFAULTS = {"period": "week", "step": view.AUTOMATIC}
LATEST = 100

register_page(__name__, "nav.device", path_template="/device/<device_id>")


def layout(device_id: Any = None, **query: Any) -> html.Div:
    """Give the page's frame, or the sentence that there is no such device; its facts come by the callbacks below."""
    language = locale()
    if not is_here(device_id):
        missing = empty_state(
            t("device.not_found", language),
            t("device.not_found_text", language),
            action=t("nav.devices", language),
            href="/devices",
            whole_page=True,
        )
        return html.Div(html.Div(missing, className="tds-card"), className="tds-page")
    period = query.get("period") if query.get("period") in PERIODS else DEFAULTS["period"]
    step = query.get("step") if query.get("step") in STEPS else view.AUTOMATIC
    periods = [(name, t(f"period.{name}", language)) for name in PERIODS]
    steps = [(view.AUTOMATIC, t("period.automatic", language)), *((name, t(f"step.{name}", language)) for name in STEPS)]
    controls = [
        segmented("device-period", periods, str(period), label=t("period.presets", language)),
        segmented("device-step", steps, str(step), label=t("period.step", language)),
        books_panel.button("device", language),
    ]
    actions = [html.Div(id="device-events"), replacing.button(language), html.Div(id="device-links", className="tds-actions")]
    return html.Div(
        [
            dcc.Location(id="device-url", refresh=False),
            dcc.Store(id="device-id", data=device_id),
            dcc.Store(id="device-defaults", data=DEFAULTS),
            dcc.Store(id="device-drawn"),
            beat("device-refresh"),
            page_header(
                t("device.title", language),
                id="device-name",
                lead=html.Span("\u00a0", id="device-state", className="d-inline-flex flex-wrap gap-3"),
                actions=actions,
            ),
            html.Div(id="device-advice"),
            html.Div(id="device-replaced", **LIVE),
            replacing.replacement(language),
            chart_card(
                "device-history", t("device.history", language), locale=language, controls=controls, height="tall", revised=True
            ),
            books_panel.panel("device", language),
            metric_cards(card_skeletons(4), id="device-statistics", compact=True),
            html.Div(
                [
                    section("device.facts", html.Div(skeleton("line"), id="device-facts")),
                    section("device.latest", html.Div(skeleton("table"), id="device-readings")),
                ],
                className="tds-columns",
            ),
        ],
        className="tds-page tds-stack",
    )


def section(heading: str, body: html.Div) -> html.Section:
    """Give a card with a heading."""
    return html.Section([html.H2(t(heading, locale()), className="tds-section-title"), body], className="tds-card")


def is_here(device_id: Any) -> bool:
    """Tell whether this account has the device."""
    try:
        with doors.transaction() as conn:
            doors.device_for_user(conn, device_id)
    except NotFound:
        return False
    return True


@callback(
    Output("device-name", "children"),
    Output("device-state", "children"),
    Output("device-links", "children"),
    Output("device-advice", "children"),
    Output("device-facts", "children"),
    Output("device-readings", "children"),
    Input("device-id", "data"),
    Input("device-refresh", "n_intervals"),
)
def show_facts(device_id: Any, _: int | None) -> tuple[Any, ...]:
    """Say what the device is and how it does, and list its newest readings."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, device_id)
        gateway = doors.gateway_for_user(conn, device.gateway_id)
        readings = device_readings(conn, device.id, LATEST, now)
    return (
        device.name,
        device_view.state_line(device, gateway, now, zone(), language),
        device_view.links(device, language, may_edit()),
        device_view.advice(device, gateway, now, zone(), language),
        device_view.facts(device, gateway, zone(), language),
        still(device_view.readings(readings, device, zone(), language)),
    )


@callback(
    Output("device-history", "figure"),
    Output("device-history-title", "children"),
    Output("device-history-note", "children"),
    Output("device-history-table", "children"),
    Output("device-statistics", "children"),
    Output("device-drawn", "data"),
    Output("device-books-whole", "hidden"),
    Input("device-id", "data"),
    Input("device-period", "value"),
    Input("device-step", "value"),
    Input("device-refresh", "n_intervals"),
    State("device-drawn", "data"),
)
def show_history(device_id: Any, period: Any, step: Any, _: int | None, before: Any) -> tuple[Any, ...]:
    """Draw the history and add it up."""
    now = datetime.now(UTC)
    span = view.span(period, None, None, zone(), now)
    width, asked = view.chosen_step(step, span)
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, device_id)
        known = {one.id: one for one in (*devices(conn, now), device)}
        drawn = next(one for one in placed(known.values()) if one.id == device.id)
        span = span.outward(width, account().timezone)
        rows = consumption(conn, [device.id], width, span.start, span.end, account().timezone)
        late = revised(conn, [device.id], width, span.start, span.end, account().timezone, now - MARKED)
    looked = Looked(drawn, span, width, now, zone(), locale(), late)
    note = (
        t("chart.rate_limited", locale(), step=t(f"step.{width}", locale()), asked=t(f"step.{asked}", locale())) if asked else ""
    )
    return (
        redrawn(device_view.history(looked, rows), before),
        device_view.title(looked),
        note,
        still(device_view.table(looked, rows)),
        device_view.statistics(looked, rows, device.last_value),
        device_view.drawn(looked),
        device.kind == "gauge",
    )


clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("device-url", "search"),
    Input("device-period", "value"),
    Input("device-step", "value"),
    State("device-defaults", "data"),
)
clientside_callback(
    ClientsideFunction("tds", "pick"),
    Output("device-bar", "data"),
    Output("device-history", "clickData"),
    Output("device-books", "hidden"),
    Input("device-history", "clickData"),
    Input("device-books-whole", "n_clicks"),
    Input("device-books-close", "n_clicks"),
    State("device-drawn", "data"),
    prevent_initial_call=True,
)
books_panel.connect("device", books_panel.of_device, State("device-id", "data"))
replacing.connect()
