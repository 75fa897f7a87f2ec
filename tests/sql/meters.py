"""Random hostile meters, and the ledger's rules once more in plain Python, slowly, as the tests' second opinion."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

SLOT = timedelta(minutes=15)
PLACES = Decimal("0.000001")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reading(NamedTuple):
    time: datetime
    value: Decimal


@dataclass
class Meter:
    """A meter's settings, as the ledger knows them, and its readings in the order of time."""

    kind: str
    interval: int
    max_rate: Decimal
    resolution: Decimal
    modulus: Decimal | None
    readings: list[Reading]
    replacements: list[tuple[datetime, Decimal, Decimal]] = field(default_factory=list)
    corrections: list[tuple[datetime, Decimal, Decimal]] = field(default_factory=list)
    ignored: frozenset[datetime] = frozenset()
    jitter: Decimal | None = None

    @property
    def taken(self) -> list[Reading]:
        """The readings that nobody ignored."""
        return [reading for reading in self.readings if reading.time not in self.ignored]

    @property
    def slack(self) -> Decimal:
        return self.resolution if self.jitter is None else self.jitter

    @property
    def reach(self) -> timedelta:
        return max(timedelta(hours=2), 3 * timedelta(seconds=self.interval))

    @property
    def gap(self) -> timedelta:
        return max(timedelta(minutes=30), 3 * timedelta(seconds=self.interval))

    def plausible(self, amount: Decimal, span: timedelta) -> bool:
        return (amount - self.resolution) * 3600 <= self.max_rate * seconds(span)


class Slot(NamedTuple):
    quantity: Decimal | None
    estimated: Decimal | None
    covered: timedelta
    readings: int


def seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def slot_of(time: datetime) -> datetime:
    return EPOCH + (time - EPOCH) // SLOT * SLOT


def accepted(meter: Meter) -> tuple[list[Reading], list[tuple[Reading, Reading]]]:
    """Take runs of glitches out, from left to right; gives what stays, and the readings around each run."""
    readings = meter.taken
    if meter.kind != "counter":
        return readings, []
    kept, runs = readings[:1], []
    i = 0
    while i + 1 < len(readings):
        end = _return(meter, readings, i)
        if end is not None:
            runs.append((readings[i], readings[end]))
        i = end if end is not None else i + 1
        kept.append(readings[i])
    return kept, runs


def _return(meter: Meter, readings: list[Reading], start: int) -> int | None:
    p, s = readings[start], readings[start + 1]
    falls = s.value < p.value - meter.slack
    if not falls and meter.plausible(s.value - p.value, s.time - p.time):
        return None
    for j in range(start + 2, len(readings)):
        before, q = readings[j - 1], readings[j]
        if q.time - p.time > meter.reach:
            return None
        if falls:
            returns = q.value >= p.value and not meter.plausible(q.value - before.value, q.time - before.time)
        else:
            returns = q.value < before.value - meter.slack and q.value >= p.value - meter.slack
        if returns and meter.plausible(q.value - p.value, q.time - p.time):
            decided = [*meter.replacements, *meter.corrections]
            return None if any(p.time < at <= q.time for at, _, _ in decided) else j
    return None


def increment(meter: Meter, a: Reading, b: Reading) -> tuple[Decimal, str]:
    """Give the consumption of a pair of accepted readings and the rule it went by; what a person said goes before every rule."""
    if meter.kind == "interval":
        return b.value, "plain"
    amount, rule = _by_rule(meter, a, b)
    given = [(at, final - initial) for at, final, initial in (*meter.replacements, *meter.corrections) if a.time < at <= b.time]
    if not given:
        return amount, rule
    replaced = any(a.time < at <= b.time for at, _, _ in meter.replacements)
    return b.value - a.value + sum(change for _, change in given), "replacement" if replaced or rule == "plain" else rule


