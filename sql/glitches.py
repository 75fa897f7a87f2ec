"""Runs of glitches among the odd readings of a device: a fall that returns, or a rise that returns, within the glitch window. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class Odd(NamedTuple):
    """A reading whose pair with the one before is not plain: it falls, or else it climbs too fast.

    A climb from a first reading to a later one is plausible while the later one's height is at most the first one's ceiling: heights
    are values less what the largest rate makes of the time.
    """

    device_id: int
    n: int
    time: datetime
    falls: bool
    value: Decimal
    height: Decimal
    before: datetime  # the time of the reading before
    floor: Decimal  # what a reading must show at least that returns to the reading before
    ceiling: Decimal  # the height that it must not be above
    until: datetime  # the end of the window in which it must return


class Run(NamedTuple):
    """A run of glitches, left out between two accepted readings."""

    device_id: int
    since: datetime
    at: datetime
    since_n: int = 0
    at_n: int = 0


def find_runs(odd: Sequence[Odd], replaced: Sequence[datetime]) -> list[Run]:
    """Find a device's runs from left to right: the first reading that returns ends a run, and none starts within another.

    A run is none where the meter was replaced or corrected within it; both sequences come in the order of time.
    """
    climbs = _Returns([one for one in odd if not one.falls])
    falls = _Returns([one for one in odd if one.falls])
    runs: list[Run] = []
    for start in odd:
        if runs and start.n - 1 < runs[-1].at_n:
            continue
        end = (climbs if start.falls else falls).first(start)
        if end and bisect_right(replaced, start.before) == bisect_right(replaced, end.time):
            runs.append(Run(start.device_id, start.before, end.time, start.n - 1, end.n))
    return runs


class _Returns:
    """Readings that may end runs. Which of them is the first to do so is asked of blocks of 1, 2, 4 … neighbours.

    So that a device all of whose readings are odd takes little more than a sort: looking at each reading of the window would
    take the square of their number, hours for what a gateway sends in a minute.
    """

    def __init__(self, readings: Sequence[Odd]) -> None:
        self.readings = readings
        self.numbers = [one.n for one in readings]
        self.times = [one.time for one in readings]
        self.edges: dict[tuple[int, int], tuple[list[Decimal], list[Decimal]]] = {}

    def first(self, start: Odd) -> Odd | None:
        """Give the first reading after a start that returns to what was before it."""
        low, high = bisect_right(self.numbers, start.n), bisect_right(self.times, start.until)
        largest = len(self.readings)
        while low < high:
            size = min(low & -low or largest, largest, high - low)
            size = 1 << size.bit_length() - 1
            if not self._holds(low, size, start):
                low += size
            elif size == 1:
                return self.readings[low]
            else:
                largest = size // 2  # it is in this block: look at its halves
        return None

    def _holds(self, low: int, size: int, start: Odd) -> bool:
        values, heights = self._edge(low, size)
        place = bisect_left(values, start.floor)
        return place < len(values) and heights[place] <= start.ceiling

    def _edge(self, low: int, size: int) -> tuple[list[Decimal], list[Decimal]]:
        """Give values and heights, both rising, of those in a block of which no other is both larger and less high."""
        if (low, size) in self.edges:
            return self.edges[low, size]
        if size == 1:
            one = self.readings[low]
            edge = [one.value], [one.height]
        else:
            halves = self._edge(low, size // 2), self._edge(low + size // 2, size // 2)
            kept: list[tuple[Decimal, Decimal]] = []
            for value, height in sorted((pair for half in halves for pair in zip(*half, strict=True)), reverse=True):
                if not kept or height < kept[-1][1]:
                    kept.append((value, height))
            edge = [value for value, _ in reversed(kept)], [height for _, height in reversed(kept)]
        self.edges[low, size] = edge
        return edge
