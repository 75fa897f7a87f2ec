"""A meter's days against a temperature, with the lines that they follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures.bars import HOVERED, safe
from tds_dash.figures.profiles import Look, floor_of


class Cloud(NamedTuple):
    """Days of one kind: what they are called, how each is named, where they lie, and the corners of their line."""

    name: str
    days: Sequence[str]
    points: Sequence[tuple[float, float]]
    line: Sequence[tuple[float, float]]
    strong: bool


def degree_scatter(clouds: Sequence[Cloud], look: Look, gauge: str, unit: str) -> go.Figure:
    """Draw a point for each day, the second kind hollow; a line that explains little is dashed."""
    traces: list[dict[str, Any]] = []
    for number, cloud in enumerate(clouds):
        colour = theme.OTHERS_COLOUR if number else theme.resource_colour(look.resource)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [x for x, _ in cloud.points],
                "y": [y for _, y in cloud.points],
                "text": list(cloud.days),
                "name": cloud.name,
                "legendgroup": cloud.name,
                "marker": {"symbol": "circle-open" if number else "circle", "color": colour, **theme.POINT},
                "hovertemplate": f"%{{text}}<br><b>%{{y:{HOVERED}}} {look.unit}</b><br>%{{x:{HOVERED}}} {safe(unit)}<extra></extra>",
            }
        )
        if cloud.line:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": [x for x, _ in cloud.line],
                    "y": [y for _, y in cloud.line],
                    "legendgroup": cloud.name,
                    "showlegend": False,
                    "hoverinfo": "skip",
                    "line": {"color": colour, "width": theme.LINE_WIDTH, "dash": "solid" if cloud.strong else "dot"},
                }
            )
    axis = {"title": {"text": f"{safe(gauge)}, {safe(unit)}", "font": {"size": theme.SMALL_FONT_SIZE}}, **theme.PLAIN_NUMBERS}
    layout = {
        "uirevision": look.view or "still",
        "hovermode": "closest",
        "showlegend": True,
        "xaxis": axis,
        "yaxis": floor_of(look),
    }
    return theme.figure(traces, layout, look.locale)
