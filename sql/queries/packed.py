"""Quarter-hours packed into one number a device and day (sql/rollups/quarters.sql): added up, and looked into."""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql.consumption import hashed
from sql.queries.peak_search import Period, Quarter
from sql.rollups import LANE, SLOTS, WIDE_LANE
from sql.statements import statements

FILE = "queries/packed.sql"
SLOT, DAY = timedelta(minutes=15), timedelta(days=1)
# Around the days of which quarter-hours are cut out. Of one day alone the planner would go through all devices of the installation.
ROOM = timedelta(days=30)
UNIT = Decimal("0.000001")
# Half a lane in every lane: added to what is packed, it leaves nothing below zero.
HALF = 10**LANE // 2
OFFSET = Decimal(sum(HALF * 10 ** (LANE * slot) for slot in range(SLOTS)))
MOST = float(HALF * UNIT) * 0.99  # what is sure to fit into a lane
COUNTED = 10**14  # stands for a device in a lane of what is not measured


Taken = tuple[Decimal, bool]  # what a device took in a quarter-hour, and whether that was measured


class Reached(NamedTuple):
    """A device, the amount that it reached, and the period in which it did."""

    device_id: int
    largest: Decimal
    low: datetime
    high: datetime


class Found(NamedTuple):
    """The largest quarter-hours between the ends of some periods, and the stretches of which nothing is known here."""

    quarters: list[Quarter]
    unknown: list[Period]


def until(conn: Connection) -> datetime | None:
    """Give before which instant everything is packed; None where nothing is."""
    found: datetime | None = conn.execute(statements(FILE)["until"]).scalar()
    return found


