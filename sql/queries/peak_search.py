"""The search for the largest quarter-hours of a period, by bounds of its days and hours."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

HOUR = timedelta(hours=1)
UNKNOWN = Decimal("Infinity")  # the bound of a day that no rollup tells of
FIRST_DAYS, FIRST_HOURS, GROWTH = 1, 6, 2
Period = tuple[datetime, datetime]


class Quarter(NamedTuple):
    """What a group took in one quarter-hour: measured; and beside it what is estimated, of so many devices, which does not count."""

    start: datetime
    quantity: Decimal
    estimated: Decimal
    estimated_devices: int


def hour_of(instant: datetime) -> datetime:
    """Give the UTC hour that an instant lies in."""
    return instant.replace(minute=0, second=0, microsecond=0)


class Search:
    """The search for the largest quarter-hours of one period; knows nothing of the database."""

    def __init__(self, period: Period, count: int) -> None:
        self.period = period
        self.count = count
        self.best: list[tuple[Decimal, float, Quarter]] = []  # a heap: the smallest that is kept comes first
        self.kept: set[datetime] = set()
        self.days: list[tuple[Decimal, Period]] = []  # a heap, as the next: the largest bound, negated, comes first
        self.hours: list[tuple[Decimal, datetime]] = []
        self.opened: list[Period] = []
        self.seen: set[datetime] = set()
        self.width = (FIRST_DAYS, FIRST_HOURS)

    def begin(self, days: Iterable[tuple[Decimal, Period]]) -> None:
        """Take in the bounds of the days that reach into the period."""
        start, end = self.period
        self.days = [(-bound, day) for bound, day in days if day[0] < end and day[1] > start]
        heapq.heapify(self.days)

    def begin_with(self, stretches: Iterable[Period]) -> None:
        """Take in stretches whose hours are looked at at once; what lies outside them is kept already."""
        start, end = self.period
        self.opened = [(max(low, start), min(high, end)) for low, high in stretches if low < end and high > start]

    @property
    def lacks(self) -> bool:
        """Tell whether less is kept than was asked for."""
        return len(self.best) < self.count

    @property
    def threshold(self) -> Decimal:
        """What a quarter-hour must be above to be kept."""
        return -UNKNOWN if self.lacks else self.best[0][0]

    def promises(self, heap: Sequence[tuple[Decimal, Any]]) -> bool:
        """Tell whether the first of a heap may hold more than what is kept."""
        return bool(heap) and -heap[0][0] > self.threshold

    @property
    def goes_on(self) -> bool:
        """Tell whether an unopened day or hour may hold more."""
        return self.promises(self.days) or self.promises(self.hours)

    def next_days(self) -> list[Period]:
        """Give the days to open now: none while an opened hour promises more than is kept."""
        self.opened = []
        if not self.promises(self.hours):
            while self.promises(self.days) and len(self.opened) < self.width[0]:
                self.opened.append(heapq.heappop(self.days)[1])
            self.width = (self.width[0] * GROWTH, self.width[1])
        return self.opened

    def add_hours(self, bounds: Mapping[datetime, Decimal]) -> None:
        """Take in the bounds of the hours of the days just opened; two days may share an hour."""
        for low, high in self.opened:
            hour = hour_of(low)
            while hour < high:
                if hour in bounds and hour not in self.seen:
                    self.seen.add(hour)
                    heapq.heappush(self.hours, (-bounds[hour], hour))
                hour += HOUR

    def next_hours(self, read: set[datetime]) -> list[datetime]:
        """Give the hours to read now; of those that were read for another search, every search was given the quarter-hours."""
        found: list[datetime] = []
        while self.promises(self.hours) and len(found) < self.width[1]:
            hour = heapq.heappop(self.hours)[1]
            found += [] if hour in read else [hour]
        self.width = (self.width[0], self.width[1] * GROWTH)
        return found

    def keep(self, quarters: Iterable[Quarter]) -> None:
        """Keep what is largest of the period, each once."""
        start, end = self.period
        for quarter in quarters:
            if not start <= quarter.start < end or quarter.start in self.kept:
                continue
            self.kept.add(quarter.start)
            entry = (quarter.quantity, -quarter.start.timestamp(), quarter)
            if self.lacks:
                heapq.heappush(self.best, entry)
            elif entry > self.best[0]:
                heapq.heapreplace(self.best, entry)

    def found(self) -> list[Quarter]:
        """Give what is kept, the largest first."""
        return [quarter for _, _, quarter in sorted(self.best, reverse=True)]
