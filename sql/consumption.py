"""Consumption by quarter-hour, local hour, local day and local month: the numbers that every page, export and command shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import Connection, text

from sql import calendar, rollups, together
from sql.errors import Refused
from sql.statements import raw_statements
from sql.together import One

Step = Literal["15min", "hour", "day", "month"]
STEPS: tuple[Step, ...] = get_args(Step)
QUARTER, HOUR, MICROSECOND = timedelta(minutes=15), timedelta(hours=1), timedelta(microseconds=1)
MILLION = Decimal(1_000_000)
PLACES = Decimal("0.000001")
LEVELS = {
    "levels": ", value_seconds, minimum, maximum",
    "level_sums": ", sum(value_seconds) AS value_seconds, min(minimum) AS minimum, max(maximum) AS maximum",
}
SUMMED = dict.fromkeys(LEVELS, "")
TRIES = 3  # totals may change while they are asked for
OTHERS = 0  # the number of the groups of a chart that are added up, where it is the only chart


class ConsumptionRow(NamedTuple):
    """One bucket of one device; consumption is None where no pair of readings reaches into it, and for gauges.

    Of several devices together: `device_id` is the number of the group, `coverage` the mean of the `devices` that have any
    consumption in the bucket.
    """

    device_id: int
    bucket: datetime
    consumption: Decimal | None
    estimated: Decimal | None
    coverage: float
    mean: Decimal | None
    minimum: Decimal | None
    maximum: Decimal | None
    readings: int
    devices: int = 1


def parse_step(name: str) -> Step:
    """Give the step of a name; raises Refused for any other word."""
    if name not in STEPS:
        raise Refused(f"the step must be {', '.join(STEPS[:-1])} or {STEPS[-1]}, not {name!r}", "step", choices=", ".join(STEPS))
    return name


def buckets(step: Step, start: datetime, end: datetime, zone: str) -> list[datetime]:
    """List the starts of the buckets of a period in UTC; the period moves outwards to whole buckets."""
    bucket = calendar.bucket_start(step, start, zone)
    if even := _even(step, bucket, end, zone):
        return [bucket + number * even for number in range(-((bucket - end) // even))]
    found = []
    while bucket < end:
        found.append(bucket)
        bucket = calendar.next_bucket(step, bucket, zone)
    return found


def outward(step: Step, start: datetime, end: datetime, zone: str) -> tuple[datetime, datetime]:
    """Move a period outwards to whole buckets."""
    low, last = calendar.bucket_start(step, start, zone), calendar.bucket_start(step, end, zone)
    return low, last if last == end else calendar.next_bucket(step, last, zone)


def consumption(
    connection: Connection, device_ids: Sequence[int], step: Step, start: datetime, end: datetime, zone: str
) -> list[ConsumptionRow]:
    """Give the buckets that hold anything, by device and time; start and end are aware, end is exclusive."""
    if end <= start or not device_ids:
        return []
    low, high = outward(step, start, end, zone)
    rows = rows_of(connection, Asked(list(device_ids), low, high), step, zone)
    widths = _widths((row.bucket for row in rows), step, zone)
    return [_row(row, widths[row.bucket]) for row in rows]


def grouped(
    connection: Connection, groups: Mapping[int, int], step: Step, start: datetime, end: datetime, zone: str
) -> list[ConsumptionRow]:
    """Give the consumption of devices added up by group, by group and time; `groups` gives each device its group's number.

    Added up in the database: a chart of a thousand devices needs a dozen rows a bucket, not a thousand.
    """
    return added(connection, [One(device, number, 1) for device, number in groups.items()], step, start, end, zone)


def added(
    connection: Connection, members: Sequence[One], step: Step, start: datetime, end: datetime, zone: str
) -> list[ConsumptionRow]:
    """Give the consumption of devices, each by its factor, added up by number and time.

    Where the worker keeps totals of all of a group, they are read instead of its devices', as far as they tell: the answer is the same.
    """
    if end <= start or not members:
        return []
    low, high = outward(step, start, end, zone)
    cut_alike = (
        step == "15min"
        or (step == "hour" and calendar.has_whole_hours(low, high, zone))
        or (step in ("day", "month") and not calendar.repeats_midnight(low, high, zone))
    )
    for _ in range(TRIES if cut_alike and len(members) >= together.FEWEST else 0):
        found = together.plan(connection, members, step, zone, buckets(step, low, high, zone), high)
        if found is None:
            break
        rows = _with_totals(connection, members, found, step, zone)
        if rows is not None:
            return summed(sorted(rows, key=lambda row: (row[0], row[1])), step, zone)
    return summed(_grouped(connection, members, (low, high), step, zone), step, zone)


def _grouped(connection: Connection, members: Sequence[One], period: together.Stretch, step: Step, zone: str) -> Sequence[Any]:
    values = {"groups": [one.number for one in members], "factors": [one.factor for one in members]}
    times = " * m.factor" if any(one.factor != 1 for one in members) else ""
    return rows_of(connection, Asked([one.device_id for one in members], *period, "grouped", values, times), step, zone)


def _with_totals(connection: Connection, members: Sequence[One], plan: together.Plan, step: Step, zone: str) -> list[Any] | None:
    """Read stretches with totals and without; None where the totals are no longer what was asked for."""
    devices, values = together.binds_of(members, plan.totals, step)
    bodies = raw_statements("consumption.sql")
    names = {part: bodies[name] for part, name in together.names_of(step).items()}
    found: list[Any] = []
    for period in plan.told:
        rows = rows_of(connection, Asked(devices, *period, "with_totals", values, names=names), step, zone)
        if any(row[0] is None or calendar.bucket_start(step, row[1], zone) != row[1] for row in rows):
            return None
        found += rows
    for period in plan.untold:
        found += _grouped(connection, members, period, step, zone)
    return found


def summed(rows: Sequence[Any], step: Step, zone: str) -> list[ConsumptionRow]:
    """Give what the database added up as rows: thousands for one chart, so each is made as plainly as can be."""
    widths = {bucket: float(width) for bucket, width in _widths((row[1] for row in rows), step, zone).items()}
    return [
        ConsumptionRow(
            number, bucket, quantity, estimated, float(covered) / (widths[bucket] * (devices or 1)), None, None, None, int(readings), devices
        )
        for number, bucket, quantity, estimated, covered, _, _, _, readings, devices in rows
    ]  # fmt: skip


def filled(
    rows: Sequence[ConsumptionRow], device_ids: Sequence[int], step: Step, start: datetime, end: datetime, zone: str
) -> Iterator[ConsumptionRow]:
    """Give every bucket of the period for every device, empty ones too."""
    known = {(row.device_id, row.bucket): row for row in rows}
    every = buckets(step, start, end, zone)
    for device_id in device_ids:
        for bucket in every:
            yield known.get((device_id, bucket)) or ConsumptionRow(device_id, bucket, None, None, 0.0, None, None, None, 0)


@contextmanager
def hashed(connection: Connection) -> Iterator[None]:
    """Have the statements within join by hashes: through an account's views the planner takes what it reads for a row or two, and
    would go through all members for each of a hundred thousand rows."""
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    connection.execute(text("SET LOCAL enable_nestloop = on"))


class Asked(NamedTuple):
    """Devices and a period of whole buckets; `within` names the statement that asks of their buckets, with its own values.

    `times` is what it multiplies consumption by: nothing, or a factor of each device; `names` is what else is put into it.
    """

    devices: list[int]
    start: datetime
    end: datetime
    within: str = ""
    own: Mapping[str, Any] = {}
    times: str = ""
    names: Mapping[str, str] = {}

    def rows(self, connection: Connection, name: str, names: Mapping[str, str] | None = None, **more: Any) -> Sequence[Any]:
        """Run the statement of a name, with names put into it."""
        bodies = raw_statements("consumption.sql")
        body = bodies[name].format(**names or {}, **(SUMMED if self.within else LEVELS))
        body = bodies[self.within].format(body=body, times=self.times, **self.names) if self.within else f"{body} ORDER BY 1, 2"
        values = {"devices": self.devices, "start": self.start, "end": self.end, **self.own, **more}
        if not self.within:
            return connection.execute(text(body), values).all()
        with hashed(connection):
            return connection.execute(text(body), values).all()


def rows_of(connection: Connection, asked: Asked, step: Step, zone: str) -> Sequence[Any]:
    """Read what is asked for from the coarsest that holds it: ledger, hours, days, months."""
    low, high = asked.start, asked.end
    if step == "15min":
        return asked.rows(connection, "by_quarter")
    if step == "hour" and calendar.has_whole_hours(low, high, zone):
        return asked.rows(connection, "by_hour")
    known = rollups_of(connection, zone) if step != "hour" and not calendar.repeats_midnight(low, high, zone) else {}
    rows = _rolled(connection, asked, step, zone, known) if known else []
    if known and all(calendar.bucket_start(step, bucket, zone) == bucket for bucket in {row.bucket for row in rows}):
        return rows
    # An hour that is no UTC hour, a zone so new that its rollups do not exist yet, or days that the database cuts elsewhere.
    return asked.rows(connection, "by_edges", lows=buckets(step, low, high, zone))


def _rolled(connection: Connection, asked: Asked, step: Step, zone: str, known: Mapping[str, Reach]) -> Sequence[Any]:
    hours = rollups.HOUR if calendar.has_whole_hours(asked.start, asked.end, zone) else None
    names = {
        "day": f"consumption_day_{rollups.slug(zone)}",
        "month": f"consumption_month_{rollups.slug(zone)}",
        "today": hours or "ledger",
        "moment": "bucket" if hours else "middle",
    }
    lows = buckets(step, asked.start, asked.end, zone)
    more = running_binds(known, zone, step) | {"lows": lows}
    return asked.rows(connection, f"by_{step}", names, **more)


class Reach(NamedTuple):
    """Until when a rollup is materialised, and until when what its running bucket holds so far is kept; as text that the database reads back."""

    closed: str
    running: str | None


def rollups_of(connection: Connection, zone: str) -> Mapping[str, Reach]:
    """Give how far each rollup of a zone reaches."""
    rows = connection.execute(
        text(
            "SELECT r.step, r.refreshed_until::text AS closed, CASE WHEN r.running_from = r.refreshed_until THEN r.running_until::text END AS running"
            " FROM tds.rollup r JOIN tds.zone z ON z.name = r.zone WHERE z.name = :zone AND z.ready_at IS NOT NULL"
        ),
        {"zone": zone},
    )
    return {row.step: Reach(row.closed, row.running) for row in rows}


def running_binds(known: Mapping[str, Reach], zone: str, step: str = "month") -> dict[str, str | None]:
    """Give what statements over days and months ask of how far the rollups reach; `rest` is from where on hours or ledger are read."""
    day, month = known["day"], known["month"]
    found = {
        "today": day.closed,
        "rest": day.running or day.closed,
        "day": f"consumption_day_{rollups.slug(zone)}",
        "day_until": day.running,
    }
    if step == "month":
        found |= {"closed": month.closed, "days": month.running or month.closed}
        found |= {"month": f"consumption_month_{rollups.slug(zone)}", "month_until": month.running}
    return found


def _even(step: Step, start: datetime, end: datetime, zone: str) -> timedelta | None:
    """Give the width of buckets that are as long as each other, which hours are not where the clock turns by half of one."""
    if step == "15min":
        return QUARTER
    return HOUR if step == "hour" and calendar.has_whole_hours(start, end, zone) else None


def _widths(starts: Iterable[datetime], step: Step, zone: str) -> dict[datetime, Decimal]:
    """Give the length of each bucket in microseconds."""
    found = sorted(set(starts))
    if not found:
        return {}
    if even := _even(step, found[0], found[-1] + HOUR, zone):
        return dict.fromkeys(found, Decimal(even // MICROSECOND))
    return {start: Decimal((calendar.next_bucket(step, start, zone) - start) // MICROSECOND) for start in found}


def _row(row: Any, width: Decimal) -> ConsumptionRow:
    covered = Decimal(row.covered)
    return ConsumptionRow(
        row.device_id,
        row.bucket,
        row.quantity,
        row.estimated,
        float(covered / width),
        None if row.value_seconds is None or not covered else (row.value_seconds * MILLION / covered).quantize(PLACES),
        row.minimum,
        row.maximum,
        int(row.readings),
    )


def plain(value: Decimal | None) -> str:
    """Write a decimal without exponent and trailing zeros; nothing for None."""
    if value is None:
        return ""
    return "0" if not value else f"{value.normalize():f}"
