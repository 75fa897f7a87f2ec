"""The chart as a table, and as rows of an export: a line for each bar, a column for each group, what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from sql import calendar
from tds_dash import addresses, explorer_words, wording
from tds_dash.components import data_table
from tds_dash.components.tables import Cell, Column
from tds_dash.exploring import Look
from tds_dash.figures import axes
from tds_dash.figures.series import Bucket, covered, together
from tds_dash.totals import Part
from tds_dash.view import AUTOMATIC
from tds_dash.wording import number, percent, portion, t

MOST_CELLS = 2_400
FINER = {"month": "day", "day": "hour", "hour": "15min"}


class Bar(NamedTuple):
    """A bar of a chart: its own parts by series, all together, and what stands beside it."""

    start: datetime
    own: list[Decimal | None]
    whole: Bucket
    coverage: float | None
    other: Bucket | None

    @property
    def difference(self) -> Decimal | None:
        """How much more it is than what stands beside it."""
        if self.whole.consumption is None or self.other is None or self.other.consumption is None:
            return None
        return self.whole.consumption - self.other.consumption


def bars(look: Look, part: Part) -> Iterator[Bar]:
    """Give a chart's bars that hold anything, or stand beside something, in the order of time."""
    whole = together(part.series, look.step, look.zone, look.span.start, look.span.end)
    for key, bucket in whole.items():
        other = part.beside.whole.get(key)
        own = [one.buckets[key].consumption if key in one.buckets else None for one in part.series]
        yield Bar(bucket.start, own, bucket, covered(bucket, look.step, look.zone, look.now), other)


def tables(look: Look, found: Sequence[Part], words: Mapping[str, str]) -> Component:
    """Give a table for each unit, newest first."""
    return html.Div([table(look, part, words) for part in found], className="tds-totals")


def table(look: Look, part: Part, words: Mapping[str, str]) -> Component:
    """Give one unit's bars as a table; from each period it leads to what that is made of."""
    title = explorer_words.title(look, part.chart)
    columns = headings(look, part)
    past = [bar for bar in bars(look, part) if bar.start <= look.now or bar.other is not None]
    most = max(MOST_CELLS // len(columns), 1)
    lines = [line(look, part, bar, words) for bar in reversed(past[-most:])]
    more = html.P(t("chart.too_many_last", look.locale, n=most)) if len(past) > most else None
    heading = html.H3(title, className="tds-label") if len(look.charts) > 1 else None
    return html.Div([heading, data_table(columns, lines, caption=title), more])


def headings(look: Look, part: Part) -> list[Column]:
    """Name the columns."""
    locale = look.locale
    columns = [Column(t("chart.bucket", locale))]
    columns += [Column(one.name, "end") for one in part.series] if len(part.series) > 1 else []
    columns += [
        Column(f"{t('chart.total', locale)} ({part.chart.unit})", "end"),
        Column(t("chart.estimated", locale), "end"),
        Column(t("chart.coverage", locale), "end"),
    ]
    columns += [Column(t("revised.key", locale))] if look.revised.get(part.chart.number) else []
    if look.other is not None:
        columns += [
            Column(t("compare.beside", locale)),
            Column(f"{explorer_words.other_name(look)} ({part.chart.unit})", "end"),
            Column(t("compare.change", locale), "end"),
        ]
    return columns


def line(look: Look, part: Part, bar: Bar, words: Mapping[str, str]) -> list[Cell]:
    """Give a bar's cells."""
    locale, total = look.locale, bar.whole.consumption
    named = axes.title(bar.start, look.step, look.zone, locale)
    href = finer(look, bar.start, words)
    cells: list[Cell] = [dcc.Link(named, href=href) if href else named]
    cells += [number(value, locale, fixed=True) for value in bar.own] if len(part.series) > 1 else []
    cells += [
        number(total, locale, fixed=True),
        portion(bar.whole.estimated / total if total else None, locale),
        portion(bar.coverage, locale),
    ]
    late = look.revised.get(part.chart.number)
    if late:
        cells.append(wording.date_clock(late[bar.start], locale, look.zone) if bar.start in late else "")
    if look.other is not None:
        cells += beside(look, bar)
    return cells


def beside(look: Look, bar: Bar) -> list[Cell]:
    """Give what stands beside a bar, and by how much it differs."""
    if bar.other is None:
        return ["", wording.NOTHING, wording.NOTHING]
    share = bar.difference / bar.other.consumption if bar.difference is not None and bar.other.consumption else None
    return [
        axes.title(bar.other.start, look.step, look.zone, look.locale),
        number(bar.other.consumption, look.locale, fixed=True),
        percent(share, look.locale, 1, sign=True),
    ]


def finer(look: Look, start: datetime, words: Mapping[str, str]) -> str:
    """Give the address of what a bar is made of; nothing is finer than a quarter-hour."""
    if look.step not in FINER:
        return ""
    following = calendar.next_bucket(look.step, start, look.zone.key)
    first, last = explorer_words.ends(start, following, look.zone)
    days = {"period": "custom", "from": first.isoformat(), "to": last.isoformat()}
    return addresses.at_period(words, {**days, "step": FINER[look.step] or AUTOMATIC})
