"""Monthly reports on their way out: noted when they are due, taken one by one, settled as sent or to be tried again.

A mail is written down for its month and recipient before anybody sends it, so two workers send it once. A worker that dies between the
mail server's yes and the note of it is the one case in which a mail goes out again, under the same Message-ID.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sql.fleet import Account
from sql.postponing import Patience
from sql.report_recipients import FILE
from sql.statements import statements

# Whoever takes a mail has so long, and is ended before (ingest/report_worker.py); then another may.
LEASE = timedelta(minutes=15)
PATIENCE = Patience(FILE, shortest=timedelta(minutes=1), longest=timedelta(hours=2), lasts=timedelta(days=3))


class Mail(NamedTuple):
    """A mail that somebody holds: which month of which account, to whom, in which language, and who had asked for it."""

    id: UUID
    account: Account
    address: str
    locale: str
    asked_by: str
    month: date
    attempts: int


class Failing(NamedTuple):
    """Recipients who did not get their last report."""

    recipients: int
    since: datetime
    fault: str


def note_due(connection: Connection, now: datetime) -> None:
    """Write down what has become due."""
    connection.execute(statements(FILE)["note_due"], {"now": now})


def waits(connection: Connection, now: datetime) -> bool:
    """Tell whether a mail is to be sent now."""
    return bool(connection.execute(statements(FILE)["waits"], {"now": now}).scalar_one())


def take(connection: Connection, now: datetime) -> Mail | None:
    """Take the mail that is due longest; None where nothing is due."""
    row = connection.execute(statements(FILE)["take"], {"now": now, "lease": LEASE}).one_or_none()
    if row is None:
        return None
    return Mail(row.id, Account(*row[1:6]), row.address, row.language, row.created_by, row.month, row.attempts)


def sent(connection: Connection, mail: Mail, now: datetime) -> None:
    """Note that a mail was taken."""
    PATIENCE.sent(connection, mail.id, now)


def failed(connection: Connection, mail: Mail, fault: str, now: datetime) -> None:
    """Note that a mail was not taken; it is tried again, with growing pauses, for some days."""
    PATIENCE.failed(connection, mail.id, mail.attempts, fault, now)


def failing(connection: Connection) -> Failing | None:
    """Say how many recipients did not get their last report; None where all did."""
    found = Failing(*connection.execute(statements(FILE)["failing"]).one())
    return found if found.recipients else None


def named(connection: Connection) -> int:
    """Count the recipients of all accounts."""
    return int(connection.execute(statements(FILE)["named"]).scalar_one())
