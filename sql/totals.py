"""What the meters of an account took together, quarter-hour by quarter-hour: kept by the worker, after the ledger.

A batch of the ledger worker queues what it touched (`queue_touched`); which meters belong together follows the fleet. What waits is
added up in short transactions by one worker at a time, each from the ledger as it is then, so that the order in which anything came
does not matter. Whoever reads takes what is not waiting, and the rest from the ledger (sql/queries/peaks.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import step_totals
from sql.calendar import bucket_start
from sql.engine import Store
from sql.statements import raw_statements, statements

FILE = "totals.sql"
CHECK = "totals against ledger"
FEWEST = 12  # meters that are worth it: the totals of two years are 70,000 rows, whatever they are of
SHIFTED = 16  # meters that come or go whose own ledger is added or taken away, instead of everything being added up anew
SETTLED = timedelta(minutes=20)  # a quarter-hour is added up once it has been over for this long
PIECE_SECONDS = 2.0
DEVICE_DAYS = 4_000  # of one transaction: about a second's work
SLOT, ONE_DAY = timedelta(minutes=15), timedelta(days=1)


class Change(NamedTuple):
    """A device that is not where it belongs: out of a group, and into an account's resource and unit; either may be nothing."""

    device_id: int
    leaves: int | None
    account_id: int | None
    resource: str | None
    unit: str | None


class Stretch(NamedTuple):
    """Middles of a group, from one on and before another, and how many members it has."""

    low: datetime
    high: datetime
    members: int


def queue_touched(connection: Connection) -> None:
    """Queue what the session's table `touched` says; one of the last things a batch does."""
    connection.execute(statements(FILE)["share_lock"])
    connection.execute(statements(FILE)["queue"])


def work(store: Store, now: datetime, seconds: float = PIECE_SECONDS) -> bool:
    """Follow the fleet and add up what waits for so many seconds, unless another worker does; tells whether there was anything."""
    until = time.monotonic() + seconds
    worked = _follow_fleet(store, wait=False)
    horizon = bucket_start("15min", now - SETTLED, "UTC")
    while _piece(store, horizon, wait=False) or _step_piece(store, wait=False):
        worked = True
        if time.monotonic() > until:
            break
    return worked


def drain(store: Store) -> None:
    """Follow the fleet and add up everything that waits, after whoever is at it."""
    _follow_fleet(store, wait=True)
    while _piece(store, None, wait=True) or _step_piece(store, wait=True):
        pass


def differences(
    store: Store, device_ids: Sequence[int] | None = None, since: datetime | None = None
) -> list[tuple[str, int, int]]:
    """Compare the totals of devices' groups with the ledger, from an instant on or from the beginning: check, a member, rows."""
    drain(store)
    found = []
    with store.transaction() as connection:
        binds = {"devices": None if device_ids is None else list(device_ids)}
        groups = connection.execute(statements(FILE)["members"], binds).all()
    for group in groups:
        if group.low is None:
            continue
        low = bucket_start("15min", max(group.low, since) if since else group.low, "UTC")
        high = bucket_start("15min", group.high, "UTC") + SLOT
        rows = 0
        while low < high:
            until = min(high, low + _most(group.members) * 5)
            with store.transaction() as connection:
                rows += _run(connection, "differences", group=group.group_id, low=low, high=until).scalar_one()
            low = until
        found += [(CHECK, group.device_id, rows)] if rows else []
    return found + step_totals.differences(store, device_ids, since)


def mend(connection: Connection, device_ids: Sequence[int], low: datetime, high: datetime) -> None:
    """Have a period of the groups of devices added up anew."""
    connection.execute(statements(FILE)["mend"], {"devices": list(device_ids), "low": low, "high": high})
    step_totals.mend(connection, device_ids, low, high)


def _follow_fleet(store: Store, wait: bool) -> bool:
    """Put devices where they belong; tells whether any was not there."""
    with store.transaction() as connection:
        if not _changes(connection) or not _elect(connection, wait):
            return False
        connection.execute(text("SET LOCAL jit = off"))
        connection.execute(statements(FILE)["lock_members"])
        changes = _changes(connection)  # again: as the batches that have ended since left it
        there = set(connection.execute(statements(FILE)["hold"], {"devices": [one.device_id for one in changes]}).scalars())
        into = _groups(connection, [one for one in changes if one.resource is not None])
        connection.execute(statements(FILE)["leave"], {"devices": [one.device_id for one in changes]})
        joining = {one.device_id: into[one[2:]] for one in changes if one.resource is not None and one.device_id in there}
        connection.execute(statements(FILE)["join"], {"devices": list(joining), "groups": list(joining.values())})
        for group in {*joining.values(), *(one.leaves for one in changes if one.leaves is not None)}:
            came = [device for device, number in joining.items() if number == group]
            went = [one.device_id for one in changes if one.leaves == group]
            _shift(connection, group, came, went, gone=not there.issuperset(went))
        connection.execute(statements(FILE)["drop_groups"])
        return bool(changes)


