"""What the device page answers: facts, state, history and its statistics, from typed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from sql.queries.devices import Device
from sql.queries.gateways import Gateway
from sql.queries.readings import Reading
from tds_dash import wording
from tds_dash.components import (
    condition_badge,
    consumption_table,
    data_table,
    facts_list,
    history_table,
    metric_card,
    stale_note,
)
from tds_dash.components.tables import Cell, Column, moment
from tds_dash.condition import device_sentence
from tds_dash.figures import ChartDevice, axes, consumption_bars, history_lines
from tds_dash.view import Span
from tds_dash.wording import card_number, number, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

PLACES = Decimal("0.000001")


class Looked(NamedTuple):
    """How a device is looked at."""

    device: ChartDevice
    span: Span
    step: Step
    now: datetime
    zone: ZoneInfo
    locale: str
    revised: Mapping[datetime, datetime] = {}


def history(looked: Looked, rows: Sequence[ConsumptionRow]) -> go.Figure:
    """Draw a meter's consumption as bars, a gauge's level as a line in its band."""
    common: dict[str, Any] = {"step": looked.step, "zone": looked.zone, "now": looked.now, "locale": looked.locale}
    common |= {"start": looked.span.start, "end": looked.span.end, "view": view_of(looked)}
    if looked.device.kind == "gauge":
        return history_lines(rows, looked.device, **common)
    return consumption_bars(rows, [looked.device], revised=looked.revised, **common)


def table(looked: Looked, rows: Sequence[ConsumptionRow]) -> Component:
    """Give the same figures as a table."""
    words: dict[str, Any] = {"step": looked.step, "zone": looked.zone, "locale": looked.locale, "title": title(looked)}
    if looked.device.kind == "gauge":
        return history_table(rows, unit=looked.device.unit, **words)
    return consumption_table(rows, [looked.device], now=looked.now, revised=looked.revised, **words)


def title(looked: Looked) -> str:
    """Name the chart, with its unit and, for a meter, its step."""
    if looked.device.kind == "gauge":
        return t("chart.history_titled", looked.locale, name=looked.device.name, unit=looked.device.unit)
    step = t(f"step.per_{looked.step}", looked.locale)
    return t("device.history_of", looked.locale, name=looked.device.name, unit=looked.device.unit, step=step)


def statistics(looked: Looked, rows: Sequence[ConsumptionRow], last: Decimal | None) -> list[Component]:
    """Give the cards of the period: total or last value, mean, minimum, maximum."""
    locale, unit = looked.locale, looked.device.unit
    if looked.device.kind == "gauge":
        levels = gauge_levels(rows)
        first = metric_card(t("device.last", locale), card_number(last, locale), unit, locale=locale)
        note = ""
    else:
        levels = bucket_levels(looked, rows)
        known = [row.consumption for row in rows if row.consumption is not None]
        total = sum(known, Decimal(0)) if known else None
        first = metric_card(t("device.total", locale), card_number(total, locale), unit, locale=locale)
        note = t(f"step.per_{looked.step}", locale)
    names = ("mean", "minimum", "maximum")
    cards = zip(names, levels, strict=True)
    return [
        first,
        *(
            metric_card(t(f"device.{name}", locale), card_number(value, locale), unit, locale=locale, note=note)
            for name, value in cards
        ),
    ]


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


def state_line(device: Device, gateway: Gateway, now: datetime, zone: ZoneInfo, locale: str) -> list[Component | str]:
    """Say how the device does, when its last reading was taken, and behind which gateway it is."""
    interval = timedelta(seconds=device.interval_seconds)
    return [
        condition_badge(device.state, locale),
        stale_note(device.last_time, interval, now=now, zone=zone, locale=locale) if device.last_time else "",
        html.Span(
            [t("device.behind", locale, gateway=""), dcc.Link(gateway.name, href=f"/gateway/{gateway.id}")], className="tds-muted"
        ),
    ]


def advice(device: Device, gateway: Gateway, now: datetime, zone: ZoneInfo, locale: str) -> Component | None:
    """Say what to check where it does not do well."""
    said = device_sentence(device, gateway, now, zone, locale)
    return None if said is None else html.Div(said, className="alert alert-warning mb-0", role="status")


def facts(device: Device, gateway: Gateway, zone: ZoneInfo, locale: str) -> Component:
    """List what is known of a device."""
    last = number(device.last_value, locale, device.unit) if device.last_value is not None else t("status.never", locale)
    return facts_list(
        [
            (t("field.resource", locale), t(f"resource.{device.resource}", locale)),
            (t("field.kind", locale), html.Span(t(f"kind.{device.kind}", locale), title=t(f"kind.{device.kind}_hint", locale))),
            (t("field.code", locale), device.code),
            (t("field.gateway", locale), gateway.name),
            (t("field.mac", locale), html.Code(gateway.mac)),
            (t("field.unit", locale), device.unit),
            (t("field.interval", locale), t("device.every", locale, interval=wording.lasting(device.interval_seconds, locale))),
            (t("field.last_reading", locale), last),
            (t("field.created", locale), wording.date(device.created_at, locale, zone)),
        ]
    )


def readings(found: Sequence[Reading], device: Device, zone: ZoneInfo, locale: str) -> Component:
    """List readings, newest first, each with its difference from the one before."""
    columns = [Column(t("field.time", locale)), Column(f"{t('field.value', locale)} ({device.unit})", "end")]
    columns.append(Column(t("device.difference", locale), "end"))
    lines: list[list[Cell]] = [
        [
            moment(one.time, zone, locale),
            html.Strong(number(one.value, locale)),
            number(one.value - before.value, locale, sign=True) if before else "",
        ]
        for one, before in zip_longest(found, found[1:])
    ]
    return data_table(columns, lines, caption=t("device.latest", locale), boxed=True)


def links(device: Device, locale: str, may_edit: bool = False) -> list[Component]:
    """Give the ways on from here; to where it is changed for whoever may."""
    found: list[Component] = [
        dcc.Link(t("device.see_readings", locale), href=f"/readings?device={device.id}", className="btn btn-outline-primary")
    ]
    if device.kind != "gauge":
        href = f"/consumption?resource={device.resource}&devices={device.id}"
        found.insert(0, dcc.Link(t("device.see_consumption", locale), href=href, className="btn btn-outline-primary"))
    if may_edit:
        found.append(dcc.Link(t("fleet.edit", locale), href=f"/devices?edit={device.id}", className="btn btn-outline-primary"))
    return found


def drawn(looked: Looked) -> dict[str, str]:
    """Say what is drawn, for what a click on it opens."""
    span = looked.span
    return {"step": looked.step, "from": span.start.isoformat(), "to": span.end.isoformat(), "view": view_of(looked)}


def view_of(looked: Looked) -> str:
    """Name the view: while it stays, so does the reader's zoom."""
    return f"{looked.device.id} {looked.step} {looked.span.start:%Y%m%d%H}"
