"""History as lines: gauges with their band, raw readings, sparklines; what is missing is a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.bars import number_format, plain
from tds_dash.figures.series import ChartDevice, distinct
from tds_dash.wording import t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step


def blank(locale: str = "pt-BR") -> go.Figure:
    """Give the figure that stands where data will be: nothing, not even axes."""
    hidden = {"visible": False, "fixedrange": True}
    return go.Figure(layout={"template": theme.template(locale), "xaxis": hidden, "yaxis": hidden})


def history_lines(
    rows: Sequence[ConsumptionRow],
    device: ChartDevice,
    *,
    step: Step,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    now: datetime,
    locale: str,
    view: str = "",
) -> go.Figure:
    """Draw a device over [start, end): a gauge's mean within its least and greatest, or consumption per step."""
    colour = distinct([device])[0]
    unit = device.unit
    kept = unique(rows, step, zone)
    x = list(kept)
    figure = go.Figure(layout=line_layout(start, end, zone, locale, view))
    if device.kind == "gauge":
        low = [plain(row.minimum) for row in kept.values()]
        high = [plain(row.maximum) for row in kept.values()]
        figure.add_traces(band(x, low, high, colour, unit, locale))
        middle = [plain(row.mean) for row in kept.values()]
        figure.add_trace(line(x, middle, t("chart.mean", locale), colour, unit))
    else:
        used = [plain(row.consumption) for row in kept.values()]
        figure.add_trace(line(x, used, device.name, colour, unit, shape="hv"))
    return figure


def reading_lines(
    readings: Sequence[tuple[datetime, Decimal]],
    device: ChartDevice,
    *,
    gap: timedelta,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    locale: str,
    view: str = "",
) -> go.Figure:
    """Draw raw readings (instant, value); two further apart than `gap` are not joined."""
    x: list[str] = []
    y: list[float | None] = []
    before: datetime | None = None
    for moment, value in sorted(readings):
        if before is not None and moment - before > gap:
            x.append(axes.wall(before + gap / 2, zone))
            y.append(None)
        x.append(axes.wall(moment, zone))
        y.append(float(value))
        before = moment
    figure = go.Figure(layout=line_layout(start, end, zone, locale, view))
    figure.add_trace(line(x, y, device.name, distinct([device])[0], device.unit))
    return figure


def sparkline(values: Sequence[Decimal | float | None], resource: str) -> go.Figure:
    """Draw a card's last 30 days, without axes; the last day stands out."""
    y = [None if value is None else float(value) for value in values]
    colour = theme.resource_colour(resource)
    figure = go.Figure(layout={"template": theme.template("en"), "hovermode": False, "showlegend": False})
    figure.add_trace(
        go.Scatter(
            x=list(range(len(y))),
            y=y,
            mode="lines",
            connectgaps=False,
            line={"color": colour, "width": theme.SPARKLINE_WIDTH},
            fill="tozeroy",
            fillcolor=theme.faded(colour, theme.BAND_OPACITY),
            hoverinfo="skip",
        )
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 2, "b": 0})
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, rangemode="tozero")
    return figure


def unique(rows: Sequence[ConsumptionRow], step: Step, zone: tzinfo) -> dict[str, ConsumptionRow]:
    """Key rows by wall time; of an hour that comes twice as clocks go back, the second stays."""
    return {axes.wall(row.bucket, zone, step): row for row in sorted(rows, key=lambda row: row.bucket)}


def line_layout(start: datetime, end: datetime, zone: tzinfo, locale: str, view: str) -> dict[str, Any]:
    """Give the layout of a history."""
    return {
        "template": theme.template(locale),
        "uirevision": view or "still",
        "showlegend": False,
        "xaxis": axes.time_axis(start, end, zone, locale),
    }


def line(x: list[str], y: list[float | None], name: str, colour: str, unit: str, shape: str = "linear") -> go.Scatter:
    """Give a line that breaks where a value is missing."""
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        mode="lines",
        connectgaps=False,
        line={"color": colour, "width": theme.LINE_WIDTH, "shape": shape},
        hovertemplate=f"%{{y:{number_format()}}} {unit}<extra>%{{fullData.name}}</extra>",
    )


def band(
    x: list[str], low: list[float | None], high: list[float | None], colour: str, unit: str, locale: str
) -> list[go.Scatter]:
    """Give the two edges of a band, the ground between them tinted."""
    edge: dict[str, Any] = {
        "x": x,
        "mode": "lines",
        "connectgaps": False,
        "line": {"width": 0, "color": colour},
        "hovertemplate": f"%{{y:{number_format()}}} {unit}<extra>%{{fullData.name}}</extra>",
    }
    upper = go.Scatter(y=high, name=t("chart.maximum", locale), **edge)
    lower = go.Scatter(
        y=low,
        name=t("chart.minimum", locale),
        fill="tonexty",
        fillcolor=theme.faded(colour, theme.BAND_OPACITY),
        **edge,
    )
    return [upper, lower]