def largest(conn: Connection, factors: dict[int, Decimal], ends: Sequence[datetime], most: int) -> Found:
    """Give so many of the largest quarter-hours between neighbouring ends that devices, each by its factor, took together.

    Only what is above zero: below it nobody can tell here what was measured. What is not packed yet is unknown.
    """
    known = until(conn)
    if known is None or known <= ends[0]:
        return Found([], [(ends[0], ends[-1])])
    low, high = day_of(ends[0]), min(ends[-1], known)
    unknown = [(high, ends[-1])] if high < ends[-1] else []
    sums = _Sums(low, -(-(high - low) // DAY))
    for factor in set(factors.values()):
        binds = {"devices": [device for device, own in factors.items() if own == factor], "low": low, "high": high}
        for row in _unsorted(conn, "sums", {**binds, "offset": OFFSET}):
            if row.bound is not None and row.bound >= MOST:
                unknown.append((max(row.bucket, ends[0]), min(row.bucket + DAY, ends[-1])))
            else:
                sums.add(row.bucket, factor, row.measured, row.unmeasured)
    for start, _ in unknown:
        sums.forget(start)
    found: list[Quarter] = []
    for start, end in itertools.pairwise(ends):
        found += sums.largest(start, min(end, high), most)
    return Found(found, unknown)


def _unsorted(conn: Connection, name: str, binds: dict[str, Any]) -> Sequence[Any]:
    """Run a statement without having it sort what it reads, a hundred megabytes of numbers: the planner takes them for a few rows."""
    conn.execute(text("SET LOCAL enable_sort = off"))
    rows = conn.execute(statements(FILE)[name], binds).all()
    conn.execute(text("SET LOCAL enable_sort = on"))
    return rows


class _Sums:
    """The quarter-hours of some days, added up."""

    def __init__(self, low: datetime, days: int) -> None:
        self.low = low
        self.amounts: list[Any] = [0] * (days * SLOTS)  # in millionths
        self.rest: dict[datetime, list[tuple[Decimal, int]]] = {}  # what is not measured, of each factor

    def add(self, day: datetime, factor: Decimal, measured: str, unmeasured: str | None) -> None:
        """Add a day of devices that have one factor."""
        first = (day - self.low) // SLOT
        own: list[Any] = _lanes(measured)
        if factor != 1:
            own = [lane * factor for lane in own]
        self.amounts[first : first + SLOTS] = map(operator.add, self.amounts[first : first + SLOTS], own)
        if unmeasured is not None:
            self.rest.setdefault(day, []).append((factor, int(unmeasured)))

    def forget(self, day: datetime) -> None:
        """Forget a day, of which something does not fit."""
        first = (day_of(day) - self.low) // SLOT
        for place in range(first, min(first + SLOTS, len(self.amounts))):
            self.amounts[place] = 0

    def largest(self, start: datetime, end: datetime, most: int) -> list[Quarter]:
        """Give the largest quarter-hours of a period that are above zero."""
        amounts = self.amounts
        low, high = -(-(start - self.low) // SLOT), -(-(end - self.low) // SLOT)
        places = heapq.nsmallest(most, range(max(low, 0), min(high, len(amounts))), key=lambda place: -amounts[place])
        return [self._quarter(place) for place in places if amounts[place] > 0]

    def _quarter(self, place: int) -> Quarter:
        start = self.low + place * SLOT
        estimated, devices = Decimal(0), 0
        for factor, packed in self.rest.get(day_of(start), []):
            lane = packed // 10 ** (WIDE_LANE * (place % SLOTS)) % 10**WIDE_LANE
            count = (lane + HALF) // COUNTED
            estimated += (lane - count * COUNTED) * factor * UNIT
            devices += count
        return Quarter(start, self.amounts[place] * UNIT, estimated, devices)


def parts(conn: Connection, devices: Sequence[int], starts: Iterable[datetime]) -> dict[datetime, dict[int, Taken]] | None:
    """Give what devices took in quarter-hours that are packed, but for nothing; None where something does not fit."""
    wanted = sorted(starts)
    if not wanted:
        return {}
    buckets = [day_of(start) for start in wanted]
    binds = {
        "devices": list(devices),
        "buckets": buckets,
        "slots": [(start - day) // SLOT for start, day in zip(wanted, buckets, strict=True)],
        "low": buckets[0] - ROOM,
        "high": buckets[-1] + ROOM,
        "most": MOST,
    }
    found: dict[datetime, dict[int, Taken]] = {start: {} for start in wanted}
    for row in conn.execute(statements(FILE)["parts"], binds):
        if row.odd:
            return None
        found[wanted[row.place - 1]] = {
            device: (unmeasured - COUNTED * UNIT, False) if unmeasured else (measured, True)
            for device, measured, unmeasured in zip(row.devices, row.measured, row.unmeasured, strict=True)
            if unmeasured or measured
        }
    return found


def first_reached(conn: Connection, wanted: Sequence[Reached]) -> tuple[dict[int, datetime], set[int]]:
    """Give the start of the quarter-hour in which each device first took an amount, above zero; and the devices of which it is not known."""
    binds = {
        "devices": [one.device_id for one in wanted],
        "largest": [one.largest for one in wanted],
        "lows": [one.low for one in wanted],
        "highs": [one.high for one in wanted],
        "low": min(one.low for one in wanted) - DAY,
        "high": max(one.high for one in wanted),
        "offset": OFFSET,
    }
    asked = {one.device_id: one for one in wanted}
    found: dict[int, datetime] = {}
    odd = {one.device_id for one in wanted if one.largest <= 0}
    with hashed(conn):
        rows = conn.execute(statements(FILE)["reached"], binds).all()
    for row in rows:
        one = asked[row.device_id]
        if row.bound >= MOST:
            odd.add(one.device_id)
        if one.device_id in found or one.device_id in odd:
            continue
        largest = one.largest / UNIT
        starts = (row.bucket + slot * SLOT for slot, lane in enumerate(_lanes(row.measured)) if lane == largest)
        first = next((start for start in starts if one.low <= start < one.high), None)
        if first is not None:
            found[one.device_id] = first
    return {device: start for device, start in found.items() if device not in odd}, odd


def _lanes(packed: str) -> list[int]:
    """Give the quarter-hours of a day, in millionths."""
    whole = packed.zfill(LANE * SLOTS)
    return [int(whole[end - LANE : end]) - HALF for end in range(len(whole), 0, -LANE)]


def day_of(instant: datetime) -> datetime:
    """Give the UTC day that an instant lies in."""
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
