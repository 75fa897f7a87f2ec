"""History as lines: gauges with their band, raw readings, sparklines; what is missing is a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.bars import HOVERED, plain, safe
from tds_dash.figures.series import ChartDevice, distinct
from tds_dash.wording import t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

Value = float | None


def blank(locale: str = "pt-BR") -> go.Figure:
    """Give the figure that stands where data will be: nothing, not even axes."""
    hidden = {"visible": False, "fixedrange": True}
    return theme.figure([], {"xaxis": hidden, "yaxis": hidden}, locale)


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
    """Draw a device over [start, end): a gauge's mean within its least and greatest, or consumption per whole step."""
    whole = [row for row in rows if device.kind == "gauge" or axes.bucket_end(row.bucket, step, zone) <= now]
    kept = unbroken(whole, step, zone)
    layout = line_layout(start, end, zone, locale, view)
    x, colour = list(kept), distinct([device])[0]
    if device.kind != "gauge":
        used = [None if row is None else plain(row.consumption) for row in kept.values()]
        return theme.figure([line(x, used, device, colour, shape="hv")], layout, locale)
    low = [None if row is None else plain(row.minimum) for row in kept.values()]
    high = [None if row is None else plain(row.maximum) for row in kept.values()]
    mean = [None if row is None else plain(row.mean) for row in kept.values()]
    middle = line(x, mean, device, colour) | {
        "customdata": [list(pair) for pair in zip(low, high, strict=True)],
        "hovertemplate": extremes(device.unit, locale),
    }
    return theme.figure([area(x, low, high, colour), middle], layout, locale)


def extremes(unit: str, locale: str) -> str:
    """Give the hover of a mean: itself, then the least and the greatest value."""
    said = {"mean": "y", "minimum": "customdata[0]", "maximum": "customdata[1]"}
    lines = [f"{t(f'chart.{name}', locale)}: %{{{field}:{HOVERED}}} {unit}" for name, field in said.items()]
    return "<br>".join(lines) + "<extra></extra>"


def reading_lines(
    points: Sequence[tuple[datetime, Decimal, bool]],
    device: ChartDevice,
    *,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    locale: str,
    view: str = "",
) -> go.Figure:
    """Draw raw readings (instant, value, whether the one before is too long ago to be joined); few of them each with its dot.

    Of an hour that comes twice as clocks go back, the second stays: a line must not run backwards.
    """
    x: list[str] = []
    y: list[Value] = []
    for moment, value, broken in sorted(points):
        at = axes.wall(moment, zone)
        while x and x[-1] >= at:
            x.pop()
            y.pop()
        if broken and x:
            x.append(x[-1])
            y.append(None)
        x.append(at)
        y.append(float(value))
    colour = distinct([device])[0]
    drawn = line(x, y, device, colour)
    if len(x) <= theme.MOST_DOTS:
        drawn |= {"mode": "lines+markers", "marker": {"size": theme.DOT, "color": colour}}
    return theme.figure([drawn], line_layout(start, end, zone, locale, view), locale)


def sparkline(values: Sequence[Decimal | float | None], resource: str, *, running: bool = True) -> go.Figure:
    """Draw a card's last 30 days, without axes; the way to the last, where it is still running, is dotted."""
    y = [None if value is None else float(value) for value in values]
    x = list(range(len(y)))
    colour = theme.resource_colour(resource)
    ground = area(x, [None if value is None else 0.0 for value in y], y, colour)
    whole = len(y) - 1 if running else len(y)
    strokes = [
        {
            "type": "scatter",
            "x": part_x,
            "y": part_y,
            "mode": "lines",
            "connectgaps": False,
            "line": {"color": colour, "width": theme.SPARKLINE_WIDTH, "dash": dash},
            "hoverinfo": "skip",
        }
        for part_x, part_y, dash in ((x[:whole], y[:whole], "solid"), (x[whole - 1 :], y[whole - 1 :], "dot"))
        if len(part_x) > 1
    ]
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "hovermode": False,
        "showlegend": False,
        "margin": theme.SPARKLINE_MARGIN,
        "xaxis": hidden,
        "yaxis": {**hidden, "rangemode": "tozero"},
    }
    return theme.figure([ground, *strokes], layout, "en")


def unbroken(rows: Sequence[ConsumptionRow], step: Step, zone: tzinfo) -> dict[str, ConsumptionRow | None]:
    """Key rows by wall time, None where buckets are missing between two.

    Of an hour that comes twice as clocks go back, the second stays: a line must not run backwards.
    """
    kept: dict[str, ConsumptionRow | None] = {}
    expected: datetime | None = None
    for row in sorted(rows, key=lambda row: row.bucket):
        if expected is not None and row.bucket > expected:
            kept.setdefault(axes.wall(expected, zone, step), None)
        kept[axes.wall(row.bucket, zone, step)] = row
        expected = axes.bucket_end(row.bucket, step, zone)
    return kept


def line_layout(start: datetime, end: datetime, zone: tzinfo, locale: str, view: str) -> dict[str, Any]:
    """Give the layout of a history."""
    return {
        "uirevision": view or "still",
        "showlegend": False,
        "xaxis": {**axes.time_axis(start, end, zone, locale), **theme.SPIKE},
    }


def line(x: list[str], y: list[Value], device: ChartDevice, colour: str, shape: str = "linear") -> dict[str, Any]:
    """Give a line that breaks where a value is missing."""
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "name": safe(device.name),
        "mode": "lines",
        "connectgaps": False,
        "line": {"color": colour, "width": theme.LINE_WIDTH, "shape": shape},
        "hovertemplate": f"%{{y:{HOVERED}}} {device.unit}<extra></extra>",
    }


def area(x: Sequence[Any], low: Sequence[Value], high: Sequence[Value], colour: str) -> dict[str, Any]:
    """Give the tinted ground between two edges, one closed shape per unbroken stretch."""
    outline_x: list[Any] = []
    outline_y: list[Value] = []
    stretch: list[tuple[Any, float, float]] = []

    def close() -> None:
        if stretch:
            outline_x.extend([at for at, _, _ in stretch] + [at for at, _, _ in reversed(stretch)] + [None])
            outline_y.extend([top for _, _, top in stretch] + [bottom for _, bottom, _ in reversed(stretch)] + [None])
            stretch.clear()

    for at, bottom, top in zip(x, low, high, strict=True):
        if bottom is None or top is None:
            close()
        else:
            stretch.append((at, bottom, top))
    close()
    return {
        "type": "scatter",
        "x": outline_x,
        "y": outline_y,
        "mode": "lines",
        "line": {"width": 0, "color": colour},
        "fill": "toself",
        "fillcolor": theme.faded(colour, theme.BAND_OPACITY),
        "hoverinfo": "skip",
        "showlegend": False,
    }
