"""Consumption as bars: one chart per unit, stacked by device, the estimated part hatched, what is missing left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.series import Bucket, ChartDevice, Series, covered, gather, one_unit, split, together
from tds_dash.wording import number, percent, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

MARK = "bucket"


def monthly_bars(
    rows: Sequence[ConsumptionRow],
    devices: Sequence[ChartDevice],
    *,
    zone: tzinfo,
    now: datetime,
    locale: str,
    view: str = "",
) -> go.Figure:
    """Draw all devices of one unit together, a bar per month, in their resource's colour."""
    unit = one_unit(devices)
    wanted = {device.id for device in devices}
    resource = devices[0].resource if devices else "other"
    buckets = gather((row for row in rows if row.device_id in wanted), "month", zone)
    series = [Series(t(f"resource.{resource}", locale), theme.resource_colour(resource), buckets)]
    return stacked(series, unit, "month", zone=zone, now=now, locale=locale, view=view)


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
) -> go.Figure:
    """Draw the devices of one unit stacked over [start, end), a bar per step; ValueError where they have two units.

    `view` names what is being looked at: while it stays, the reader's zoom and hidden series stay (plotly's uirevision).
    """
    series = split(rows, devices, step, zone, locale)
    figure = stacked(series, one_unit(devices), step, zone=zone, now=now, locale=locale, view=view)
    figure.update_xaxes(axes.time_axis(start, end, zone, locale, step))
    return figure


def stacked(series: Sequence[Series], unit: str, step: Step, *, zone: tzinfo, now: datetime, locale: str, view: str) -> go.Figure:
    """Stack series: per series its measured and its estimated part, and one clear trace that speaks for the bucket."""
    traces: list[go.Bar] = []
    for one in series:
        traces += parts(one, unit, step, zone, now, locale, legend=len(series) > 1)
    whole = together(series)
    traces.append(speaker(whole, unit, step, zone, now, locale))
    layout: dict[str, Any] = {
        "template": theme.template(locale),
        "barmode": "relative",
        "uirevision": view or "still",
        "showlegend": len(series) > 1,
        "yaxis": {"rangemode": "tozero", "title": {"text": ""}},
    }
    if whole:
        starts = [bucket.start for bucket in whole.values()]
        layout["xaxis"] = axes.time_axis(min(starts), axes.bucket_end(max(starts), step, zone), zone, locale, step)
    return go.Figure(data=traces, layout=layout)


def parts(one: Series, unit: str, step: Step, zone: tzinfo, now: datetime, locale: str, *, legend: bool) -> list[go.Bar]:
    """Give a series' measured bars and, where there are any, its estimated ones, hatched in the same colour."""
    hover = f"%{{y:{number_format()}}} {unit}<extra>%{{fullData.name}}</extra>"
    measured = go.Bar(
        **bars(one.buckets, [plain(bucket.measured) for bucket in one.buckets.values()], step, zone, now),
        name=one.name,
        legendgroup=one.name,
        showlegend=legend,
        hovertemplate=hover,
        marker_color=one.colour,
    )
    doubtful = {key: bucket for key, bucket in one.buckets.items() if bucket.estimated}
    if not doubtful:
        return [measured]
    estimated = go.Bar(
        **bars(doubtful, [plain(bucket.estimated) for bucket in doubtful.values()], step, zone, now),
        name=t("chart.series_estimated", locale, name=one.name),
        legendgroup=one.name,
        showlegend=False,
        hovertemplate=hover,
        marker_color=one.colour,
        marker_pattern={**theme.HATCH, "fgcolor": one.colour, "bgcolor": theme.CLEAR},
    )
    return [measured, estimated]


def bars(buckets: Mapping[str, Bucket], values: list[float | None], step: Step, zone: tzinfo, now: datetime) -> dict[str, Any]:
    """Place bars at their buckets' starts, 80 % wide, the running one lighter; each knows its bucket's start."""
    widths = [axes.width(bucket.start, step, zone) for bucket in buckets.values()]
    side = (1 - theme.BAR_SHARE) / 2
    even = len(set(widths)) == 1
    running = [bucket.start <= now < axes.bucket_end(bucket.start, step, zone) for bucket in buckets.values()]
    return {
        "x": list(buckets),
        "y": values,
        "customdata": list(buckets),
        "width": widths[0] * theme.BAR_SHARE if even else [width * theme.BAR_SHARE for width in widths],
        "offset": widths[0] * side if even else [width * side for width in widths],
        "marker_opacity": [theme.RUNNING_OPACITY if one else 1 for one in running] if any(running) else 1,
    }


def speaker(whole: dict[str, Bucket], unit: str, step: Step, zone: tzinfo, now: datetime, locale: str) -> go.Bar:
    """Give a trace of no height that says for each bucket its total, estimated share and coverage."""
    return go.Bar(
        **bars(whole, [0 for _ in whole], step, zone, now),
        name=t("chart.total", locale),
        text=[sentence(bucket, unit, step, zone, now, locale) for bucket in whole.values()],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        marker_color=theme.CLEAR,
        meta=MARK,
    )


def sentence(bucket: Bucket, unit: str, step: Step, zone: tzinfo, now: datetime, locale: str) -> str:
    """Say what a bucket holds: `seg. 23/11/2026 · 12,5 kWh · 4 % estimado · cobertura 98 %`."""
    said = [f"<b>{axes.title(bucket.start, step, zone, locale)}</b>"]
    if bucket.consumption is None:
        return "<br>".join([*said, t("chart.no_data", locale)])
    said.append(t("chart.total_is", locale, value=number(bucket.consumption, locale, unit, significant=5)))
    passed = axes.elapsed(bucket.start, now, step, zone)
    if bucket.coverage:
        share = bucket.estimated / bucket.consumption if bucket.consumption else Decimal(0)
        said.append(
            t(
                "chart.quality",
                locale,
                estimated=percent(share, locale),
                coverage=percent(covered(bucket, step, zone, now), locale),
            )
        )
    if 0 < passed < 1:
        said.append(t("chart.running", locale))
    if bucket.repeated:
        said.append(t("chart.repeated_hour", locale))
    return "<br>".join(said)


def plain(value: Decimal | None) -> float | None:
    """Give a quantity as the float that a browser can draw."""
    return None if value is None else float(value)


def number_format() -> str:
    """Give plotly's format of a hovered value: at most 5 significant digits, grouped."""
    return ",.5~r"


def clicked_bucket(click: Mapping[str, Any] | None, zone: tzinfo) -> datetime | None:
    """Give the start of the bucket that a click on bars chose, or None; what the browser sent is not trusted."""
    for point in (click or {}).get("points") or []:
        text = point.get("customdata") if isinstance(point, Mapping) else None
        if isinstance(text, str):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=zone)
            except ValueError:
                return None
    return None
