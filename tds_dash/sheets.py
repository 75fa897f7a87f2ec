"""What a page shows as files: CSV, and a workbook with a sheet for each table; dates as dates, numbers as numbers, no formula."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, Response, request, send_file

from tds_dash.api.exports import XLSX, stream
from tds_dash.components.files import KINDS
from tds_dash.identity import locale
from tds_dash.wording import LOCALES

# How a workbook writes what a column holds, by language; a spreadsheet's own notation.
DATES = {
    "pt-BR": {"month": "mmm/yyyy", "day": "dd/mm/yyyy", "time": "dd/mm/yyyy hh:mm", "second": "dd/mm/yyyy hh:mm:ss"},
    "en": {"month": "mmm yyyy", "day": "d mmm yyyy", "time": "d mmm yyyy hh:mm", "second": "d mmm yyyy hh:mm:ss"},
}
NUMBERS = {"number": "#,##0.000", "money": "#,##0.00", "price": "#,##0.00####", "share": "0.0%", "count": "0"}
WIDTHS = {"text": 24, "share": 12, "count": 8}
WIDE, MOST_WIDE = 18, 40


class Field(NamedTuple):
    """A column: its heading and what it holds: text, a number, money, a price, a share, a count, a month, a day, a time or one to the second."""

    heading: str
    holds: str = "text"


class Sheet(NamedTuple):
    """A table; `aside` stands in the workbook only, because it repeats in other words what the tables before it say."""

    title: str
    fields: Sequence[Field]
    rows: Iterable[Sequence[Any]]
    aside: bool = False


class File(NamedTuple):
    """What a page shows, in a language, named after what it holds."""

    name: str
    locale: str
    sheets: Sequence[Sheet]


def serve(blueprint: Blueprint, path: str, gather: Callable[..., File], endpoint: str = "export") -> None:
    """Give what `gather` finds at `path`.csv and at `path`.xlsx; it reads the query as the page itself does."""

    def export(kind: str, **given: Any) -> Response:
        file = gather(**given)
        return csv(file) if kind == "csv" else xlsx(file)

    for kind in KINDS:
        blueprint.add_url_rule(f"{path}.{kind}", endpoint, export, defaults={"kind": kind})


def language() -> str:
    """Give the language that the address names, else the person's."""
    named = request.args.get("locale")
    return named if named in LOCALES else locale()


def csv(file: File) -> Response:
    """Answer with the tables as CSV, one below the other, each under its title where there are several."""
    lines = written([sheet for sheet in file.sheets if not sheet.aside])
    return stream(file.name, next(lines), lines)


def written(sheets: Sequence[Sheet]) -> Iterator[list[Any]]:
    """Give the lines of a CSV file."""
    for place, sheet in enumerate(sheets):
        if len(sheets) > 1:
            yield from [[]] * bool(place)
            yield [sheet.title]
        yield [field.heading for field in sheet.fields]
        for row in sheet.rows:
            yield [plain(value) for value in row]


def plain(value: Any) -> Any:
    """Write a moment as every spreadsheet reads it, whatever its language."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" if value.second else f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else value


def xlsx(file: File) -> Response:
    """Answer with a workbook, written row by row."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for sheet in file.sheets:
        write(book, sheet, file.locale)
    held = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
    book.save(held)
    held.seek(0)
    return send_file(held, mimetype=XLSX, as_attachment=True, download_name=f"tds-{file.name}.xlsx")


def write(book: Any, sheet: Sheet, locale: str) -> None:
    """Write a sheet: its head stays in view, each column as wide as it needs; text is text and never a formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(sheet_name(sheet.title))
    page.freeze_panes = "B2"
    for place, field in enumerate(sheet.fields, start=1):
        width = max(WIDTHS.get(field.holds, WIDE), len(field.heading) + 2)
        page.column_dimensions[get_column_letter(place)].width = min(width, MOST_WIDE)
    head = [WriteOnlyCell(page, value=field.heading) for field in sheet.fields]
    for cell in head:
        cell.font = Font(bold=True)
        cell.data_type = "s"
    page.append(head)
    formats = NUMBERS | DATES[locale]
    for row in sheet.rows:
        made = [WriteOnlyCell(page, value=value) for value in row]
        for cell, field in zip(made, sheet.fields, strict=False):
            if isinstance(cell.value, str):
                cell.data_type = "s"
            elif cell.value is not None:
                cell.number_format = formats.get(field.holds, "General")
        page.append(made)


def sheet_name(title: str) -> str:
    """Give a title as spreadsheets allow it: 31 characters, none of them their own signs."""
    return "".join(" " if sign in "[]:*?/\\" else sign for sign in title)[:31].strip(" '") or "TDS"


def wall(moment: datetime | None, zone: tzinfo) -> datetime | None:
    """Give an instant as a spreadsheet takes it: a wall time of the account's zone, without one."""
    return None if moment is None else moment.astimezone(zone).replace(tzinfo=None)


def bucket(start: datetime, step: str, zone: tzinfo) -> date | datetime:
    """Give the start of a bucket: of a day or a month its date, else its wall time."""
    local = start.astimezone(zone).replace(tzinfo=None)
    return local.date() if step in ("day", "month") else local


def holds(step: str) -> str:
    """Say what a column of buckets of a step holds."""
    return step if step in ("day", "month") else "time"


def share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Give a part of a whole, to six places."""
    return None if part is None or not whole else round(part / whole, 6)
