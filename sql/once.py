"""Consumption that several figures of one answer are made from: read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from sql import calendar
from sql.consumption import ConsumptionRow, Step, grouped, outward

Reader = Callable[
    [Connection, Mapping[int, int], Step, datetime, datetime, str], list[ConsumptionRow]
]  # `grouped`, or what stands in for it
Stretch = tuple[datetime, datetime]


class Once:
    """Reads as `grouped` does; of a stretch that was named beforehand all of it, the first time that a part of it is asked for."""

    def __init__(self, stretches: Mapping[Step, Iterable[Stretch]]) -> None:
        self._stretches = {step: calendar.joined(some) for step, some in stretches.items()}
        self._known: dict[tuple[frozenset[tuple[int, int]], Step, str], list[tuple[Stretch, list[ConsumptionRow]]]] = {}

    def __call__(
        self, connection: Connection, groups: Mapping[int, int], step: Step, start: datetime, end: datetime, zone: str
    ) -> list[ConsumptionRow]:
        """Give what `grouped` gives."""
        if end <= start or not groups:
            return []
        low, high = outward(step, start, end, zone)
        known = self._known.setdefault((frozenset(groups.items()), step, zone), [])
        for (first, last), rows in known:
            if first <= low and high <= last:
                return [row for row in rows if low <= row.bucket < high]
        first, last = next((one for one in self._stretches.get(step, []) if one[0] <= low and high <= one[1]), (low, high))
        read = grouped(connection, groups, step, first, last, zone)
        known.append((outward(step, first, last, zone), read))
        return [row for row in read if low <= row.bucket < high]