def _by_rule(meter: Meter, a: Reading, b: Reading) -> tuple[Decimal, str]:
    span = b.time - a.time
    if not meter.plausible(b.value - a.value, span):
        return Decimal(0), "unresolved"
    if b.value - a.value >= -meter.slack:
        return b.value - a.value, "plain"
    if meter.modulus is not None and a.value < meter.modulus and meter.plausible(meter.modulus - a.value + b.value, span):
        return meter.modulus - a.value + b.value, "rollover"
    if meter.plausible(b.value, span):
        return b.value, "reset"
    return Decimal(0), "unresolved"


def ledger(meter: Meter) -> tuple[dict[datetime, Slot], list[tuple[str, datetime, Decimal]]]:
    """Give the quarter-hours of a counter or interval meter by their starts, and its corrections."""
    kept, _ = accepted(meter)
    quantity: dict[datetime, Decimal] = {}
    estimated: dict[datetime, Decimal] = defaultdict(Decimal)
    covered: dict[datetime, timedelta] = defaultdict(timedelta)
    count: dict[datetime, int] = defaultdict(int)
    events = []
    for reading in kept:
        count[slot_of(reading.time)] += 1
    for a, b in pairwise(kept):
        amount, rule = increment(meter, a, b)
        start = a.time
        if meter.kind == "interval":
            start = max(a.time, b.time - timedelta(seconds=meter.interval))
            for slot in _slots(a.time, start):
                quantity.setdefault(slot, Decimal(0))
        measured = rule == "plain" and (b.time - a.time <= meter.gap or meter.kind == "interval")
        if rule != "plain":
            events.append((rule, b.time, amount - (b.value - a.value)))
        for slot in _slots(start, b.time):
            low, high = max(slot, start), min(slot + SLOT, b.time)
            share = _until(amount, start, high, b.time) - _until(amount, start, low, b.time)
            quantity[slot] = quantity.get(slot, Decimal(0)) + share
            estimated[slot] += Decimal(0) if measured else share
            covered[slot] += high - low if measured else timedelta()
    slots = {
        slot: Slot(quantity.get(slot), estimated[slot] if slot in quantity else None, covered[slot], count[slot])
        for slot in sorted({*quantity, *count})
    }
    return slots, events


def _until(amount: Decimal, start: datetime, at: datetime, end: datetime) -> Decimal:
    if at == end:
        return amount
    exact = amount * seconds(at - start) / seconds(end - start)
    return exact.quantize(PLACES, rounding="ROUND_HALF_UP")


def _slots(start: datetime, end: datetime) -> list[datetime]:
    found, slot = [], slot_of(start)
    while slot < end:
        found.append(slot)
        slot += SLOT
    return found


def random_meter(seed: int, days: float = 4, start: datetime | None = None) -> Meter:
    """Make a meter with gaps, glitch runs, spikes, resets, rollovers, coarse registers and odd stamps."""
    dice = random.Random(seed)
    interval = dice.choice([300, 900, 900, 3600, 21600])
    resolution = dice.choice([Decimal("0.001"), Decimal("0.1"), Decimal(1), Decimal(1)])
    rate = Decimal(dice.choice([2, 5, 40]))
    max_rate = rate * dice.choice([2, 3, 10])
    modulus = dice.choice([None, None, Decimal(10000), Decimal(1000)])
    begin = start or datetime(2026, 3, 27, tzinfo=UTC) + timedelta(days=dice.randrange(200))
    at = begin + timedelta(seconds=dice.choice([0, 0, 450, dice.randrange(900)]))
    if interval == 21600:
        days *= 3
    true = Decimal(dice.randrange(0, 9000 if modulus != 1000 else 900))
    readings, offset, zeros, spikes = [], Decimal(0), 0, 0
    while at < begin + timedelta(days=days):
        step = timedelta(seconds=interval)
        event = dice.random()
        if event < 0.01:
            step *= dice.choice([5, 13, 40])
        elif event < 0.02:
            offset = -true
        true += (rate * seconds(step) / 3600 * Decimal(str(round(dice.uniform(0, 1.8), 3)))).quantize(PLACES)
        at += step + (timedelta(seconds=dice.randrange(4)) if dice.random() < 0.2 else timedelta())
        shown = (true + offset) // resolution * resolution
        if modulus is not None:
            shown %= modulus
        if zeros == 0 and spikes == 0 and dice.random() < 0.02:
            zeros, spikes = dice.choice([(1, 0), (2, 0), (3, 0), (0, 1), (0, 2)])
        if zeros:
            zeros, shown = zeros - 1, Decimal(0)
        elif spikes:
            spikes, shown = spikes - 1, shown + 50_000
        elif dice.random() < 0.02:
            shown = max(Decimal(0), shown - resolution)
        readings.append(Reading(at, shown))
    return Meter("counter", interval, max_rate, resolution, modulus, readings)


