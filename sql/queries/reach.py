"""How far the figures of a device reach: from its first accepted reading to its last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/reach.sql"


class Reach(NamedTuple):
    """First and last reading that the ledger knows."""

    first: datetime
    last: datetime

    def covers(self, start: datetime, end: datetime) -> bool:
        """Tell whether anything of a period lies between the first reading and the last."""
        return start < self.last and self.first < end


def reach(conn: Connection, device_ids: Sequence[int]) -> dict[int, Reach]:
    """Give the reach of each device that has any."""
    rows = conn.execute(statements(FILE)["reach"], {"ids": list(device_ids)})
    return {row.device_id: Reach(row.first_time, row.last_time) for row in rows}


def newest(conn: Connection, device_ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Give the newest reading of each device that reports: up to there its figures are known, and no further."""
    rows = conn.execute(statements(FILE)["newest"], {"ids": list(device_ids), "now": now})
    return {row.device_id: row.last_time for row in rows}
