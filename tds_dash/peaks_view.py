"""What the page of maximum demand answers: its cards, chart, the top quarter-hours and the devices' own maxima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from sql.queries.meters import Meter
from sql.queries.peak_search import Quarter
from sql.queries.peaks import Share
from tds_dash import wording
from tds_dash.components import data_table, empty_state, metric_card
from tds_dash.components.attributes import DECORATION
from tds_dash.components.tables import Cell, Column
from tds_dash.demand import PER_HOUR, Contracted, Demand, DeviceDemand, MonthDemand, demand_of
from tds_dash.figures import Look, MonthPeak, blank, demand_bars
from tds_dash.wording import DASH, card_number, number, percent, t

SLOT = timedelta(minutes=15)
NAMED = 3  # devices named in a quarter-hour
MOST_DEVICES = 50


class Asked(NamedTuple):
    """What is looked at: a resource's demand over whole months, of which one may be chosen, in a zone and a language."""

    resource: str
    start: datetime
    end: datetime
    month: datetime | None
    now: datetime
    zone: ZoneInfo
    locale: str
    who: str = "all"
    contracted: Contracted | None = None
    excess: Mapping[datetime, Decimal] = {}


def chart(asked: Asked, found: Demand[Meter]) -> go.Figure:
    """Draw the months."""
    if not found.top:
        return blank(asked.locale)
    months = [
        MonthPeak(month.month, month.together, month.alone, when(month.quarter, asked) if month.quarter else "")
        for month in found.months
    ]
    look = Look(asked.resource, found.unit, asked.locale, view_of(asked))
    return demand_bars(
        months,
        look,
        start=asked.start,
        end=asked.end,
        zone=asked.zone,
        now=asked.now,
        contracted=asked.contracted and asked.contracted.power,
    )


def view_of(asked: Asked) -> str:
    """Name the view."""
    return f"{asked.resource} {asked.who} {asked.start:%Y%m} {asked.end:%Y%m}"


def title(asked: Asked, found: Demand[Meter]) -> str:
    """Name the chart with its unit."""
    return t("peaks.titled", asked.locale, resource=t(f"resource.{asked.resource}", asked.locale), unit=found.unit)


def nothing(asked: Asked, found: Demand[Meter]) -> Component | None:
    """Say why there is nothing to draw."""
    if found.top:
        return None
    key = "peaks.empty" if found.devices else "peaks.no_meters"
    action = "" if found.devices else t("nav.devices", asked.locale)
    return empty_state(
        t(key, asked.locale), t(f"{key}_text", asked.locale), action=action, href="/devices", icon="lightning-charge"
    )


def remark(asked: Asked, found: Demand[Meter]) -> str:
    """Say which devices are left out, and what the line is."""
    said = [t("consumption.other_units", asked.locale, n=found.left_out)] if found.left_out else []
    if asked.contracted is not None and found.top:
        power, limit = asked.contracted
        said.append(t("peaks.contracted", asked.locale, power=number(power, asked.locale, "kW")))
        if limit is not None:
            said.append(t("peaks.excess", asked.locale, limit=number(limit, asked.locale, "kW", significant=6)))
    return " ".join(said)


def summary(asked: Asked, found: Demand[Meter]) -> str:
    """Say in a sentence what the chart shows."""
    if not found.top:
        return t("peaks.empty", asked.locale)
    first = found.top[0]
    value = card_number(demand_of(first), asked.locale, found.unit)
    return t("peaks.summary", asked.locale, value=value, when=when(first, asked), n=len(found.devices))


def cards(asked: Asked, found: Demand[Meter]) -> list[Component]:
    """Give the largest together, the sum of the single maxima, how far they lie apart, and the running month."""
    locale = asked.locale
    first = found.top[0] if found.top else None
    alone = sum((one.demand for one in found.alone), Decimal(0)) if found.alone else None
    factor = alone / demand_of(first) if first and alone is not None and first.quantity else None
    running = found.months[-1] if found.months else None
    return [
        metric_card(
            t("peaks.highest", locale),
            card_number(demand_of(first) if first else None, locale),
            found.unit,
            locale=locale,
            note=when(first, asked) if first else "",
            resource=asked.resource,
        ),
        metric_card(
            t("peaks.alone", locale), card_number(alone, locale), found.unit, locale=locale, note=t("peaks.alone_note", locale, n=len(found.alone))
        ),
        metric_card(t("peaks.diversity", locale), number(factor, locale, digits=2), locale=locale, note=t("peaks.diversity_note", locale)),
        metric_card(
            t("peaks.this_month", locale),
            card_number(running.together if running else None, locale),
            found.unit,
            locale=locale,
            note=when(running.quarter, asked) if running and running.quarter else "",
        ),
    ]  # fmt: skip


def when(quarter: Quarter, asked: Asked) -> str:
    """Write a quarter-hour: `ter. 24/11/2026, 14h15–14h30`."""
    return span(quarter.start, asked)


def span(start: datetime, asked: Asked) -> str:
    """Write the quarter-hour that begins at an instant."""
    first, last = start.astimezone(asked.zone), (start + SLOT).astimezone(asked.zone)
    day = f"{wording.weekday_name(first, asked.locale)} {wording.date(first, asked.locale)}"
    return f"{day}, {wording.clock(first, asked.locale)}{DASH}{wording.clock(last, asked.locale)}"


