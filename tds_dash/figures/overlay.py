"""A temperature beside consumption: a line on an axis of its own, on the right, which says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.bars import HOVERED, plain, safe
from tds_dash.figures.lines import unbroken
from tds_dash.figures.series import ChartDevice, distinct

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step


def overlaid(
    figure: go.Figure,
    rows: Sequence[ConsumptionRow],
    device: ChartDevice,
    *,
    of: ChartDevice,
    step: Step,
    zone: tzinfo,
    now: datetime,
    locale: str,
    middle: bool = True,
) -> go.Figure:
    """Draw the means of a gauge's whole buckets over a figure, in their middle, with both axes named; what is missing is a gap."""
    rows = [row for row in rows if axes.bucket_end(row.bucket, step, zone) <= now]
    kept = unbroken(rows, step, zone)
    x = list(kept)
    if middle:
        starts = {axes.wall(row.bucket, zone, step): row.bucket for row in rows}
        x = [axes.shifted(key, axes.width(starts[key], step, zone) / 2) if key in starts else key for key in kept]
    colour = distinct([device])[0]
    line: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": [None if row is None else plain(row.mean) for row in kept.values()],
        "yaxis": "y2",
        "name": f"{safe(device.name)}, {device.unit}",
        "connectgaps": False,
        "line": {"color": colour, "width": theme.LINE_WIDTH},
        "hovertemplate": f"{safe(device.name)}: %{{y:{HOVERED}}} {device.unit}<extra></extra>",
        "showlegend": True,
    }
    made = figure.to_dict()
    layout, traces = made["layout"], made["data"]
    traces[0] |= {"name": f"{safe(of.name)}, {of.unit}", "showlegend": True}
    layout |= {"showlegend": True, "yaxis": {**layout.get("yaxis", {}), "title": named(of)}, "yaxis2": right(device)}
    return theme.figure([*traces, line], layout, locale)


def right(device: ChartDevice) -> dict[str, Any]:
    """Give the axis on the right."""
    own = {"overlaying": "y", "side": "right", "showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True}
    font = {"size": theme.SMALL_FONT_SIZE, "color": theme.LIGHT["muted"]}
    return {**own, "title": named(device), "tickfont": font, "tickmode": "auto", "nticks": 6, **theme.PLAIN_NUMBERS}


def named(device: ChartDevice) -> dict[str, Any]:
    """Give an axis' title."""
    return {
        "text": f"{safe(device.name)}, {device.unit}",
        "font": {"size": theme.SMALL_FONT_SIZE},
        "standoff": theme.AXIS_TITLE_ROOM,
    }
