"""Consumption: bars of one resource for chosen devices, period and step; the address holds the view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.consumption import STEPS, few
from sql.queries.devices import devices
from sql.queries.revised import MARKED, revised
from tds_dash import books_panel, doors, view
from tds_dash.amounts import share_unit
from tds_dash.components import chart_card, page_header, period_picker, segmented
from tds_dash.components.choosers import chooser
from tds_dash.explorer import Shown, answer, metered, nothing
from tds_dash.figures import placed
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page
from tds_dash.theme import MOST_SERIES
from tds_dash.wording import t

RESOURCES = ("electricity", "water", "gas", "other")
PERIODS = ("week", "month", "this_month", "last_month", "year", view.CUSTOM)
DEFAULTS = {"resource": "electricity", "period": "year", "step": view.AUTOMATIC}

register_page(__name__, "nav.consumption", path="/consumption", order=1)


def layout(**query: Any) -> html.Div:
    """Give the controls as the address sets them, and the chart's frame; the devices to choose from come by callback."""
    language = locale()
    asked = {name: str(query.get(name) or value) for name, value in DEFAULTS.items()}
    resource = asked["resource"] if asked["resource"] in RESOURCES else "electricity"
    period = asked["period"] if asked["period"] in {*PERIODS, *view.PRESETS} else "year"
    step = asked["step"] if asked["step"] in STEPS else view.AUTOMATIC
    resources = [(name, t(f"resource.{name}", language)) for name in RESOURCES]
    periods = [(name, t(f"period.{name}", language)) for name in dict.fromkeys([*PERIODS[:-1], period, PERIODS[-1]])]
    steps = [(view.AUTOMATIC, t("period.automatic", language)), *((name, t(f"step.{name}", language)) for name in STEPS)]
    days = [view.day_of(query.get(name)) for name in ("from", "to")]
    filters = html.Div(
        [
            segmented("consumption-resource", resources, resource, label=t("consumption.resource", language)),
            chooser("consumption-devices", t("consumption.devices", language), t("consumption.all_devices", language), locale=language, multi=True),
        ],
        className="tds-filters",
    )  # fmt: skip
    ranges = html.Div(
        [
            segmented("consumption-period", periods, period, label=t("consumption.period", language)),
            html.Div(
                period_picker("consumption", locale=language, start=days[0], end=days[1]), id="consumption-dates", hidden=True
            ),
            segmented("consumption-step", steps, step, label=t("consumption.step", language)),
        ],
        className="tds-filters",
    )
    export = html.A(
        t("action.export_csv", language), id="consumption-export", href="#", download="", className="btn btn-outline-primary"
    )
    return html.Div(
        [
            dcc.Location(id="consumption-url", refresh=False),
            dcc.Store(id="consumption-asked", data=view.numbers(query.get("devices") or query.get("device"))),
            dcc.Store(id="consumption-defaults", data=DEFAULTS),
            dcc.Store(id="consumption-drawn"),
            page_header(t("consumption.title", language), lead=t("consumption.drill", language), actions=[export]),
            html.Div(
                [filters, ranges, html.P(id="consumption-remark", className="tds-muted mb-0", role="status")],
                className="d-grid gap-2",
            ),
            html.Div(id="consumption-empty", className="tds-card", hidden=True),
            html.Div(
                chart_card(
                    "consumption-chart",
                    t("consumption.title", language),
                    locale=language,
                    controls=[books_panel.button("consumption", language)],
                    height="tall",
                    revised=True,
                ),
                id="consumption-card",
            ),
            books_panel.panel("consumption", language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("consumption-devices", "options"),
    Output("consumption-devices", "value"),
    Input("consumption-resource", "value"),
    State("consumption-asked", "data"),
)
def offer_devices(resource: Any, asked: Any) -> tuple[list[dict[str, Any]], list[int]]:
    """Offer the account's meters of a resource, those chosen that the address names."""
    with doors.transaction() as conn:
        offered = [device for device in devices(conn, datetime.now(UTC)) if metered(device, resource)]
    known = {device.id for device in offered}
    options = [{"label": f"{device.name} · {device.gateway_name}", "value": device.id} for device in offered]
    return options, [number for number in view.numbers(asked) if number in known]


@callback(
    Output("consumption-chart", "figure"),
    Output("consumption-chart-title", "children"),
    Output("consumption-chart-note", "children"),
    Output("consumption-chart-table", "children"),
    Output("consumption-card", "hidden"),
    Output("consumption-empty", "children"),
    Output("consumption-empty", "hidden"),
    Output("consumption-remark", "children"),
    Output("consumption-export", "href"),
    Output("consumption-drawn", "data"),
    Input("consumption-resource", "value"),
    Input("consumption-devices", "value"),
    Input("consumption-period", "value"),
    Input("consumption-from", "value"),
    Input("consumption-to", "value"),
    Input("consumption-step", "value"),
)
def show(resource: Any, chosen: Any, period: Any, first: Any, last: Any, step: Any) -> tuple[Any, ...]:
    """Draw what the controls say."""
    now = datetime.now(UTC)
    span = view.span(period, first, last, zone(), now, default="year")
    with doors.transaction() as conn:
        wanted = {device.id for device in doors.devices_for_user(conn, chosen)} if chosen else None
        known = [device for device in placed(devices(conn, now)) if metered(device, resource)]
        shown = [device for device in known if wanted is None or device.id in wanted]
        width, asked = view.chosen_step(step, span, len(shown))
        span = span.outward(width, account().timezone)
        ids = [device.id for device in shown]
        most = MOST_SERIES if share_unit(shown) else len(ids)
        rows = few(conn, ids, width, span.start, span.end, account().timezone, most)
        late = revised(conn, ids, width, span.start, span.end, account().timezone, now - MARKED)
    seen = Shown(resource, shown, wanted is not None, span, width, asked, now, zone(), locale(), late)
    return nothing(seen) if not shown or not any(row.consumption is not None for row in rows) else answer(seen, rows)


clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("consumption-url", "search"),
    Input("consumption-resource", "value"),
    Input("consumption-devices", "value"),
    Input("consumption-period", "value"),
    Input("consumption-from", "value"),
    Input("consumption-to", "value"),
    Input("consumption-step", "value"),
    State("consumption-defaults", "data"),
)
clientside_callback(
    ClientsideFunction("tds", "hideUnlessCustom"), Output("consumption-dates", "hidden"), Input("consumption-period", "value")
)
clientside_callback(
    ClientsideFunction("tds", "drill"),
    Output("consumption-period", "value"),
    Output("consumption-from", "value"),
    Output("consumption-to", "value"),
    Output("consumption-step", "value"),
    Output("consumption-bar", "data"),
    Output("consumption-chart", "clickData"),
    Output("consumption-books", "hidden"),
    Input("consumption-chart", "clickData"),
    Input("consumption-books-whole", "n_clicks"),
    Input("consumption-books-close", "n_clicks"),
    Input("consumption-resource", "value"),
    Input("consumption-devices", "value"),
    State("consumption-drawn", "data"),
    prevent_initial_call=True,
)
books_panel.connect(
    "consumption", books_panel.of_resource, State("consumption-resource", "value"), State("consumption-devices", "value")
)
