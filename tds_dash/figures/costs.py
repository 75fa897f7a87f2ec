"""What a resource costs as bars, stacked by band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.wording import t

if TYPE_CHECKING:
    from sql.consumption import Step

ESTIMATED = "estimated_"  # before a band's name: the words of its estimated part
# From below: what is cheap stands at the bottom.
ORDER = ("all", "off_peak", "intermediate", "peak", "special")


class Scene(NamedTuple):
    """What the chart is of: [start, end) by step, in which resource's colours, as of now."""

    resource: str
    step: Step
    start: datetime
    end: datetime
    zone: tzinfo
    now: datetime
    locale: str
    prefix: str


class Spent(NamedTuple):
    """What a band of a bucket costs, and which part of that is of estimated consumption."""

    cost: Decimal
    estimated: Decimal = Decimal(0)


def cost_bars(
    sums: Mapping[datetime, Mapping[str, Spent]], words: Mapping[datetime, Mapping[str, str]], scene: Scene
) -> go.Figure:
    """Draw what each bucket costs by band, the estimated part hatched; `words` gives each amount as it is written, and under "" the bucket's sum."""
    bands = [band for band in ORDER if any(band in own for own in sums.values())]
    shades = theme.device_shades(scene.resource, len(ORDER))
    keys = {bucket: axes.wall(bucket, scene.zone, scene.step) for bucket in sorted(sums)}
    traces: list[dict[str, Any]] = []
    for band in bands:
        name, colour = t(f"costs.band_{band}", scene.locale), shades[ORDER.index(band)]
        some = [bucket for bucket in keys if band in sums[bucket]]
        doubtful = [bucket for bucket in some if sums[bucket][band].estimated]
        own = {"hovertemplate": "%{customdata}<extra></extra>", "legendgroup": band}
        traces.append(
            {**bars(some, keys, scene), **own, "y": [float(sums[bucket][band].cost - sums[bucket][band].estimated) for bucket in some], "name": name,
             "customdata": [f"{name}: {words[bucket][band]}" for bucket in some], "showlegend": len(bands) > 1, "marker": marker(colour, some, scene)}
        )  # fmt: skip
        if doubtful:
            said = t("chart.series_estimated", scene.locale, name=name)
            hatch = {**theme.HATCH, "fgcolor": colour, "bgcolor": theme.faded(colour, theme.HATCH_GROUND)}
            traces.append(
                {**bars(doubtful, keys, scene), **own, "y": [float(sums[bucket][band].estimated) for bucket in doubtful], "name": said, "showlegend": False,
                 "customdata": [f"{said}: {words[bucket][ESTIMATED + band]}" for bucket in doubtful],
                 "marker": {**marker(colour, doubtful, scene), "pattern": hatch}}
            )  # fmt: skip
    every = list(keys)
    traces.append(
        {**bars(every, keys, scene), "y": [0 for _ in every], "name": t("chart.total", scene.locale), "showlegend": False,
         "customdata": [t("chart.total_is", scene.locale, value=words[bucket][""]) for bucket in every],
         "hovertemplate": "<b>%{customdata}</b><extra></extra>", "marker": {"color": theme.CLEAR}}
    )  # fmt: skip
    layout = {
        "barmode": "relative",
        "uirevision": f"{scene.resource} {scene.step} {scene.start:%Y%m%d}",
        "showlegend": len(bands) > 1,
        "xaxis": {**axes.time_axis(scene.start, scene.end, scene.zone, scene.locale, scene.step), "showspikes": False},
        "yaxis": {"rangemode": "tozero", "tickprefix": scene.prefix},
    }
    return theme.figure(traces, layout, scene.locale)


def bars(buckets: Sequence[datetime], keys: Mapping[datetime, str], scene: Scene) -> dict[str, Any]:
    """Place bars at their buckets' starts, 80 % wide."""
    widths = [axes.width(bucket, scene.step, scene.zone) for bucket in buckets]
    side = (1 - theme.BAR_SHARE) / 2
    return {
        "type": "bar",
        "x": [keys[bucket] for bucket in buckets],
        "width": [width * theme.BAR_SHARE for width in widths],
        "offset": [width * side for width in widths],
    }


def marker(colour: str, buckets: Sequence[datetime], scene: Scene) -> dict[str, Any]:
    """Give bars their colour."""
    return {"color": colour, "opacity": faint(buckets, scene), "line": {"width": 0}}


def faint(buckets: Sequence[datetime], scene: Scene) -> list[float]:
    """Draw the running bucket lighter."""
    running = [0 < axes.elapsed(bucket, scene.now, scene.step, scene.zone) < 1 for bucket in buckets]
    return [theme.RUNNING_OPACITY if one else 1.0 for one in running]
