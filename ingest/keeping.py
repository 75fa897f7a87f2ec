"""Which rejections are kept: as many of each gateway as its rate and its room in the database allow; the rest is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from ingest.directory import Gateway
from ingest.rejection import Rejection, storable
from sql.statements import raw_statements

Admit = Callable[[str, Rejection], Rejection | None]

# Of one gateway, and of all together that are registered nowhere: months of one device's readings, and no more disk than that.
MOST_KEPT = 100_000
MOST_BYTES = 64 * 1024 * 1024
AT_ONCE = 1000


class Refusal(NamedTuple):
    """Something that is not stored: whose it is, by its topic's MAC and, where that is registered, by gateway."""

    mac: str
    gateway: Gateway | None
    rejection: Rejection

    @classmethod
    def of(cls, mac: str, gateway: Gateway | None, rejection: Rejection) -> Refusal:
        """Make one; what is of no gateway of this account must not be seen by the account that has the gateway now."""
        return cls(mac, None if rejection.reason == "unknown_gateway" else gateway, rejection)

    @property
    def owner(self) -> int | None:
        """Whose room it takes: a gateway's, or that of all strangers."""
        return self.gateway.id if self.gateway else None


def keep(cursor: Cursor, refused: Sequence[Refusal], received_at: datetime, admit: Admit) -> Counter[str]:
    """Store what rate and room allow; gives, by MAC, how many were only counted.

    `admit` says of each rejection in what form it is kept, or that its gateway's rate does not allow it.
    """
    room = _room(cursor, {each.owner for each in refused})
    known = _kept_already(cursor, refused, room)
    kept: list[Refusal] = []
    unkept: Counter[int | None] = Counter()
    suppressed: Counter[str] = Counter()
    for each in refused:
        left, size = room[each.owner], len(each.rejection.payload)
        if known and each.rejection.digest() in known:
            continue
        admitted = admit(each.mac, each.rejection) if left[0] > 0 and left[1] >= size else None
        if admitted is None:
            unkept[each.owner] += 1
            suppressed[each.mac] += 1
        else:
            kept.append(each._replace(rejection=admitted))
            left[0], left[1] = left[0] - 1, left[1] - size
    insert(cursor, ((each, received_at) for each in kept))
    if unkept:
        owners = sorted(unkept, key=_order)
        counted = {"owners": owners, "counts": [unkept[owner] for owner in owners], "at": received_at}
        cursor.execute(raw_statements("intake.sql")["note_unkept"], counted)
    return suppressed


def insert(cursor: Cursor, refused: Iterable[tuple[Refusal, datetime]]) -> None:
    """Store rejections, each with the time when it was received; one that is there already counts once."""
    refused = list(refused)
    # One statement for all would be some ten megabytes, thrice; by several the tally is moved in the order in which everybody locks it.
    if len(refused) > AT_ONCE:
        refused.sort(key=lambda one: _order(one[0].owner))
    for start in range(0, len(refused), AT_ONCE):
        values = [_values(each, received_at) for each, received_at in refused[start : start + AT_ONCE]]
        execute_values(cursor, raw_statements("intake.sql")["reject"], values, page_size=AT_ONCE)


def lock_tally(cursor: Cursor, owners: Iterable[int | None]) -> list[tuple[int | None, int, int]]:
    """Lock what is counted for some gateways until the transaction ends; gives each with what is kept: number and bytes."""
    owners = list(owners)
    named = {"owners": [owner for owner in owners if owner is not None], "strangers": None in owners}
    cursor.execute(raw_statements("intake.sql")["lock_tally"], named)
    return cursor.fetchall()


def _order(owner: int | None) -> tuple[bool, int | None]:
    """Give what puts owners in the order in which the database sorts them: no gateway comes last."""
    return owner is None, owner


def _room(cursor: Cursor, owners: set[int | None]) -> dict[int | None, list[int]]:
    """Give how many rejections, and how many bytes, may still be kept of each."""
    room = {owner: [MOST_KEPT, MOST_BYTES] for owner in owners}
    for owner, kept, size in lock_tally(cursor, owners):
        room[owner] = [MOST_KEPT - kept, MOST_BYTES - size]
    return room


def _kept_already(cursor: Cursor, refused: Sequence[Refusal], room: Mapping[int | None, Sequence[int]]) -> set[bytes]:
    """Find those that are kept already, where there is not room for all: they need none, and are not missing."""
    wanted: dict[int | None, list[Refusal]] = {}
    for each in refused:
        wanted.setdefault(each.owner, []).append(each)
    short = [
        each.rejection.digest()
        for owner, group in wanted.items()
        if len(group) > room[owner][0] or sum(len(each.rejection.payload) for each in group) > room[owner][1]
        for each in group
    ]
    if not short:
        return set()
    cursor.execute(raw_statements("intake.sql")["kept_already"], {"digests": short})
    return {bytes(digest) for (digest,) in cursor}


def _values(each: Refusal, received_at: datetime) -> tuple[Any, ...]:
    rejection, gateway = each.rejection, each.gateway
    return (
        received_at,
        gateway.account_id if gateway else None,
        gateway.id if gateway else None,
        storable(each.mac, 64),
        None if rejection.code is None else storable(rejection.code, 64),
        rejection.reason,
        storable(rejection.detail),
        storable(rejection.topic),
        rejection.payload,
        rejection.digest(),
    )
