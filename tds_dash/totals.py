"""What each group consumed over the whole period, all together, and against the other side: the lines under the chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from sql.consumption import OTHERS
from sql.ranked import others
from tds_dash import comparing, grouping
from tds_dash.comparing import Compared, Side
from tds_dash.exploring import Look
from tds_dash.figures import axes
from tds_dash.figures.columns import Beside
from tds_dash.figures.series import Series, split
from tds_dash.grouping import Chart

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

    ByGroup = Mapping[int, Sequence[tuple[Step, Sequence[ConsumptionRow]]]]


class Line(NamedTuple):
    """One group's sums: what it consumed, its share of all, and how that compares; its devices, and the others' as well."""

    series: Series
    devices: tuple[int, ...]
    side: Side
    share: Decimal | None
    compared: Compared | None


class Part(NamedTuple):
    """One chart of a look: its series as they are drawn, what stands beside them, a line for each, and one for all together."""

    chart: Chart
    series: list[Series]
    beside: Beside
    lines: list[Line]
    whole: Line


def parts(look: Look) -> list[Part]:
    """Part what was found by chart."""
    found = []
    for chart in look.charts:
        rows = look.rows_of(chart)
        series = split(rows, chart.shown, look.step, look.zone, look.locale)
        found.append(Part(chart, series, beside(look, chart, series), *lines(look, chart, series, rows)))
    return found


def beside(look: Look, chart: Chart, series: Iterable[Series]) -> Beside:
    """Put the other side beside a chart's bars: each group beside itself, or the one other device beside all."""
    if look.other is None or not concerns(look, chart):
        return Beside()
    starts = axes.buckets(look.span.start, look.span.end, look.step, look.zone)
    shown = comparing.keys_by_day(starts, look.step, look.zone)
    found = comparing.beside(look.other.parts, look.step, look.other.earlier.shift, look.zone, shown)
    if look.other.device is not None:
        same = found.get(look.other.device.id, {})
        return Beside({one.number: same for one in series}, same)
    left = others(chart.number)
    own = {OTHERS if number == left else number: buckets for number, buckets in found.items() if number in chart.numbers}
    return Beside(own, comparing.together(own.values()))


def concerns(look: Look, chart: Chart) -> bool:
    """Tell whether the other side is in a chart's unit."""
    device = look.other.device if look.other else None
    return device is None or (device.resource, grouping.unit_of(device)) == (chart.resource, chart.unit)


def lines(look: Look, chart: Chart, series: Sequence[Series], rows: Sequence[ConsumptionRow]) -> tuple[list[Line], Line]:
    """Add up each series, and all together."""
    members = devices_of(chart, series)
    everyone = tuple(device.id for device in chart.devices)
    length = max(min(look.now, look.span.end) - look.span.start, timedelta(0))
    own = by_group([(look.step, rows)])
    other = other_rows(look, chart) if look.other and concerns(look, chart) else {}
    every = [part for found in own.values() for part in found]
    whole = comparing.side(every, length, len(everyone), look.zone)
    found = []
    for one in series:
        devices = members[one.number]
        side = comparing.side(own.get(one.number, ()), length, len(devices), look.zone)
        share = side.quantity / whole.quantity if side.quantity is not None and whole.quantity else None
        found.append(Line(one, devices, side, share, against(look, side, other, one.number, devices)))
    compared = against(look, whole, other, None, everyone)
    return found, Line(Series("", "", {}), everyone, whole, None, compared)


def devices_of(chart: Chart, series: Iterable[Series]) -> dict[int, tuple[int, ...]]:
    """Give the devices of each series, what is left over to the others."""
    groups = {group.id: tuple(device.id for device in group.devices) for group in chart.groups}
    shown = {one.number: groups[one.number] for one in series if one.number in groups}
    rest = [device for number, devices in groups.items() if number not in shown for device in devices]
    return shown | {OTHERS: tuple(rest)}


def by_group(parts: Iterable[tuple[Step, Iterable[ConsumptionRow]]]) -> dict[int, list[tuple[Step, list[ConsumptionRow]]]]:
    """Part rows by group, each with the step that it was read at."""
    found: dict[int, list[tuple[Step, list[ConsumptionRow]]]] = {}
    for step, rows in parts:
        own: dict[int, list[ConsumptionRow]] = {}
        for row in rows:
            own.setdefault(row.device_id, []).append(row)
        for number, kept in own.items():
            found.setdefault(number, []).append((step, kept))
    return found


def other_rows(look: Look, chart: Chart) -> dict[int, list[tuple[Step, list[ConsumptionRow]]]]:
    """Give the other side's rows by series; another device's under every number."""
    assert look.other is not None
    found = by_group((piece.step, rows) for piece, rows in look.other.parts)
    left = others(chart.number)
    return {
        OTHERS if number == left else number: rows
        for number, rows in found.items()
        if number in chart.numbers or look.other.device
    }


def against(look: Look, now: Side, other: ByGroup, number: int | None, devices: tuple[int, ...]) -> Compared | None:
    """Compare a series, or all together, with the other side."""
    if look.other is None:
        return None
    then = look.other.earlier
    if look.other.device is not None:
        rows, devices = list(other.get(look.other.device.id, ())), (look.other.device.id,)
    elif number is None:
        rows = [part for found in other.values() for part in found]
    else:
        rows = list(other.get(number, ()))
    side = comparing.side(rows, then.length(devices), len(devices), look.zone)
    return comparing.compared(now, side, look.other.how, then.reachable, look.locale)