class GaugeSlot(NamedTuple):
    covered: timedelta
    readings: int
    value_seconds: Decimal | None
    minimum: Decimal | None
    maximum: Decimal | None
    last: Decimal | None


def gauge_ledger(meter: Meter) -> dict[datetime, GaugeSlot]:
    """Give the quarter-hours of a gauge by their starts: linear between readings that are at most the gap limit apart."""
    covered: dict[datetime, timedelta] = defaultdict(timedelta)
    area: dict[datetime, Decimal] = {}
    values: dict[datetime, list[Decimal]] = defaultdict(list)
    for reading in meter.taken:
        values[slot_of(reading.time)].append(reading.value)
    for a, b in pairwise(meter.taken):
        if b.time - a.time > meter.gap:
            continue
        for slot in _slots(a.time, b.time):
            low, high = max(slot, a.time), min(slot + SLOT, b.time)
            covered[slot] += high - low
            area[slot] = area.get(slot, Decimal(0)) + _area(a, b, high) - _area(a, b, low)
    return {
        slot: GaugeSlot(
            covered[slot],
            len(values[slot]),
            area.get(slot),
            min(values[slot], default=None),
            max(values[slot], default=None),
            values[slot][-1] if values[slot] else None,
        )
        for slot in sorted({*values, *covered})
    }


def _area(a: Reading, b: Reading, at: datetime) -> Decimal:
    """Give the integral of a line from its start to an instant, rounded to 6 places."""
    span, width = seconds(at - a.time), seconds(b.time - a.time)
    exact = a.value * span + (b.value - a.value) * span * span / (2 * width)
    return exact.quantize(PLACES, rounding="ROUND_HALF_UP")


def with_replacements(meter: Meter, seed: int) -> Meter:
    """Record a few replacements at odd instants: between readings, on one, two within one pair."""
    dice = random.Random(seed)
    found = []
    for _ in range(dice.choice([1, 2, 4])):
        i = dice.randrange(1, len(meter.readings))
        a, b = meter.readings[i - 1], meter.readings[i]
        at = b.time if dice.random() < 0.3 else a.time + (b.time - a.time) * dice.uniform(0.01, 0.99)
        found.append((at, a.value + dice.choice([0, 1, 7]), max(Decimal(0), b.value - dice.choice([0, 1, 5]))))
    return replace(meter, replacements=list({at: (at, final, initial) for at, final, initial in found}.values()))


def of_kind(meter: Meter, kind: str, seed: int) -> Meter:
    """Turn a counter into an interval device or a gauge with the same stamps and values of their sort."""
    dice = random.Random(seed)
    values = [
        Decimal(dice.randrange(0, 40_000)) / dice.choice([1, 1000]) - (20 if kind == "gauge" else 0) for _ in meter.readings
    ]
    readings = [
        Reading(reading.time, value if kind == "gauge" else max(Decimal(0), value))
        for reading, value in zip(meter.readings, values, strict=True)
    ]
    return replace(meter, kind=kind, modulus=None, readings=readings)
