"""What a gateway should have delivered, and did: in the last 24 hours and day by day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from sql import calendar
from sql.statements import statements

FILE = "queries/delivery.sql"
DAYS = 7
DAY = timedelta(days=1)


class Delivered(NamedTuple):
    """Readings of a period by their own time; complete: of those expected, how many came; longest: the longest way of a late one."""

    start: datetime
    end: datetime
    expected: int
    received: int
    complete: int
    late: int
    duplicated: int
    longest: timedelta | None


class Delivery(NamedTuple):
    """The last 24 hours in whole quarter-hours, the last days with today first, and how long the newest arrival was on its way."""

    last_day: Delivered
    days: list[Delivered]
    delay: timedelta | None


def delivery(conn: Connection, gateway_id: int, now: datetime, zone: str) -> Delivery:
    """Give what a gateway of the account delivered; days are local ones of a zone."""
    until = calendar.bucket_start("15min", now, zone)
    starts, ends = [until - DAY], [until]
    end = now
    for _ in range(DAYS):
        start = calendar.bucket_start("day", end - timedelta(microseconds=1), zone)
        starts.append(start)
        ends.append(end)
        end = start
    binds = {"gateway": gateway_id, "starts": starts, "ends": ends}
    last_day, *days = [Delivered(*row) for row in conn.execute(statements(FILE)["delivery"], binds)]
    delay = conn.execute(statements(FILE)["delay"], {"gateway": gateway_id}).scalar()
    return Delivery(last_day, days, delay)
