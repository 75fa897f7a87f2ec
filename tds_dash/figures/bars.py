"""Consumption as bars: one chart per unit, stacked by device, the estimated part hatched, what is missing left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.series import Bucket, ChartDevice, Series, covered, gather, one_unit, split, together
from tds_dash.wording import date_clock, number, portion, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

MONTHS = 13
HOVERED = ",.5~r"  # plotly's format of a hovered value: at most 5 significant digits, grouped


class Frame(NamedTuple):
    """What a chart of bars shows besides its rows: [start, end) by step, in which unit, zone and language, as of now."""

    unit: str
    step: Step
    start: datetime
    end: datetime
    zone: tzinfo
    now: datetime
    locale: str
    revised: Mapping[str, datetime] = {}  # when a bucket last changed after it was complete, by its wall time


class Slot(NamedTuple):
    """The part of a bucket's width that a bar takes: from where, how wide; bars of one stack stand on each other."""

    left: float
    width: float
    stack: str = ""


WHOLE = Slot((1 - theme.BAR_SHARE) / 2, theme.BAR_SHARE)


def monthly_bars(
    rows: Sequence[ConsumptionRow],
    devices: Sequence[ChartDevice],
    *,
    zone: tzinfo,
    now: datetime,
    locale: str,
    view: str = "",
    months: int = MONTHS,
    revised: Mapping[datetime, datetime] | None = None,
) -> go.Figure:
    """Draw all devices of one unit together over the last months, the running one included, in their resource's colour; revised ones marked."""
    wanted = {device.id for device in devices}
    resource = devices[0].resource if devices else "other"
    buckets = gather((row for row in rows if row.device_id in wanted), "month", zone)
    series = [Series(t(f"resource.{resource}", locale), theme.resource_colour(resource), buckets)]
    start, end = axes.last_months(now, months, zone)
    marked = {axes.wall(bucket, zone, "month"): moment for bucket, moment in sorted((revised or {}).items())}
    return stacked(series, Frame(one_unit(devices), "month", start, end, zone, now, locale, marked), view)


def consumption_bars(
    rows: Sequence[ConsumptionRow],
    devices: Sequence[ChartDevice],
    *,
    step: Step,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    now: datetime,
    locale: str,
    view: str = "",
    revised: Mapping[datetime, datetime] | None = None,
) -> go.Figure:
    """Draw the devices of one unit stacked over [start, end), a bar per step; ValueError where they have two units.

    `start` is a bucket's start. `view` names what is being looked at: while it stays, the reader's zoom and hidden
    series stay (plotly's uirevision). `revised` gives, by bucket, when it last changed after it was complete: those are
    marked.
    """
    series = split(rows, devices, step, zone, locale)
    marked = {axes.wall(bucket, zone, step): moment for bucket, moment in sorted((revised or {}).items())}
    return stacked(series, Frame(one_unit(devices), step, start, end, zone, now, locale, marked), view)


def stacked(series: Sequence[Series], frame: Frame, view: str) -> go.Figure:
    """Stack series: per series its measured and its estimated part, and one clear trace that speaks for the bucket."""
    several = len(series) > 1
    room = theme.LEGEND_LONG_NAME if len(series) <= theme.LEGEND_FEW else theme.LEGEND_NAME
    traces = [trace for one in series for trace in parts(one, frame, legend=several, room=room)]
    passed = min(frame.end, frame.now + timedelta(seconds=1))
    whole = together(series, frame.step, frame.zone, frame.start, passed)
    layout = {
        "barmode": "relative",
        "uirevision": view or "still",
        "showlegend": several,
        "xaxis": {**axes.time_axis(frame.start, frame.end, frame.zone, frame.locale, frame.step), "showspikes": False},
        "yaxis": {"rangemode": "tozero"},
    }
    return theme.figure([*traces, *marks(series, whole, frame), speaker(whole, frame)], layout, frame.locale)


def parts(one: Series, frame: Frame, *, legend: bool, room: int, slot: Slot = WHOLE) -> list[dict[str, Any]]:
    """Give a series' measured bars and, where there are any, its estimated ones, hatched in the same colour."""
    measured = bars(one.buckets, [plain(bucket.measured) for bucket in one.buckets.values()], one.colour, frame, slot)
    measured |= {
        "name": short(one.name, room),
        "legendgroup": one.colour,
        "showlegend": legend,
        "hovertemplate": hovered(one.name, frame.unit),
    }
    doubtful = {key: bucket for key, bucket in one.buckets.items() if bucket.estimated}
    if not doubtful:
        return [measured]
    name = t("chart.series_estimated", frame.locale, name=one.name)
    estimated = bars(doubtful, [plain(bucket.estimated) for bucket in doubtful.values()], one.colour, frame, slot)
    estimated["marker"]["pattern"] = {
        **theme.HATCH,
        "fgcolor": one.colour,
        "bgcolor": theme.faded(one.colour, theme.HATCH_GROUND),
    }
    estimated |= {
        "name": short(name, room),
        "legendgroup": one.colour,
        "showlegend": False,
        "hovertemplate": hovered(name, frame.unit),
    }
    return [measured, estimated]


