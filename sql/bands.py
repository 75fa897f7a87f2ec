"""Which part of consumption fell into which band of a tariff, and the largest quarter-hours: made by the worker, after the ledger.

A batch of the ledger worker queues the local days that it touched (`queue_touched`); a change of a tariff or holiday queues its
own days, by triggers. The queue is worked off in short transactions by one worker at a time, each from the ledger as it is then:
so it does not matter in which order anything came.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql.calendar import first_instant, month_after
from sql.engine import Store
from sql.statements import raw_statements, statements
from sql.tariffs import ONE_DAY, Plan, plan
from sql.units import convertible, ratio

FILE = "bands.sql"
PIECE_SECONDS = 2.0
# A day of a device is 96 rows of the ledger: about a second's work.
DEVICE_DAYS = 4_000
DEVICES_AT_ONCE = 1_000
BANDS_CHECK, DEMAND_CHECK = "bands against ledger", "largest quarter-hours against ledger"


class Days(NamedTuple):
    """Local days of a device to be made anew, both ends included; `total` as in tds.band_pending."""

    device_id: int
    low: date
    high: date
    total: int


class Reach(NamedTuple):
    """How far a device's ledger reaches, by local days, both ends included."""

    id: int
    unit: str
    low: date
    high: date


def queue_touched(connection: Connection) -> None:
    """Queue what the session's table `touched` says of devices whose tariff needs it; the last thing a batch does."""
    connection.execute(statements(FILE)["share_lock"])
    if connection.execute(statements(FILE)["has_bands"]).scalar():
        connection.execute(statements(FILE)["queue_bands"])
        connection.execute(statements(FILE)["queue_demand"])


def work(store: Store, seconds: float = PIECE_SECONDS) -> bool:
    """Work off what waits for so many seconds, unless another worker does; tells whether there was anything."""
    until = time.monotonic() + seconds
    worked = False
    while _piece(store, wait=False):
        worked = True
        if time.monotonic() > until:
            break
    return worked


def drain(store: Store) -> None:
    """Work off everything that waits, after whoever is at it."""
    while _piece(store, wait=True):
        pass


def differences(store: Store, device_ids: Sequence[int] | None = None, since: date | None = None) -> list[tuple[str, int, int]]:
    """Compare bands and largest quarter-hours with the ledger, from a local day on or from the beginning: check, device, rows."""
    drain(store)
    with store.transaction() as connection:
        kinds = connection.execute(statements(FILE)["banded"]).all()
    found: list[tuple[str, int, int]] = []
    for account_id, resource, _zone in kinds:
        with store.transaction() as connection:
            mine = plan(connection, account_id, resource)
            reach = _reach(connection, account_id, resource, since)
            wanted = [one for one in reach if device_ids is None or one.id in device_ids]
            for part in _parts(wanted):
                found += [(BANDS_CHECK, *row) for row in _band_differences(connection, mine, part, since)]
            if resource == "electricity" and wanted:
                rows = sum(_demand_differences(connection, account_id, mine, reach))
                found += [(DEMAND_CHECK, wanted[0].id, rows)] if rows else []
    return found


def mend(connection: Connection, device_ids: Sequence[int], first: date, last: date) -> None:
    """Have the days of devices, and of their accounts' largest quarter-hours, made anew."""
    binds = {"devices": list(device_ids), "first": first, "last": last}
    connection.execute(statements(FILE)["mend_bands"], binds)
    connection.execute(statements(FILE)["mend_demand"], binds)


def _piece(store: Store, wait: bool) -> bool:
    """Do what one transaction should hold; tells whether there is more to look for."""
    with store.transaction() as connection:
        if not connection.execute(statements(FILE)["waits"]).scalar():
            return False
        if wait:
            connection.execute(statements(FILE)["wait_for_work"])
        elif not connection.execute(statements(FILE)["one_at_work"]).scalar():
            return False
        connection.execute(text("SET LOCAL jit = off"))
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        connection.execute(statements(FILE)["drop_orphans"])
        row = connection.execute(statements(FILE)["next_devices"]).one_or_none()
        if row is not None:
            _rewrite_devices(connection, row.account_id, row.resource)
            return True
        account = connection.execute(statements(FILE)["next_demand"]).scalar()
        if account is not None:
            _rewrite_demand(connection, account)
        return True


def _rewrite_devices(connection: Connection, account_id: int, resource: str) -> None:
    taken = connection.execute(
        statements(FILE)["take_devices"], {"account": account_id, "resource": resource, "most": DEVICES_AT_ONCE}
    )
    now, later = _cut(_joined(Days(*row) for row in taken), DEVICE_DAYS)
    if later:
        binds: dict[str, Any] = {"devices": [one.device_id for one in later], "totals": [one.total for one in later]}
        binds |= {"lows": [one.low for one in later], "highs": [one.high for one in later]}
        connection.execute(statements(FILE)["put_back"], binds)
    if now:
        mine = plan(connection, account_id, resource)
        ranges = _ranges(now, mine.zone)
        _run(connection, "rewrite_days", **ranges, **_places(mine, now), zone=mine.zone, **_bounds(ranges))
        months = {name: ranges[name] for name in ("devices", "lows", "highs")}
        _run(connection, "rewrite_months", **months)


