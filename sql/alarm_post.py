"""Messages of alarms on their way out: taken one by one, written once, and settled as delivered or to be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import simplejson
from sqlalchemy import Connection

from sql.alarms import Alarm, Wanted, alarms
from sql.json_values import json_value
from sql.postponing import Patience
from sql.statements import statements

FILE = "alarm_post.sql"
# Whoever takes a message has so long; then another may.
LEASE = timedelta(minutes=3)
PATIENCE = Patience(FILE, shortest=timedelta(seconds=30), longest=timedelta(minutes=15), lasts=timedelta(days=1))
MOST_LISTED = 500


class Message(NamedTuple):
    """A message that somebody holds: to whom, and what it says, as it is written."""

    id: UUID
    account_id: int
    account: str
    timezone: str
    locale: str
    recipient_id: int
    channel: str
    address: str
    secret: str | None
    opened: list[int]
    closed: list[int]
    trial: bool
    created_at: datetime
    body: str
    attempts: int


class Failing(NamedTuple):
    """Recipients of a channel who are told nothing."""

    channel: str
    recipients: int
    since: datetime
    fault: str


def take(connection: Connection, now: datetime, url: str) -> Message | None:
    """Take the message that is due longest, written; None where nothing is due. `url` is where the pages are."""
    row = connection.execute(statements(FILE)["take"], {"now": now, "lease": LEASE}).one_or_none()
    if row is None:
        return None
    message = Message(*row)
    if message.body is None:
        message = message._replace(body=written(connection, message, url))
        connection.execute(statements(FILE)["write"], {"id": message.id, "body": message.body})
    return message


def written(connection: Connection, message: Message, url: str) -> str:
    """Write what a message says as JSON: its alarms as they are now, what opened before what closed."""
    numbers = [*message.opened, *(one for one in message.closed if one not in message.opened)]
    wanted = Wanted(message.account_id, ids=numbers[:MOST_LISTED])
    known = {alarm.id: alarm for alarm in alarms(connection, wanted, MOST_LISTED, ranked=False)} if numbers else {}
    place = ZoneInfo(message.timezone)
    events = [
        {
            "event": "opened" if number in message.opened else "closed",
            **document(known[number], place),
            "link": f"{url}/alarms?alarm={number}",
        }
        for number in numbers[:MOST_LISTED]
        if number in known
    ]
    facts = {
        "id": str(message.id),
        "type": "trial" if message.trial else "alarms",
        "account": message.account,
        "created_at": message.created_at.astimezone(place).isoformat(),
        "alarms": events,
        "more": max(0, len(numbers) - MOST_LISTED),
        "link": f"{url}/alarms",
    }
    return str(simplejson.dumps(facts, use_decimal=True, ensure_ascii=False))


def document(alarm: Alarm, place: ZoneInfo) -> dict[str, Any]:
    """Give an alarm as programs get it, its instants local to a zone."""
    return {
        name: json_value(value.astimezone(place) if isinstance(value, datetime) else value)
        for name, value in alarm.document().items()
    }


def sent(connection: Connection, message: Message, now: datetime) -> None:
    """Note that a message was taken."""
    PATIENCE.sent(connection, message.id, now)


def failed(connection: Connection, message: Message, fault: str, now: datetime) -> None:
    """Note that a message was not taken; it is tried again, with growing pauses, for a day."""
    PATIENCE.failed(connection, message.id, message.attempts, fault, now)


def abandon(connection: Connection, now: datetime) -> None:
    """Give up what waits for recipients who were switched off."""
    connection.execute(statements(FILE)["abandon"], {"now": now})


def failing(connection: Connection) -> Sequence[Failing]:
    """List the channels by which recipients are told nothing."""
    return [Failing(*row) for row in connection.execute(statements(FILE)["failing"])]