def bars(
    buckets: Mapping[str, Bucket], values: Sequence[float | None], colour: str, frame: Frame, slot: Slot = WHOLE
) -> dict[str, Any]:
    """Place bars in their slot of their buckets, the running one lighter."""
    starts = [bucket.start for bucket in buckets.values()]
    widths = same_width(starts, frame)
    running = [axes.is_running(start, frame.now, frame.step, frame.zone) for start in starts]
    opacity = [theme.RUNNING_OPACITY if one else 1 for one in running] if any(running) else 1
    found = {
        "type": "bar",
        "x": list(buckets),
        "y": list(values),
        "width": widths * slot.width if isinstance(widths, float) else [width * slot.width for width in widths],
        "offset": widths * slot.left if isinstance(widths, float) else [width * slot.left for width in widths],
        "marker": {"color": colour, "opacity": opacity, "line": {"width": 0}},
    }
    return found | {"offsetgroup": slot.stack} if slot.stack else found


def same_width(starts: Sequence[datetime], frame: Frame) -> float | list[float]:
    """Give the width of all buckets, or of each where they differ."""
    if frame.step in axes.SHORT:
        return axes.width(frame.start, frame.step, frame.zone)
    widths = [axes.width(start, frame.step, frame.zone) for start in starts]
    return widths[0] if len(set(widths)) == 1 else widths


def marks(series: Sequence[Series], whole: Mapping[str, Bucket], frame: Frame) -> list[dict[str, Any]]:
    """Give a diamond above each bucket that was revised; none where none was."""
    found = {key: whole[key] for key in frame.revised if key in whole}
    if not found:
        return []
    tops = {key: sum(plain(max(part, Decimal(0))) or 0.0 for part in stack(series, key)) for key in found}
    halves = [axes.width(bucket.start, frame.step, frame.zone) / 2 for bucket in found.values()]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [axes.shifted(key, half) for key, half in zip(found, halves, strict=True)],
            "y": list(tops.values()),
            "marker": theme.REVISED,
            "name": t("revised.key", frame.locale),
            "hoverinfo": "skip",
            "showlegend": len(series) > 1,
            "cliponaxis": False,
        }
    ]


def stack(series: Sequence[Series], key: str) -> list[Decimal]:
    """Give the parts that stand on each other in a bucket."""
    found = [one.buckets[key] for one in series if key in one.buckets]
    return [part for bucket in found for part in (bucket.measured or Decimal(0), bucket.estimated)]


def speaker(whole: dict[str, Bucket], frame: Frame) -> dict[str, Any]:
    """Give a trace of no height that says for each bucket its total, estimated share and coverage, and its start on a click."""
    return {
        **bars(whole, [0 for _ in whole], theme.CLEAR, frame),
        "name": t("chart.total", frame.locale),
        "customdata": list(whole),
        "text": [sentence(bucket, frame) for bucket in whole.values()],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def sentence(bucket: Bucket, frame: Frame) -> str:
    """Say what a bucket holds: `Total: 12,5 kWh`, `4 % estimado · cobertura de 98 %`, and what is odd about it."""
    locale = frame.locale
    late = frame.revised.get(axes.wall(bucket.start, frame.zone, frame.step))
    changed = [t("revised.on", locale, time=date_clock(late, locale, frame.zone))] if late else []
    if bucket.consumption is None:
        return "<br>".join([t("chart.no_data", locale), *changed])
    total = number(bucket.consumption, locale, frame.unit, significant=5)
    said = [f"<b>{t('chart.total_is', locale, value=total)}</b>"]
    coverage = covered(bucket, frame.step, frame.zone, frame.now)
    estimated = bucket.estimated / bucket.consumption if bucket.consumption else Decimal(0)
    said.append(t("chart.quality", locale, estimated=portion(estimated, locale), coverage=portion(coverage, locale)))
    if axes.is_running(bucket.start, frame.now, frame.step, frame.zone):
        said.append(t("chart.running", locale))
    if bucket.repeated:
        said.append(t("chart.repeated_hour", locale))
    return "<br>".join([*said, *changed])


def hovered(name: str, unit: str) -> str:
    """Give plotly's template of what hovering a series says."""
    return f"{safe(name)}: %{{y:{HOVERED}}} {unit}<extra></extra>"


def plain(value: Decimal | None) -> float | None:
    """Give a quantity as the float that a browser can draw."""
    return None if value is None else float(value)


def short(name: str, room: int) -> str:
    """Shorten a name in its middle to what fits into the legend, since names differ at their ends; hovering shows it whole."""
    if len(name) <= room:
        return safe(name)
    half = room // 2
    return safe(f"{name[:half].rstrip()}…{name[1 - half :].lstrip()}")


def safe(text: str) -> str:
    """Take the meaning from what plotly would read as markup or as a placeholder in a name that a person typed."""
    return text.replace("<", "‹").replace(">", "›").replace("%{", "% {")


def clicked_bucket(click: Mapping[str, Any] | None, zone: tzinfo) -> datetime | None:
    """Give the start of the bucket that a click on bars chose, or None; what the browser sent is not trusted."""
    points = click.get("points") if isinstance(click, Mapping) else None
    for point in points if isinstance(points, list) else []:
        text = point.get("customdata") if isinstance(point, Mapping) else None
        if isinstance(text, str):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=zone)
            except ValueError:
                return None
    return None
