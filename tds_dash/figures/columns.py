"""The explorer's bars: groups stacked or side by side, a pale bar behind each for what it is compared with, a row for each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from tds_dash import theme
from tds_dash.figures import axes, bars, lean
from tds_dash.figures.bars import Frame, Slot
from tds_dash.figures.series import Bucket, Series, covered, together
from tds_dash.wording import number, percent, t

if TYPE_CHECKING:
    from sql.consumption import Step

FAIR = 0.95
GAP = 0.09  # of a figure's height, between two rows


class Beside(NamedTuple):
    """What stands beside the bars of a chart: by the number of each series, and beside all of them together."""

    each: Mapping[int, Mapping[str, Bucket]] = {}
    whole: Mapping[str, Bucket] = {}


class Panel(NamedTuple):
    """One row of a figure: a resource and unit, its series, what stands beside them, and what was revised."""

    title: str
    unit: str
    resource: str
    series: Sequence[Series]
    other: Beside = Beside()
    revised: Mapping[datetime, datetime] = {}


class Scene(NamedTuple):
    """What all rows share: [start, end) by step, as of now; whether series stand side by side; how what is compared is called."""

    step: Step
    start: datetime
    end: datetime
    zone: tzinfo
    now: datetime
    locale: str
    beside: bool = False
    other_name: str = ""
    other_colour: str = ""


def explorer_bars(panels: Sequence[Panel], scene: Scene, view: str = "") -> dict[str, Any]:
    """Draw the panels below each other on one axis of time."""
    rows = len(panels)
    layout: dict[str, Any] = {
        "barmode": "relative",
        "uirevision": view or "still",
        "showlegend": rows == 1 and (len(panels[0].series) > 1 or bool(panels[0].other.whole)),
        "xaxis": time_axis(scene) | {"anchor": f"y{rows if rows > 1 else ''}"},
    }
    traces: list[dict[str, Any]] = []
    for index, panel in enumerate(panels):
        name = f"y{index + 1 if index else ''}"
        layout[name.replace("y", "yaxis")] = {"rangemode": "tozero", "domain": domain(index, rows)}
        traces += [{**trace, "yaxis": name} for trace in panel_traces(panel, scene, rows > 1)]
    if rows > 1:
        layout |= {
            "hoversubplots": "axis",
            "annotations": [heading(panel, domain(index, rows)[1]) for index, panel in enumerate(panels)],
        }
    # A plain dictionary: plotly would copy every number of its own figures once more, and of a long chart there are thousands.
    return {"data": traces, "layout": {"template": theme.template(scene.locale), **layout}}


def time_axis(scene: Scene) -> dict[str, Any]:
    """Give the axis of time that all rows share."""
    return {**axes.time_axis(scene.start, scene.end, scene.zone, scene.locale, scene.step), "showspikes": False}


def domain(index: int, rows: int) -> list[float]:
    """Give the part of the height that a row takes, the first on top."""
    share = (1 - GAP * rows) / rows if rows > 1 else 1.0
    top = 1 - index * (share + GAP) - (GAP if rows > 1 else 0)
    return [max(round(top - share, 4), 0.0), round(top, 4)]


def heading(panel: Panel, top: float) -> dict[str, Any]:
    """Name a row at its upper left."""
    return {
        "text": f"<b>{bars.safe(panel.title)}</b>",
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": top,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
    }


def panel_traces(panel: Panel, scene: Scene, several: bool) -> list[dict[str, Any]]:
    """Give a row's traces: what it is compared with behind, its series, its marks, and what hovering says."""
    marked = {axes.wall(bucket, scene.zone, scene.step): moment for bucket, moment in sorted(panel.revised.items())}
    frame = Frame(panel.unit, scene.step, scene.start, scene.end, scene.zone, scene.now, scene.locale, marked)
    room = theme.LEGEND_LONG_NAME if len(panel.series) <= theme.LEGEND_FEW else theme.LEGEND_NAME
    passed = min(scene.end, scene.now + timedelta(seconds=1))
    whole = together(panel.series, scene.step, scene.zone, scene.start, passed)
    legend = len(panel.series) > 1 or bool(panel.other.whole)
    traces = ghosts(panel, scene, frame)
    for place, one in enumerate(panel.series):
        slot = slot_of(place if scene.beside else 0, len(panel.series) if scene.beside else 1, bool(panel.other.whole))
        traces += bars.parts(one, frame, legend=legend, room=room, slot=slot)
    top = bars.marks(panel.series, whole, frame) if not scene.beside else bars.marks(highest(panel.series, whole), whole, frame)
    voices = lean.speakers(whole, panel.other.whole, scene.other_name, frame)
    if voices is None:
        voices = [speaker(panel, frame, whole, several)]
    return [*lean.even(traces, list(whole)), *top, *({**voice, "offsetgroup": "s0"} for voice in voices)]