def months_table(asked: Asked, found: Demand[Meter]) -> Component:
    """Give the months as a table, newest first."""
    locale = asked.locale
    headings = (t("peaks.together", locale), t("peaks.alone", locale))
    columns = [Column(t("step.month", locale)), *(Column(f"{heading} ({found.unit})", "end") for heading in headings)]
    columns += [Column(t("peaks.beyond", locale, unit=found.unit), "end")] if asked.excess else []
    columns += [Column(t("peaks.diversity", locale), "end"), Column(t("peaks.when", locale))]
    lines = [month_line(month, asked) for month in reversed(found.months)]
    return data_table(columns, lines, caption=title(asked, found))


def month_line(month: MonthDemand, asked: Asked) -> list[Cell]:
    """Give a month's line."""
    return [
        wording.month(month.month.astimezone(asked.zone), asked.locale),
        number(month.together, asked.locale, fixed=True),
        number(month.alone, asked.locale, fixed=True),
        *([number(asked.excess.get(month.month), asked.locale, fixed=True)] if asked.excess else []),
        number(month.diversity, asked.locale, digits=2, fixed=True),
        when(month.quarter, asked) if month.quarter else wording.NOTHING,
    ]


def top_table(asked: Asked, found: Demand[Meter]) -> Component:
    """List the top quarter-hours: when, how much, which devices made it; what was estimated then is marked and does not count."""
    locale = asked.locale
    columns = [
        Column("#", "end"),
        Column(t("peaks.when", locale), wraps=True),
        Column(found.unit, "end"),
        Column(t("peaks.made_by", locale), wraps=True),
    ]
    lines: list[list[Cell]] = [
        [
            number(place, locale),
            [when(quarter, asked), *estimated_mark(quarter, found.unit, locale)],
            html.Strong(number(demand_of(quarter), locale)),
            made_by(quarter, found.parts.get(quarter.start, []), found, locale),
        ]
        for place, quarter in enumerate(found.top, start=1)
    ]
    return data_table(columns, lines, caption=t("peaks.top", locale))


def estimated_mark(quarter: Quarter, unit: str, locale: str) -> list[Component | str]:
    """Mark a quarter-hour of which a part was estimated."""
    if not quarter.estimated_devices:
        return []
    more = number(quarter.estimated * PER_HOUR, locale, unit)
    text = t("peaks.estimated", locale, n=quarter.estimated_devices, value=more)
    return [
        " ",
        html.Span([html.Span(className="tds-key tds-key-estimated", **DECORATION), text], className="tds-muted tds-small"),
    ]


def made_by(quarter: Quarter, parts: Sequence[Share], found: Demand[Meter], locale: str) -> list[Component | str]:
    """Name the devices that made most of a quarter-hour, each with its share; the others together."""
    known = {device.id: device for device in found.devices}
    measured = [part for part in parts if part.measured and part.quantity > 0]
    said: list[Component | str] = []
    for part in measured[:NAMED]:
        share = percent(part.quantity / quarter.quantity if quarter.quantity else None, locale)
        said += [dcc.Link(known[part.device_id].name, href=f"/device/{part.device_id}", className="tds-told"), f" {share}", ", "]
    rest = measured[NAMED:]
    if rest:
        share = percent(sum((part.quantity for part in rest), Decimal(0)) / quarter.quantity, locale)
        said.append(f"{t('chart.others', locale, n=len(rest))} {share}")
    elif said:
        said.pop()
    return said


def devices_table(asked: Asked, found: Demand[Meter]) -> Component:
    """List what each device took at most alone, the largest first, and its part in the largest quarter-hour of all."""
    locale = asked.locale
    first = found.top[0] if found.top else None
    parts = {part.device_id: part for part in found.parts.get(first.start, [])} if first else {}
    columns = [
        Column(t("field.device", locale), wraps=True),
        Column(t("field.gateway", locale), secondary=True),
        Column(f"{t('peaks.own', locale)} ({found.unit})", "end"),
        Column(t("peaks.when", locale), wraps=True),
        Column(t("peaks.in_peak", locale), "end", secondary=True),
    ]
    lines = [device_line(one, parts.get(one.device.id), asked) for one in found.alone[:MOST_DEVICES]]
    more = len(found.alone) - MOST_DEVICES
    rest = html.P(t("peaks.more_devices", locale, n=more), className="tds-muted mb-0") if more > 0 else None
    return html.Div([data_table(columns, lines, caption=t("peaks.devices", locale), boxed=True), rest])


def device_line(one: DeviceDemand[Meter], part: Share | None, asked: Asked) -> list[Cell]:
    """Give a device's line."""
    own = part.quantity * PER_HOUR if part and part.measured else None
    return [
        dcc.Link(one.device.name, href=f"/device/{one.device.id}"),
        one.device.gateway_name,
        html.Strong(number(one.demand, asked.locale)),
        span(one.moment, asked) if one.moment else wording.month(one.month.astimezone(asked.zone), asked.locale),
        number(own, asked.locale),
    ]
