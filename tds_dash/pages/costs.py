"""Costs: the bill of a month and resource, against the month before, by day and band; how the month will end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update

from sql import tariffs
from tds_dash import cost_data, costs_view, doors, wording
from tds_dash.components import card_skeletons, chart_card, empty_state, metric_cards, page_header, segmented, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.files import files, picture
from tds_dash.cost_data import Found
from tds_dash.figures import axes
from tds_dash.figures.costs import ORDER, Scene, cost_bars
from tds_dash.identity import locale, zone
from tds_dash.money import SYMBOLS
from tds_dash.page_frame import register_page
from tds_dash.still import still
from tds_dash.view import midnight
from tds_dash.wording import t

RESOURCES = ("electricity", "water", "gas", "other")
STEPS = ("day", "month")
DEFAULTS = {"resource": "electricity", "per": "day", "month": ""}

register_page(__name__, "nav.costs", path="/costs", order=2)


def layout(**query: Any) -> html.Div:
    """Give the controls as the address sets them, and the frame of what they show."""
    language = locale()
    resource = str(query.get("resource")) if query.get("resource") in RESOURCES else DEFAULTS["resource"]
    per = str(query.get("per")) if query.get("per") in STEPS else DEFAULTS["per"]
    months = cost_data.months_back(datetime.now(UTC), zone())
    month = next((one for one in months if f"{one:%Y-%m}" == query.get("month")), months[0])
    chosen = dbc.Select(
        id="costs-month",
        options=[{"value": f"{one:%Y-%m}", "label": wording.month(one, language)} for one in months],
        value=f"{month:%Y-%m}",
        className="tds-input",
    )
    filters = html.Div(
        [
            segmented("costs-resource", [(name, t(f"resource.{name}", language)) for name in RESOURCES], resource, label=t("costs.resource", language)),
            html.Div([html.Label(t("costs.month", language), htmlFor="costs-month", className="visually-hidden"), chosen]),
            html.Div(files("costs-export", "/_costs/export", language, beside=picture("costs-chart", language, said="costs-chart-note")), className="ms-auto"),
        ],
        className="tds-filters",
    )  # fmt: skip
    per_what = segmented(
        "costs-per", [(step, t(f"costs.per_{step}", language)) for step in STEPS], per, label=t("costs.per", language)
    )
    return html.Div(
        [
            dcc.Location(id="costs-url", refresh=False),
            dcc.Store(id="costs-defaults", data={**DEFAULTS, "month": f"{months[0]:%Y-%m}"}),
            page_header(
                t("costs.title", language),
                lead=t("costs.lead", language),
                actions=[
                    dcc.Link(t(key, language), href=href, className="btn btn-outline-primary")
                    for key, href in (("report.button", "/reports"), ("bills.title", "/bills"), ("costs.tariffs", "/tariffs"))
                ],
            ),
            filters,
            html.Div(id="costs-told", **LIVE),
            html.Div(id="costs-empty", className="tds-card", hidden=True),
            html.Div(
                [
                    metric_cards(card_skeletons(4), id="costs-cards", compact=True),
                    html.Section([skeleton("line"), skeleton("line")], id="costs-outlook", className="tds-card"),
                    html.Div(
                        [
                            html.Section([html.H2(id="costs-bill-title", className="tds-section-title"), html.Div(skeleton("table"), id="costs-bill")], className="tds-card"),
                            html.Section(
                                [html.H2(t("costs.to_date", language), className="tds-section-title"), html.Div(skeleton("table"), id="costs-compared")], className="tds-card"
                            ),
                        ],
                        className="tds-columns",
                    ),
                    chart_card("costs-chart", t("costs.title", language), locale=language, controls=[per_what], toolbar=False),
                ],
                id="costs-all",
                className="tds-stack",
            ),
        ],
        className="tds-page tds-stack",
    )  # fmt: skip


@callback(
    Output("costs-cards", "children"),
    Output("costs-outlook", "children"),
    Output("costs-outlook", "hidden"),
    Output("costs-bill-title", "children"),
    Output("costs-bill", "children"),
    Output("costs-compared", "children"),
    Output("costs-told", "children"),
    Output("costs-empty", "children"),
    Output("costs-empty", "hidden"),
    Output("costs-all", "hidden"),
    Output("costs-export", "hidden"),
    Input("costs-resource", "value"),
    Input("costs-month", "value"),
)
def show(resource: Any, month: Any) -> tuple[Any, ...]:
    """Show the bill of a month."""
    language, wanted = locale(), cost_data.asked(resource, month, datetime.now(UTC))
    with doors.reading() as conn:
        found = cost_data.gather(conn, wanted)
    told = remaking(found, language)
    if not found.plan.tariffs or not found.bill.lines:
        kept = (no_update,) * 6
        return (*kept, told, nothing(found, language), False, True, True)
    name = "costs.bill_running" if found.asked.running else "costs.bill"
    outlook = costs_view.outlook(found.projected, found.bill, language)
    return (
        costs_view.cards(found, language),
        still(outlook) if outlook else None,
        outlook is None,
        t(name, language, month=wording.month(found.asked.month, language)),
        still(costs_view.bill_table(found.bill, zone(), language)),
        still(costs_view.compared_table(found.compared, zone(), language)),
        told,
        None,
        True,
        False,
        False,
    )


@callback(
    Output("costs-chart", "figure"),
    Output("costs-chart-title", "children"),
    Output("costs-chart-note", "children"),
    Output("costs-chart-table", "children"),
    Input("costs-resource", "value"),
    Input("costs-month", "value"),
    Input("costs-per", "value"),
)
def show_chart(resource: Any, month: Any, per: Any) -> tuple[Any, ...]:
    """Draw what each day, or each month, costs by band."""
    language, wanted = locale(), cost_data.asked(resource, month, datetime.now(UTC))
    step: Any = per if per in STEPS else "day"
    with doors.reading() as conn:
        portions = cost_data.by_band(conn, wanted, tariffs.plan(conn, wanted.account_id, wanted.resource), step)
    sums = cost_data.spent_by_bucket(portions)
    words = cost_data.spent_in_words(sums, wanted.currency, language)
    start, end = cost_data.start_of(wanted, step), midnight(wanted.end, zone())
    prefix = f"{SYMBOLS.get(wanted.currency, wanted.currency)} "
    figure = cost_bars(sums, words, Scene(wanted.resource, step, start, end, zone(), wanted.now, language, prefix))
    title = t(f"costs.chart_{step}", language, resource=t(f"resource.{wanted.resource}", language), currency=wanted.currency)
    bands = [band for band in ORDER if any(band in own for own in sums.values())]
    table = costs_view.day_table(
        sums, bands, title, wanted.currency, lambda bucket: axes.title(bucket, step, zone(), language), language
    )
    return figure, title, t("costs.energy_only", language), still(table)


def remaking(found: Found, language: str) -> Any:
    """Say how far a changed tariff is from being calculated; nothing where it is."""
    if found.left is None:
        return None
    said = t("costs.remaking", language, left=found.left.devices, of=found.left.of)
    return html.Div(
        [said, html.Progress(max=str(found.left.of), value=str(found.left.of - found.left.devices), className="tds-progress")],
        className="tds-card",
    )


def nothing(found: Found, language: str) -> Any:
    """Say why there is nothing to show."""
    name = t(f"resource.{found.asked.resource}", language).lower()
    if found.plan.tariffs:
        return empty_state(t("costs.no_meters", language, resource=name), t("costs.no_meters_text", language), icon="cash-coin")
    title, action = t("costs.empty", language, resource=name), t("costs.empty_action", language)
    return empty_state(title, t("costs.empty_text", language), icon="cash-coin", action=action, href="/tariffs")


clientside_callback(
    ClientsideFunction("tds", "remember"),
    Output("costs-url", "search"),
    Input("costs-resource", "value"),
    Input("costs-month", "value"),
    Input("costs-per", "value"),
    State("costs-defaults", "data"),
)
