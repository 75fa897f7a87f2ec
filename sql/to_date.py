"""Consumption up to an instant of each device's own, which may lie within a quarter-hour: what lies beyond it, to be taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sql.consumption import QUARTER, Asked, ConsumptionRow, rows_of, summed
from sql.together import One

RECENT = timedelta(hours=1)


def beyond(
    connection: Connection,
    members: Sequence[One],
    ends: Mapping[int, datetime],
    until: datetime,
    zone: str,
    newest: Mapping[int, datetime] | None = None,
) -> list[ConsumptionRow]:
    """Give what members took between the end of each and a common instant, a quarter-hour's edge, as rows that take it off what was read up to there.

    `newest` names the newest readings of those of which that stretch is still running.
    """
    cut = [one for one in members if ends.get(one.device_id, until) < until]
    # Of a thousand meters one may report once a day: the others are not read as far back as it is.
    recent = {one for one in cut if until - ends[one.device_id] <= RECENT}
    found = []
    for some in ([one for one in cut if one in recent], [one for one in cut if one not in recent]):
        found += _beyond(connection, some, ends, until, zone, newest or {}) if some else []
    return [taken_off(row) for row in found]


def _beyond(
    connection: Connection,
    members: Sequence[One],
    ends: Mapping[int, datetime],
    until: datetime,
    zone: str,
    newest: Mapping[int, datetime],
) -> list[ConsumptionRow]:
    own = [ends[one.device_id] for one in members]
    values = {
        "groups": [one.number for one in members],
        "factors": [one.factor for one in members],
        "ends": own,
        "newest": [newest.get(one.device_id, until) for one in members],
    }
    times = " * m.factor" if any(one.factor != 1 for one in members) else ""
    first = min(own) - timedelta(seconds=min(own).timestamp() % QUARTER.total_seconds())
    asked = Asked([one.device_id for one in members], first, until, "beyond", values, times)
    return summed(rows_of(connection, asked, "15min", zone), "15min", zone)


def taken_off(row: ConsumptionRow) -> ConsumptionRow:
    """Turn what a row holds into what is less by it."""
    quantity, estimated = (None if one is None else -one for one in (row.consumption, row.estimated))
    return row._replace(consumption=quantity, estimated=estimated, coverage=-row.coverage)
