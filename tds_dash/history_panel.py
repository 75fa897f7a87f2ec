"""The history on a device's page: its controls, its chart with zoom, and the callbacks that fill it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql import tariffs
from sql.consumption import STEPS, Step, consumption
from sql.errors import NotFound
from sql.pricing import of_plan
from sql.queries.devices import Device, devices
from sql.queries.outline import outline
from sql.queries.revised import MARKED, revised
from tds_dash import books_panel, doors, history_view, view, zoom
from tds_dash.components import card_skeletons, chart_card, metric_cards, period_picker, segmented
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.choosers import chooser
from tds_dash.components.files import files, picture
from tds_dash.figures import ChartDevice, placed
from tds_dash.history_view import Found, Looked
from tds_dash.identity import account, locale, zone
from tds_dash.load_costs import total
from tds_dash.money import money
from tds_dash.page_frame import redrawn
from tds_dash.still import still
from tds_dash.wording import t
from tds_dash.zoom import READINGS

PERIODS = (*zoom.PRESETS, view.CUSTOM)
DEFAULTS = {"period": "week", "step": view.AUTOMATIC, "profile": "quarter"}
WAYS = (("earlier", "chevron-left"), ("later", "chevron-right"), ("closer", "zoom-in"), ("wider", "zoom-out"))
SHORTEST_GAP = timedelta(minutes=30)


def stores(query: dict[str, Any]) -> list[Component]:
    """Give what the page keeps beside its controls, as the address sets it."""
    asked = str(query.get("zoom") or "")
    return [
        dcc.Location(id="device-url", refresh=False),
        dcc.Store(id="device-defaults", data=DEFAULTS),
        dcc.Store(id="device-drawn"),
        dcc.Store(id="device-zoom", data=asked if zoom.zoomed(asked, zone()) else ""),
        dcc.Store(id="device-asked-temperature", data=view.numbers(query.get("temperature"))),
    ]


def filters(query: dict[str, Any], language: str) -> Component:
    """Give period, dates and step, as the address sets them, and the temperature to draw beside."""
    period = query.get("period") if query.get("period") in PERIODS else DEFAULTS["period"]
    step = query.get("step") if query.get("step") in (READINGS, *STEPS) else view.AUTOMATIC
    periods = [(name, t(f"period.{name}", language)) for name in PERIODS]
    steps = [(name, t(f"step.{name}", language)) for name in (READINGS, *STEPS)]
    days = [view.day_of(query.get(name)) for name in ("from", "to")]
    picker = period_picker("device", locale=language, start=days[0], end=days[1])
    beside = chooser("device-temperature", t("zoom.temperature", language), t("zoom.no_temperature", language), locale=language)
    return html.Div(
        [
            html.Div(
                [
                    segmented("device-period", periods, str(period), label=t("period.presets", language)),
                    html.Div(picker, id="device-dates", hidden=True),
                    segmented("device-step", [(view.AUTOMATIC, t("period.automatic", language)), *steps], str(step), label=t("period.step", language)),
                    html.Div(beside, id="device-temperatures"),
                ],
                className="tds-filters",
            ),
            html.P(id="device-remark", className="tds-muted mb-0", role="status"),
        ],
        className="d-grid gap-2",
    )  # fmt: skip


def card(device_id: Any, language: str) -> Component:
    """Give the chart's card, with the buttons that zoom where no mouse drags."""
    buttons = [
        html.Button(
            html.I(className=f"bi bi-{icon}", **DECORATION),
            id=f"device-zoom-{way}",
            type="button",
            className="tds-icon-button",
            title=t(f"zoom.{way}", language),
            **labelled(t(f"zoom.{way}", language)),
        )
        for way, icon in WAYS
    ]
    controls: list[Component] = [
        html.Div(buttons, className="tds-zoom", role="group", **labelled(t("zoom.buttons", language))),
        books_panel.button("device", language),
    ]
    title = t("device.history", language)
    saved = picture("device-history", language, said="device-history-note", of=title)
    controls.append(files("device-history-files", f"/_device/{device_id}/history", language, of=title, beside=saved))
    return chart_card("device-history", title, locale=language, controls=controls, height="tall", revised=True, toolbar=False)


def cards() -> Component:
    """Give the cards of what is seen."""
    return metric_cards(card_skeletons(4), id="device-statistics", compact=True)


def gap_of(device: Device) -> timedelta:
    """Give how far two readings may be apart to be joined: the gap limit of the figures."""
    return max(SHORTEST_GAP, 3 * timedelta(seconds=device.interval_seconds))


