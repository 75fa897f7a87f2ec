"""What the explorer looks at: its controls as they arrive, never trusted, and everything that is read for them, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql.consumption import OTHERS, STEPS
from sql.queries.meters import Meter
from sql.queries.reach import newest
from sql.queries.revised import MARKED, revised
from sql.ranked import Member, added_up, others, ranked
from sql.to_date import beyond
from sql.together import One
from tds_dash import comparing, doors, grouping, periods, view
from tds_dash.comparing import HOWS, NONE, OTHER, Earlier, Piece, Shift
from tds_dash.grouping import GROUPINGS, RESOURCE, Chart
from tds_dash.periods import Period
from tds_dash.theme import MOST_SERIES, RESOURCES
from tds_dash.view import Span

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

METERED = tuple(resource for resource in RESOURCES if resource != "temperature")
STACKED, BESIDE = "stacked", "beside"
MOST_BESIDE = 400  # bars side by side; with more of them nobody tells one from the next
DEFAULTS = {
    "resource": "electricity",
    "group": grouping.DEVICE,
    "period": periods.TWELVE_MONTHS,
    "day": "1",
    "step": view.AUTOMATIC,
    "bars": STACKED,
    "compare": NONE,
}


class Asked(NamedTuple):
    """The controls, each one that there is: which devices, over which period, how grouped, drawn and compared."""

    resource: str
    devices: tuple[object, ...]
    group: str
    period: Period
    step: str
    bars: str
    compare: str
    other: int


Part = tuple[Piece, list["ConsumptionRow"]]


class Other(NamedTuple):
    """The other side of a comparison: how it is made, which stretch it is, and what was read of it piece by piece."""

    how: str
    earlier: Earlier
    parts: list[Part]
    device: Meter | None = None


class Look(NamedTuple):
    """What was asked for and what was found, everything that figure, tables and exports are made from."""

    asked: Asked
    charts: list[Chart]
    span: Span
    step: Step
    wanted_step: Step | None
    rows: list[ConsumptionRow]
    revised: dict[int, dict[datetime, datetime]]
    other: Other | None
    known: list[Meter]
    chosen: bool
    now: datetime
    zone: ZoneInfo
    locale: str

    def rows_of(self, chart: Chart) -> list[ConsumptionRow]:
        """Give a chart's rows, those of its others under OTHERS."""
        left, own = others(chart.number), chart.numbers
        if len(self.charts) == 1 and left == OTHERS:
            return self.rows
        return [row._replace(device_id=OTHERS) if row.device_id == left else row for row in self.rows if row.device_id in own]

    @property
    def empty(self) -> bool:
        """Tell whether nothing is known of the period."""
        return not any(row.consumption is not None for row in self.rows)

    @property
    def beside(self) -> bool:
        """Tell whether series stand side by side, which they do as long as they can be told apart."""
        return self.asked.bars == BESIDE and not self.crowded

    @property
    def crowded(self) -> bool:
        """Tell whether there are too many bars for that."""
        bars = self.span.length / view.WIDTH[self.step] * max((chart.series for chart in self.charts), default=0)
        return self.asked.bars == BESIDE and bars > MOST_BESIDE


def read(given: Mapping[str, object], zone: ZoneInfo, now: datetime) -> Asked:
    """Read controls or an address; what is not known is as if it were not there."""
    devices = given.get("devices") or []
    return Asked(
        one_of(given, "resource", METERED),
        tuple(devices if isinstance(devices, list) else view.numbers(devices)),
        one_of(given, "group", GROUPINGS),
        periods.read(given, zone, now),
        one_of(given, "step", STEPS),
        one_of(given, "bars", (STACKED, BESIDE)),
        one_of(given, "compare", HOWS),
        view.number(str(given.get("with") or "")),
    )


def one_of(given: Mapping[str, object], name: str, choices: Iterable[str]) -> str:
    """Give a control's choice, the default where it has none of them."""
    return next((choice for choice in choices if choice == given.get(name)), DEFAULTS[name])


def counts(meter: Meter) -> bool:
    """Tell whether a device counts consumption."""
    return meter.kind != "gauge" and meter.resource in METERED


def shows(asked: Asked, meter: Meter) -> bool:
    """Tell whether a device is among those that a resource or a grouping is about."""
    return counts(meter) and (asked.group == RESOURCE or meter.resource == asked.resource)


