"""How a meter's days follow a temperature, in a chart, in sentences and in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from sql.queries.devices import Device
from tds_dash import degrees, wording
from tds_dash.components import data_table, empty_state
from tds_dash.components.tables import Cell, Column
from tds_dash.degrees import Day, Relation
from tds_dash.figures import Look, blank
from tds_dash.figures.scatter import Cloud, degree_scatter
from tds_dash.view import Span
from tds_dash.wording import number, percent, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow

WEAK = 0.25  # of the differences between days: below that it is not the temperature that decides
LEAST = 0.01  # of the differences, in words
WHOLE = 0.95  # of a day, measured
KINDS = ("weekdays", "weekends")


class Kept(NamedTuple):
    """Days of one kind and the line that they follow; None where they say nothing of one."""

    name: str
    days: list[Day]
    relation: Relation | None

    @property
    def strong(self) -> bool:
        """Tell whether the temperature decides anything."""
        return self.relation is not None and self.relation.explained >= WEAK


class Against(NamedTuple):
    """A meter's days beside a gauge's, over a period."""

    device: Device
    gauge: Device
    span: Span
    zone: ZoneInfo
    locale: str
    kept: tuple[Kept, ...]

    @property
    def days(self) -> list[Day]:
        """Give all days."""
        return [day for one in self.kept for day in one.days]


def days_of(rows: Sequence[ConsumptionRow], levels: Sequence[ConsumptionRow], zone: ZoneInfo, before: datetime) -> list[Day]:
    """Give the days on which both were measured; the running day counts for nothing."""
    today = before.astimezone(zone).date()
    warm = {row.bucket: float(row.mean) for row in levels if row.mean is not None and row.coverage >= WHOLE}
    return [
        Day(row.bucket.astimezone(zone).date(), warm[row.bucket], float(row.consumption))
        for row in rows
        if row.consumption is not None
        and row.bucket in warm
        and row.coverage >= WHOLE
        and row.bucket.astimezone(zone).date() < today
    ]


def kept_of(days: Sequence[Day]) -> tuple[Kept, ...]:
    """Tell working days from weekends, each with its line."""
    found = [(name, [day for day in days if KINDS[day.weekend] == name]) for name in KINDS]
    return tuple(Kept(name, own, degrees.fit(own)) for name, own in found if own)


def figure(found: Against | None, locale: str) -> go.Figure:
    """Draw the days and their lines."""
    if found is None or not found.days:
        return blank(locale)
    clouds = [
        Cloud(
            t(f"load.{one.name}", locale),
            [named(day.day, locale) for day in one.days],
            [(round(day.temperature, 2), round(day.consumption, 3)) for day in one.days],
            [(round(x, 2), round(y, 3)) for x, y in one.relation.corners] if one.relation else [],
            one.strong,
        )
        for one in found.kept
    ]
    view = f"{found.device.id} {found.gauge.id} {found.span.start:%Y%m%d} {found.span.length}"
    return degree_scatter(
        clouds, Look(found.device.resource, found.device.unit, locale, view), found.gauge.name, found.gauge.unit
    )


def named(day: date, locale: str) -> str:
    """Name a day, with its weekday."""
    return f"{wording.weekday_name(day, locale)} {wording.date(day, locale)}"


def title(found: Against) -> str:
    """Name the chart, with its units."""
    return t("degree.title", found.locale, unit=found.device.unit, gauge=found.gauge.name)


def said(found: Against) -> list[Component]:
    """Say in sentences how the days follow the temperature, one for each kind of days."""
    if not found.days:
        return []
    return [html.P(sentence_of(found, one), className="mb-1") for one in found.kept]


def summary(found: Against) -> str:
    """Say the same for whoever does not see the chart."""
    return " ".join([title(found), *(sentence_of(found, one) for one in found.kept)])


def sentence_of(found: Against, one: Kept) -> str:
    """Say how days of one kind follow the temperature, or why that cannot be said."""
    locale, relation = found.locale, one.relation
    words = {"days": t(f"load.{one.name}", locale)}
    if relation is None:
        if len(one.days) < degrees.LEAST_DAYS:
            return t("degree.few", locale, n=len(one.days), least=degrees.LEAST_DAYS, **words)
        return t("degree.alike", locale, spread=measured(degrees.spread(one.days), locale, found.gauge.unit), **words)
    words["share"] = percent(relation.explained, locale) if relation.explained >= LEAST else f"< {percent(LEAST, locale)}"
    if not one.strong:
        return t("degree.weak", locale, **words)
    words["slope"] = measured(abs(relation.slope), locale, found.device.unit)
    words["unit"] = found.gauge.unit
    if relation.kind == "line":
        return t("degree.rises" if relation.slope > 0 else "degree.falls", locale, **words)
    due = relation.slope * sum(relation.degrees(day.temperature) for day in one.days) / sum(day.consumption for day in one.days)
    words |= {
        "turn": measured(relation.turn, locale, found.gauge.unit),
        "level": measured(relation.level, locale, found.device.unit),
        "due": percent(min(max(due, 0), 1), locale),
    }
    return t(f"degree.{relation.kind}", locale, **words)


def measured(value: float, locale: str, unit: str) -> str:
    """Write a number that was worked out."""
    return number(round(value, 6), locale, unit, significant=3)


def table(found: Against) -> Component:
    """List the days, newest first, with what the line says of each."""
    locale, unit = found.locale, found.device.unit
    lines_of = {one.name: one.relation for one in found.kept}
    columns = [
        Column(t("chart.bucket", locale)),
        Column(f"{found.gauge.name} ({found.gauge.unit})", "end"),
        Column(f"{t('degree.consumed', locale)} ({unit})", "end"),
        Column(f"{t('degree.by_line', locale)} ({unit})", "end"),
    ]
    lines: list[list[Cell]] = []
    for day in sorted(found.days, reverse=True):
        relation = lines_of[KINDS[day.weekend]]
        by_line = None if relation is None else Decimal(str(round(relation.at(day.temperature), 3)))
        cells = [Decimal(str(round(day.temperature, 2))), Decimal(str(round(day.consumption, 3))), by_line]
        lines.append([named(day.day, locale), *(number(cell, locale, fixed=True) for cell in cells)])
    return data_table(columns, lines, caption=title(found))


def nothing(found: Against) -> Component | None:
    """Say why there is nothing to draw."""
    if found.days:
        return None
    return empty_state(t("degree.nothing", found.locale), t("degree.nothing_text", found.locale), icon="thermometer-half")
