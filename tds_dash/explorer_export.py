"""What is on the explorer's screen as a file: the same groups, bars and comparison; on a second sheet the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, request

from sql.bills import rounded
from tds_dash import cost_hooks, doors, explorer_words, exploring, sheets
from tds_dash.explorer_table import Bar, bars
from tds_dash.exploring import Look
from tds_dash.identity import account, zone
from tds_dash.sheets import Field, File, Sheet, bucket, share
from tds_dash.totals import Line, Part, parts
from tds_dash.wording import t

AFTER_UNIT = 4
Cost = Callable[[Part, Line], Decimal | None]

blueprint = Blueprint("explorer", __name__)


def gather() -> File:
    """Give the bars and the totals of what the address of a view asks for."""
    now = datetime.now(UTC)
    with doors.reading() as conn:
        wanted = exploring.read(request.args, zone(), now)
        look = exploring.look(conn, wanted, now, zone(), sheets.language())
        found = parts(look)
        totals = total_sheet(look, found, cost_hooks.costs_of(conn, look))
    shown = Sheet(explorer_words.headline(look), fields_of(look, found), rows(look, found))
    return File(name(look), look.locale, [shown, totals])


sheets.serve(blueprint, "/_consumption/export", gather)


def name(look: Look) -> str:
    """Name the file after what it holds."""
    first, last = explorer_words.ends(look.span.start, look.span.end, look.zone)
    return f"consumption-{first.isoformat()}-{last.isoformat()}"


def fields_of(look: Look, found: Sequence[Part]) -> list[Field]:
    """Name the columns of the bars: of each unit its groups, their sum, its quality, what stands beside it."""
    locale = look.locale
    fields = [Field(t("chart.bucket", locale), sheets.holds(look.step))]
    for part in found:
        unit, head = part.chart.unit, f"{t(f'resource.{part.chart.resource}', locale)}: " if len(found) > 1 else ""
        fields += [Field(f"{one.name} ({unit})", "number") for one in part.series] if len(part.series) > 1 else []
        fields.append(Field(f"{head}{t('chart.total', locale)} ({unit})", "number"))
        fields += [Field(f"{head}{t(f'chart.{word}', locale)}", "share") for word in ("estimated", "coverage")]
        if look.other is not None:
            other = explorer_words.other_name(look)
            fields += [
                Field(f"{head}{t('compare.beside', locale)}", sheets.holds(look.step)),
                Field(f"{head}{other} ({unit})", "number"),
            ]
            fields.append(Field(f"{head}{t('compare.difference', locale)} ({unit})", "number"))
            fields.append(Field(f"{head}{t('compare.change', locale)}", "share"))
    return fields


def rows(look: Look, found: Sequence[Part]) -> Iterator[list[Any]]:
    """Give a row for each bar of the period, oldest first."""
    for together in zip(*(bars(look, part) for part in found), strict=False):
        row: list[Any] = [bucket(together[0].start, look.step, look.zone)]
        for part, bar in zip(found, together, strict=True):
            row += cells(look, part, bar)
        yield row


def cells(look: Look, part: Part, bar: Bar) -> list[Any]:
    """Give one unit's cells of a row."""
    total = bar.whole.consumption
    found: list[Any] = list(bar.own) if len(part.series) > 1 else []
    found += [total, share(bar.whole.estimated, total), None if bar.coverage is None else round(bar.coverage, 6)]
    if look.other is not None:
        other = bar.other.consumption if bar.other else None
        found += [
            bucket(bar.other.start, look.step, look.zone) if bar.other else None,
            other,
            bar.difference,
            share(bar.difference, other),
        ]
    return found


def total_sheet(look: Look, found: Sequence[Part], cost: Cost | None) -> Sheet:
    """Give the totals, with what they cost where that is known."""
    fields, rows = total_fields(look), list(total_rows(look, found))
    if cost is not None:
        fields.insert(AFTER_UNIT, Field(f"{t('costs.column', look.locale)} ({account().currency})", "money"))
        for row, (part, one) in zip(rows, lines_of(found), strict=True):
            amount = cost(part, one)
            row.insert(AFTER_UNIT, None if amount is None else rounded(amount, account().currency))
    return Sheet(t("consumption.total", look.locale), fields, rows, aside=True)


def total_fields(look: Look) -> list[Field]:
    """Name the columns of the totals."""
    locale = look.locale
    fields = [Field(t("field.resource", locale), "text"), Field(t(f"consumption.by_{look.asked.group}", locale), "text")]
    fields += [Field(t("consumption.total", locale), "number"), Field(t("field.unit", locale), "text")]
    fields += [Field(t("consumption.share", locale), "share"), Field(t("chart.estimated", locale), "share")]
    fields.append(Field(t("chart.coverage", locale), "share"))
    if look.other is not None:
        fields.append(Field(explorer_words.other_name(look), "number"))
        fields += [Field(t("compare.difference", locale), "number"), Field(t("compare.change", locale), "share")]
        fields.append(Field(t("field.reason", locale), "text"))
    return fields


def total_rows(look: Look, found: Sequence[Part]) -> Iterator[list[Any]]:
    """Give a row for each group, and one for all of each unit together."""
    for part, one in lines_of(found):
        yield total_row(look, part, one)


def lines_of(found: Sequence[Part]) -> Iterator[tuple[Part, Line]]:
    """Give the lines of the totals, that of all together last of each unit."""
    for part in found:
        yield from ((part, one) for one in ([*part.lines, part.whole] if len(part.lines) > 1 else part.lines))


def total_row(look: Look, part: Part, one: Line) -> list[Any]:
    """Give a group's sums; where a comparison would not be fair, its reason stands beside it."""
    side = one.side
    called = t("chart.total", look.locale) if one is part.whole else one.series.name
    row: list[Any] = [t(f"resource.{part.chart.resource}", look.locale), called, side.quantity, part.chart.unit, one.share]
    row += [share(side.estimated, side.quantity), round(side.coverage, 6)]
    if look.other is not None and one.compared is not None:
        row += [one.compared.other.quantity, one.compared.difference, one.compared.share, one.compared.reason]
    return row
