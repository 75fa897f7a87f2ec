"""The demo's alarms: limits that its own figures nearly keep, so that something is open, something was, and somebody took note of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

from simulator.cast import AURORA, HARBOUR
from sql import alarms
from sql.alarm_figures import last_night, least_hours
from sql.alarm_watch import watch
from sql.alarms import Wanted
from sql.audit import Actor
from sql.calendar import bucket_start
from sql.consumption import consumption
from sql.engine import Store

KEY = "demo_alarms"
AGE = timedelta(days=30)


class Part(NamedTuple):
    """What one account of the demo watches: by name a meter with a daily limit and one with a base load, and who took note, how."""

    account: str
    daily: str
    base: str
    by: str
    note: str


PARTS = (
    Part(
        AURORA,
        "Compressores de ar",
        "Iluminação e escritórios",
        "bruno@aurora.example",
        "Compressor 2 ligado na troca de turno; manutenção avisada.",
    ),
    Part(
        HARBOUR, "Compressor A", "Dock lighting", "harriet@harbour.example", "Door of freezer 2 was left open during unloading."
    ),
)


def furnish(store: Store, now: datetime) -> bool:
    """Make the rules, have them judged once, and take note of what is over; once for a database, tells whether it did."""
    with store.transaction() as connection:
        taken = connection.execute(
            text("INSERT INTO tds.meta (key, value) VALUES (:key, 'made') ON CONFLICT DO NOTHING RETURNING key"), {"key": KEY}
        ).scalar()
        if taken is None:
            return False
        for part in PARTS:
            _rules(connection, part, now)
    watch(store, now, range(60), silences=False)
    with store.transaction() as connection:
        for part in PARTS:
            _note(connection, part)
    return True


def _rules(connection: Connection, part: Part, now: datetime) -> None:
    found = connection.execute(
        text("SELECT id, timezone FROM tds.account WHERE name = :name"), {"name": part.account}
    ).one_or_none()
    if found is None:
        return
    devices = {
        name: number
        for number, name in connection.execute(
            text("SELECT id, name FROM tds.device WHERE account_id = :account AND retired_at IS NULL"), {"account": found.id}
        )
    }
    _add(connection, found.id, "silence", None, None, part.by, now)
    if part.daily in devices:
        today = bucket_start("day", now, found.timezone)
        rows = consumption(connection, [devices[part.daily]], "day", today - timedelta(days=7), today, found.timezone)
        limit = between(sorted(row.consumption for row in rows if row.consumption is not None))
        _add(connection, found.id, "daily", devices[part.daily], limit, part.by, now)
    if part.base in devices:
        night = least_hours(connection, [devices[part.base]], last_night(now, found.timezone)[2], found.timezone)
        base = night.get(devices[part.base])
        _add(connection, found.id, "base", devices[part.base], base and rounded(base * Decimal("0.8")), part.by, now)


def between(days: Sequence[Decimal]) -> Decimal | None:
    """Give a limit that only the largest of some days broke."""
    return rounded((days[-1] + days[-2]) / 2) if len(days) > 1 and days[-1] > days[-2] > 0 else None


def rounded(value: Decimal) -> Decimal | None:
    """Give a value as a person would set it, with three digits."""
    return round(value, 2 - value.adjusted()) if value > 0 else None


def _add(
    connection: Connection, account: int, kind: str, device: int | None, limit: Decimal | None, by: str, now: datetime
) -> None:
    if kind != "silence" and not limit:
        return
    connection.execute(
        text(
            "INSERT INTO tds.alarm_rule (account_id, kind, device_id, threshold, created_at, created_by)"
            " VALUES (:account, :kind, :device, :limit, :since, :by)"
        ),
        {"account": account, "kind": kind, "device": device, "limit": limit, "since": now - AGE, "by": by},
    )


def _note(connection: Connection, part: Part) -> None:
    """Take note of the newest alarm of the account that is over."""
    account = connection.execute(text("SELECT id FROM tds.account WHERE name = :name"), {"name": part.account}).scalar()
    over = alarms.alarms(connection, Wanted(account, open=False), 1) if account is not None else []
    for alarm in over:
        # As it would have been seen at the time.
        connection.execute(
            text(
                "UPDATE tds.alarm SET since = period_end - interval '2 hours', opened_at = period_end - interval '2 hours', closed_at = period_end,"
                " outcome = 'next_period' WHERE id = :id"
            ),
            {"id": alarm.id},
        )
        alarms.acknowledge(connection, alarm, Actor(part.by), part.note)
