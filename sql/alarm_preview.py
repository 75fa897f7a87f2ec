"""What a rule would have done: how often it would have raised an alarm lately, and what is not heard now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from sql import rollups
from sql.alarm_figures import COMPARED, NIGHT, last_night, least, share_of, usual
from sql.alarm_judging import METERED
from sql.alarm_rules import Draft, metered
from sql.alarms import FILE
from sql.calendar import bucket_start, first_instant
from sql.consumption import ConsumptionRow, Step, consumption
from sql.statements import quote_identifier, raw_statements, statements

DAYS, MONTHS = 30, 12
# So many rows of rollups are read at most: of more devices than that the first are looked at, and the preview says so.
MOST_ROWS = 100_000


class Hit(NamedTuple):
    """One time that a rule would have raised an alarm: of which device, in the day, month or night that begins then, with what."""

    device_id: int
    start: datetime
    value: Decimal


class Preview(NamedTuple):
    """What a rule would have done to so many of its devices: hits of the last `days`, the oldest first; or what is not heard now."""

    kind: str
    devices: int
    looked_at: int
    days: int
    hits: list[Hit]
    gateways_now: int = 0
    devices_now: int = 0
    usual: Decimal | None = None  # of one device, of a share: what its nights of today's weekday come to


def preview(connection: Connection, account_id: int, draft: Draft, zone: str, now: datetime) -> Preview:
    """Hold a rule that is not made yet against what was measured; the draft has no faults."""
    if draft.kind not in METERED:
        return _silence(connection, account_id, draft, now)
    devices = metered(connection, account_id, draft.target)
    if draft.kind == "base":
        return _nights(connection, devices, draft, zone, now)
    assert draft.threshold is not None
    today = bucket_start("day", now, zone)
    if draft.kind == "peak":
        hits, days, looked_at = (
            _peaks(connection, devices, draft.threshold, today - timedelta(days=DAYS), now, zone),
            DAYS,
            len(devices),
        )
    elif draft.kind == "daily":
        looked_at = min(len(devices), MOST_ROWS // DAYS)
        hits, days = _sums(connection, devices[:looked_at], draft.threshold, "day", today - timedelta(days=DAYS), now, zone), DAYS
    else:
        looked_at, days = min(len(devices), MOST_ROWS // MONTHS), 365
        start = bucket_start("month", today - timedelta(days=days), zone)
        hits = _sums(connection, devices[:looked_at], draft.threshold, "month", start, now, zone)
    return Preview(draft.kind, len(devices), looked_at, days, hits)


def _sums(
    connection: Connection, devices: Sequence[int], threshold: Decimal, step: Step, start: datetime, end: datetime, zone: str
) -> list[Hit]:
    rows = consumption(connection, devices, step, start, end, zone)
    found = [Hit(row.device_id, row.bucket, row.consumption) for row in rows if (row.consumption or 0) > threshold]  # type: ignore[arg-type]
    return sorted(found, key=lambda hit: (hit.start, hit.device_id))


def _peaks(
    connection: Connection, devices: Sequence[int], threshold: Decimal, start: datetime, end: datetime, zone: str
) -> list[Hit]:
    """Give the days whose largest measured quarter-hour broke the limit."""
    name = f"consumption_day_{rollups.slug(zone)}"
    if name not in {rollup.name for rollup in rollups.all_rollups(connection)}:
        return []
    statement = raw_statements(FILE)["largest_days"].format(day=quote_identifier(name))
    binds = {"devices": list(devices), "low": start, "high": end, "threshold": threshold}
    return [Hit(*row) for row in connection.execute(text(statement), binds)]


def _nights(connection: Connection, devices: Sequence[int], draft: Draft, zone: str, now: datetime) -> Preview:
    """Give the first night of each run of nights that broke the limit: as long as each does, it is one alarm."""
    _, end, last = last_night(now, zone)
    back = DAYS + (COMPARED[-1].days if draft.percent is not None else 0)
    looked_at = min(len(devices), max(1, MOST_ROWS // (24 * back)))
    first = last - timedelta(days=back)
    start = first_instant(first, zone)
    found = nightly(consumption(connection, devices[:looked_at], "hour", start, end, zone), zone)
    hits = []
    for device_id, nights in found.items():
        broken = False
        for day in (last - timedelta(days=DAYS - 1 - n) for n in range(DAYS)):
            value, threshold = nights.get(day), draft.threshold
            if draft.percent is not None:
                threshold = share_of(usual(_comparable(nights, day)), draft.percent)
            if value is None or not threshold:
                continue
            if value > threshold and not broken:
                hits.append(Hit(device_id, first_instant(day, zone), value))
            broken = value > threshold
    own = usual(_comparable(found[devices[0]], last + timedelta(days=1))) if len(devices) == 1 and devices[0] in found else None
    return Preview(draft.kind, len(devices), looked_at, DAYS, sorted(hits, key=lambda hit: (hit.start, hit.device_id)), usual=own)


def nightly(rows: Iterable[ConsumptionRow], zone: str) -> dict[int, dict[date, Decimal]]:
    """Give the least hour of each night by device and day."""
    place = ZoneInfo(zone)
    hours: dict[int, dict[date, list[ConsumptionRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        local = row.bucket.astimezone(place)
        if NIGHT[0] <= local.time() < NIGHT[1]:
            hours[row.device_id][local.date()].append(row)
    found: dict[int, dict[date, Decimal]] = {}
    for device_id, days in hours.items():
        values = {day: least(own) for day, own in days.items()}
        found[device_id] = {day: value for day, value in values.items() if value is not None}
    return found


def _comparable(nights: dict[date, Decimal], day: date) -> list[Decimal]:
    return [nights[day - back] for back in COMPARED if day - back in nights]


def _silence(connection: Connection, account_id: int, draft: Draft, now: datetime) -> Preview:
    target = draft.target
    binds = {"account": account_id, "device": target.device, "gateway": target.gateway, "resource": target.resource}
    row = connection.execute(statements(FILE)["ill_now"], {**binds, "kind": draft.kind, "now": now}).one()
    gateways = int(row.gateways) if draft.kind == "silence" else 0
    return Preview(draft.kind, 0, 0, 0, [], gateways_now=gateways, devices_now=int(row.devices))
