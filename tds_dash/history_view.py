"""A device's history as its page answers it: the chart of what is seen, its words, its table and the cards beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from dash.development.base_component import Component

from sql.queries.devices import Device
from sql.queries.outline import Outline
from tds_dash import wording, zoom
from tds_dash.components import consumption_table, data_table, empty_state, history_table, metric_card
from tds_dash.components.tables import Cell, Column, moment
from tds_dash.figures import ChartDevice, axes, blank, consumption_bars, history_lines, overlaid, reading_lines
from tds_dash.view import MOST_YEARS, Span
from tds_dash.wording import card_number, number, t
from tds_dash.zoom import READINGS, Drawn, Window

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

PLACES = Decimal("0.000001")
MOST_LINES = 400


class Looked(NamedTuple):
    """How a device is looked at: over which period, drawn with what, and beside which temperature."""

    device: ChartDevice
    window: Window
    span: Span
    drawn: Drawn
    step: Step
    now: datetime
    zone: ZoneInfo
    locale: str
    asked: Drawn | None = None
    revised: Mapping[datetime, datetime] = {}
    beside: ChartDevice | None = None


class Found(NamedTuple):
    """What there is: the rows of the period, its readings where they are drawn, the rows of the temperature, what it all costs."""

    rows: Sequence[ConsumptionRow]
    outline: Outline | None = None
    beside: Sequence[ConsumptionRow] = ()
    cost: str = ""

    @property
    def nothing(self) -> bool:
        """Tell whether there is nothing to draw."""
        if self.outline is not None:
            return not self.outline.points
        return all(row.consumption is None and row.mean is None for row in self.rows)


def history(looked: Looked, found: Found) -> go.Figure:
    """Draw readings as a line, a meter's consumption as bars, a gauge's level as a line in its band; a temperature on an axis of its own."""
    if found.nothing:
        return blank(looked.locale)
    common: dict[str, Any] = {"zone": looked.zone, "locale": looked.locale, "view": view_of(looked)}
    common |= {"start": looked.span.start, "end": looked.span.end}
    steps: dict[str, Any] = {"step": looked.step, "now": looked.now}
    if found.outline is not None:
        figure = reading_lines(found.outline.points, looked.device, **common)
    elif looked.device.kind == "gauge":
        figure = history_lines(found.rows, looked.device, **steps, **common)
    else:
        figure = consumption_bars(found.rows, [looked.device], revised=looked.revised, **steps, **common)
    if looked.beside is None:
        return figure
    common = {"of": looked.device, "step": looked.step, "zone": looked.zone, "now": looked.now, "locale": looked.locale}
    return overlaid(figure, found.beside, looked.beside, middle=found.outline is None, **common)


def empty(looked: Looked, found: Found, last: datetime | None) -> Component | None:
    """Say why there is nothing, and what to do."""
    if not found.nothing:
        return None
    if last is None:
        more = t("zoom.never", looked.locale)
    else:
        more = t("device.empty_history_text", looked.locale, time=wording.date_clock(last, looked.locale, looked.zone))
    return empty_state(t("device.empty_history", looked.locale), more, icon="graph-up")


def table(looked: Looked, found: Found) -> Component:
    """Give the same figures as a table."""
    words: dict[str, Any] = {"zone": looked.zone, "locale": looked.locale, "title": title(looked)}
    if found.outline is not None:
        return readings_table(looked, found.outline)
    if looked.device.kind == "gauge":
        return history_table(found.rows, unit=looked.device.unit, step=looked.step, **words)
    return consumption_table(found.rows, [looked.device], step=looked.step, now=looked.now, revised=looked.revised, **words)


def readings_table(looked: Looked, outline: Outline) -> Component:
    """List the readings drawn, newest first."""
    columns = [Column(t("field.time", looked.locale)), Column(f"{t('field.value', looked.locale)} ({looked.device.unit})", "end")]
    newest = outline.points[::-1][:MOST_LINES]
    lines: list[list[Cell]] = [[moment(one.time, looked.zone, looked.locale), number(one.value, looked.locale)] for one in newest]
    return data_table(columns, lines, caption=title(looked))


def title(looked: Looked) -> str:
    """Name the chart, with its unit and its step."""
    words = {"name": looked.device.name, "unit": looked.device.unit}
    if looked.drawn == READINGS:
        return t("zoom.readings_of", looked.locale, **words)
    if looked.device.kind == "gauge":
        return t("chart.history_titled", looked.locale, **words)
    return t("device.history_of", looked.locale, **words, step=t(f"step.per_{looked.step}", looked.locale))


def note(looked: Looked, found: Found) -> str:
    """Say what part is seen, and what is not as it was asked for."""
    said = []
    if looked.window.zoomed:
        ends = [wording.date_clock(moment, looked.locale, looked.zone) for moment in (looked.span.start, looked.span.end)]
        said.append(t("zoom.seen", looked.locale, first=ends[0], last=ends[1]))
    if looked.asked:
        words = {"asked": t(f"step.{looked.asked}", looked.locale), "step": t(f"step.{looked.drawn}", looked.locale)}
        said.append(t("chart.rate_limited", looked.locale, **words))
    if found.outline is not None and not found.outline.whole:
        said.append(t("zoom.outline", looked.locale))
    if looked.beside is not None:
        said.append(t("zoom.beside", looked.locale, name=looked.beside.name, unit=looked.beside.unit))
    return " ".join(said)


def remark(looked: Looked) -> str:
    """Say what of the period is not as it was asked for."""
    return t(looked.window.whole.remark, looked.locale, years=MOST_YEARS) if looked.window.whole.remark else ""


def summary(looked: Looked, found: Found) -> str:
    """Say in a sentence what the chart shows, for whoever does not see it."""
    first, last = (wording.date_clock(moment, looked.locale, looked.zone) for moment in (looked.span.start, looked.span.end))
    words = {"title": title(looked), "first": first, "last": last}
    if found.nothing:
        return t("zoom.summary_nothing", looked.locale, **words)
    mean, low, high = levels(looked, found.rows)
    values = {"mean": mean, "minimum": low, "maximum": high}
    return t("zoom.summary", looked.locale, **words, **{name: card_number(one, looked.locale) for name, one in values.items()})


def statistics(looked: Looked, found: Found, last: Decimal | None) -> list[Component]:
    """Give the cards of what is seen: total with its cost or last value, mean, minimum, maximum."""
    locale, unit = looked.locale, looked.device.unit
    if looked.device.kind == "gauge":
        first = metric_card(t("device.last", locale), card_number(last, locale), unit, locale=locale)
        step = ""
    else:
        known = [row.consumption for row in found.rows if row.consumption is not None]
        total = sum(known, Decimal(0)) if known else None
        note = t("device.cost", locale, amount=found.cost) if found.cost else ""
        first = metric_card(t("device.total", locale), card_number(total, locale), unit, locale=locale, note=note)
        step = t(f"step.per_{looked.step}", locale)
    named = zip(("mean", "minimum", "maximum"), levels(looked, found.rows), strict=True)
    return [
        first,
        *(
            metric_card(t(f"device.{name}", locale), card_number(value, locale), unit, locale=locale, note=step)
            for name, value in named
        ),
    ]


def levels(looked: Looked, rows: Sequence[ConsumptionRow]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Give mean, least and greatest: of a gauge's level, or of a meter's consumption in the buckets that are over."""
    return gauge_levels(rows) if looked.device.kind == "gauge" else bucket_levels(looked, rows)


