"""Maximum demand: the largest quarter-hours of an account, a gateway or chosen devices, month by month, and who made them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html

from sql.queries.gateways import gateways
from sql.queries.meters import meters
from tds_dash import doors, peaks_asked, peaks_view, view
from tds_dash.components import card_skeletons, chart_card, metric_cards, page_header, segmented, skeleton
from tds_dash.components.choosers import chooser
from tds_dash.components.files import files, picture
from tds_dash.demand import meters_of
from tds_dash.figures import axes
from tds_dash.identity import locale, zone
from tds_dash.page_frame import register_page
from tds_dash.peaks_asked import DEFAULTS, MONTHS, RESOURCES, months_of
from tds_dash.still import still
from tds_dash.wording import month as month_in_words
from tds_dash.wording import t

register_page(__name__, "nav.peaks", path="/peaks", order=2)


def layout(**query: Any) -> html.Div:
    """Give the controls as the address sets them, and the frame of what they show."""
    language = locale()
    resource = query.get("resource") if query.get("resource") in RESOURCES else DEFAULTS["resource"]
    months = query.get("months") if query.get("months") in MONTHS else DEFAULTS["months"]
    resources = [(name, t(f"resource.{name}", language)) for name in RESOURCES]
    lengths = [(name, t("peaks.months", language, n=int(name))) for name in MONTHS]
    asked: dict[str, Any] = {name: view.numbers(query.get(name)) for name in ("gateways", "devices")}
    asked["month"] = str(query.get("month") or "")[:7]
    filters = html.Div(
        [
            segmented("peaks-resource", resources, str(resource), label=t("consumption.resource", language)),
            segmented("peaks-months", lengths, str(months), label=t("period.presets", language)),
            chooser(
                "peaks-gateways", t("nav.gateways", language), t("readings.all_gateways", language), locale=language, multi=True
            ),
            chooser(
                "peaks-devices", t("nav.devices", language), t("readings.all_devices", language), locale=language, multi=True
            ),
            chooser("peaks-month", t("peaks.month", language), t("peaks.all_months", language), locale=language),
        ],
        className="tds-filters",
    )
    chart = chart_card("peaks-chart", t("peaks.title", language), locale=language, legend=False, toolbar=False)
    return html.Div(
        [
            dcc.Location(id="peaks-url", refresh=False),
            dcc.Store(id="peaks-asked", data=asked),
            dcc.Store(id="peaks-defaults", data=DEFAULTS),
            page_header(
                t("peaks.title", language),
                lead=t("peaks.lead", language),
                actions=[
                    files(
                        "peaks-export", "/_peaks/export", language, beside=picture("peaks-chart", language, said="peaks-remark")
                    )
                ],
            ),
            filters,
            html.P(id="peaks-remark", className="tds-muted mb-0", role="status"),
            metric_cards(card_skeletons(4), id="peaks-cards", compact=True),
            chart,
            part("peaks.top", "peaks-top", language),
            part("peaks.devices", "peaks-own", language),
        ],
        className="tds-page tds-stack",
    )


def part(heading: str, id: str, language: str) -> html.Section:
    """Give a card with a heading and a table to come."""
    title = html.H2(t(heading, language), id=f"{id}-title", className="tds-section-title")
    return html.Section([title, html.Div(skeleton("table"), id=id)], className="tds-card")


@callback(
    Output("peaks-gateways", "options"),
    Output("peaks-gateways", "value"),
    Output("peaks-devices", "options"),
    Output("peaks-devices", "value"),
    Input("peaks-resource", "value"),
    State("peaks-asked", "data"),
)
def offer(resource: Any, asked: Any) -> tuple[Any, ...]:
    """Offer the gateways and the meters of the resource, those chosen that the address names."""
    now = datetime.now(UTC)
    given = asked if isinstance(asked, dict) else {}
    with doors.reading() as conn:
        behind = gateways(conn, now)
        offered = meters_of(meters(conn), resource)
    wanted = {name: set(view.numbers(given.get(name))) for name in ("gateways", "devices")}
    return (
        [{"label": one.name, "value": one.id} for one in behind],
        [one.id for one in behind if one.id in wanted["gateways"]],
        [{"label": f"{one.name} · {one.gateway_name}", "value": one.id} for one in offered],
        [one.id for one in offered if one.id in wanted["devices"]],
    )


@callback(
    Output("peaks-month", "options"),
    Output("peaks-month", "value"),
    Input("peaks-months", "value"),
    State("peaks-asked", "data"),
    State("peaks-month", "value"),
)
def offer_months(months: Any, asked: Any, chosen: Any) -> tuple[list[dict[str, str]], str | None]:
    """Offer the months of the period, with the one chosen, or named by the address."""
    named = asked.get("month") if isinstance(asked, dict) else None
    starts = [moment.astimezone(zone()) for moment in axes.buckets(*months_of(months), "month", zone())]
    known = [{"label": month_in_words(moment, locale()), "value": f"{moment:%Y-%m}"} for moment in reversed(starts)]
    return known, next((one["value"] for one in known if one["value"] in (chosen, named)), None)


@callback(
    Output("peaks-chart", "figure"),
    Output("peaks-chart-title", "children"),
    Output("peaks-chart-table", "children"),
    Output("peaks-chart-summary", "children"),
    Output("peaks-chart-empty", "children"),
    Output("peaks-cards", "children"),
    Output("peaks-top", "children"),
    Output("peaks-own", "children"),
    Output("peaks-remark", "children"),
    Input("peaks-resource", "value"),
    Input("peaks-months", "value"),
    Input("peaks-gateways", "value"),
    Input("peaks-devices", "value"),
    Input("peaks-month", "value"),
)
def show(resource: Any, months: Any, behind: Any, chosen: Any, month: Any) -> tuple[Any, ...]:
    """Find the peaks of what the controls say."""
    with doors.reading() as conn:
        asked, found = peaks_asked.read(conn, resource, months, behind, chosen, month)
    return (
        peaks_view.chart(asked, found),
        peaks_view.title(asked, found),
        still(peaks_view.months_table(asked, found)),
        peaks_view.summary(asked, found),
        peaks_view.nothing(asked, found),
        peaks_view.cards(asked, found),
        still(peaks_view.top_table(asked, found)),
        still(peaks_view.devices_table(asked, found)),
        peaks_view.remark(asked, found),
    )


clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("peaks-url", "search"),
    Input("peaks-resource", "value"),
    Input("peaks-months", "value"),
    Input("peaks-gateways", "value"),
    Input("peaks-devices", "value"),
    Input("peaks-month", "value"),
    State("peaks-defaults", "data"),
)
clientside_callback(
    ClientsideFunction("peaks", "pick"),
    Output("peaks-month", "value", allow_duplicate=True),
    Output("peaks-chart", "clickData"),
    Input("peaks-chart", "clickData"),
    prevent_initial_call=True,
)
