"""What the meters of an account took together by hour, local day and local month: kept by the worker, after the rollups.

The groups are those of `totals`. A bucket is added up once it is materialised; before a rollup changes, its buckets are named in
`total_stale`, and whoever reads does without their totals until they have been added up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql import calendar
from sql.engine import Store
from sql.rollups import ELECTION_LOCK, Rollup
from sql.statements import quote_identifier, raw_statements, statements

FILE = "step_totals.sql"
CHECK = "totals against rollups"
ROWS = 400_000  # of one transaction: about a second's work
NEVER, EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=20_000)
WIDTH = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30)}


class Kept(NamedTuple):
    """The totals of a group by one step: of which zone, and from which rollup."""

    group_id: int
    step: str
    zone: str
    rollup: str


def hold(connection: Connection, rollup: Rollup, low: datetime, high: datetime) -> None:
    """Say, before buckets of a rollup change, that they are about to."""
    if rollup.packed:
        return
    connection.execute(statements(FILE)["hold"], {"step": rollup.step, "zone": rollup.zone, "low": low, "high": high})


def release(connection: Connection) -> None:
    """Say that no rollup is about to change."""
    connection.execute(statements(FILE)["release"])


def adopt_zones(connection: Connection, wait: bool) -> None:
    """Have groups that are new, or whose account has moved, added up; not while a rollup changes, which does not name them."""
    if not connection.execute(statements(FILE)["homeless"]).scalar():
        return
    lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    if connection.execute(text(f"SELECT {lock}(:key)"), {"key": ELECTION_LOCK}).scalar() is not False:
        connection.execute(statements(FILE)["adopt_zones"])


def begin_anew(connection: Connection, group: int) -> None:
    """Have everything of a group added up anew."""
    connection.execute(statements(FILE)["begin_anew"], {"group": group})


def shift(connection: Connection, group: int, devices: Sequence[int], signs: Sequence[int]) -> None:
    """Add devices to a group's totals, or take them away: `signs` says which."""
    binds = {"group": group, "devices": list(devices), "signs": list(signs)}
    for one in _kept(connection, None):
        if one.group_id == group:
            _run(connection, "shift", one, **binds)
    connection.execute(statements(FILE)["tidy"], {"group": group})


def waits(connection: Connection) -> bool:
    """Tell whether there is anything to add up."""
    return connection.execute(statements(FILE)["next"]).first() is not None


def piece(connection: Connection) -> bool:
    """Add up what one transaction should hold; tells whether there may be more. Whoever calls is the only one at work."""
    row = connection.execute(statements(FILE)["next"]).one_or_none()
    if row is None:
        return False
    one, closed = Kept(*row[:4]), row.closed
    wanted = {"group": one.group_id, "step": one.step}
    waiting = connection.execute(statements(FILE)["take"], wanted).all()
    reach = connection.execute(statements(FILE)["reach"], wanted).one()  # afterwards: it holds all that what was taken is of
    most = min(max(ROWS // max(reach.members, 1), 1) * WIDTH[one.step], LONGEST)
    later = []
    for low, high in waiting:
        start, end = _within(one, low, high, reach, closed)
        begin = max(start, end - most)
        if begin < end:
            _run(connection, "rewrite", one, low=begin, high=end)
            most -= min(end - begin, most)
        later += [(low, begin)] if start < begin < end or begin >= end > start else []
        later += [(max(low, closed), high)] if high > closed else []
    if later:
        binds = {"group": one.group_id, "step": one.step, "lows": [low for low, _ in later], "highs": [high for _, high in later]}
        connection.execute(statements(FILE)["put_back"], binds)
    return True


def differences(store: Store, device_ids: Sequence[int] | None, since: datetime | None) -> list[tuple[str, int, int]]:
    """Compare the totals of devices' groups with the rollups, from an instant on or from the beginning: check, a member, rows."""
    found = []
    with store.transaction() as connection:
        for one, device in _kept(connection, device_ids).items():
            reach = connection.execute(statements(FILE)["reach"], {"group": one.group_id, "step": one.step}).one()
            if reach.low is None:
                continue
            low, end = _within(one, since or NEVER, EVER, reach, EVER)
            rows = _run(connection, "differences", one, group=one.group_id, low=low, high=end).scalar_one()
            found += [(f"{one.rollup} {CHECK}", device, rows)] if rows else []
    return found


def mend(connection: Connection, device_ids: Sequence[int], low: datetime, high: datetime) -> None:
    """Have a period of the groups of devices added up anew."""
    connection.execute(statements(FILE)["mend"], {"devices": list(device_ids), "low": low, "high": high})


def _kept(connection: Connection, device_ids: Sequence[int] | None) -> dict[Kept, int]:
    rows = connection.execute(statements(FILE)["kept"], {"devices": None if device_ids is None else list(device_ids)})
    return {Kept(*row[:4]): row.device_id for row in rows}


def _within(one: Kept, low: datetime, high: datetime, reach: Any, closed: datetime) -> tuple[datetime, datetime]:
    """Give the part of a stretch that there is anything of, and that has closed, from the start of a bucket on."""
    zone = "UTC" if one.step == "hour" else one.zone
    if reach.low is None:
        return high, high
    first, last = (calendar.bucket_start(one.step, moment, zone) for moment in (reach.low, reach.high))
    return max(low, first), min(high, closed, calendar.next_bucket(one.step, last, zone))


def _run(connection: Connection, name: str, one: Kept, **binds: Any) -> Any:
    source = quote_identifier(one.rollup if one.step != "day" else f"{one.rollup}_closed")
    bodies = raw_statements(FILE)
    body = bodies[name].format(source=source, fresh=bodies["fresh"].format(source=source))
    return connection.execute(text(body), {"group": one.group_id, "step": one.step, **binds})
