"""The panel of books under a chart: opened by a click on a bar or for all of the chart, filled by one callback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql.books import Books, books
from sql.consumption import consumption
from sql.errors import Refused
from sql.queries.devices import devices
from sql.queries.reach import Reach, reach
from tds_dash import books_view, doors
from tds_dash.amounts import in_main_unit
from tds_dash.books_view import Asked, DeviceBooks
from tds_dash.components.attributes import DECORATION, LIVE, labelled
from tds_dash.figures import ChartDevice, by_unit, placed
from tds_dash.identity import account, locale, zone
from tds_dash.still import still
from tds_dash.view import Span, fits
from tds_dash.wording import t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow

MOST_LISTED = 12
AGAIN_MS, TRIES = 2000, 5  # how often, and how many times, books that do not balance yet are looked at again


def button(page: str, language: str) -> Component:
    """Give the button that opens the books of the whole chart."""
    icon = html.I(className="bi bi-journal-check", **DECORATION)
    return html.Button(
        [icon, " ", t("books.whole", language)],
        id=f"{page}-books-whole",
        type="button",
        title=t("books.hint", language),
        className="btn btn-outline-primary",
    )


def panel(page: str, language: str) -> Component:
    """Give the closed panel of a page, with what it remembers."""
    close = html.Button(
        html.I(className="bi bi-x-lg", **DECORATION),
        id=f"{page}-books-close",
        type="button",
        className="tds-icon-button",
        title=t("books.close", language),
        **labelled(t("books.close", language)),
    )
    head = html.Div(
        [html.H2(t("books.title", language), id=f"{page}-books-title", className="tds-section-title"), close],
        className="tds-books-head",
    )
    return html.Section(
        [
            dcc.Store(id=f"{page}-bar"),
            dcc.Interval(id=f"{page}-books-again", interval=AGAIN_MS, disabled=True),
            head,
            html.Div(id=f"{page}-books-body", className="tds-books-body", **LIVE),
        ],
        id=f"{page}-books",
        className="tds-card tds-books",
        hidden=True,
        **labelled(t("books.title", language)),
    )


def connect(page: str, chosen: Callable[..., list[ChartDevice]], *states: State) -> None:
    """Register the panel's callback; `chosen(conn, *states)` gives the chart's devices, through the door."""

    @callback(
        Output(f"{page}-books-title", "children"),
        Output(f"{page}-books-body", "children"),
        Output(f"{page}-books-again", "disabled"),
        Input(f"{page}-bar", "data"),
        Input(f"{page}-books-again", "n_intervals"),
        *states,
        prevent_initial_call=True,
    )
    def show(bar: Any, again: Any, *given: Any) -> tuple[str, Component, bool]:
        asked = books_view.read(bar, zone())
        if asked is None:
            raise PreventUpdate
        with doors.reading() as conn:
            drawn = chosen(conn, *given)
            if not all(fits(asked.step, Span(*period), len(drawn)) for period in asked.periods):
                raise PreventUpdate
            body, settled = filled(conn, drawn, asked)
        tired = isinstance(again, int) and again % TRIES == TRIES - 1
        return books_view.title(asked, zone(), locale()), still(body), settled or tired


def of_resource(conn: Connection, resource: Any, chosen: Any) -> list[ChartDevice]:
    """Give the meters of a resource, those chosen or all."""
    wanted = {device.id for device in doors.devices_for_user(conn, chosen)} if chosen else None
    known = placed(devices(conn, datetime.now(UTC)))
    return [
        device
        for device in known
        if device.kind != "gauge" and device.resource == resource and (wanted is None or device.id in wanted)
    ]


def of_bar(conn: Connection, bar: Any) -> list[ChartDevice]:
    """Give the meters of the resource that a clicked bar names."""
    return of_resource(conn, bar.get("resource") if isinstance(bar, dict) else None, None)


def of_device(conn: Connection, device_id: Any) -> list[ChartDevice]:
    """Give the one device, unless it is a gauge, which has no books."""
    wanted = doors.device_for_user(conn, device_id)
    known = placed(devices(conn, datetime.now(UTC)))
    return [device for device in known if device.id == wanted.id and device.kind != "gauge"]


def filled(conn: Connection, drawn: Sequence[ChartDevice], asked: Asked) -> tuple[Component, bool]:
    """Give the books of the devices that a chart shows, and whether they all balance."""
    rows = [row for start, end in asked.periods for row in bars(conn, drawn, asked, start, end)]
    converted, scaled = in_main_unit(drawn, rows)
    group = next(iter(by_unit(converted).values()), [])
    amounts: dict[int, Decimal] = {device.id: Decimal(0) for device in group}
    known = {row.device_id for row in scaled if row.consumption is not None}
    for row in scaled:
        if row.device_id in amounts:
            amounts[row.device_id] += row.consumption or Decimal(0)
    listed = [device for device in drawn if device.id in amounts and (device.id in known or len(drawn) == 1)]
    largest = sorted(listed, key=lambda device: -amounts[device.id])[:MOST_LISTED]
    reaches = reach(conn, [device.id for device in largest])
    in_order = sorted(largest, key=lambda device: device.position)
    kept = [device_books(conn, device, asked, rows, reaches.get(device.id)) for device in in_order]
    settled = all(one.balanced or one.closed for one in kept)
    if not kept:
        return html.P(t("books.empty", locale()), className="tds-muted"), True
    if len(drawn) == 1:
        return books_view.single(kept[0], zone(), locale()), settled
    total = sum(amounts.values(), Decimal(0))
    return books_view.several(kept, total, group[0].unit, len(listed) - len(kept), zone(), locale()), settled


def device_books(
    conn: Connection, device: ChartDevice, asked: Asked, rows: Sequence[ConsumptionRow], reached: Reach | None
) -> DeviceBooks:
    """Open the books of one device; on closed ground only what was booked, since no reading is left to prove it."""
    try:
        return DeviceBooks(device, [books(conn, device.id, *period) for period in asked.periods], reached)
    except Refused:
        own = [row for row in rows if row.device_id == device.id]
        booked = sum((row.consumption or Decimal(0) for row in own), Decimal(0))
        estimated = sum((row.estimated or Decimal(0) for row in own), Decimal(0))
        page = Books(asked.periods[0][0], asked.periods[-1][1], None, None, [], booked, estimated, False)
        return DeviceBooks(device, [page], reached, closed=True)


def bars(conn: Connection, drawn: Sequence[ChartDevice], asked: Asked, start: datetime, end: datetime) -> list[ConsumptionRow]:
    """Read what the bars of a period hold."""
    return consumption(conn, [device.id for device in drawn], asked.step, start, end, account().timezone)
