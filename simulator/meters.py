"""Meters that do not exist: what each would show, as a pure function of its seed and the instant.

All arithmetic is on integers (millionths of the unit, whole seconds, thousandths of a load), so that a year of
readings made at once and one live reading made alone agree to the last digit, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from simulator.profiles import Climate, Load

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SLOT = 900
DAY = 86_400
MILLION = 1_000_000
_SLOTS_AT_ONCE = 96 * 32
_YEAR = 366


class Meter(Protocol):
    """What history and the live feed ask of a meter; `step` is its resolution in millionths of the unit."""

    @property
    def step(self) -> int:
        """The smallest difference it can show, in millionths of the unit: a power of ten, 1,000,000 at most."""

    def values(self, times: Integers) -> Integers:
        """Give what it shows at these instants (epoch seconds), in millionths of the unit."""


@dataclass(frozen=True)
class Replacement:
    """Another register from this instant (epoch seconds) on, which began at `initial` (millionths of the unit)."""

    at: int
    initial: int = 0


@dataclass(eq=False)
class Register:
    """A cumulative register: stands at `start` at `origin` and counts `full_load` millionths an hour times its load curve."""

    seed: int
    zone: str
    load: Load
    full_load: int
    step: int
    origin: int
    start: int = 0
    modulus: int | None = None
    replacement: Replacement | None = None
    _totals: Integers = field(default_factory=lambda: np.zeros(1, dtype=np.int64), init=False, repr=False)

    def values(self, times: Integers) -> Integers:
        """Give the register at these instants, wrapped at its modulus and floored to its step."""
        register: Integers = self.start + self.total(times)
        change = self.replacement
        if change is not None:
            register = np.where(times >= change.at, register - self.start - self.total_at(change.at) + change.initial, register)
        if self.modulus is not None:
            register = register % self.modulus
        return register - register % self.step

    def total(self, times: Integers) -> Integers:
        """Give what went through the meter from its origin to these instants, in millionths; none may lie before the origin."""
        if times.size == 0:
            return np.zeros(0, dtype=np.int64)
        slots, seconds = np.divmod(times - self.origin, SLOT)
        if int(slots.min()) < 0:
            raise ValueError("a meter has no reading before its origin")
        self._reach(int(slots.max()) + 1)
        before = self._totals[slots]
        total: Integers = before + (self._totals[slots + 1] - before) * seconds // SLOT
        return total

    def total_at(self, time: int) -> int:
        """Give the same for one instant."""
        return int(self.total(np.array([time], dtype=np.int64))[0])

    def final(self) -> int:
        """Give what the old register showed when it was replaced, in millionths."""
        assert self.replacement is not None
        register = self.start + self.total_at(self.replacement.at)
        return register - register % self.step

    def _reach(self, slot: int) -> None:
        """Extend the running totals to the end of a slot; they only spare work, a fresh meter gives the same."""
        have = self._totals.size - 1
        if slot < have:
            return
        first = self.origin // SLOT + have
        grown = self._amounts(np.arange(first, first + slot - have + _SLOTS_AT_ONCE, dtype=np.int64))
        self._totals = np.concatenate([self._totals, self._totals[-1] + np.cumsum(grown)])

    def _amounts(self, slots: Integers) -> Integers:
        """Give the use in each UTC quarter-hour, in millionths of the unit."""
        days, quarters = np.divmod(_local_seconds(slots * SLOT, self.zone) // SLOT, DAY // SLOT)
        curves = np.stack([_around_the_clock(curve) for curve in (self.load.weekday, self.load.saturday, self.load.sunday)])
        weekday = (days + 3) % 7  # 1 January 1970 was a Thursday
        amount: Integers = self.full_load // 4 * curves[np.maximum(weekday - 4, 0), quarters] // 1000
        amount = amount * _around_the_year(self.load.season)[_day_of_year(days)] // 1000
        amount = amount * (1000 + _noise(self.seed, slots, self.load.unrest)) // 1000
        amount = amount * (1000 + _noise(self.seed + 1, days, 80)) // 1000
        return amount


@dataclass(frozen=True, eq=False)
class Interval:
    """A pulse meter: shows what its register advanced since `interval` seconds before."""

    register: Register
    interval: int = SLOT

    @property
    def step(self) -> int:
        """The register's own step, in millionths."""
        return self.register.step

    def values(self, times: Integers) -> Integers:
        """Give the amounts of the intervals that end at these instants."""
        return self.register.values(times) - self.register.values(np.maximum(times - self.interval, self.register.origin))


