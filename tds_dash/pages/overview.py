"""Overview: the account at one glance, refreshed every half minute without a reload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update

from sql.consumption import grouped
from sql.queries.devices import devices
from sql.queries.gateways import fleet_status
from sql.queries.readings import latest_readings
from sql.queries.revised import MARKED, revised
from tds_dash import attention, books_panel, cost_hooks, doors, view
from tds_dash.amounts import in_main_unit, members, stand_ins
from tds_dash.components import (
    card_skeletons,
    chart_card,
    consumption_table,
    empty_state,
    metric_cards,
    page_header,
    readings_table,
    skeleton,
)
from tds_dash.figures import by_unit, monthly_bars, placed
from tds_dash.identity import account, locale, zone
from tds_dash.overview_cards import fleet_cards, resource_cards
from tds_dash.page_frame import beat, goes_first, redrawn, refreshed, register_page
from tds_dash.reading_lines import reading_lines
from tds_dash.still import still
from tds_dash.summary import summaries
from tds_dash.wording import t

CHARTED = ("electricity", "water", "gas", "other")
LATEST = 50

register_page(__name__, "nav.overview", path="/", order=0)


def layout(**_: object) -> html.Div:
    """Give the page's frame; what it holds arrives by the callbacks below."""
    language = locale()
    charts = [
        html.Div(
            chart_card(
                f"overview-{resource}",
                t(
                    "chart.titled",
                    language,
                    resource=t(f"resource.{resource}", language),
                    unit="…",
                    step=t("step.per_month", language),
                ),
                locale=language,
                resource=resource,
                revised=True,
            ),
            id=f"overview-{resource}-card",
            hidden=resource == "other",
        )
        for resource in CHARTED
    ]
    latest = html.Section(
        [
            html.H2(t("overview.latest", language), className="tds-section-title"),
            html.Div(skeleton("table"), id="overview-latest"),
        ],
        className="tds-card",
    )
    return html.Div(
        [
            beat("overview-refresh"),
            goes_first("overview-electricity.figure"),
            *(dcc.Store(id=f"overview-{resource}-drawn") for resource in CHARTED),
            page_header(t("overview.title", language), lead=html.Span("\u00a0", id="overview-refreshed")),
            metric_cards(card_skeletons(8), id="overview-cards"),
            html.Div(html.Div([skeleton("line") for _ in range(3)], className="tds-card"), id="overview-attention"),
            html.Div(id="overview-budgets"),
            html.Div(id="overview-empty"),
            html.Div(charts, className="tds-columns", id="overview-charts"),
            books_panel.panel("overview", language),
            latest,
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("overview-cards", "children"), Output("overview-refreshed", "children"), Input("overview-refresh", "n_intervals")
)
def show_cards(_: int | None) -> tuple[list[Any], str]:
    """Fill the cards."""
    now = datetime.now(UTC)
    with doors.reading() as conn:
        status = fleet_status(conn, now)
        found = summaries(conn, placed(devices(conn, now)), now, zone())
        costs = cost_hooks.month_costs(conn, now)
    return [*fleet_cards(status, locale()), *resource_cards(found, now, zone(), locale(), costs)], refreshed(now)


@callback(Output("overview-attention", "children"), Input("overview-refresh", "n_intervals"))
def show_attention(_: int | None) -> Any:
    """Say what needs attention; nothing where the account has no gateway yet."""
    now = datetime.now(UTC)
    with doors.reading() as conn:
        items = attention.attention(conn, now, zone(), locale())
        status = fleet_status(conn, now)
    return still(attention.panel(items, locale())) if items or status.gateways else None


@callback(Output("overview-budgets", "children"), Input("overview-refresh", "n_intervals"))
def show_budgets(_: int | None) -> Any:
    """Say how the month will end against its budgets; nothing where there is none."""
    with doors.reading() as conn:
        return still(panel) if (panel := cost_hooks.budget_panel(conn, datetime.now(UTC))) else None


@callback(
    output={
        resource: {
            "figure": Output(f"overview-{resource}", "figure"),
            "title": Output(f"overview-{resource}-title", "children"),
            "table": Output(f"overview-{resource}-table", "children"),
            "hidden": Output(f"overview-{resource}-card", "hidden"),
            "drawn": Output(f"overview-{resource}-drawn", "data"),
        }
        for resource in CHARTED
    },
    inputs={
        "_": Input("overview-refresh", "n_intervals"),
        "drawn": {resource: State(f"overview-{resource}-drawn", "data") for resource in CHARTED},
    },
)
def show_months(_: int | None, drawn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Draw 13 months of each resource that the account meters."""
    now = datetime.now(UTC)
    start, end, _remark = view.preset("year", zone(), now)
    with doors.reading() as conn:
        metered = [device for device in placed(devices(conn, now)) if device.kind != "gauge"]
        standing, stands_for = stand_ins(metered)
        rows = grouped(conn, stands_for, "month", start, end, account().timezone)
        shown, rows = in_main_unit(standing, rows)
        groups = {resource: group for (resource, _unit), group in reversed(by_unit(shown).items())}
        late = {
            resource: revised(conn, members(group, stands_for), "month", start, end, account().timezone, now - MARKED)
            for resource, group in groups.items()
        }
    return {
        resource: month_chart(resource, groups.get(resource, []), rows, now, drawn[resource], late.get(resource, {}))
        for resource in CHARTED
    }


def month_chart(
    resource: str, group: list[Any], rows: list[Any], now: datetime, drawn: object, late: dict[datetime, datetime]
) -> dict[str, Any]:
    """Give a resource's chart, title and table, its revised months marked; hidden where the account has no such meter."""
    ids = {device.id for device in group}
    if not any(row.device_id in ids and row.consumption is not None for row in rows):
        return {**dict.fromkeys(("figure", "title", "table", "drawn"), no_update), "hidden": True}
    words = {"resource": t(f"resource.{resource}", locale()), "unit": group[0].unit, "step": t("step.per_month", locale())}
    title = t("chart.titled", locale(), **words)
    view_drawn = f"{resource} {now.astimezone(zone()):%Y-%m}"
    figure = monthly_bars(rows, group, zone=zone(), now=now, locale=locale(), view=view_drawn, revised=late)
    common: dict[str, Any] = {"step": "month", "zone": zone(), "now": now, "locale": locale(), "revised": late}
    return {
        "figure": redrawn(figure, drawn),
        "drawn": view_drawn,
        "title": title,
        "table": still(consumption_table(rows, group, title=title, **common)),
        "hidden": False,
    }


@callback(Output("overview-latest", "children"), Output("overview-empty", "children"), Input("overview-refresh", "n_intervals"))
def show_latest(_: int | None) -> tuple[Any, Any]:
    """Show the newest readings, or what to do where there are none."""
    now, language = datetime.now(UTC), locale()
    with doors.reading() as conn:
        lines = reading_lines(conn, latest_readings(conn, LATEST, now), now)
    if lines:
        return still(readings_table(lines, zone=zone(), now=now, locale=language, boxed=True)), None
    hint = t("overview.empty_text", language)
    return html.P(t("readings.empty_account_text", language), className="tds-muted"), html.Div(
        empty_state(t("overview.empty", language), hint, action=t("overview.empty_action", language), href="/gateways"),
        className="tds-card",
    )


clientside_callback(
    ClientsideFunction("tds", "pickMonth"),
    Output("overview-bar", "data"),
    Output("overview-books", "hidden"),
    *(Output(f"overview-{resource}", "clickData") for resource in CHARTED),
    *(Input(f"overview-{resource}", "clickData") for resource in CHARTED),
    Input("overview-books-close", "n_clicks"),
    prevent_initial_call=True,
)


books_panel.connect("overview", books_panel.of_bar, State("overview-bar", "data"))
