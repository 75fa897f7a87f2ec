"""Tables: figures in columns, to the right and of one width; on a phone they scroll within their card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from tds_dash import wording
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.wording import number, t

Cell = str | Component | Sequence[str | Component]


class Column(NamedTuple):
    """A column: its heading, the side its cells stand on; on a phone it may wrap, and a secondary one is left out."""

    heading: str
    side: Literal["start", "end"] = "start"
    wraps: bool = False
    secondary: bool = False

    @property
    def look(self) -> str:
        """Give the classes of its cells."""
        return f"tds-{self.side}{' tds-wraps' if self.wraps else ''}{' tds-secondary' if self.secondary else ''}"


class ReadingLine(NamedTuple):
    """A reading as a table shows it."""

    time: datetime
    gateway: str
    device: str
    device_id: int
    resource: str
    value: Decimal
    unit: str


def data_table(columns: Sequence[Column], lines: Sequence[Sequence[Cell]], *, caption: str = "", boxed: bool = False) -> html.Div:
    """Give a table with a caption for screen readers, in a frame that scrolls sideways; boxed, downwards as well."""
    head = html.Thead(html.Tr([heading(column) for column in columns]))
    body = html.Tbody(
        [html.Tr([html.Td(cell, className=column.look) for column, cell in zip(columns, line, strict=True)]) for line in lines]
    )
    children: list[Any] = [html.Caption(caption, className="visually-hidden")] if caption else []
    table = html.Table([*children, head, body], className="tds-table")
    look = "tds-table-scroll tds-table-boxed" if boxed else "tds-table-scroll"
    return html.Div(table, className=look, tabIndex=0, role="region", **labelled(caption))


def heading(column: Column) -> html.Th | html.Td:
    """Give a column's heading; what is empty heads nothing, as the corner above a table's names."""
    if not column.heading:
        return html.Td(className=column.look)
    return html.Th(column.heading, className=column.look, scope="col")


def readings_table(lines: Sequence[ReadingLine], *, zone: tzinfo, now: datetime, locale: str, boxed: bool = False) -> html.Div:
    """Give readings, newest first as given: when, from which device and gateway, the value with its unit."""
    columns = [
        Column(t("field.time", locale), wraps=True),
        Column(t("field.device", locale), wraps=True),
        Column(t("field.gateway", locale), secondary=True),
        Column(t("field.value", locale), "end", wraps=True),
    ]
    body: list[list[Cell]] = [
        [
            html.Time(
                moment(line.time, zone, locale), title=wording.since(line.time, now, locale), dateTime=line.time.isoformat()
            ),
            dcc.Link(
                [html.Span(className=f"tds-swatch tds-swatch-{line.resource}", **DECORATION), line.device],
                href=f"/device/{line.device_id}",
            ),
            line.gateway,
            [html.Strong(number(line.value, locale)), " ", html.Span(line.unit, className="tds-piece")],
        ]
        for line in lines
    ]
    return data_table(columns, body, caption=t("readings.caption", locale), boxed=boxed)


def moment(time: datetime, zone: tzinfo, locale: str) -> list[Component | str]:
    """Write a reading's instant, its date and its time each in one piece; seconds only where there are any."""
    day = wording.date(time, locale, zone)
    clock = wording.clock(time, locale, zone, seconds=bool(time.second))
    return [html.Span(day, className="tds-piece"), " ", html.Span(clock, className="tds-piece")]


def facts_list(facts: Sequence[tuple[str, Cell]]) -> html.Dl:
    """Give name and value pairs, such as what is known of a device."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="tds-facts")
