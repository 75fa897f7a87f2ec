"""Maximum demand by month: what devices took together as bars, the sum of what each took at most as a mark above."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.bars import HOVERED, bars, plain
from tds_dash.figures.bars import Frame as BarFrame
from tds_dash.figures.profiles import Look
from tds_dash.figures.series import Bucket
from tds_dash.wording import t


class MonthPeak(NamedTuple):
    """A month: what was taken together at most, when, and the sum of what each took at most alone, in units per hour."""

    month: datetime
    together: Decimal | None
    alone: Decimal | None
    moment: str = ""


def demand_bars(
    months: Sequence[MonthPeak],
    look: Look,
    *,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    now: datetime,
    contracted: Decimal | None = None,
) -> go.Figure:
    """Draw a bar per month, the running one lighter, with the sum of the devices' own maxima above it; a contracted demand as a line."""
    known = [month for month in months if month.together is not None]
    colour = theme.resource_colour(look.resource)
    frame = BarFrame(look.unit, "month", start, end, zone, now, look.locale)
    buckets = {axes.wall(month.month, zone, "month"): Bucket(month.month) for month in known}
    together = bars(buckets, [plain(month.together) for month in known], colour, frame)
    together |= {
        "name": t("peaks.together", look.locale),
        "customdata": list(buckets),
        "text": [month.moment for month in known],
        "textposition": "none",
        "hovertemplate": f"{t('peaks.together', look.locale)}: <b>%{{y:{HOVERED}}} {look.unit}</b><br>%{{text}}<extra></extra>",
    }
    halves = [axes.width(month.month, "month", zone) / 2 for month in known]
    alone: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "x": [axes.shifted(key, half) for key, half in zip(buckets, halves, strict=True)],
        "y": [plain(month.alone) for month in known],
        "name": t("peaks.alone", look.locale),
        "marker": {**theme.APART, "color": colour},
        "hovertemplate": f"{t('peaks.alone', look.locale)}: %{{y:{HOVERED}}} {look.unit}<extra></extra>",
    }
    layout: dict[str, Any] = {
        "uirevision": look.view or "still",
        "showlegend": True,
        "xaxis": {**axes.time_axis(start, end, zone, look.locale, "month"), "showspikes": False, "fixedrange": True},
        "yaxis": {"rangemode": "tozero"},
    }
    if contracted is not None:
        layout["shapes"] = [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": float(contracted),
                "y1": float(contracted),
                "line": theme.LIMIT,
            }
        ]
    return theme.figure([together, alone] if known else [], layout, look.locale)  # fmt: skip
