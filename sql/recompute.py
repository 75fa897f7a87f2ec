"""One recomputation of the ledger, set-based: load readings, take glitches out, spread pairs, write what differs.

The rules are those of the statements in ledger.sql; this module only decides how far each device must be
read for the result not to depend on where the recomputation starts.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql.glitches import Odd, Run, find_runs
from sql.neighbours import first_after, last_before, run_named
from sql.statements import raw_statements

SLOT = timedelta(minutes=15)
TICK = timedelta(microseconds=1)


class Range(NamedTuple):
    """What to recompute of one device: readings between two instants, or all of them."""

    device_id: int
    low: datetime
    high: datetime
    whole: bool


class Scope(NamedTuple):
    """How far one device's recomputation reads and writes; None is an open end."""

    device_id: int
    high: datetime
    load_low: datetime | None
    load_high: datetime | None
    slot_low: datetime | None


def recompute(connection: Connection, ranges: Sequence[Range]) -> int:
    """Recompute the ledger of devices whose rows in ledger_state this transaction has locked; gives the slots changed."""
    compute(connection, ranges)
    return _apply(connection)


def compute(connection: Connection, ranges: Sequence[Range], fast: bool = True) -> None:
    """Fill the session's tables `slot` and `detected` with what the readings say, without touching the ledger."""
    prepare(connection)
    connection.execute(text("SET LOCAL jit = off"))  # compiling these statements takes longer than running them
    connection.execute(text("SET LOCAL work_mem = '256MB'"))  # a batch is sorted and grouped in memory, by few workers
    run_named(
        connection,
        "add_work",
        devices=[r.device_id for r in ranges],
        lows=[r.low for r in ranges],
        highs=[r.high for r in ranges],
        wholes=[r.whole for r in ranges],
    )
    if fast:
        _load_appended(connection)
    else:
        connection.execute(text("UPDATE work SET fast = false"))
    rest = connection.execute(text("SELECT device_id, low, high, whole OR fresh AS whole, reach FROM work WHERE NOT fast")).all()
    if rest:
        _load_full(connection, rest)
    connection.execute(text("ANALYZE seq"))
    for kind in connection.execute(text("SELECT DISTINCT kind FROM work")).scalars().all():
        run_named(connection, f"spread_{kind}s")
    run_named(connection, "clip_slots")


def prepare(connection: Connection) -> None:
    """Make the session's tables where they are missing, and empty them."""
    known = connection.execute(text("SELECT to_regclass('pg_temp.touched')")).scalar()
    if known is None:
        connection.exec_driver_sql(raw_statements("ledger.sql")["create_tables"])
    else:
        connection.execute(text("TRUNCATE work, seq, run, slot, detected, changed, touched"))


def _load_appended(connection: Connection) -> None:
    low, high, count = connection.execute(text("SELECT min(last_time), max(high), count(*) FROM work WHERE fast")).one()
    if count:
        run_named(connection, "load_appended", low=low, high=high)
        run_named(connection, "give_up_fast")


def _load_full(connection: Connection, rows: Sequence[Any]) -> None:
    devices = [row.device_id for row in rows]
    reach = {row.device_id: row.reach for row in rows}
    known: dict[int, list[Run]] = defaultdict(list)
    for row in run_named(connection, "known_runs", devices=devices):
        known[row.device_id].append(Run(row.device_id, row.since, row.at))
    scopes = [Scope(row.device_id, row.high, None, None, None) for row in rows if row.whole]
    scopes += _scopes(connection, [row for row in rows if not row.whole], known)
    again = _load(connection, scopes, reach, known)
    if again:
        # The end of a chain of glitches was not in sight: read those devices to their last reading.
        connection.execute(text("DELETE FROM seq WHERE device_id = any(:ids)"), {"ids": [s.device_id for s in again]})
        connection.execute(text("DELETE FROM run WHERE device_id = any(:ids)"), {"ids": [s.device_id for s in again]})
        _load(connection, [scope._replace(load_high=None) for scope in again], reach, known)
    run_named(connection, "detect_glitches")
    floors = {row.device_id: row.floor for row in run_named(connection, "closed_ground")}
    for device_id, floor in floors.items():
        connection.execute(
            text("UPDATE work SET slot_low = greatest(slot_low, :floor) WHERE device_id = :id"), {"floor": floor, "id": device_id}
        )
    run_named(connection, "bridge_runs")
    run_named(connection, "leave_out_runs")


def _scopes(connection: Connection, rows: Sequence[Any], known: Mapping[int, Sequence[Run]]) -> list[Scope]:
    """Find, for late ranges, the accepted readings around them beyond the glitch window."""
    anchors = {  # The last reading that no changed reading can have made a glitch of, and so the first slot that may change.
        device: _outside(instant, known[device])
        for device, instant in last_before(connection, {row.device_id: row.low - row.reach - TICK for row in rows}).items()
    }
    starts = {
        device: _outside(instant, known[device])
        for device, instant in last_before(connection, {device: slot_of(instant) for device, instant in anchors.items()}).items()
    }
    after = first_after(connection, {row.device_id: row.high + row.reach for row in rows})
    ends = first_after(connection, {device: slot_of(instant - TICK) + SLOT for device, instant in after.items()})
    reach = {row.device_id: row.reach for row in rows}
    return [
        Scope(
            row.device_id,
            row.high,
            starts.get(row.device_id),
            ends[row.device_id] + reach[row.device_id] if row.device_id in ends else None,
            slot_of(anchors[row.device_id]) if row.device_id in starts else None,
        )
        for row in rows
    ]