def gauge_levels(rows: Sequence[ConsumptionRow]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Give a gauge's mean over its measured time, its least and its greatest reading."""
    weighed = [(row.mean, Decimal(str(row.coverage))) for row in rows if row.mean is not None and row.coverage]
    weight = sum((share for _, share in weighed), Decimal(0))
    mean = (sum((value * share for value, share in weighed), Decimal(0)) / weight).quantize(PLACES) if weight else None
    low = [row.minimum for row in rows if row.minimum is not None]
    high = [row.maximum for row in rows if row.maximum is not None]
    return mean, min(low, default=None), max(high, default=None)


def bucket_levels(looked: Looked, rows: Sequence[ConsumptionRow]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Give the mean, least and greatest consumption of the buckets that are over."""
    over = [
        row.consumption
        for row in rows
        if row.consumption is not None and axes.bucket_end(row.bucket, looked.step, looked.zone) <= looked.now
    ]
    mean = (sum(over, Decimal(0)) / len(over)).quantize(PLACES) if over else None
    return mean, min(over, default=None), max(over, default=None)


def drawn(looked: Looked, found: Found) -> dict[str, Any]:
    """Say what is drawn: for what a click on it opens, and for where its zoom goes on from."""
    span = looked.span
    return {
        "step": looked.step,
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "view": f"{view_of(looked)} nothing" if found.nothing else view_of(looked),
        "seen": zoom.written(span, looked.zone),
        "whole": zoom.written(looked.window.whole, looked.zone),
    }


def view_of(looked: Looked) -> str:
    """Name the view: while it stays, so does the layout with the browser."""
    beside = looked.beside.id if looked.beside else ""
    return f"{looked.device.id} {looked.drawn} {looked.span.start:%Y%m%d%H%M} {looked.span.length} {beside}"


def gauges(known: Sequence[Device]) -> list[Device]:
    """Give the gauges that may be drawn beside a meter, temperatures first."""
    return sorted((one for one in known if one.kind == "gauge"), key=lambda one: (one.resource != "temperature", one.id))