def slot_of(place: int, places: int, compared: bool) -> Slot:
    """Give the part of a bucket in which the bars of a stack, or of one of some series, stand; narrower before a pale bar."""
    share = theme.BAR_SHARE if places == 1 else theme.BESIDE_SHARE
    wide = share / places
    own = wide * (theme.COMPARED_SHARE if compared else 1.0 if places == 1 else theme.BESIDE_OWN)
    return Slot((1 - share) / 2 + place * wide + (wide - own) / 2, own, f"s{place}")


def ghosts(panel: Panel, scene: Scene, frame: Frame) -> list[dict[str, Any]]:
    """Give the pale bars: one behind each stack, or one behind each series."""
    if not panel.other.whole:
        return []
    alone = panel.series[0].colour if len(panel.series) == 1 else theme.resource_colour(panel.resource)
    if not scene.beside:
        return [ghost(panel.other.whole, scene.other_colour or alone, frame, 0, 1, scene.other_name, legend=True)]
    return [
        ghost(
            panel.other.each.get(one.number, {}), scene.other_colour or one.colour, frame, place, len(panel.series),
            scene.other_name, legend=place == 0,
        )
        for place, one in enumerate(panel.series)
    ]  # fmt: skip


def ghost(
    buckets: Mapping[str, Bucket], colour: str, frame: Frame, place: int, places: int, name: str, *, legend: bool
) -> dict[str, Any]:
    """Give the pale bars behind one stack."""
    share = theme.BAR_SHARE if places == 1 else theme.BESIDE_SHARE
    wide = share / places
    slot = Slot((1 - share) / 2 + place * wide, wide, f"g{place}")
    widths = axes.width(frame.start, frame.step, frame.zone)
    known = {key: bucket for key, bucket in sorted(buckets.items()) if bucket.consumption is not None}
    line = {"color": theme.faded(colour, theme.GHOST_EDGE), "width": 1}
    return {
        "type": "bar",
        "x": list(known),
        "y": [bars.plain(bucket.consumption) for bucket in known.values()],
        "width": widths * slot.width,
        "offset": widths * slot.left,
        "offsetgroup": slot.stack,
        "marker": {"color": theme.faded(colour, theme.GHOST_OPACITY), "line": line},
        "name": bars.short(name, theme.LEGEND_LONG_NAME),
        "legendgroup": "compared",
        "legendrank": 2000,
        "showlegend": legend,
        "hoverinfo": "skip",
    }


def highest(series: Sequence[Series], whole: Mapping[str, Bucket]) -> list[Series]:
    """Give the highest bars of series that stand side by side, as one series that marks may stand on."""
    tops: dict[str, Bucket] = {}
    for one in series:
        for key, bucket in one.buckets.items():
            if key in whole and (key not in tops or (bucket.consumption or 0) > (tops[key].consumption or 0)):
                tops[key] = bucket
    return [Series("", theme.CLEAR, tops)]


def speaker(panel: Panel, frame: Frame, whole: dict[str, Bucket], several: bool) -> dict[str, Any]:
    """Give the trace of no height that says what a bucket holds, what stands beside it, and its start on a click."""
    trace = bars.speaker(whole, frame)
    texts = [
        text + versus(bucket, panel.other.whole.get(key), frame)
        for (key, bucket), text in zip(whole.items(), trace["text"], strict=True)
    ]
    head = f"<b>{bars.safe(panel.title)}</b><br>" if several else ""
    return {**trace, "text": [head + text for text in texts]}


def versus(bucket: Bucket, other: Bucket | None, frame: Frame) -> str:
    """Say what stands beside a bucket, and the difference where both are measured."""
    if other is None or other.consumption is None:
        return ""
    said = {
        "name": axes.title(other.start, frame.step, frame.zone, frame.locale),
        "value": number(other.consumption, frame.locale, frame.unit, significant=5),
    }
    coverage = covered(bucket, frame.step, frame.zone, frame.now) or 0.0
    fair = coverage >= FAIR and (other.coverage or 0.0) >= FAIR
    if bucket.consumption is None or not fair or other.consumption <= 0:
        return "<br>" + t("compare.hover", frame.locale, **said)
    share = bucket.consumption / other.consumption - 1
    return "<br>" + t("compare.hover_change", frame.locale, **said, change=percent(share, frame.locale, 1, sign=True))
