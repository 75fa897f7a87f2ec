"""Readings as received, of the account that a transaction acts for: the newest, by pages, and whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/readings.sql"
HORIZON = timedelta(days=3 * 366)  # no reading is kept longer
RECENT = timedelta(days=2)  # where the newest readings are first looked for: few chunks to open
TICK = timedelta(microseconds=1)
FIRST_WINDOW = timedelta(hours=6)
WIDER = 6  # each next window of a page is so many times wider: five at most reach three years back


class Reading(NamedTuple):
    """One value of one device, in the device's unit."""

    device_id: int
    time: datetime
    value: Decimal


class Position(NamedTuple):
    """A place in the order of readings: by time, then by device."""

    time: datetime
    device_id: int


class ReadingsPage(NamedTuple):
    """One page, newest first, and the positions from which the older and the newer page are asked; None: there is none."""

    readings: list[Reading]
    older: Position | None
    newer: Position | None


def latest_readings(conn: Connection, limit: int, now: datetime) -> list[Reading]:
    """Give the newest readings of the whole account, newest first."""
    found: list[Reading] = []
    for since in (now - RECENT, now - HORIZON):
        rows = conn.execute(statements(FILE)["latest_readings"], {"limit": limit, "since": since})
        found = _readings(rows.all())
        if len(found) == limit:
            break
    return found


def device_readings(conn: Connection, device_id: int, limit: int, now: datetime) -> list[Reading]:
    """Give the newest readings of one device, newest first."""
    return readings_page(conn, [device_id], now - HORIZON, now + RECENT, limit).readings


def readings_page(
    conn: Connection,
    device_ids: Sequence[int],
    start: datetime,
    end: datetime,
    limit: int,
    before: Position | None = None,
    after: Position | None = None,
) -> ReadingsPage:
    """Give a page of the readings in [start, end), newest first, next to a position or from the newest on."""
    if not device_ids or start >= end:
        return ReadingsPage([], None, None)
    if after is not None:
        found = _walk(conn, device_ids, start, end, after, limit + 1, newer=True)
        page, more = found[:limit][::-1], len(found) > limit
        edges = (page[-1] if page else None, page[0] if more else None)
    else:
        origin = before or _newest(conn, device_ids, end)
        found = _walk(conn, device_ids, start, end, origin, limit + 1, newer=False)
        page, more = found[:limit], len(found) > limit
        edges = (page[-1] if more else None, page[0] if page and before else None)
    older, newer = (Position(edge.time, edge.device_id) if edge else None for edge in edges)
    return ReadingsPage(page, older, newer)


def all_readings(conn: Connection, device_id: int, start: datetime, end: datetime) -> Iterator[Reading]:
    """Stream every reading of a device in [start, end), oldest first, from a cursor on the server."""
    binds = {"device": device_id, "start": start, "end": end}
    streaming = conn.execution_options(stream_results=True, yield_per=2000)
    for row in streaming.execute(statements(FILE)["all_readings"], binds):
        yield Reading(row[0], row[1], row[2])


def _newest(conn: Connection, device_ids: Sequence[int], end: datetime) -> Position:
    """Give a position just after the newest reading, so that an archive is not searched from today backwards."""
    newest = conn.execute(statements(FILE)["newest_time"], {"ids": list(device_ids)}).scalar_one()
    return Position(end if newest is None else min(end, newest + TICK), 0)


def _walk(
    conn: Connection, device_ids: Sequence[int], start: datetime, end: datetime, origin: Position, limit: int, newer: bool
) -> list[Reading]:
    """Collect readings away from a position."""
    found: list[Reading] = []
    statement = statements(FILE)["newer_readings" if newer else "older_readings"]
    position = {"ids": list(device_ids), "time": origin.time, "device": origin.device_id}
    for low, high in _windows(start, end, origin, newer):
        binds = {**position, "start": low, "end": high, "limit": limit - len(found)}
        found += _readings(conn.execute(statement, binds).all())
        if len(found) == limit:
            break
    return found


def _windows(start: datetime, end: datetime, origin: Position, newer: bool) -> Iterator[tuple[datetime, datetime]]:
    """Cut the way from a position to the edge into windows of growing width, so that no query sorts years to show a page."""
    edge = max(origin.time, start) if newer else min(origin.time + TICK, end)
    width = FIRST_WINDOW
    while edge < end if newer else edge > start:
        far = min(edge + width, end) if newer else max(edge - width, start)
        yield (edge, far) if newer else (far, edge)
        edge, width = far, width * WIDER


def _readings(rows: Sequence[Any]) -> list[Reading]:
    return [Reading(row[0], row[1], row[2]) for row in rows]
