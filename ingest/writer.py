"""Store a batch in one transaction: readings once, dirty ranges, last-seen, delivery, rejections. Committed or not at all.

The session commits without waiting for the disk, so that what arrived can be read some milliseconds sooner, and then waits
for it: nobody is told that a batch is stored before it would survive the server's end.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ingest.delivery import Delivery, count_delivery
from ingest.keeping import Admit, Refusal, keep, lock_tally
from ingest.rejection import Rejection
from ingest.resolve import Resolved, Row
from sql.statements import raw_statements

# So few readings go by arrays; more of them by COPY, which costs less for each and more for the first.
FEW = 500


class Stored(msgspec.Struct, frozen=True):
    """What a commit held: new readings, readings that were known already, the reasons of all rejections.

    `suppressed`: how many rejections were only counted, by MAC; `late`: how many of the new readings arrived when their
    device had been silent already.
    """

    readings: int
    duplicates: int
    rejections: list[str]
    suppressed: Mapping[str, int] = {}
    late: int = 0


def prepare(connection: Connection) -> None:
    """Make what the session needs before its first batch."""
    with connection, connection.cursor() as cursor:
        statements = raw_statements("intake.sql")
        cursor.execute(statements["make_staging"])
        for readings in ("many_readings", "few_readings"):
            cursor.execute(f"{statements[readings]} {statements['store_readings']}")
        cursor.execute(statements["see_gateways"])


def store(connection: Connection, batch: Sequence[Resolved], received_at: datetime, admit: Admit) -> Stored:
    """Write a batch, commit, and wait until it is on the disk; raises psycopg2's errors, after which it has to be stored again.

    `admit` says of each rejection, by its topic's MAC, in what form it is kept, or that it is only counted.
    """
    rows = [row for resolved in batch for row in resolved.rows]
    refused = [
        Refusal.of(resolved.message.mac, resolved.gateway, rejection) for resolved in batch for rejection in resolved.rejections
    ]
    suppressed: Mapping[str, int] = {}
    fresh = late = 0
    with _transaction(connection) as cursor:
        begin = "BEGIN;"
        if refused:
            cursor.execute(begin)
            # As a replay does: before the devices, or each of the two would wait for the other.
            lock_tally(cursor, {each.owner for each in refused})
            begin = ""
        first = begin + _seeing(cursor, batch, received_at)
        if rows:
            fresh, known = store_readings(cursor, rows, received_at, first)
            conflicts = find_conflicts(cursor, rows) if known else {}
            if conflicts:
                gateways = {id(resolved.message): resolved.gateway for resolved in batch}
                for ordinal, rejection in conflicts.items():
                    message = rows[ordinal].message
                    refused.append(Refusal(message.mac, gateways[id(message)], rejection))
            delivery = count_delivery(batch, known, conflicts, received_at)
            late = sum(counts.late for counts in delivery.values())
            _note_delivery(cursor, delivery)
        elif first:
            cursor.execute(first)
        if refused:
            suppressed = keep(cursor, refused, received_at, admit)
        commit(cursor)
    return Stored(fresh, len(rows) - fresh, [each.rejection.reason for each in refused], suppressed, late)


def store_readings(cursor: Cursor, rows: Sequence[Row], received_at: datetime, first: str = "") -> tuple[int, set[int]]:
    """Store rows, after what is to be executed first; gives the number of new ones and the ordinals of the others."""
    if len(rows) > FEW:
        if first:
            cursor.execute(first)
        _stage(cursor, rows)
        cursor.execute("EXECUTE store_many (%s, %s)", (received_at, len(rows)))
    else:
        few = cursor.mogrify("EXECUTE store_few (%s, %s, %s, %s, %s)", (received_at, len(rows), *_arrays(rows)))
        cursor.execute(first.encode() + few)
    found = cursor.fetchone()
    assert found is not None
    return int(found[0]), set(found[1] or ())


@contextmanager
def _transaction(connection: Connection) -> Iterator[Cursor]:
    """Give a cursor whose statements begin and end the transaction themselves: BEGIN goes along with the first one."""
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            try:
                yield cursor
            except BaseException:
                with suppress(psycopg2.Error):
                    cursor.execute("ROLLBACK")
                raise
    finally:
        if not connection.closed:
            connection.autocommit = False


def commit(cursor: Cursor) -> None:
    """End the transaction, and come back when it is on the disk, as far as the server is set to see to that."""
    cursor.execute(raw_statements("intake.sql")["commit"])


def _stage(cursor: Cursor, rows: Sequence[Row]) -> None:
    cursor.copy_expert(raw_statements("intake.sql")["copy_staging"], io.StringIO(copy_text(rows)), size=1 << 18)


def _arrays(rows: Sequence[Row]) -> tuple[str, str, str]:
    """Write devices, times and values as arrays; nothing in them needs to be escaped, as in `copy_text`."""
    columns = ([str(row.device_id) for row in rows], [row.time.isoformat() for row in rows], [str(row.value) for row in rows])
    devices, times, values = (f"{{{','.join(column)}}}" for column in columns)
    return devices, times, values


def copy_text(rows: Sequence[Row]) -> str:
    """Write rows as COPY reads them; ids, instants and decimals only, so that nothing needs to be escaped."""
    lines: list[str] = []
    time, text = None, ""
    for ordinal, row in enumerate(rows):
        if row.time is not time:  # most readings of a message share its time
            time, text = row.time, row.time.isoformat()
        lines.append(f"{ordinal}\t{row.device_id}\t{text}\t{row.value!s}\n")
    return "".join(lines)


def find_conflicts(cursor: Cursor, rows: Sequence[Row]) -> dict[int, Rejection]:
    """Find, by ordinal, the readings whose instant is taken by a different value: the first stored wins."""
    times = [row.time for row in rows]
    if len(rows) <= FEW:
        _stage(cursor, rows)
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


def _seeing(cursor: Cursor, batch: Sequence[Resolved], received_at: datetime) -> str:
    """Give the statement that notes who was heard, with a semicolon behind it, or nothing."""
    online = {resolved.gateway.id: resolved.message.online is not False for resolved in batch if resolved.gateway is not None}
    if not online:
        return ""
    given = (list(online), received_at, list(online.values()))
    return cursor.mogrify("EXECUTE see_gateways (%s, %s, %s);", given).decode()
