"""Device: what one meter or sensor is, how it does, its history and its newest readings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.consumption import STEPS, consumption
from sql.errors import NotFound
from sql.queries.devices import devices
from sql.queries.readings import device_readings
from tds_dash import device_view, doors, view
from tds_dash.components import card_skeletons, chart_card, empty_state, metric_cards, page_header, segmented, skeleton
from tds_dash.device_view import Looked
from tds_dash.figures import placed
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import beat, register_page
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
        )
        return html.Div(html.Div(missing, className="tds-card"), className="tds-page")
    period = query.get("period") if query.get("period") in PERIODS else DEFAULTS["period"]
    step = query.get("step") if query.get("step") in STEPS else view.AUTOMATIC
    periods = [(name, t(f"period.{name}", language)) for name in PERIODS]
    steps = [(view.AUTOMATIC, t("period.automatic", language)), *((name, t(f"step.{name}", language)) for name in STEPS)]
    controls = [
        segmented("device-period", periods, str(period), label=t("period.presets", language)),
        segmented("device-step", steps, str(step), label=t("period.step", language)),
    ]
    return html.Div(
        [
            dcc.Location(id="device-url", refresh=False),
            dcc.Store(id="device-id", data=device_id),
            dcc.Store(id="device-defaults", data=DEFAULTS),
            beat("device-refresh"),
            page_header(
                t("device.title", language),
                id="device-name",
                lead=html.Span("\u00a0", id="device-state", className="d-inline-flex flex-wrap gap-3"),
                actions=[html.Div(id="device-links", className="tds-actions")],
            ),
            html.Div(id="device-advice"),
            chart_card("device-history", t("device.history", language), locale=language, controls=controls, height="tall"),
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
        device_view.links(device, language),
        device_view.advice(device, gateway, zone(), language),
        device_view.facts(device, gateway, zone(), language),
        still(device_view.readings(readings, device, zone(), language)),
    )


@callback(
    Output("device-history", "figure"),
    Output("device-history-title", "children"),
    Output("device-history-note", "children"),
    Output("device-history-table", "children"),
    Output("device-statistics", "children"),
    Input("device-id", "data"),
    Input("device-period", "value"),
    Input("device-step", "value"),
    Input("device-refresh", "n_intervals"),
)
def show_history(device_id: Any, period: Any, step: Any, _: int | None) -> tuple[Any, ...]:
    """Draw the history and add it up."""
    now = datetime.now(UTC)
    span = view.span(period, None, None, zone(), now)
    width, asked = view.chosen_step(step, span)
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, device_id)
        drawn = next(one for one in placed(devices(conn, now)) if one.id == device.id)
        span = span.outward(width, account().timezone)
        rows = consumption(conn, [device.id], width, span.start, span.end, account().timezone)
    looked = Looked(drawn, span, width, now, zone(), locale())
    note = (
        t("chart.rate_limited", locale(), step=t(f"step.{width}", locale()), asked=t(f"step.{asked}", locale())) if asked else ""
    )
    return (
        device_view.history(looked, rows),
        device_view.title(looked),
        note,
        still(device_view.table(looked, rows)),
        device_view.statistics(looked, rows, device.last_value),
    )


clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("device-url", "search"),
    Input("device-period", "value"),
    Input("device-step", "value"),
    State("device-defaults", "data"),
)
