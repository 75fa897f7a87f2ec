"""What came late or twice: counted by gateway and quarter-hour of the readings, for the gateway's delivery."""

from __future__ import annotations

from collections.abc import Container, Sequence, Set
from datetime import datetime, timedelta

import msgspec

from ingest.resolve import Resolved

QUARTER = 15


class Counts(msgspec.Struct):
    """Readings of one gateway and quarter-hour that were late or there already, and the longest way of a late one."""

    late: int = 0
    duplicated: int = 0
    longest: timedelta = timedelta(0)


Delivery = dict[tuple[int, datetime], Counts]


def count_delivery(batch: Sequence[Resolved], known: Set[int], refused: Container[int], received_at: datetime) -> Delivery:
    """Count by gateway and quarter-hour; `known` and `refused` are ordinals of rows: stored before, conflicting with what is."""
    found: Delivery = {}
    ordinal = 0
    for resolved in batch:
        gateway = resolved.gateway
        if gateway is None or resolved.oldest is None:
            continue
        if not known and received_at - resolved.oldest <= gateway.late_after:  # nearly always
            continue
        if not known and resolved.oldest == resolved.newest and (delay := received_at - resolved.oldest) > gateway.all_late_after:
            _add(found, gateway.id, resolved.oldest, len(resolved.rows), delay)  # a backlog is made of such
            continue
        time, delay, counts = None, timedelta(0), None
        for row in resolved.rows:
            if row.time is not time:  # most readings of a message share its time
                time, delay, counts = row.time, received_at - row.time, None
            is_known = known and ordinal in known
            if is_known or (delay > gateway.late_after and delay > gateway.devices[row.reading.code].late_after):
                if counts is None:
                    counts = found.setdefault((gateway.id, quarter(row.time)), Counts())
                if not is_known:
                    counts.late += 1
                    counts.longest = max(counts.longest, delay)
                elif ordinal not in refused:
                    counts.duplicated += 1
            ordinal += 1
    return found


def _add(found: Delivery, gateway_id: int, time: datetime, late: int, delay: timedelta) -> None:
    counts = found.setdefault((gateway_id, quarter(time)), Counts())
    counts.late += late
    counts.longest = max(counts.longest, delay)


def quarter(time: datetime) -> datetime:
    """Give the start of the quarter-hour of an instant in UTC."""
    return time.replace(minute=time.minute - time.minute % QUARTER, second=0, microsecond=0)
