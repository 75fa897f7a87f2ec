"""The figures that rules are held against: days, months, quarter-hours and nights of devices, as the ledger has them now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql.alarm_judging import Figure, Standing
from sql.calendar import QUARTER, bucket_start, first_instant, next_bucket
from sql.consumption import PLACES, ConsumptionRow, Step, consumption
from sql.statements import statements

# A projection needs so much of its quarter-hour; its rate is that of the last three to six minutes.
EVIDENCE = timedelta(minutes=3)
QUARTERS_BACK = timedelta(minutes=45)
# The night, local to the account. Its least hour is the base load; an hour counts where it was measured.
NIGHT = (time(0), time(5))
MEASURED, LEAST_HOURS, LEAST_NIGHTS = 0.95, 4, 3
COMPARED = tuple(timedelta(days=7 * weeks) for weeks in range(1, 5))


class Pair(NamedTuple):
    """A rule and a device that it holds for, how far the device's ledger reaches, and the alarm that is open between them."""

    rule_id: int
    rule_version: int
    rule_since: datetime
    account_id: int
    kind: str
    threshold: Decimal | None
    percent: int | None
    device_id: int
    unit: str
    timezone: str
    version: int
    last_time: datetime
    older_at: datetime | None
    older_quantity: Decimal | None
    newer_at: datetime | None
    newer_quantity: Decimal | None
    alarm_id: int | None
    alarm_start: datetime | None
    alarm_value: Decimal | None
    alarm_threshold: Decimal | None
    alarm_version: int | None
    alarm_lasted: bool | None

    @property
    def standing(self) -> Standing | None:
        """The open alarm, as it is judged."""
        if self.alarm_id is None or self.alarm_start is None or self.alarm_value is None or self.alarm_threshold is None:
            return None
        marks = (self.alarm_version != self.rule_version, bool(self.alarm_lasted))
        return Standing(self.alarm_id, self.alarm_start, self.alarm_value, self.alarm_threshold, *marks)


class Pace(NamedTuple):
    """Two points of a running quarter-hour: how much had been consumed in it by then. The rate between them is the present one."""

    older_at: datetime
    older_quantity: Decimal
    newer_at: datetime
    newer_quantity: Decimal


class Quarter(NamedTuple):
    """A quarter-hour of the ledger."""

    start: datetime
    quantity: Decimal
    estimated: Decimal


Found = dict[Pair, list[Figure]]


def sums(connection: Connection, pairs: Sequence[Pair], step: Step, start: datetime, end: datetime) -> Found:
    """Give the local days or months of a period for each pair that has a limit in units, oldest first."""
    found: Found = {}
    for zone, group in by_zone(pairs).items():
        rows = by_device(consumption(connection, sorted({pair.device_id for pair in group}), step, start, end, zone))
        ends: dict[datetime, datetime] = {}
        for pair in group:
            found[pair] = [
                summed(pair, row, ends.get(row.bucket) or ends.setdefault(row.bucket, next_bucket(step, row.bucket, zone)))
                for row in rows.get(pair.device_id, ())
                if row.consumption is not None
            ]
    return found


def summed(pair: Pair, row: ConsumptionRow, end: datetime) -> Figure:
    """Hold a bucket against a limit."""
    assert row.consumption is not None
    assert pair.threshold is not None
    since = min(max(pair.last_time, row.bucket), end)
    return Figure(row.bucket, end, row.consumption, pair.threshold, since, row.estimated or None)


def peaks(connection: Connection, pairs: Sequence[Pair], now: datetime) -> tuple[Found, dict[int, Pace]]:
    """Give the last whole quarter-hour of each pair, and how the running one will end; and the points that its rate followed from."""
    running = bucket_start("15min", now, "UTC")
    binds = {"devices": sorted({pair.device_id for pair in pairs}), "low": running - QUARTERS_BACK, "high": running + QUARTER}
    quarters: dict[int, list[Quarter]] = defaultdict(list)
    for device_id, start, quantity, estimated in connection.execute(statements("alarm_watch.sql")["quarters"], binds):
        quarters[device_id].append(Quarter(start, quantity, estimated))
    found: Found = {}
    paces: dict[int, Pace] = {}
    for pair in pairs:
        figures, pace = quarter_figures(pair, quarters[pair.device_id], running)
        found[pair] = figures
        if pace is not None:
            paces[pair.device_id] = pace
    return found, paces


def quarter_figures(pair: Pair, quarters: Iterable[Quarter], running: datetime) -> tuple[list[Figure], Pace | None]:
    """Give the figures of one device's measured quarter-hours, in units per hour, and the pace of the running one."""
    assert pair.threshold is not None
    measured = sorted(quarter for quarter in quarters if not quarter.estimated)
    whole = [quarter for quarter in measured if quarter.start < running and quarter.start + QUARTER <= pair.last_time]
    figures = [rated(pair.threshold, quarter, 4 * quarter.quantity) for quarter in whole[-1:]]
    now = next((quarter for quarter in measured if quarter.start == running and pair.last_time > running), None)
    if now is None:
        return figures, None
    at = min(pair.last_time, running + QUARTER)
    pace = paced(pair, now, at)
    if at - running >= EVIDENCE or 4 * now.quantity > pair.threshold:
        figures.append(rated(pair.threshold, now, 4 * projection(now, at, pace), projected=True))
    return figures, pace


