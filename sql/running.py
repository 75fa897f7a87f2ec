"""What the running day and the running month hold so far, device by device: kept after each refresh, on TimescaleDB alone.

The day is kept up to the last hour that is materialised, the month up to the last day. Whoever reads adds what came since. A part that
ends later takes the place of one that is kept a while longer, so that somebody who has just asked until when it reaches finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, text

from sql import calendar
from sql.engine import Store
from sql.rollups import COLUMNS, HOUR, Rollup, all_rollups
from sql.statements import quote_identifier, raw_statements, statements

FILE = "running.sql"
SUMS = {"largest": "max", "minimum": "min", "maximum": "max"}
Changed = tuple[datetime, datetime]


class Part(NamedTuple):
    """The part of a rollup's running bucket that is kept, and what it is made from."""

    rollup: Rollup
    start: datetime
    until: datetime
    source: str


def keep(store: Store, changed: Sequence[Changed]) -> None:
    """Bring the parts up to what is materialised; those in which something changed are made anew."""
    with store.transaction() as connection:
        parts = list(_parts(all_rollups(connection)))
        # What cannot be brought up any further, as where the clock turns by half an hour within the day, would miss what comes late.
        connection.execute(statements(FILE)["forget"], {"kept": [part.rollup.name for part in parts]})
    for part in parts:
        with store.transaction() as connection:
            known = _run(connection, "known", part).one()
            touched = any(low < part.until and high >= part.start for low, high in changed)
            if touched or (known.running_from, known.running_until) != (part.start, part.until):
                _run(connection, "rewrite", part)
                _run(connection, "say", part)


def differences(connection: Connection, device_ids: Sequence[int]) -> list[tuple[str, int, int]]:
    """Count, by part and device, what differs from a direct sum over the ledger; name, device, rows."""
    found = []
    for part in _parts(all_rollups(connection)):
        rows = _run(connection, "differences", part, devices=list(device_ids))
        found += [(f"{part.rollup.name} so far", int(row.device_id), int(row.rows)) for row in rows]
    return found


def _parts(rollups: Iterable[Rollup]) -> Iterable[Part]:
    """Give what can be kept of each rollup: nothing where it is not known how far what it is made from reaches."""
    named = {rollup.name: rollup for rollup in rollups}
    for rollup in named.values():
        source = named.get(HOUR if rollup.step == "day" else rollup.name.replace("consumption_month", "consumption_day"))
        if rollup.zone is None or source is None or rollup.refreshed_until is None or source.refreshed_until is None:
            continue
        start, zone = rollup.refreshed_until, rollup.zone or "UTC"
        until = min(source.refreshed_until, rollup.following(start))
        if start >= until or calendar.repeats_midnight(start, until + timedelta(days=1), zone):
            continue
        if rollup.step == "month":
            yield Part(rollup, start, until, f"{source.name}_closed")
        elif calendar.has_whole_hours(start, until, zone):
            yield Part(rollup, start, until, source.name)


def _run(connection: Connection, name: str, part: Part, **more: Any) -> CursorResult[Any]:
    names = {
        "source": quote_identifier(part.source),
        "columns": ", ".join(COLUMNS),
        "sums": ", ".join(f"{SUMS.get(column, 'sum')}({column}) AS {column}" for column in COLUMNS),
        "given": ", ".join(f"{column} = excluded.{column}" for column in COLUMNS),
        "old": ", ".join(f"r.{column}" for column in COLUMNS),
        "new": ", ".join(f"excluded.{column}" for column in COLUMNS),
    }
    values = {"name": part.rollup.name, "start": part.start, "until": part.until}
    return connection.execute(text(raw_statements(FILE)[name].format(**names)), {**values, **more})
