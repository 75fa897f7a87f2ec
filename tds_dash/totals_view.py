"""The table under the chart: what each group consumed, its share and its quality, and how that compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from dash import dcc, html
from dash.development.base_component import Component

from sql.consumption import OTHERS
from tds_dash import addresses, explorer_words, grouping
from tds_dash.comparing import Compared
from tds_dash.components import data_table
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.tables import Cell, Column
from tds_dash.exploring import Look
from tds_dash.totals import Line, Part
from tds_dash.wording import NOTHING, number, percent, portion, t


class Extra(NamedTuple):
    """A column that another room adds, such as cost: its heading, and its cell for a line of a part."""

    heading: str
    cell: Callable[[Part, Line], Cell]


def tables(look: Look, found: Sequence[Part], words: Mapping[str, str], extra: Sequence[Extra] = ()) -> Component:
    """Give a table for each unit, or one for all units that have one group each; and what stands beside what."""
    together = len(found) > 1 and all(len(part.lines) == 1 for part in found)
    parts = [list(found)] if together else [[part] for part in found]
    said = explorer_words.against(look)
    note = (
        html.P([html.Span(className="tds-key tds-key-compared", **DECORATION), said], className="tds-muted mb-0")
        if said
        else None
    )
    return html.Div([*(table(look, some, words, extra) for some in parts), note], className="tds-totals")


def table(look: Look, found: Sequence[Part], words: Mapping[str, str], extra: Sequence[Extra]) -> Component:
    """Give a table, the sum of all groups last where there are several."""
    several = len(found) == 1 and len(found[0].lines) > 1
    title = explorer_words.title(look, found[0].chart) if len(found) == 1 else explorer_words.headline(look)
    heading = html.H3(title, className="tds-label") if len(look.charts) > 1 and len(found) == 1 else None
    lines = [line(look, part, one, words, extra, several) for part in found for one in part.lines]
    lines += [line(look, part, part.whole, words, extra, several) for part in found if several]
    unit = found[0].chart.unit if len(found) == 1 else ""
    body = data_table(headings(look, unit, extra, several), lines, caption=t("consumption.totals_of", look.locale, title=title))
    return html.Div([heading, body], className="tds-totals-part" + (" tds-totals-summed" if several else ""))


def headings(look: Look, unit: str, extra: Sequence[Extra], several: bool) -> list[Column]:
    """Name the columns; the unit stands in the cells where they have different ones."""
    locale = look.locale
    inside = f" ({unit})" if unit else ""
    named = Column(t(f"consumption.by_{look.asked.group}", locale), wraps=True)
    columns = [named, Column(f"{t('consumption.total', locale)}{inside}", "end")]
    columns += [Column(t("consumption.share", locale), "end", secondary=True)] if several else []
    columns += [Column(one.heading, "end") for one in extra]
    columns += [
        Column(t("chart.estimated", locale), "end", secondary=True),
        Column(t("chart.coverage", locale), "end", secondary=True),
    ]
    if look.other is not None:
        columns += [
            Column(f"{explorer_words.other_name(look)}{inside}", "end", secondary=True),
            Column(f"{t('compare.difference', locale)}{inside}", "end", secondary=True),
            Column(t("compare.change", locale), "end", wraps=True),
        ]
    return [*columns, Column("", "end")]


def line(look: Look, part: Part, one: Line, words: Mapping[str, str], extra: Sequence[Extra], several: bool) -> list[Cell]:
    """Give a group's cells."""
    locale, side = look.locale, one.side
    whole = one is part.whole
    unit = part.chart.unit if len(look.charts) > 1 and not several else None
    total = number(side.quantity, locale, unit, fixed=True)
    cells: list[Cell] = [name(look, part, one, words), html.Strong(total) if whole else total]
    if several:
        cells.append("" if whole else percent(one.share, locale, 1))
    cells += [extra_column.cell(part, one) for extra_column in extra]
    cells.append(portion(side.estimated / side.quantity, locale, 1) if side.quantity else NOTHING)
    cells.append(portion(side.coverage, locale))
    if look.other is not None:
        cells += comparison(one.compared, unit, locale)
    return [*cells, books(look, part, one)]


def comparison(compared: Compared | None, unit: str | None, locale: str) -> list[Cell]:
    """Give the other side, the difference and the change; grey with the reason where that would not be fair."""
    if compared is None:
        return [NOTHING, NOTHING, NOTHING]
    other = number(compared.other.quantity, locale, unit, fixed=True)
    difference = number(compared.difference, locale, unit, fixed=True, sign=True)
    change = percent(compared.share, locale, 1, sign=True)
    if not compared.reason:
        return [other, difference, change]
    reason = html.Span(compared.reason, className="tds-reason")
    return [other, grey(difference), html.Span([grey(change), reason], className="tds-unfair-cell")]


def grey(text: str) -> Component:
    """Give a number that is not to be relied on."""
    return html.Span(text, className="tds-unfair")


def name(look: Look, part: Part, one: Line, words: Mapping[str, str]) -> Cell:
    """Name a group behind its colour, and lead to what it is made of."""
    if one is part.whole:
        return html.Strong(t("chart.total", look.locale))
    swatch: dict[str, Any] = {"data-colour": one.series.colour, **DECORATION}
    mark = html.Span(className="tds-swatch", **swatch)
    href = leads_to(look, part, one, words)
    said: list[str | Component] = [mark, dcc.Link(one.series.name, href=href) if href else one.series.name]
    if look.asked.group != grouping.DEVICE:
        said += [" ", html.Span(t("accounts.facts", look.locale, n=len(one.devices)), className="tds-muted tds-members")]
    return said


def leads_to(look: Look, part: Part, one: Line, words: Mapping[str, str]) -> str:
    """Give the address of a group's devices, or of the device itself."""
    if look.asked.group == grouping.DEVICE and one.series.number != OTHERS:
        return f"/device/{one.series.number}"
    chosen = addresses.ranges(one.devices)
    if look.asked.group == grouping.RESOURCE and not look.chosen:
        chosen = ""
    if len(chosen) > addresses.LONGEST:
        return ""
    return addresses.address(words, resource=part.chart.resource, group=grouping.DEVICE, devices=chosen)


def books(look: Look, part: Part, one: Line) -> Component:
    """Give the button that opens a group's books of the period."""
    label, whole = t("books.title", look.locale), one is part.whole
    named = label if whole else f"{label}: {one.series.name}"
    bar: dict[str, Any] = {"step": look.step, "from": look.span.start.isoformat(), "to": look.span.end.isoformat()}
    if not whole:
        drawn = [line.series.number for line in part.lines if line.series.number != OTHERS]
        bar |= {"chart": part.chart.number, "group": one.series.number, "drawn": drawn}
    given: dict[str, Any] = {"data-books": orjson.dumps(bar).decode(), **labelled(named)}
    return html.Button(html.I(className="bi bi-journal-check", **DECORATION), className="tds-icon-button", title=named, **given)
