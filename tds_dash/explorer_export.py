"""What is on the explorer's screen as a file: the same groups, bars and comparison; dates as dates, numbers as numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, Response, request, send_file

from tds_dash import doors, explorer_words, exploring
from tds_dash.api.exports import XLSX, stream
from tds_dash.explorer_table import Bar, bars
from tds_dash.exploring import Look
from tds_dash.identity import locale, zone
from tds_dash.totals import Line, Part, parts
from tds_dash.wording import LOCALES, t

blueprint = Blueprint("explorer", __name__)

# How a workbook writes what a column holds, by language; a spreadsheet's own notation.
FORMATS = {
    "pt-BR": {"month": "mmm/yyyy", "day": "dd/mm/yyyy", "time": "dd/mm/yyyy hh:mm"},
    "en": {"month": "mmm yyyy", "day": "d mmm yyyy", "time": "d mmm yyyy hh:mm"},
}
NUMBER, SHARE = "#,##0.000", "0.0%"
DATED = {"month": "month", "day": "day"}
WIDTHS = {"text": 24, "number": 18, "share": 12, "date": 18}
MOST_WIDE = 40


class Field(NamedTuple):
    """A column: its heading and what it holds (text, number, share, date)."""

    heading: str
    holds: str


@blueprint.get("/_consumption/export.csv")
def csv() -> Response:
    """Give the bars that are on the screen as CSV."""
    look = asked()
    found = parts(look)
    fields = [field.heading for field in fields_of(look, found)]
    return stream(name(look), fields, (written(row) for row in rows(look, found)))


@blueprint.get("/_consumption/export.xlsx")
def xlsx() -> Response:
    """Give the bars and the totals that are on the screen as a workbook of two sheets."""
    look = asked()
    found = parts(look)
    book = workbook()
    sheet(book, explorer_words.headline(look), fields_of(look, found), rows(look, found), look)
    sheet(book, t("consumption.total", look.locale), total_fields(look), total_rows(look, found), look)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
    book.save(file)
    file.seek(0)
    return send_file(file, mimetype=XLSX, as_attachment=True, download_name=f"tds-{name(look)}.xlsx")


def asked() -> Look:
    """Read what the address of a view asks for; in the language that it names, else the person's."""
    language = request.args.get("locale")
    now = datetime.now(UTC)
    with doors.reading() as conn:
        wanted = exploring.read(request.args, zone(), now)
        return exploring.look(conn, wanted, now, zone(), language if language in LOCALES else locale())


def name(look: Look) -> str:
    """Name the file after what it holds."""
    first, last = explorer_words.ends(look.span.start, look.span.end, look.zone)
    return f"consumption-{first.isoformat()}-{last.isoformat()}"


def fields_of(look: Look, found: Sequence[Part]) -> list[Field]:
    """Name the columns of the bars: of each unit its groups, their sum, its quality, what stands beside it."""
    locale = look.locale
    fields = [Field(t("chart.bucket", locale), "date")]
    for part in found:
        unit, head = part.chart.unit, f"{t(f'resource.{part.chart.resource}', locale)}: " if len(found) > 1 else ""
        fields += [Field(f"{one.name} ({unit})", "number") for one in part.series] if len(part.series) > 1 else []
        fields.append(Field(f"{head}{t('chart.total', locale)} ({unit})", "number"))
        fields += [Field(f"{head}{t(f'chart.{word}', locale)}", "share") for word in ("estimated", "coverage")]
        if look.other is not None:
            other = explorer_words.other_name(look)
            fields += [Field(f"{head}{t('compare.beside', locale)}", "date"), Field(f"{head}{other} ({unit})", "number")]
            fields.append(Field(f"{head}{t('compare.difference', locale)} ({unit})", "number"))
            fields.append(Field(f"{head}{t('compare.change', locale)}", "share"))
    return fields


def rows(look: Look, found: Sequence[Part]) -> Iterator[list[Any]]:
    """Give a row for each bar of the period, oldest first."""
    for together in zip(*(bars(look, part) for part in found), strict=False):
        row: list[Any] = [moment(look, together[0].start)]
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
        found += [moment(look, bar.other.start) if bar.other else None, other, bar.difference, share(bar.difference, other)]
    return found


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
    for part in found:
        for one in [*part.lines, part.whole] if len(part.lines) > 1 else part.lines:
            yield total_row(look, part, one)


def total_row(look: Look, part: Part, one: Line) -> list[Any]:
    """Give a group's sums; where a comparison would not be fair, its reason stands beside it."""
    side = one.side
    called = t("chart.total", look.locale) if one is part.whole else one.series.name
    row: list[Any] = [t(f"resource.{part.chart.resource}", look.locale), called, side.quantity, part.chart.unit, one.share]
    row += [share(side.estimated, side.quantity), round(side.coverage, 6)]
    if look.other is not None and one.compared is not None:
        row += [one.compared.other.quantity, one.compared.difference, one.compared.share, one.compared.reason]
    return row


def share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Give a part of a whole, to six places."""
    return None if part is None or not whole else round(part / whole, 6)


def moment(look: Look, start: datetime) -> date | datetime:
    """Give a bar's start as a spreadsheet takes it: a day, or a wall time of the account's zone."""
    local = start.astimezone(look.zone).replace(tzinfo=None)
    return local.date() if look.step in DATED else local


def written(row: Sequence[Any]) -> list[Any]:
    """Write moments as every spreadsheet reads them, whatever its language."""
    return [
        f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value
        for value in row
    ]


def workbook() -> Any:
    """Make a workbook that is written row by row."""
    from openpyxl import Workbook

    return Workbook(write_only=True)


def sheet(book: Any, title: str, fields: Sequence[Field], found: Iterator[list[Any]], look: Look) -> None:
    """Write a sheet: its head stays in view, each column as wide as it needs; text is text and never a formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(sheet_name(title))
    page.freeze_panes = "B2"
    formats = {"number": NUMBER, "share": SHARE, "date": FORMATS[look.locale][DATED.get(look.step, "time")]}
    for place, field in enumerate(fields, start=1):
        page.column_dimensions[get_column_letter(place)].width = min(max(WIDTHS[field.holds], len(field.heading) + 2), MOST_WIDE)
    head = [WriteOnlyCell(page, value=field.heading) for field in fields]
    for cell in head:
        cell.font = Font(bold=True)
        cell.data_type = "s"
    page.append(head)
    for row in found:
        made = [WriteOnlyCell(page, value=value) for value in row]
        for cell, field in zip(made, fields, strict=False):
            if isinstance(cell.value, str):
                cell.data_type = "s"
            elif cell.value is not None:
                cell.number_format = formats[field.holds]
        page.append(made)


def sheet_name(title: str) -> str:
    """Give a title as spreadsheets allow it: 31 characters, none of them their own signs."""
    return "".join(" " if sign in "[]:*?/\\" else sign for sign in title)[:31].strip(" '") or "TDS"
