"""Books that balance: opening and closing register of a period, each correction between them, and the sum of the bars."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql.consumption import outward
from sql.errors import Refused
from sql.statements import statements

TRIES = 3
FAR = (timedelta(days=3), timedelta(days=40), timedelta(days=80_000))


class Correction(NamedTuple):
    """What a pair of readings added to, or took from, the plain difference of its registers."""

    at: datetime
    kind: str
    amount: Decimal


class Books(NamedTuple):
    """The page of a period; registers are None where the device has none within reach."""

    start: datetime
    end: datetime
    opening: Decimal | None
    closing: Decimal | None
    corrections: list[Correction]
    consumption: Decimal
    estimated: Decimal
    balanced: bool


def books(connection: Connection, device_id: int, start: datetime, end: datetime) -> Books:
    """Open the books of a device for a period, moved outwards to quarter-hours.

    Consumption is what the ledger holds; the registers come from the readings. They balance when
    closing - opening + corrections is the consumption, to the last decimal.
    """
    kind = connection.execute(text("SELECT kind FROM tds.device WHERE id = :id"), {"id": device_id}).scalar_one()
    if kind == "gauge":
        raise Refused("a gauge has no register: books are kept for counters and intervals", "gauge_books")
    low, high = outward("15min", start, end, "UTC")
    for _ in range(TRIES):  # while readings are being booked, another look sees them in ledger and registers alike
        until = _booked_until(connection, device_id)
        page = _open(connection, device_id, kind, low, high, until or low)
        if until == _booked_until(connection, device_id):
            break
    return page


def _booked_until(connection: Connection, device_id: int) -> datetime | None:
    found: datetime | None = connection.execute(statements("books.sql")["booked_until"], {"device": device_id}).scalar()
    return found


def _open(connection: Connection, device_id: int, kind: str, low: datetime, high: datetime, until: datetime) -> Books:
    values = {"device": device_id, "start": low, "end": high}
    booked = connection.execute(statements("books.sql")["booked"], values).one()
    consumption, estimated = booked.quantity or Decimal(0), booked.estimated or Decimal(0)
    if kind == "interval":
        return Books(low, high, None, None, [], consumption, estimated, True)
    if connection.execute(statements("books.sql")["closed"], values).scalar():
        raise Refused(
            "the readings of that time are gone with retention: its figures are closed, and only readings could prove them",
            "closed",
        )
    first = _register(connection, device_id, low, until)
    last = _register(connection, device_id, high, until)
    # Before the first reading the books open with it; after the last they close with it.
    opening = first.register if first.before_time is not None else first.after_value
    closing = last.register if last.before_time is not None else last.after_value
    corrections = [
        Correction(*row)
        for row in connection.execute(
            statements("books.sql")["corrections"],
            {**values, "start": low if first.before_time is not None else first.after_time or low},
        )
    ]
    moved = (closing or Decimal(0)) - (opening or Decimal(0)) + sum((c.amount for c in corrections), Decimal(0))
    return Books(low, high, opening, closing, corrections, consumption, estimated, moved == consumption)


def _register(connection: Connection, device_id: int, instant: datetime, until: datetime) -> Any:
    """Find the register at an instant, looking further out only where nothing is near; readings after `until` are not booked."""
    row: Any = None
    for span in FAR:
        row = connection.execute(
            statements("books.sql")["register_at"],
            {"device": device_id, "instant": instant, "low": instant - span, "high": instant + span, "until": until},
        ).one()
        if row.before_time is not None and (row.before_time == instant or row.after_time is not None):
            break
    return row
