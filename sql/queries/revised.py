"""Buckets that changed after they were first complete: late readings came and the figures followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sql.consumption import Step, buckets
from sql.statements import statements

FILE = "queries/revised.sql"
MARKED = timedelta(days=30)  # how long what was revised stays marked on charts


def revised(
    conn: Connection, device_ids: Sequence[int], step: Step, start: datetime, end: datetime, zone: str, since: datetime
) -> dict[datetime, datetime]:
    """Give, for each bucket that was revised since an instant, its start and when it last was."""
    starts = buckets(step, start, end, zone)
    if not starts or not device_ids:
        return {}
    binds = {"ids": list(device_ids), "starts": starts, "start": starts[0], "end": end, "since": since}
    return {starts[row.number - 1]: row.revised_at for row in conn.execute(statements(FILE)["revised"], binds)}