@dataclass(frozen=True, eq=False)
class Gauge:
    """A level, such as a temperature: a yearly and a daily swing, and a slow unrest between them."""

    seed: int
    zone: str
    climate: Climate
    step: int

    def values(self, times: Integers) -> Integers:
        """Give the level at these instants, floored to its step."""
        local = _local_seconds(times, self.zone)
        days, seconds = np.divmod(local, DAY)
        hours = _around_the_clock(self.climate.hours)
        quarter, rest = np.divmod(seconds, SLOT)
        daily = hours[quarter] + (hours[(quarter + 1) % hours.size] - hours[quarter]) * rest // SLOT
        level: Integers = (_around_the_year(self.climate.months)[_day_of_year(days)] + daily) * 1000
        for period, share in ((6 * 3600, 1000), (3600, 300)):
            level = level + _wander(self.seed + period, times, period, self.climate.unrest * share)
        return level - level % self.step


def reading(meter: Meter, time: int) -> Decimal:
    """Give what a meter shows at one instant (epoch seconds), exactly and with the digits of its display."""
    steps = int(meter.values(np.array([time], dtype=np.int64))[0]) // meter.step
    return Decimal(steps).scaleb(-decimals(meter.step))


def decimals(step: int) -> int:
    """Count the decimal places of a display whose smallest step is this many millionths."""
    places = 6 - (len(str(step)) - 1)
    if step != 10 ** (6 - places) or places < 0:
        raise ValueError(f"a step is a power of ten up to one unit, not {step} millionths")
    return places


def _local_seconds(times: Integers, zone: str) -> Integers:
    """Give wall-clock seconds since 1970 for epoch seconds; offsets are looked up by day, by hour where a day changes its."""
    if times.size == 0:
        return times
    info = ZoneInfo(zone)
    first, last = int(times.min()) // DAY, int(times.max()) // DAY
    edges = np.array([_offset(info, day * DAY) for day in range(first, last + 2)], dtype=np.int64)
    index = times // DAY - first
    offsets = edges[index]
    for day in np.flatnonzero(edges[:-1] != edges[1:]):
        inside = np.flatnonzero(index == day)
        hours = times[inside] // 3600
        by_hour = {int(hour): _offset(info, int(hour) * 3600) for hour in np.unique(hours)}
        offsets[inside] = [by_hour[int(hour)] for hour in hours]
    return times + offsets


def _offset(zone: ZoneInfo, time: int) -> int:
    offset = datetime.fromtimestamp(time, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _day_of_year(days: Integers) -> Integers:
    dates = days.astype("datetime64[D]")
    since: Integers = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return since


def _around_the_clock(hours: tuple[int, ...]) -> Integers:
    """Give 96 quarter-hours from 24 values that stand at the middle of their hours."""
    around = np.array(hours, dtype=np.int64)
    eighths = np.arange(96, dtype=np.int64) * 2 + 1 - 4  # the middle of each quarter-hour, from the middle of the first hour
    hour, rest = np.divmod(eighths, 8)
    quarters: Integers = around[hour % 24] + (around[(hour + 1) % 24] - around[hour % 24]) * rest // 8
    return quarters


def _around_the_year(months: tuple[int, ...]) -> Integers:
    """Give 366 days from 12 values that stand at the middle of their months."""
    around = np.array(months, dtype=np.int64)
    places = np.arange(_YEAR, dtype=np.int64) * 24 - _YEAR
    month, rest = np.divmod(places, 2 * _YEAR)
    days: Integers = around[month % 12] + (around[(month + 1) % 12] - around[month % 12]) * rest // (2 * _YEAR)
    return days


def _wander(seed: int, times: Integers, period: int, reach: int) -> Integers:
    """Give a smooth random walk that stays within ±reach, with a fresh target each period (seconds)."""
    place, rest = np.divmod(times, period)
    here, there = (_noise(seed, place + ahead, 1000) for ahead in (0, 1))
    walk: Integers = (here + (there - here) * rest // period) * reach // 1000
    return walk


def _noise(seed: int, numbers: Integers, reach: int) -> Integers:
    """Give for each number an integer within ±reach that depends on nothing but the seed and the number (SplitMix64)."""
    mixed = numbers.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed % np.uint64(2 * reach + 1)).astype(np.int64) - reach
