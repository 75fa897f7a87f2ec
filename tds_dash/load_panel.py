"""The load of a device on its page: week, mean day, duration curve, base load, nights; one callback fills them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, callback, ctx, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql.queries.devices import Device
from sql.queries.load import Wanted, base, duration, nights, profile
from tds_dash import doors, figures, load_view, view, zoom
from tds_dash.components import card_skeletons, chart_card, empty_state, metric_cards, segmented
from tds_dash.components.attributes import labelled
from tds_dash.components.files import files, picture
from tds_dash.figures import blank
from tds_dash.identity import account, locale, zone
from tds_dash.load_costs import Costs, costs_of
from tds_dash.load_view import FLOWING, Loaded
from tds_dash.still import still
from tds_dash.view import Span
from tds_dash.wording import t

AS_ABOVE = "above"
PERIODS = ("month", "quarter", "year", AS_ABOVE)
DEFAULT = "quarter"
CHARTS = ("week", "mean", "duration")
SAID = {"said": "device-load-days", "named": "device-name"}  # beside each picture


def panel(device_id: Any, query: dict[str, Any], language: str) -> Component:
    """Give the frame, of the period that the address names."""
    period = query.get("profile") if query.get("profile") in PERIODS else DEFAULT
    names = [(name, t("load.as_above" if name == AS_ABOVE else f"period.{name}", language)) for name in PERIODS]
    head = html.Div(
        [
            html.Div([html.H2(t("load.title", language), className="tds-section-title mb-0"), html.Span(id="device-load-days", className="tds-muted")]),
            html.Div(
                [
                    segmented("device-profile", names, str(period), label=t("load.period", language)),
                    files("device-load-files", f"/_device/{device_id}/load", language, of=t("load.title", language)),
                ],
                className="tds-actions",
            ),
        ],
        className="tds-page-head mb-0",
    )  # fmt: skip
    *charts, nights = (drawn(name, language) for name in (*CHARTS, "nights"))
    return html.Section(
        [
            head,
            html.Div(charts[:2], className="tds-columns"),
            metric_cards(card_skeletons(4), id="device-base", compact=True),
            html.P(t("load.explained", language), id="device-base-note", className="tds-muted tds-small mb-0"),
            html.Div(id="device-leak"),
            html.Div([charts[2], html.Div(nights, id="device-nights-card", hidden=True)], className="tds-columns"),
        ],
        className="tds-stack",
        **labelled(t("load.title", language)),
    )


def drawn(name: str, language: str) -> Component:
    """Give the card of one chart, which leaves as a picture."""
    id, title = f"device-{name}", t(f"load.{name}_waiting", language)
    return chart_card(id, title, locale=language, legend=False, controls=[picture(id, language, **SAID, of=title)], toolbar=False)


def period_of(chosen: Any, period: Any, first: Any, last: Any) -> Span:
    """Give the period that the load is asked of: its own, or that of the history above."""
    now = datetime.now(UTC)
    if chosen == AS_ABOVE:
        return zoom.window(period, first, last, "", zone(), now).whole
    return view.preset(str(chosen) if chosen in PERIODS else DEFAULT, zone(), now)


def loaded(conn: Connection, device: Device, span: Span) -> Loaded:
    """Read a device's load over a period."""
    wanted = Wanted(device.id, device.kind == "gauge", span.start, span.end, account().timezone)
    meter = device.kind != "gauge"
    never = base(conn, wanted) if meter else None
    return Loaded(
        device,
        span,
        zone(),
        locale(),
        profile(conn, wanted),
        duration(conn, wanted),
        never,
        nights(conn, wanted) if meter and device.resource in FLOWING else [],
        costs_of(conn, device, span, never) if never else Costs(),
        account().currency,
    )


def connect() -> None:
    """Register the callback."""

    @callback(
        *(
            Output(f"device-{name}{part}", prop)
            for name in (*CHARTS, "nights")
            for part, prop in (("", "figure"), ("-title", "children"), ("-table", "children"), ("-summary", "children"), ("-empty", "children"))
        ),
        Output("device-duration-note", "children"),
        Output("device-load-days", "children"),
        Output("device-base", "children"),
        Output("device-base", "hidden"),
        Output("device-base-note", "hidden"),
        Output("device-leak", "children"),
        Output("device-nights-card", "hidden"),
        Input("device-id", "data"),
        Input("device-profile", "value"),
        Input("device-period", "value"),
        Input("device-from", "value"),
        Input("device-to", "value"),
    )  # fmt: skip
    def show_load(device_id: Any, chosen: Any, *period: Any) -> tuple[Any, ...]:
        """Draw the load of the period asked for."""
        if ctx.triggered_id in ("device-period", "device-from", "device-to") and chosen != AS_ABOVE:
            raise PreventUpdate
        span = period_of(chosen, *period)
        with doors.reading() as conn:
            found = loaded(conn, doors.device_for_user(conn, device_id), span)
        return (
            *charts(found),
            load_view.duration_note(found),
            load_view.days(found),
            load_view.base_cards(found),
            found.base is None,
            found.base is None,
            load_view.leak_hint(found),
            not found.nights,
        )


def charts(found: Loaded) -> list[Any]:
    """Give figure, title, table, summary and empty state of the four charts."""
    week, day, curve = load_view.titles(found)
    least = [(night.evening, night.least) for night in found.nights]
    nightly = t("load.nights", found.locale, unit=found.unit)
    drawn = [
        (bool(found.profile.week), figures.week_heatmap, found.profile.week, week, load_view.week_table, load_view.week_summary(found)),
        (bool(found.profile.day), figures.average_day, found.profile.day, day, load_view.day_table, day),
        (bool(found.duration.points), figures.duration_curve, found.duration.points, curve, load_view.duration_table, load_view.duration_note(found)),
        (bool(least), figures.night_bars, least, nightly, load_view.nights_table, nightly),
    ]  # fmt: skip
    said: list[Any] = []
    for there, draw, rows, title, table, summary in drawn:
        figure = draw(rows, found.look) if there else blank(found.locale)  # type: ignore[operator]
        nothing = (
            None
            if there
            else empty_state(t("load.nothing", found.locale), t("load.nothing_text", found.locale), icon="clock-history")
        )
        said += [figure, title, still(table(found)) if there else None, summary, nothing]
    return said