def look(conn: Connection, device_id: Any, controls: tuple[Any, ...], beside: Any) -> tuple[Looked, Found, Device]:
    """Read what the controls ask for."""
    now = datetime.now(UTC)
    period, first, last, step, zoomed = controls
    window = zoom.window(period, first, last, zoomed, zone(), now)
    device = doors.device_for_user(conn, device_id)
    known = {one.id: one for one in (*devices(conn, now), device)}
    places = {one.id: one for one in placed(known.values())}
    with_what, asked = zoom.drawn_with(step, window.seen, device.kind, device.interval_seconds)
    width = zoom.step_of(with_what, window.seen)
    zone_name = account().timezone
    span = window.seen if with_what == READINGS else window.seen.outward(width, zone_name)
    period_of_rows: tuple[Step, datetime, datetime, str] = (width, span.start, span.end, zone_name)
    rows = consumption(conn, [device.id], *period_of_rows)
    late = revised(conn, [device.id], *period_of_rows, now - MARKED) if with_what != READINGS else {}
    gap = gap_of(device)
    line = outline(conn, device.id, span.start - gap, span.end + gap, gap) if with_what == READINGS else None
    other = temperature(known, places, beside) if device.kind != "gauge" else None
    levels = consumption(conn, [other.id], *period_of_rows) if other else []
    looked = Looked(places[device.id], window, span, with_what, width, now, zone(), locale(), asked, late, other)
    return looked, Found(rows, line, levels, cost_of(conn, device, period_of_rows)), device


def cost_of(conn: Connection, device: Device, period: tuple[Step, datetime, datetime, str]) -> str:
    """Write what a meter's consumption of a period costs; nothing where a part of it has no price."""
    plan = tariffs.plans(conn, account().id).get(device.resource) if device.kind != "gauge" else None
    if plan is None:
        return ""
    step, start, end, _ = period
    known = total(list(of_plan(conn, plan, {device.id: 1}, device.unit, step, start, end)))
    return "" if known is None else money(known, account().currency, locale())


def temperature(known: dict[int, Device], places: dict[int, ChartDevice], asked: Any) -> ChartDevice | None:
    """Give the gauge of the account to be drawn beside; NotFound where it is none of the account's."""
    wanted = view.numbers(asked)[:1]
    if not wanted:
        return None
    found = known.get(wanted[0])
    if found is None or found.kind != "gauge":
        raise NotFound("there is no such gauge")
    return places[found.id]


def offer_temperatures(device_id: Any, asked: Any) -> tuple[list[dict[str, Any]], int | None, bool]:
    """Offer the account's gauges to be drawn beside a meter, with the one that the address names."""
    with doors.reading() as conn:
        device = doors.device_for_user(conn, device_id)
        offered = history_view.gauges(devices(conn, datetime.now(UTC)))
    options = [{"label": f"{one.name} · {one.gateway_name}", "value": one.id} for one in offered]
    wanted = view.numbers(asked)
    chosen = next((one.id for one in offered if one.id in wanted), None)
    return options, chosen, device.kind == "gauge" or not offered


def show_history(device_id: Any, *given: Any) -> tuple[Any, ...]:
    """Draw what is seen of the history and add it up."""
    *controls, beside, _, before = given
    with doors.reading() as conn:
        looked, found, device = look(conn, device_id, tuple(controls), beside)
    return (
        redrawn(history_view.history(looked, found), before),
        history_view.title(looked),
        history_view.note(looked, found),
        still(history_view.table(looked, found)),
        history_view.summary(looked, found),
        history_view.empty(looked, found, device.last_time),
        history_view.statistics(looked, found, device.last_value),
        history_view.drawn(looked, found),
        device.kind == "gauge",
        history_view.remark(looked),
        not looked.window.zoomed,
        looked.span.end >= looked.now,
    )


def connect() -> None:
    """Register the callbacks, on the server and in the browser."""
    callback(
        Output("device-temperature", "options"),
        Output("device-temperature", "value"),
        Output("device-temperatures", "hidden"),
        Input("device-id", "data"),
        State("device-asked-temperature", "data"),
    )(offer_temperatures)
    callback(
        Output("device-history", "figure"),
        Output("device-history-title", "children"),
        Output("device-history-note", "children"),
        Output("device-history-table", "children"),
        Output("device-history-summary", "children"),
        Output("device-history-empty", "children"),
        Output("device-statistics", "children"),
        Output("device-drawn", "data"),
        Output("device-books-whole", "hidden"),
        Output("device-remark", "children"),
        Output("device-zoom-wider", "disabled"),
        Output("device-zoom-later", "disabled"),
        Input("device-id", "data"),
        Input("device-period", "value"),
        Input("device-from", "value"),
        Input("device-to", "value"),
        Input("device-step", "value"),
        Input("device-zoom", "data"),
        Input("device-temperature", "value"),
        Input("device-refresh", "n_intervals"),
        State("device-drawn", "data"),
    )(show_history)
    _connect_browser()


def _connect_browser() -> None:
    controls = [Input("device-period", "value"), Input("device-from", "value"), Input("device-to", "value")]
    clientside_callback(
        ClientsideFunction("zoom", "follow"),
        Output("device-zoom", "data"),
        Output("device-history", "relayoutData"),
        Input("device-history", "relayoutData"),
        *(Input(f"device-zoom-{way}", "n_clicks") for way, _ in WAYS),
        *controls,
        State("device-drawn", "data"),
        prevent_initial_call=True,
    )
    clientside_callback(
        ClientsideFunction("tds", "remember"),
        Output("device-url", "search"),
        *controls,
        Input("device-step", "value"),
        Input("device-zoom", "data"),
        Input("device-temperature", "value"),
        Input("device-profile", "value"),
        State("device-defaults", "data"),
    )
    clientside_callback(
        ClientsideFunction("tds", "hideUnlessCustom"), Output("device-dates", "hidden"), Input("device-period", "value")
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
