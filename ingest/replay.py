"""Trying kept rejections again: decoded, resolved and stored as intake would have, had the register been then what it is now.

A request (table `replay`) is worked off batch by batch, each one transaction: what can be stored is stored and its rejection
removed, what cannot stays with its reason of now. Killed at any moment, nothing is lost and nothing doubled; two workers never
hold the same request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ingest.directory import Directory, Gateway
from ingest.keeping import Refusal, insert, lock_tally
from ingest.message import decode
from ingest.rejection import Rejection
from ingest.resolve import RETENTION, Resolved, Row, resolve
from ingest.writer import find_conflicts, store_readings
from sql.statements import raw_statements

FILE = "replay.sql"
MOST_REJECTIONS = 500
MOST_BYTES = 1024 * 1024


class Waiting(NamedTuple):
    """A request that waits, and its gateway's MAC."""

    id: int
    mac: str


class Request(NamedTuple):
    """What is to be tried again; done: it was worked off once and is looked at a second time."""

    id: int
    account_id: int
    gateway_id: int
    code: str | None
    reasons: list[str]
    position: int
    newest: int
    done: bool

    @property
    def of_strangers(self) -> bool:
        """Whether it means what came while the gateway was registered nowhere."""
        return self.reasons == ["unknown_gateway"]


class Kept(NamedTuple):
    """A rejection as it was kept."""

    id: int
    received_at: datetime
    topic: str
    payload: bytes
    digest: bytes


class Replayed(NamedTuple):
    """What a batch came to: readings stored, readings known already, parts that stay rejected."""

    stored: int
    known: int
    refused: int


NOTHING = Replayed(0, 0, 0)


def find_waiting(connection: Connection, request_id: int | None = None) -> Waiting | None:
    """Find the request that has waited longest, or the given one; None where nothing waits that nobody works on."""
    with connection, connection.cursor() as cursor:
        cursor.execute(raw_statements(FILE)["waiting"], {"id": request_id})
        found = cursor.fetchone()
    return None if found is None else Waiting(*found)


def replay_one_batch(connection: Connection, waiting: Waiting, now: datetime, most: int = MOST_REJECTIONS) -> Replayed:
    """Work off the next rejections of a request in one transaction. Raises psycopg2's errors, after which nothing has changed."""
    directory = Directory()
    directory.look_up(connection, [waiting.mac])
    gateway = directory.gateways.get(waiting.mac)
    with connection, connection.cursor() as cursor:
        request = _claim(cursor, waiting)
        if request is None:
            return NOTHING
        if gateway is None or gateway.id != request.gateway_id:  # retired meanwhile
            _finish(cursor, request, for_good=True)
            return NOTHING
        # As intake does, before anything that the tally counts; and whoever replays the same waits here, before it reads.
        lock_tally(cursor, [gateway.id, None] if request.of_strangers else [gateway.id])
        kept = _next_batch(cursor, request, waiting.mac, most)
        if not kept:
            _finish(cursor, request, for_good=request.done)
            return NOTHING
        outcome = _replay(cursor, gateway, directory, kept, now)
        _note(cursor, request, kept[-1].id, len(kept), outcome)
    return outcome


def skip_one(connection: Connection, waiting: Waiting) -> None:
    """Leave the next rejection of a request as it is: the database will not take it."""
    with connection, connection.cursor() as cursor:
        request = _claim(cursor, waiting)
        for one in _next_batch(cursor, request, waiting.mac, 1) if request else []:
            assert request is not None
            _note(cursor, request, one.id, 1, Replayed(0, 0, 1))


def _claim(cursor: Cursor, waiting: Waiting) -> Request | None:
    """Take the request until the transaction ends; None where another worker was faster."""
    cursor.execute(raw_statements(FILE)["claim"], {"id": waiting.id})
    claimed = cursor.fetchone()
    return None if claimed is None else Request(*claimed)


def _finish(cursor: Cursor, request: Request, for_good: bool) -> None:
    cursor.execute(raw_statements(FILE)["finish"], {"id": request.id, "for_good": for_good})


def _next_batch(cursor: Cursor, request: Request, mac: str, most: int) -> list[Kept]:
    wanted = {
        "gateway": request.gateway_id,
        "mac": mac,
        "code": request.code,
        "reasons": request.reasons,
        "position": request.position,
        "newest": request.newest,
        "most": most,
    }
    cursor.execute(raw_statements(FILE)["batch_of_stranger" if request.of_strangers else "batch_of_gateway"], wanted)
    batch: list[Kept] = []
    size = 0
    for number, received_at, topic, payload, digest in cursor:
        if batch and size + len(payload) > MOST_BYTES:
            break
        size += len(payload)
        batch.append(Kept(number, received_at, topic, bytes(payload), bytes(digest)))
    return batch


def _replay(cursor: Cursor, gateway: Gateway, directory: Directory, kept: Sequence[Kept], now: datetime) -> Replayed:
    # The clock that counts is that of the arrival: a reading from the future does not become true by waiting.
    resolved = [_resolve(one, directory, now) for one in kept]
    rows = [row for each in resolved for row in each.rows]
    fresh, known = store_readings(cursor, rows, kept[-1].received_at) if rows else (0, set())
    owners = {id(each.message): each for each in resolved}
    conflicts = find_conflicts(cursor, rows) if known else {}
    for ordinal, rejection in conflicts.items():
        owners[id(rows[ordinal].message)].rejections.append(rejection)
    stays = [_stays(one, each, gateway) for one, each in zip(kept, resolved, strict=True)]
    gone = [one for one, unchanged in zip(kept, stays, strict=True) if not unchanged]
    cursor.execute(raw_statements(FILE)["take_out"], {"ids": [one.id for one in gone]})
    insert(
        cursor,
        (
            (Refusal.of(each.message.mac, gateway, rejection), one.received_at)
            for one, each, unchanged in zip(kept, resolved, stays, strict=True)
            for rejection in each.rejections
            if not unchanged
        ),
    )
    return Replayed(fresh, len(rows) - fresh - len(conflicts), sum(len(each.rejections) for each in resolved))


def _resolve(one: Kept, directory: Directory, now: datetime) -> Resolved:
    """Resolve as of the message's arrival; what retention has reached meanwhile is too old."""
    resolved = resolve(decode(one.topic, one.payload), directory, one.received_at)
    oldest = now - RETENTION
    expired = [row for row in resolved.rows if row.time < oldest]
    resolved.rows = [row for row in resolved.rows if row.time >= oldest]
    resolved.rejections += [_too_old(row) for row in expired]
    return resolved


def _too_old(row: Row) -> Rejection:
    return row.message.reject(row.reading, "too_old", f"{row.time.isoformat()} is older than readings are kept")


def _stays(one: Kept, resolved: Resolved, gateway: Gateway) -> bool:
    """Tell whether a rejection comes to itself again: then it stays as it is."""
    return not resolved.rows and [each.digest() for each in resolved.rejections] == [one.digest]


def _note(cursor: Cursor, request: Request, position: int, tried: int, outcome: Replayed) -> None:
    counted = {
        "id": request.id,
        "position": position,
        "newest": request.newest,
        "tried": tried,
        "stored": outcome.stored,
        "known": outcome.known,
        "refused": outcome.refused,
    }
    cursor.execute(raw_statements(FILE)["progress"], counted)