def _load(
    connection: Connection, scopes: Sequence[Scope], reach: Mapping[int, timedelta], known: Mapping[int, Sequence[Run]]
) -> list[Scope]:
    """Load the readings of scopes and choose their runs; gives the scopes whose end must be moved out."""
    if not scopes:
        return []
    devices = [scope.device_id for scope in scopes]
    lows, highs = [s.load_low for s in scopes], [s.load_high for s in scopes]
    run_named(connection, "set_load", devices=devices, lows=_open(lows, "-infinity"), highs=_open(highs, "infinity"))
    run_named(
        connection,
        "load_full",
        devices=devices,
        low="-infinity" if None in lows else min(low for low in lows if low),
        high="infinity" if None in highs else max(high for high in highs if high),
    )
    odd = (
        connection.execute(text("SELECT DISTINCT device_id FROM seq WHERE odd AND device_id = any(:ids)"), {"ids": devices})
        .scalars()
        .all()
    )
    chosen: dict[int, list[Run]] = defaultdict(list)
    if odd:
        chosen |= _choose(connection, odd)
        run_named(connection, "index_seq")
        connection.execute(text("ANALYZE seq"))
        _keep(connection, [run for runs in chosen.values() for run in runs])
    slot_highs: dict[int, datetime | None] = {}
    again = []
    for scope in scopes:
        if scope.load_high is None:
            slot_highs[scope.device_id] = None
            continue
        end = _settled_end(connection, scope, reach[scope.device_id], [*known[scope.device_id], *chosen[scope.device_id]])
        if end is None:
            again.append(scope)
        else:
            slot_highs[scope.device_id] = end
    run_named(
        connection,
        "set_slots",
        devices=devices,
        lows=_open([s.slot_low for s in scopes], "-infinity"),
        highs=_open([slot_highs.get(s.device_id) for s in scopes], "infinity"),
    )
    return again


def _choose(connection: Connection, devices: Sequence[int]) -> dict[int, list[Run]]:
    replaced = {row.device_id: row.at for row in run_named(connection, "replaced", devices=devices)}
    odd = (Odd(*row) for row in run_named(connection, "odd_readings", devices=devices))
    return {device: find_runs(list(own), replaced.get(device, [])) for device, own in groupby(odd, attrgetter("device_id"))}


def _keep(connection: Connection, runs: Sequence[Run]) -> None:
    if runs:
        run_named(
            connection,
            "add_runs",
            devices=[run.device_id for run in runs],
            since_ns=[run.since_n for run in runs],
            at_ns=[run.at_n for run in runs],
            sinces=[run.since for run in runs],
            ats=[run.at for run in runs],
        )


def _settled_end(connection: Connection, scope: Scope, reach: timedelta, runs: Sequence[Run]) -> datetime | None:
    """Find where old and new ledger meet again: the end of the slot of the first later reading that no run, old or new, holds."""
    assert scope.load_high is not None
    times = connection.execute(
        text("SELECT time FROM seq WHERE device_id = :id AND time > :high AND time <= :trusted ORDER BY time"),
        {"id": scope.device_id, "high": scope.high, "trusted": scope.load_high - reach},
    ).scalars()
    accepted = _outside_all(times, runs)
    if not accepted:
        return None
    end: datetime = slot_of(accepted[0] - TICK) + SLOT
    return end if accepted[-1] >= end else None


def _apply(connection: Connection) -> int:
    if connection.execute(text("SELECT EXISTS (SELECT FROM work WHERE NOT fast AND NOT fresh)")).scalar():
        ends = connection.execute(
            text("SELECT min(slot_low)::text, max(slot_high)::text FROM work WHERE NOT fast AND NOT fresh")
        ).one()
        run_named(connection, "find_changes", low=ends[0], high=ends[1])
        run_named(connection, "note_revised")
        run_named(connection, "replace_slots")
        _delete_vanished(connection)
    run_named(connection, "append_slots")
    run_named(connection, "drop_events")
    run_named(connection, "write_events")
    run_named(connection, "note_touched")
    run_named(connection, "save_state")
    return int(connection.execute(text("SELECT count(*) FROM touched")).scalar_one())


def _delete_vanished(connection: Connection) -> None:
    """Delete one device at a time with literal bounds: a joined DELETE would decompress the whole ledger."""
    for row in run_named(connection, "vanished"):
        connection.execute(
            text(
                "DELETE FROM tds.ledger WHERE device_id = :id AND middle >= :low AND middle <= :high AND middle = any(:middles)"
            ),
            {"id": row.device_id, "low": row.middles[0], "high": row.middles[-1], "middles": list(row.middles)},
        )


def _outside(instant: datetime, runs: Sequence[Run]) -> datetime:
    """Give the instant itself, or the accepted reading before the run that holds it."""
    return next((run.since for run in runs if run.since < instant < run.at), instant)


def _outside_all(times: Iterable[datetime], runs: Sequence[Run]) -> list[datetime]:
    """Give those of some rising times that no run holds."""
    waiting = deque(sorted(runs, key=attrgetter("since")))
    reached, outside = datetime.min.replace(tzinfo=UTC), []
    for time in times:
        while waiting and waiting[0].since < time:
            reached = max(reached, waiting.popleft().at)
        if reached <= time:
            outside.append(time)
    return outside


def slot_of(instant: datetime) -> datetime:
    """Give the start of the UTC quarter-hour that an instant lies in."""
    return datetime.fromtimestamp(int(instant.timestamp() // 900) * 900, UTC)


def _open(instants: Sequence[datetime | None], infinity: str) -> list[datetime | str]:
    return [infinity if instant is None else instant for instant in instants]