def charts(conn: Connection, asked: Asked, locale: str) -> tuple[list[Chart], list[Meter], bool]:
    """Give the charts of what is asked for, all devices that are known, and whether some were chosen."""
    known, wanted = doors.meters_for_user(conn, list(asked.devices))
    shown = [meter for meter in known if shows(asked, meter)]
    chosen = [meter for meter in shown if meter.id in wanted]
    meters = chosen or [meter for meter in shown if not meter.retired]
    return grouping.charts(known, meters, asked.group, locale), known, bool(chosen)


def look(conn: Connection, asked: Asked, now: datetime, zone: ZoneInfo, locale: str) -> Look:
    """Read everything that is asked for, in as few statements as the step and the comparison need."""
    drawn, known, chosen = charts(conn, asked, locale)
    count, series = sum(len(chart.devices) for chart in drawn), sum(chart.series for chart in drawn)
    step, wanted_step = view.chosen_step(asked.step, asked.period.span, count, series)
    span = asked.period.span.outward(step, zone.key)
    members = [member for chart in drawn for member in chart.members]
    rows = ranked(conn, members, step, span.start, span.end, zone.key, MOST_SERIES)
    late = {
        chart.number: revised(conn, [one.id for one in chart.devices], step, span.start, span.end, zone.key, now - MARKED)
        for chart in drawn
    }
    seen = Look(asked, drawn, span, step, wanted_step, rows, late, None, known, chosen, now, zone, locale)
    return seen._replace(other=other_side(conn, seen)) if drawn and asked.compare != NONE else seen


def other_side(conn: Connection, seen: Look) -> Other | None:
    """Read what the chosen comparison puts beside what is shown; None where no device was named to compare with."""
    asked, zone, span = seen.asked, seen.zone, seen.span
    if asked.compare == OTHER:
        return other_device(conn, seen) if asked.other else None
    shift = comparing.shift(asked.compare, asked.period, span, seen.step, zone)
    then = comparing.earlier(shift, span, seen.now, zone, reached(conn, seen))
    return Other(asked.compare, then, read_other(conn, seen, then, kept_groups(seen)))


def reached(conn: Connection, seen: Look) -> dict[int, datetime]:
    """Give how far each meter shown is known, where what is shown is running."""
    running = seen.span.start < seen.now < seen.span.end
    return newest(conn, [one.id for chart in seen.charts for one in chart.devices], seen.now) if running else {}


def read_other(
    conn: Connection, seen: Look, then: Earlier, members: Sequence[Member], reach: Mapping[int, datetime] | None = None
) -> list[Part]:
    """Read the other side of members, each up to where this side of it ends; `reach` is how far they are known themselves."""
    zone, pieces = seen.zone, comparing.pieces(seen.step, then.start, then.end, seen.zone)
    parts = [(one, added_up(conn, members, one.step, one.start, one.end, zone.key)) for one in pieces]
    if not (pieces and then.running and then.reachable):
        return parts
    every = [One(one.device_id, one.group, one.factor) for one in members]
    ends = {one.device_id: then.ends.get(one.device_id, then.end) for one in members}
    return parts + comparing.cut(seen.step, beyond(conn, every, ends, pieces[-1].end, zone.key, reach), zone)


def kept_groups(seen: Look) -> list[Member]:
    """Give the devices in the groups in which they are shown: those that were left out belong to the others there too."""
    own = {row.device_id for row in seen.rows}
    found = []
    for chart in seen.charts:
        few = len(chart.groups) <= MOST_SERIES
        found += [one if few or one.group in own else one._replace(group=others(chart.number)) for one in chart.members]
    return found


def other_device(conn: Connection, seen: Look) -> Other | None:
    """Read another device over what is shown; None where it counts in another unit than every chart."""
    known, _ = doors.meters_for_user(conn, [seen.asked.other])
    device = next(meter for meter in known if meter.id == seen.asked.other)
    chart = next((one for one in seen.charts if (one.resource, one.unit) == (device.resource, grouping.unit_of(device))), None)
    if chart is None or not counts(device):
        return None
    member = Member(device.id, device.id, 0, grouping.factor(device, chart.unit))
    then = comparing.earlier(Shift(), seen.span, seen.now, seen.zone, reached(conn, seen))._replace(ends={})
    return Other(OTHER, then, read_other(conn, seen, then, [member], newest(conn, [device.id], seen.now)), device)