def _rewrite_demand(connection: Connection, account_id: int) -> None:
    ranges = [(row.low, row.high) for row in connection.execute(statements(FILE)["take_demand"], {"account": account_id})]
    if not ranges:
        return
    mine = plan(connection, account_id, "electricity")
    reach = _reach(connection, account_id, "electricity")
    most = max(1, DEVICE_DAYS // max(len(reach), 1))
    (low, high), rest = ranges[0], ranges[1:]
    if (high - low).days >= most:
        rest = [(low, high - most * ONE_DAY), *rest]
        low = high - (most - 1) * ONE_DAY
    if rest:
        binds = {"account": account_id, "lows": [one[0] for one in rest], "highs": [one[1] for one in rest]}
        connection.execute(statements(FILE)["put_demand_back"], binds)
    _run(connection, "rewrite_demand", **_demand_binds(account_id, mine, reach, low, high))


def _band_differences(connection: Connection, mine: Plan, part: Sequence[Reach], since: date | None) -> Sequence[Any]:
    days = [Days(one.id, one.low, one.high, 0) for one in part]
    ranges = _ranges(days, mine.zone)
    month = min(one.low for one in days).replace(day=1)
    if since is not None:  # of a month that it lies in a part is not looked at
        month = max(month, since if since.day == 1 else month_after(since))
    own: dict[str, Any] = {name: ranges[name] for name in ("devices", "starts", "ends")}
    own |= {**_places(mine, days), **_bounds(ranges), "zone": mine.zone, "first": since or date.min, "month": month}
    rows: Sequence[Any] = _run(connection, "band_differences", **own).all()
    return rows


def _demand_differences(connection: Connection, account_id: int, mine: Plan, reach: Sequence[Reach]) -> Iterable[int]:
    low, high = min(one.low for one in reach), max(one.high for one in reach)
    most = max(1, DEVICE_DAYS // len(reach))
    while low <= high:
        until = min(high, low + (most - 1) * ONE_DAY)
        yield int(_run(connection, "demand_differences", **_demand_binds(account_id, mine, reach, low, until)).scalar_one())
        low = until + ONE_DAY


def _reach(connection: Connection, account_id: int, resource: str, since: date | None = None) -> list[Reach]:
    rows = connection.execute(statements(FILE)["reach"], {"account": account_id, "resource": resource})
    found = [Reach(*row) for row in rows]
    return found if since is None else [one._replace(low=max(one.low, since)) for one in found if one.high >= since]


def _parts(reach: Sequence[Reach]) -> Iterable[list[Reach]]:
    """Cut devices into parts that one statement should look at."""
    part: list[Reach] = []
    days = 0
    for one in reach:
        part.append(one)
        days += (one.high - one.low).days + 1
        if days > DEVICE_DAYS * 5:
            yield part
            part, days = [], 0
    if part:
        yield part


def _joined(days: Iterable[Days]) -> list[Days]:
    """Join what overlaps, of each device; what the ledger touched comes first, then the newest."""
    found: list[Days] = []
    for one in sorted(days, key=lambda one: (one.device_id, one.low)):
        if found and found[-1].device_id == one.device_id and one.low <= found[-1].high + ONE_DAY:
            before = found[-1]
            found[-1] = before._replace(high=max(before.high, one.high), total=max(before.total, one.total))
        else:
            found.append(one)
    return sorted(found, key=lambda one: (one.total > 0, -one.high.toordinal()))


def _cut(days: Iterable[Days], most: int) -> tuple[list[Days], list[Days]]:
    """Give what fits into so many days, the newest days of a long stretch first, and what does not."""
    now: list[Days] = []
    later: list[Days] = []
    left = most
    for one in days:
        length = (one.high - one.low).days + 1
        if length <= left:
            now.append(one)
        elif left > 0:
            first = one.high - (left - 1) * ONE_DAY
            now.append(one._replace(low=first))
            later.append(one._replace(high=first - ONE_DAY))
        else:
            later.append(one)
        left = max(left - length, 0)
    return now, later


def _ranges(days: Sequence[Days], zone: str) -> dict[str, list[Any]]:
    return {
        "devices": [one.device_id for one in days],
        "lows": [one.low for one in days],
        "highs": [one.high for one in days],
        "starts": [first_instant(one.low, zone) for one in days],
        "ends": [first_instant(one.high + ONE_DAY, zone) for one in days],
    }


def _bounds(ranges: Mapping[str, Sequence[Any]]) -> dict[str, datetime]:
    return {"low": min(ranges["starts"]), "high": max(ranges["ends"])}


def _places(mine: Plan, days: Sequence[Days]) -> dict[str, Any]:
    listed, places, bands = mine.places(min(one.low for one in days), max(one.high for one in days) + ONE_DAY)
    return {"days": listed, "places": places, "bands": bands}


def _demand_binds(account_id: int, mine: Plan, reach: Sequence[Reach], low: date, high: date) -> dict[str, Any]:
    factors = {one.id: ratio(one.unit, "kWh") for one in reach if convertible(one.unit, "kWh")}
    charged = [
        segment.start + number * ONE_DAY
        for segment in mine.segments(low, high + ONE_DAY)
        if segment.tariff is not None and segment.tariff.terms.demand > Decimal(0)
        for number in range((segment.end - segment.start).days)
    ]
    return {
        "account": account_id,
        "zone": mine.zone,
        "devices": list(factors),
        "factors": list(factors.values()),
        "low": first_instant(low, mine.zone),
        "high": first_instant(high + ONE_DAY, mine.zone),
        "first": low,
        "last": high,
        "days": charged,
    }


def _run(connection: Connection, name: str, **binds: Any) -> Any:
    bodies = raw_statements(FILE)
    return connection.execute(text(bodies[name].format(fresh=bodies["fresh"], largest=bodies["largest"])), binds)
