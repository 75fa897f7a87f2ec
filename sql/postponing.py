"""What is on its way to somebody: noted as taken, or to be tried again, with pauses that grow, until patience ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sql.statements import statements

LONGEST_FAULT = 300


class Patience(NamedTuple):
    """How long to wait after the first try, how long at most, and for how long to go on; with the file of the statements `sent` and `failed`."""

    file: str
    shortest: timedelta
    longest: timedelta
    lasts: timedelta

    def pause(self, attempts: int) -> timedelta:
        """Say how long to wait after so many tries: twice as long each time."""
        return min(self.longest, self.shortest * (1 << min(attempts - 1, 16)))

    def sent(self, connection: Connection, number: UUID, now: datetime) -> None:
        """Note that it was taken."""
        connection.execute(statements(self.file)["sent"], {"id": number, "now": now})

    def failed(self, connection: Connection, number: UUID, attempts: int, fault: str, now: datetime) -> None:
        """Note that it was not taken, and when to try again."""
        binds = {"id": number, "now": now, "fault": fault[:LONGEST_FAULT], "pause": self.pause(attempts), "patience": self.lasts}
        connection.execute(statements(self.file)["failed"], binds)
