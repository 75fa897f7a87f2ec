"""The database's clock, asked now and then: all ingesters judge by one clock, and none by a clock of its own that was set wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as Connection

from sql.statements import raw_statements

# Nobody sets this one, and where there is such a clock it goes on while the machine sleeps.
_TICKING = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock:
    """Tells the time that the database told last, plus what has passed since."""

    def __init__(self) -> None:
        self._told, self._at = datetime.now(UTC), _ticks()

    def ask(self, connection: Connection) -> None:
        """Ask the database; in a transaction of its own."""
        with connection, connection.cursor() as cursor:
            cursor.execute(raw_statements("intake.sql")["clock"])
            found = cursor.fetchone()
        assert found is not None
        self._told, self._at = found[0].astimezone(UTC), _ticks()

    def now(self) -> datetime:
        """Give the time in UTC."""
        return self._told + timedelta(seconds=_ticks() - self._at)


def _ticks() -> float:
    return time.monotonic() if _TICKING is None else time.clock_gettime(_TICKING)
