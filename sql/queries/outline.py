"""The readings of one device as a line of at most 2,000 points: all of them, or their outline, chosen in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/outline.sql"
MOST_POINTS = 2_000
GAPS = 200  # the longest of a range, which an outline keeps open
PARTS = (MOST_POINTS - 2 * GAPS) // 4


class Point(NamedTuple):
    """A reading of a line; broken: the reading before it is too long ago to be joined with it."""

    time: datetime
    value: Decimal
    broken: bool


class Outline(NamedTuple):
    """The points of a range, oldest first; whole where they are all its readings."""

    points: list[Point]
    whole: bool


def outline(conn: Connection, device_id: int, start: datetime, end: datetime, gap: timedelta) -> Outline:
    """Give the readings in [start, end) as at most 2,000 points: where there are more, the first, lowest, highest and last of each part."""
    if start >= end:
        return Outline([], True)
    binds = {"device": device_id, "start": start, "end": end, "gap": gap}
    found = _points(conn, "readings", {**binds, "most": MOST_POINTS + 1})
    if len(found) <= MOST_POINTS:
        return Outline(found, True)
    return Outline(_points(conn, "outline", {**binds, "parts": PARTS, "gaps": GAPS}), False)


def _points(conn: Connection, name: str, binds: dict[str, object]) -> list[Point]:
    return [Point(row.time, row.value, row.broken) for row in conn.execute(statements(FILE)[name], binds)]
