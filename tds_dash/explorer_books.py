"""The explorer's books: of a bar or of the whole period, by group where groups are drawn, a dozen devices at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from dash import Input, Output, State, callback, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql.consumption import OTHERS, consumption
from sql.queries.meters import Meter
from sql.queries.reach import reach
from sql.ranked import Member, Sum, altogether
from tds_dash import books_view, doors, exploring, grouping, view
from tds_dash.books_panel import MOST_LISTED, TRIES, device_books
from tds_dash.books_view import Asked
from tds_dash.figures import ChartDevice
from tds_dash.grouping import Chart
from tds_dash.identity import locale, zone
from tds_dash.still import still
from tds_dash.view import Span, fits
from tds_dash.wording import number, t

Words = Mapping[str, Any]


class Opened(NamedTuple):
    """What of a bar is opened: a chart's group, or all of it; from which device on."""

    chart: Chart | None
    group: int | None
    drawn: frozenset[int]
    page: int


def connect(states: dict[str, State]) -> None:
    """Register the panel's callback; `states` are the page's controls."""

    @callback(
        output=[
            Output("consumption-books-title", "children"),
            Output("consumption-books-body", "children"),
            Output("consumption-books-again", "disabled"),
        ],
        inputs={
            "bar": Input("consumption-bar", "data"),
            "again": Input("consumption-books-again", "n_intervals"),
            "given": states,
        },
        prevent_initial_call=True,
    )
    def show(bar: Any, again: Any, given: dict[str, Any]) -> list[Any]:
        asked = books_view.read(bar, zone())
        if asked is None:
            raise PreventUpdate
        controls = exploring.read(given, zone(), datetime.now(UTC))
        with doors.reading() as conn:
            charts, known, _ = exploring.charts(conn, controls, locale())
            count = sum(len(chart.devices) for chart in charts)
            if not charts or not all(fits(asked.step, Span(*period), count) for period in asked.periods):
                raise PreventUpdate
            opened = read(bar, charts, controls.group)
            name, body, settled = filled(conn, charts, known, asked, opened, bar)
        tired = isinstance(again, int) and again % TRIES == TRIES - 1
        title = books_view.title(asked, zone(), locale())
        return [f"{title} · {name}" if name else title, still(body), settled or tired]


def read(bar: Words, charts: Sequence[Chart], grouped: str) -> Opened:
    """Read which part of a bar is asked for; all of it where that cannot be read."""
    chart = next((one for one in charts if str(one.number) == str(bar.get("chart"))), None)
    numbers = {group.id for group in chart.groups} | {OTHERS} if chart else set()
    group = next((one for one in numbers if str(one) == str(bar.get("group"))), None)
    given = bar.get("drawn")
    drawn = frozenset(one for one in (given if isinstance(given, list) else []) if isinstance(one, int))
    page = view.number(str(bar.get("page") or ""))
    return Opened(chart if group is not None else None, group, drawn, min(page, 10_000))