def rated(threshold: Decimal, quarter: Quarter, value: Decimal, projected: bool = False) -> Figure:
    """Hold a quarter-hour against a limit in units per hour."""
    end = quarter.start + QUARTER
    return Figure(quarter.start, end, value.quantize(PLACES), threshold, quarter.start, projected=projected)


def projection(quarter: Quarter, at: datetime, pace: Pace) -> Decimal:
    """Say what a quarter-hour will come to: what it has by an instant, and the present rate for the rest of it."""
    rest = Decimal(int((quarter.start + QUARTER - at).total_seconds()))
    passed = Decimal(str((at - pace.older_at).total_seconds()))
    risen = max(quarter.quantity - pace.older_quantity, Decimal(0))
    return quarter.quantity + (risen / passed * rest if passed else Decimal(0))


def paced(pair: Pair, quarter: Quarter, at: datetime) -> Pace:
    """Move the two points on: the rate is taken from the older one, which stays three to six minutes behind."""
    known = pair.newer_at is not None and pair.older_at is not None and pair.older_at >= quarter.start
    if not known or (pair.newer_quantity or 0) > quarter.quantity or (pair.newer_at or at) > at:
        return Pace(quarter.start, Decimal(0), at, quarter.quantity)
    assert pair.newer_at is not None
    assert pair.newer_quantity is not None
    assert pair.older_at is not None
    assert pair.older_quantity is not None
    if at - pair.newer_at >= EVIDENCE:
        return Pace(pair.newer_at, pair.newer_quantity, at, quarter.quantity)
    return Pace(pair.older_at, pair.older_quantity, pair.newer_at, pair.newer_quantity)


def nights(connection: Connection, pairs: Sequence[Pair], now: datetime) -> Found:
    """Give the last night of each pair, where enough of it was measured: its least hour, in units per hour."""
    found: Found = {}
    for zone, group in by_zone(pairs).items():
        start, end, day = last_night(now, zone)
        found_least = least_hours(connection, {pair.device_id for pair in group}, day, zone)
        shares = {pair.device_id for pair in group if pair.percent is not None and pair.device_id in found_least}
        compared = usual_nights(connection, shares, day, zone)
        for pair in group:
            base = compared.get(pair.device_id)
            threshold = pair.threshold if pair.percent is None else share_of(base, pair.percent)
            standing = pair.standing
            if pair.percent is not None and standing is not None and not standing.outdated:
                threshold = standing.threshold  # else a leak of some weeks would become the usual, and end its own alarm
            if threshold and pair.device_id in found_least:
                value = found_least[pair.device_id]
                found[pair] = [Figure(start, end, value, threshold, start, usual=base if pair.percent is not None else None)]
    return found


def last_night(now: datetime, zone: str) -> tuple[datetime, datetime, date]:
    """Give the beginning and end of the last night that is over, and its day."""
    day = now.astimezone(ZoneInfo(zone)).date()
    if night(day, zone)[1] > now:
        day -= timedelta(days=1)
    return (*night(day, zone), day)


def night(day: date, zone: str) -> tuple[datetime, datetime]:
    """Give the night that a local day begins with."""
    end = datetime.combine(day, NIGHT[1], ZoneInfo(zone)).astimezone(UTC)
    return first_instant(day, zone), end


def least_hours(connection: Connection, device_ids: Iterable[int], day: date, zone: str) -> dict[int, Decimal]:
    """Give the least hour of a night for each device of which enough hours were measured."""
    rows = consumption(connection, sorted(device_ids), "hour", *night(day, zone), zone)
    hours: dict[int, list[ConsumptionRow]] = defaultdict(list)
    for row in rows:
        hours[row.device_id].append(row)
    found = {device_id: least(own) for device_id, own in hours.items()}
    return {device_id: value for device_id, value in found.items() if value is not None}


def least(hours: Iterable[ConsumptionRow]) -> Decimal | None:
    """Give the least of a night's measured hours; None where too few were measured."""
    measured = [
        hour.consumption for hour in hours if hour.consumption is not None and not hour.estimated and hour.coverage >= MEASURED
    ]
    return min(measured) if len(measured) >= LEAST_HOURS else None


def usual_nights(connection: Connection, device_ids: Iterable[int], day: date, zone: str) -> dict[int, Decimal]:
    """Give the mean of the last four nights of the same weekday for each device of which there are three at least."""
    kept: dict[int, list[Decimal]] = defaultdict(list)
    wanted = sorted(device_ids)
    for back in COMPARED if wanted else ():
        for device_id, value in least_hours(connection, wanted, day - back, zone).items():
            kept[device_id].append(value)
    found = {device_id: usual(values) for device_id, values in kept.items()}
    return {device_id: value for device_id, value in found.items() if value is not None}


def usual(values: Sequence[Decimal]) -> Decimal | None:
    """Give the mean of comparable nights; None where there are too few."""
    return (sum(values, Decimal(0)) / len(values)).quantize(PLACES) if len(values) >= LEAST_NIGHTS else None


def share_of(base: Decimal | None, percent: int) -> Decimal | None:
    """Give so many percent of the usual."""
    return None if base is None else (base * percent / 100).quantize(PLACES)


def by_zone(pairs: Iterable[Pair]) -> Mapping[str, list[Pair]]:
    """Part pairs by the time zone of their account."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        found[pair.timezone].append(pair)
    return found


def by_device(rows: Iterable[ConsumptionRow]) -> Mapping[int, list[ConsumptionRow]]:
    """Part buckets by device, in their order."""
    found: dict[int, list[ConsumptionRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.bucket):
        found[row.device_id].append(row)
    return found
