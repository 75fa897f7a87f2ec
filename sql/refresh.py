"""Refreshing the continuous aggregates of TimescaleDB: what late writes touched, and what has closed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from sql import running, step_totals
from sql.engine import Store
from sql.rollups import ELECTION_LOCK, Rollup, all_rollups, engine_of

# A bucket is materialised once it has been over for this long: the readings of its end have arrived by then.
SETTLED = timedelta(minutes=20)
NEIGHBOURS = timedelta(days=62)
PIECE = timedelta(days=30)  # of the quarter-hours, of which a new installation of this program may have years to make
THRESHOLD_LOCK = 7_245_125


def share_threshold(connection: Connection) -> None:
    """Keep TimescaleDB's threshold where it is until this batch of the ledger has ended; one of the last things the batch does.

    What is written above the threshold is noted nowhere, since no rollup has it yet. A commit reads the threshold as it begins: were it
    moved before the commit has ended, the refresh that moved it would neither see what was written nor be told of it later.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": THRESHOLD_LOCK})


def refresh(store: Store, now: datetime, wait: bool = False) -> bool:
    """TimescaleDB: refresh what late writes touched and what has closed since; tells whether it did anything.

    One worker does so at a time: another one leaves it to that one, or waits for it, and then does what is left.
    """
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine_of(connection) != "timescaledb":
            return False
        if wait:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ELECTION_LOCK})
        elif not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ELECTION_LOCK}).scalar():
            return False
        try:
            return _refresh_elected(store, connection, now)
        finally:
            if not connection.invalidated:  # a connection that broke has given its lock up
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ELECTION_LOCK})


def _refresh_elected(store: Store, connection: Connection, now: datetime) -> bool:
    pending = connection.execute(text("SELECT id, low, high, forced FROM tds.refresh_pending ORDER BY low")).all()
    ground = connection.execute(
        text(
            "SELECT min(range_start) FROM timescaledb_information.chunks WHERE hypertable_schema = 'tds' AND hypertable_name = 'ledger'"
        )
    ).scalar()
    if ground is None:
        return False
    did = False
    step_totals.release(connection)  # what a worker that died left held
    rollups = all_rollups(connection)
    threshold = max((rollup.refreshed_until or ground for rollup in rollups if rollup.step != "month"), default=ground)
    for rollup in rollups:
        horizon = rollup.start(now - SETTLED)
        done = rollup.refreshed_until or ground
        if rollup.packed:
            horizon = min(horizon, rollup.start(max(done, ground) + PIECE))
        if horizon > threshold and rollup.step != "month":  # months are made from days, which are written here alone
            did |= _move_threshold(connection, rollup, horizon, rollup.start(ground))
            threshold = horizon
        late = [(row.low, row.high) for row in pending if row.low < done and not row.forced]
        if horizon > done:
            late.append((max(done, ground), horizon - timedelta(seconds=1)))
        for low, high in _merged(late, rollup):
            did |= _refresh_range(connection, rollup, low, min(high, horizon), rollup.start(ground))
        for row in pending:
            if row.forced:  # a rollup that is wrong although nothing was written: only force makes it look again
                end = min(rollup.following(rollup.start(row.high)), horizon)
                did |= _refresh_range(connection, rollup, rollup.start(row.low), end, rollup.start(ground), force=True)
        if horizon > done:
            connection.execute(
                text("UPDATE tds.rollup SET refreshed_until = :until WHERE name = :name"), {"until": horizon, "name": rollup.name}
            )
    step_totals.release(connection)
    running.keep(store, [(row.low, row.high) for row in pending])
    if pending:
        connection.execute(text("DELETE FROM tds.refresh_pending WHERE id = any(:ids)"), {"ids": [row.id for row in pending]})
    return did


def _move_threshold(connection: Connection, rollup: Rollup, horizon: datetime, ground: datetime) -> bool:
    """Move the threshold to where a rollup's last closed bucket ends, by refreshing that one, while no batch is being committed."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": THRESHOLD_LOCK})
    try:
        return _refresh_range(connection, rollup, rollup.start(horizon - timedelta(seconds=1)), horizon, ground)
    finally:
        if not connection.invalidated:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": THRESHOLD_LOCK})


def _merged(ranges: Iterable[tuple[datetime, datetime]], rollup: Rollup) -> Iterator[tuple[datetime, datetime]]:
    """Give the whole buckets that ranges touch, one bucket beyond, with neighbours joined.

    What lies between was not invalidated and costs a refresh nothing, unless it is forced: months are joined only where they meet.
    """
    room = timedelta() if rollup.step == "month" else NEIGHBOURS
    current: tuple[datetime, datetime] | None = None
    for low, high in sorted(ranges):
        start, end = rollup.start(low), rollup.following(rollup.following(rollup.start(high)))
        if current is not None and start <= current[1] + room:
            current = (current[0], max(current[1], end))
        else:
            if current is not None:
                yield current
            current = (start, end)
    if current is not None:
        yield current


def _refresh_range(
    connection: Connection, rollup: Rollup, low: datetime, high: datetime, ground: datetime, force: bool = False
) -> bool:
    """Refresh whole buckets between two edges; tells whether there was anything to refresh.

    Never before the oldest chunk of the ledger, which would erase history; never the running bucket, whose
    later rows would then lie behind the materialised part and be seen by nobody.
    """
    low = max(low, ground)
    if low >= high:
        return False
    if rollup.step == "month":  # one month alone is refused where the clock changes within it
        low = rollup.start(low - timedelta(days=1))
    step_totals.hold(connection, rollup, low, high)
    # Without force a month stacked on days loses late days now and then (sql/README.md); it costs a fraction of a second.
    forced = ", force => true" if force or rollup.step == "month" else ""
    connection.exec_driver_sql(
        f"CALL refresh_continuous_aggregate('tds.{rollup.name}', '{low.isoformat()}'::timestamptz, '{high.isoformat()}'::timestamptz{forced})"
    )
    return True
