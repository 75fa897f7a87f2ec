"""The ledger worker's step: claim dirty devices, recompute them, bring the rollups along; and the check of everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import bands, rollups, running, totals
from sql.engine import Store
from sql.neighbours import first_after, last_before
from sql.recompute import TICK, Range, compute, recompute
from sql.refresh import refresh, share_threshold
from sql.statements import statements

DEVICES_PER_BATCH = 5_000
DEVICES_LOOKED_AT = 20_000
READINGS_PER_BATCH = 400_000
GAPS_PER_BATCH = timedelta(days=1_000)  # around late readings: 96,000 quarter-hours
DEVICES_VERIFIED_AT_ONCE = 20
LEDGER_CHECK = "ledger against readings"


class Difference(NamedTuple):
    """One place where two books disagree: which check, for which device, how many rows."""

    check: str
    device_id: int
    rows: int


def process_one_batch(store: Store) -> bool:
    """Work off the oldest dirty ranges that no other worker holds, in one transaction; tells whether there was work."""
    with store.transaction() as connection:  # on its own: another worker would wait for rows of a transaction that goes on
        connection.execute(statements("worker.sql")["ensure_states"])
    with store.transaction() as connection:
        ranges = _claim(connection)
        if ranges is None:
            return False
        if ranges:
            recompute(connection, ranges)
            if rollups.engine_of(connection) == "plain":
                rollups.rewrite_touched(connection)
            else:
                share_threshold(connection)
                connection.execute(statements("ledger.sql")["queue_refresh"])
            bands.queue_touched(connection)
            totals.queue_touched(connection)
    return True


def drain(store: Store, sessions: int = 1) -> int:
    """Work off every range that is dirty now, and refresh the rollups; gives the number of batches.

    What becomes dirty while it runs is left to the next one: under live intake a drain would never end otherwise.
    """
    rollups.add_missing_zones(store)
    with store.transaction() as connection:
        newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM tds.dirty")).scalar_one()
    with ThreadPoolExecutor(sessions) as pool:
        batches = sum(pool.map(_drain_alone, [store] * sessions, [newest] * sessions))
    while _waits(store, newest):  # another worker holds devices: wait for its commit, then look again
        with store.transaction() as connection:
            connection.execute(statements("worker.sql")["wait_for_others"], {"newest": newest})
        batches += _drain_alone(store, newest)
    refresh(store, datetime.now(UTC), wait=True)
    bands.drain(store)
    totals.drain(store)
    return batches


def lag_seconds(connection: Connection) -> float:
    """Give the age of the oldest dirty range, 0 where there is none."""
    return float(
        connection.execute(
            text("SELECT coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0) FROM tds.dirty")
        ).scalar_one()
    )


def mark_dirty(connection: Connection, device_ids: Sequence[int]) -> None:
    """Have the whole history of devices recomputed: their settings or a decision changed."""
    connection.execute(text("SELECT tds.mark_dirty(CAST(:ids AS integer[]))"), {"ids": list(device_ids)})


def _drain_alone(store: Store, newest: int) -> int:
    batches = 0
    while _waits(store, newest) and process_one_batch(store):
        batches += 1
    return batches


def _waits(store: Store, newest: int) -> bool:
    with store.transaction() as connection:
        return bool(
            connection.execute(text("SELECT EXISTS (SELECT FROM tds.dirty WHERE id <= :newest)"), {"newest": newest}).scalar()
        )


def _claim(connection: Connection) -> list[Range] | None:
    """Lock dirty devices and take their ranges; None where there is nothing to claim.

    The lock comes in a statement of its own, before anything is read: a statement that locks and reads
    sees the rows as they were before it had the lock.
    """
    waiting = connection.execute(statements("worker.sql")["waiting"], {"limit": DEVICES_LOOKED_AT}).all()
    held: list[int] = []
    readings = 0.0
    gone = 0
    for group in _groups(waiting):
        named = {"devices": [row.device_id for row in group]}
        gone += connection.execute(statements("worker.sql")["drop_orphans"], named).rowcount
        locked = set(connection.execute(statements("worker.sql")["lock"], named).scalars())
        locked -= _postponed(connection, [row for row in group if row.device_id in locked], bool(held))
        held += locked
        readings += sum(float(row.readings) for row in group if row.device_id in locked)
        if len(held) > DEVICES_PER_BATCH / 2 or readings > READINGS_PER_BATCH / 2:
            break
    if not held:
        return [] if gone else None
    taken = connection.execute(statements("worker.sql")["take"], {"devices": held}).all()
    merged: dict[int, Range] = {}
    for device_id, low, high, whole in taken:
        known = merged.get(device_id)
        merged[device_id] = (
            Range(device_id, low, high, whole)
            if known is None
            else Range(device_id, min(low, known.low), max(high, known.high), whole or known.whole)
        )
    return list(merged.values())


def _postponed(connection: Connection, rows: Sequence[Any], begun: bool) -> set[int]:
    """Choose the devices that keep their place in the queue: late readings in gaps so long that the others would wait for their shares.

    One reading in a gap of years has tens of thousands of quarter-hours shared out anew: a gateway that sends such ones to all its
    devices again and again must not keep everybody's figures back. A batch always takes the device that has waited longest.
    """
    late = {row.device_id: row for row in rows if row.late}
    before = last_before(connection, {device: row.low - TICK for device, row in late.items()})
    after = first_after(connection, {device: row.high + TICK for device, row in late.items()})
    postponed, spent = set(), timedelta()
    for row in rows:
        if row.late:
            gaps = row.low - before.get(row.device_id, row.low) + after.get(row.device_id, row.high) - row.high
            if begun and spent + gaps > GAPS_PER_BATCH:
                postponed.add(row.device_id)
            else:
                spent += gaps
        begun = True
    return postponed


def _groups(waiting: Sequence[Any]) -> Iterator[list[Any]]:
    """Cut waiting devices into groups that fill one batch each."""
    group: list[Any] = []
    readings = 0.0
    for row in waiting:
        if group and (readings + float(row.readings) > READINGS_PER_BATCH or len(group) == DEVICES_PER_BATCH):
            yield group
            group, readings = [], 0.0
        group.append(row)
        readings += float(row.readings)
    if group:
        yield group


def verify(store: Store, device_ids: Sequence[int] | None = None) -> list[Difference]:
    """Compare the ledger with the readings, and every rollup with the ledger; gives what differs, nothing when all is well."""
    with store.transaction() as connection:
        devices = device_ids or connection.execute(text("SELECT device_id FROM tds.ledger_state ORDER BY 1")).scalars().all()
    found = verify_ledger(store, devices) + verify_rollups(store, devices)
    return found + verify_bands(store, devices) + verify_totals(store, devices)


def verify_ledger(store: Store, device_ids: Sequence[int]) -> list[Difference]:
    """Compare the ledger of devices with what their readings say."""
    found: list[Difference] = []
    now = datetime.now(UTC)
    for start in range(0, len(device_ids), DEVICES_VERIFIED_AT_ONCE):
        with store.transaction() as connection:
            wanted = {"devices": list(device_ids[start : start + DEVICES_VERIFIED_AT_ONCE])}
            held = connection.execute(statements("worker.sql")["lock_settled"], wanted).scalars().all()
            compute(connection, [Range(device, now, now, True) for device in held], fast=False)
            rows = connection.execute(statements("worker.sql")["ledger_differences"])
            found += [Difference(LEDGER_CHECK, *row) for row in rows]
    return found


def verify_rollups(store: Store, device_ids: Sequence[int] | None = None, since: datetime | None = None) -> list[Difference]:
    """Compare every rollup with the ledger, for devices or all, from an instant on or from the beginning."""
    found = _rollup_differences(store, device_ids, since)
    # Late writes that wait for their refresh, or that a worker made while we looked, are no fault: we look once more.
    return found and _rollup_differences(store, sorted({difference.device_id for difference in found}), since)


def verify_bands(store: Store, device_ids: Sequence[int] | None = None, since: datetime | None = None) -> list[Difference]:
    """Compare what fell into which band of a tariff, and the largest quarter-hours, with the ledger, for devices or all."""
    day = since.date() if since else None
    found = bands.differences(store, device_ids, day)
    return [Difference(*one) for one in found and bands.differences(store, device_ids, day)]  # as of rollups


def verify_totals(store: Store, device_ids: Sequence[int] | None = None, since: datetime | None = None) -> list[Difference]:
    """Compare what many devices took together with the ledger, for the groups of devices or all."""
    found = totals.differences(store, device_ids, since)
    return [Difference(*one) for one in found and totals.differences(store, device_ids, since)]  # as of rollups


def _rollup_differences(store: Store, device_ids: Sequence[int] | None, since: datetime | None) -> list[Difference]:
    refresh(store, datetime.now(UTC), wait=True)
    found: list[Difference] = []
    with store.transaction() as connection:
        devices = device_ids or connection.execute(text("SELECT device_id FROM tds.ledger_state ORDER BY 1")).scalars().all()
        for rollup in rollups.all_rollups(connection):
            rows = rollups.differences(connection, rollup, devices, since)
            found += [Difference(f"{rollup.name} against ledger", device, count) for device, count in rows]
        found += [Difference(*one) for one in running.differences(connection, devices)]
    return found