def _changes(connection: Connection) -> list[Change]:
    return [Change(*row) for row in connection.execute(statements(FILE)["changes"], {"fewest": FEWEST})]


def _groups(connection: Connection, changes: Iterable[Change]) -> dict[tuple[Any, ...], int]:
    """Give the groups that devices belong to, by account, resource and unit; makes those that are missing."""
    wanted = {one[2:] for one in changes}
    binds = {"accounts": [one[0] for one in wanted], "resources": [one[1] for one in wanted], "units": [one[2] for one in wanted]}
    connection.execute(statements(FILE)["add_groups"], binds)
    rows = connection.execute(statements(FILE)["groups"], {"accounts": binds["accounts"]})
    return {(row.account_id, row.resource, row.unit): row.id for row in rows}


def _shift(connection: Connection, group: int, came: Sequence[int], went: Sequence[int], gone: bool) -> None:
    """Bring a group's totals to its new members: by a few devices' own ledger, or all anew where they are many, or deleted."""
    if gone or len(came) + len(went) > SHIFTED:
        connection.execute(statements(FILE)["begin_anew"], {"group": group})
        connection.execute(statements(FILE)["queue_all"], {"group": group})
        step_totals.begin_anew(connection, group)
        return
    binds = {"group": group, "devices": [*came, *went], "signs": [1] * len(came) + [-1] * len(went)}
    connection.execute(statements(FILE)["shift"], binds)
    step_totals.shift(connection, group, [*came, *went], [1] * len(came) + [-1] * len(went))
    if went:
        connection.execute(statements(FILE)["drop_empty"], {"group": group})


def _elect(connection: Connection, wait: bool) -> bool:
    if wait:
        connection.execute(statements(FILE)["wait_for_work"])
        return True
    return bool(connection.execute(statements(FILE)["one_at_work"]).scalar())


def _piece(store: Store, horizon: datetime | None, wait: bool) -> bool:
    """Do what one transaction should hold; tells whether there may be more."""
    with store.transaction() as connection:
        wanted = {"horizon": horizon or "infinity"}
        if connection.execute(statements(FILE)["next_group"], wanted).scalar() is None or not _elect(connection, wait):
            return False
        connection.execute(text("SET LOCAL jit = off"))
        group = connection.execute(statements(FILE)["next_group"], wanted).scalar()
        if group is None:
            return False
        waiting = [Stretch(*row) for row in connection.execute(statements(FILE)["take"], {"group": group})]
        now, later = _cut(waiting, horizon)
        if later:
            binds = {"group": group, "lows": [one.low for one in later], "highs": [one.high for one in later]}
            connection.execute(statements(FILE)["put_back"], binds)
        for one in now:
            _run(connection, "rewrite", group=group, low=one.low, high=one.high)
        return True


def _step_piece(store: Store, wait: bool) -> bool:
    """Do as much of hours, days and months; tells whether there may be more."""
    with store.transaction() as connection:
        step_totals.adopt_zones(connection, wait)
        if not step_totals.waits(connection) or not _elect(connection, wait):
            return False
        connection.execute(text("SET LOCAL jit = off"))
        return step_totals.piece(connection)


def _cut(waiting: Iterable[Stretch], horizon: datetime | None) -> tuple[list[Stretch], list[Stretch]]:
    """Give what to add up now, the newest first, and what is left for later: what is too much, and what is not over yet."""
    now: list[Stretch] = []
    later: list[Stretch] = []
    spent = timedelta(0)
    for one in waiting:
        end = min(one.high, horizon) if horizon else one.high
        if end < one.high:
            later.append(one._replace(low=max(one.low, end)))
        most = _most(one.members) - spent
        begin = max(one.low, end - most) if most > timedelta(0) else end
        if begin < end:
            now.append(one._replace(low=begin, high=end))
            spent += end - begin
        if one.low < begin:
            later.append(one._replace(high=begin))
    return now, later


def _most(members: int) -> timedelta:
    """Give how long a stretch of a group one transaction should add up."""
    return max(SLOT, ONE_DAY * (DEVICE_DAYS / max(members, 1)))


def _run(connection: Connection, name: str, **binds: Any) -> Any:
    bodies = raw_statements(FILE)
    return connection.execute(text(bodies[name].format(fresh=bodies["fresh"])), binds)