def filled(
    conn: Connection, charts: Sequence[Chart], known: Sequence[Meter], asked: Asked, opened: Opened, bar: Words
) -> tuple[str, Component, bool]:
    """Give what is opened: its name, its books, and whether they all balance."""
    if opened.chart is None and any(len(group.devices) > 1 for chart in charts for group in chart.groups):
        return "", groups(conn, charts, asked, bar), True
    meters = devices_of(charts, opened)
    name = name_of(opened)
    units = {meter.id: grouping.unit_of(meter) for meter in meters}
    members = [Member(meter.id, meter.id, 0, grouping.factor(meter, units[meter.id])) for meter in meters]
    sums = added(conn, members, asked)
    ordered = sorted(
        meters, key=lambda meter: (-(sums[meter.id].quantity or Decimal(0)) if meter.id in sums else Decimal(1), meter.id)
    )
    listed = [meter for meter in ordered if (meter.id in sums and sums[meter.id].quantity is not None) or len(meters) == 1]
    if not listed:
        return name, html.P(t("books.empty", locale()), className="tds-muted"), True
    first = min(opened.page * MOST_LISTED, (len(listed) - 1) // MOST_LISTED * MOST_LISTED)
    shown = listed[first : first + MOST_LISTED]
    reaches = reach(conn, [meter.id for meter in shown])
    rows = [
        row
        for start, end in asked.periods
        for row in consumption(conn, [one.id for one in shown], asked.step, start, end, zone().key)
    ]
    kept = [device_books(conn, as_device(meter, units), asked, rows, reaches.get(meter.id)) for meter in shown]
    settled = all(one.balanced or one.closed for one in kept)
    if len(meters) == 1:
        return name or meters[0].name, books_view.single(kept[0], zone(), locale()), settled
    total = sum((one.quantity or Decimal(0) for one in sums.values()), Decimal(0)) if len(set(units.values())) == 1 else None
    body = books_view.listed(kept, total, units[listed[0].id], len(listed), zone(), locale())
    return name, html.Div([way(opened, charts, bar), body, pager(first, len(listed), bar)], className="tds-statement"), settled


def devices_of(charts: Sequence[Chart], opened: Opened) -> list[Meter]:
    """Give the devices of the group that is opened, or of all charts; of the others, those of no group that is drawn."""
    if opened.chart is None:
        return [meter for chart in charts for meter in chart.devices]
    if opened.group == OTHERS:
        return [meter for group in opened.chart.groups if group.id not in opened.drawn for meter in group.devices]
    return [meter for group in opened.chart.groups if group.id == opened.group for meter in group.devices]


def name_of(opened: Opened) -> str:
    """Name the group that is opened."""
    if opened.chart is None:
        return ""
    if opened.group == OTHERS:
        rest = [group for group in opened.chart.groups if group.id not in opened.drawn]
        return t("chart.others", locale(), n=len(rest))
    return next(group.shown.name for group in opened.chart.groups if group.id == opened.group)


def added(conn: Connection, members: Sequence[Member], asked: Asked) -> dict[int, Sum]:
    """Add up what the bar holds: two stretches where its wall time comes twice."""
    found: dict[int, Sum] = {}
    for start, end in asked.periods:
        for group, one in altogether(conn, members, asked.step, start, end, zone().key).items():
            before = found.get(group, Sum(None, Decimal(0), 0))
            known = [part for part in (before.quantity, one.quantity) if part is not None]
            found[group] = Sum(
                sum(known, Decimal(0)) if known else None, before.estimated + one.estimated, max(before.devices, one.devices)
            )
    return found


def groups(conn: Connection, charts: Sequence[Chart], asked: Asked, bar: Words) -> Component:
    """List the groups of a bar, each of which opens its devices' books, the largest first."""
    sums = added(conn, [member for chart in charts for member in chart.members], asked)
    parts: list[Component] = []
    for chart in charts:
        known = [group for group in chart.groups if group.id in sums and sums[group.id].quantity is not None]
        for group in sorted(known, key=lambda group: -(sums[group.id].quantity or Decimal(0))):
            count = html.Span(t("accounts.facts", locale(), n=len(group.devices)), className="tds-muted tds-members")
            named = html.Span([group.shown.name, " ", count], className="tds-account-name")
            total = html.Strong(number(sums[group.id].quantity, locale(), chart.unit, 6))
            parts.append(opener([named, total], {**base(bar), "chart": chart.number, "group": group.id}, "tds-account-open"))
    return html.Div(parts, className="tds-statement") if parts else html.P(t("books.empty", locale()), className="tds-muted")


def base(bar: Words) -> dict[str, Any]:
    """Give what names the bar itself."""
    return {name: bar[name] for name in ("step", "bucket", "from", "to") if isinstance(bar.get(name), str)}


def opener(content: Any, bar: Mapping[str, Any], look: str) -> Component:
    """Give a button that opens a part of a bar."""
    named: dict[str, Any] = {"data-books": orjson.dumps(dict(bar)).decode()}
    return html.Button(content, className=look, **named)


def way(opened: Opened, charts: Sequence[Chart], bar: Words) -> Component | None:
    """Lead back from a group to all of them."""
    if opened.chart is None or sum(len(chart.groups) for chart in charts) < 2:
        return None
    return html.P(opener(t("books.all_groups", locale()), base(bar), "btn btn-link tds-back"))


def pager(first: int, count: int, bar: Words) -> Component | None:
    """Say which of the devices are listed, and lead to the others."""
    if count <= MOST_LISTED:
        return None
    kept = {**base(bar), **{name: bar[name] for name in ("chart", "group", "drawn") if name in bar}}
    page = first // MOST_LISTED
    said = t("action.range_of", locale(), first=first + 1, last=min(first + MOST_LISTED, count), total=count)
    look = "btn btn-outline-primary"
    back = opener(t("action.previous", locale()), {**kept, "page": page - 1}, look) if page else None
    more = opener(t("action.next", locale()), {**kept, "page": page + 1}, look) if first + MOST_LISTED < count else None
    return html.Div([html.Span(said, className="tds-muted"), back, more], className="tds-actions")


def as_device(meter: Meter, units: Mapping[int, str]) -> ChartDevice:
    """Give a meter as its books name it."""
    return ChartDevice(meter.id, meter.name or meter.code, meter.resource, meter.unit, meter.kind)
