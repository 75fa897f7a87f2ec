"""Store a batch in one transaction: readings once, dirty ranges, last-seen, delivery, rejections. Committed or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from ingest.delivery import Delivery, count_delivery
from ingest.rejection import Rejection, storable
from ingest.resolve import Resolved, Row
from sql.statements import raw_statements

Admit = Callable[[str, Rejection], Rejection | None]


class Stored(msgspec.Struct, frozen=True):
    """What a commit held: new readings, readings that were known already, the reasons of all rejections, how many were not kept.

    `late`: how many of the new ones arrived when their device had been silent already.
    """

    readings: int
    duplicates: int
    rejections: list[str]
    suppressed: int
    late: int = 0


def prepare(connection: Connection) -> None:
    """Make what the session needs before its first batch."""
    with connection, connection.cursor() as cursor:
        cursor.execute(raw_statements("intake.sql")["make_staging"])
        cursor.execute(raw_statements("intake.sql")["store_readings"])


def store(connection: Connection, batch: Sequence[Resolved], received_at: datetime, admit: Admit) -> Stored:
    """Write a batch and commit; raises psycopg2's errors, after which nothing of it is stored.

    `admit` says of each rejection, by its topic's MAC, in what form it is kept, or that it is only counted.
    """
    rows = [row for resolved in batch for row in resolved.rows]
    refused = [(resolved, rejection) for resolved in batch for rejection in resolved.rejections]
    fresh = suppressed = late = 0
    with connection, connection.cursor() as cursor:
        if rows:
            fresh, known = _store_readings(cursor, rows, received_at)
            conflicts = _conflicts(cursor, rows) if known else {}
            if conflicts:
                owners = {id(resolved.message): resolved for resolved in batch}
                refused += [(owners[id(rows[ordinal].message)], rejection) for ordinal, rejection in conflicts.items()]
            delivery = count_delivery(batch, known, conflicts, received_at)
            late = sum(counts.late for counts in delivery.values())
            _note_delivery(cursor, delivery)
        _see_gateways(cursor, batch, received_at)
        if refused:
            kept = [
                (resolved, admitted) for resolved, each in refused if (admitted := admit(resolved.message.mac, each)) is not None
            ]
            suppressed = len(refused) - len(kept)
            _reject(cursor, kept, received_at)
    return Stored(fresh, len(rows) - fresh, [rejection.reason for _, rejection in refused], suppressed, late)


def _store_readings(cursor: Cursor, rows: Sequence[Row], received_at: datetime) -> tuple[int, set[int]]:
    """Store rows; gives the number of new ones and the ordinals of the others."""
    cursor.copy_expert(raw_statements("intake.sql")["copy_staging"], io.StringIO(copy_text(rows)), size=1 << 18)
    cursor.execute("EXECUTE store_readings (%s, %s)", (received_at, len(rows)))
    found = cursor.fetchone()
    assert found is not None
    return int(found[0]), set(found[1] or ())


def copy_text(rows: Sequence[Row]) -> str:
    """Write rows as COPY reads them; ids, instants and decimals only, so that nothing needs to be escaped."""
    lines: list[str] = []
    time, text = None, ""
    for ordinal, row in enumerate(rows):
        if row.time is not time:  # most readings of a message share its time
            time, text = row.time, row.time.isoformat()
        lines.append(f"{ordinal}\t{row.device_id}\t{text}\t{row.value}\n")
    return "".join(lines)


def _conflicts(cursor: Cursor, rows: Sequence[Row]) -> dict[int, Rejection]:
    """Find, by ordinal, the readings whose instant is taken by a different value: the first stored wins."""
    times = [row.time for row in rows]
    cursor.execute(raw_statements("intake.sql")["conflicts"], {"low": min(times), "high": max(times)})
    found = {}
    for ordinal, value in cursor.fetchall():
        row = rows[ordinal]
        detail = f"{row.time.isoformat()} is stored as {value}, not {row.value}"
        found[ordinal] = row.message.reject(row.reading, "conflicting_duplicate", detail)
    return found


def _note_delivery(cursor: Cursor, delivery: Delivery) -> None:
    if delivery:
        found = {
            "gateways": [gateway_id for gateway_id, _ in delivery],
            "slots": [slot for _, slot in delivery],
            "late": [counts.late for counts in delivery.values()],
            "duplicated": [counts.duplicated for counts in delivery.values()],
            "longest": [counts.longest for counts in delivery.values()],
        }
        cursor.execute(raw_statements("intake.sql")["delivered"], found)


def _see_gateways(cursor: Cursor, batch: Sequence[Resolved], received_at: datetime) -> None:
    online = {resolved.gateway.id: resolved.message.online is not False for resolved in batch if resolved.gateway is not None}
    if online:
        seen = {"ids": list(online), "heard": [received_at] * len(online), "online": list(online.values())}
        cursor.execute(raw_statements("intake.sql")["gateways_seen"], seen)


def _reject(cursor: Cursor, kept: Sequence[tuple[Resolved, Rejection]], received_at: datetime) -> None:
    values = [
        (
            received_at,
            resolved.gateway.account_id if resolved.gateway else None,
            resolved.gateway.id if resolved.gateway else None,
            storable(resolved.message.mac, 64),
            None if rejection.code is None else storable(rejection.code, 64),
            rejection.reason,
            storable(rejection.detail),
            storable(rejection.topic),
            rejection.payload,
            rejection.digest(),
        )
        for resolved, rejection in kept
    ]
    if values:
        execute_values(cursor, raw_statements("intake.sql")["reject"], values, page_size=200)
