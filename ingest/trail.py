"""One line for a commit, under the id that its rows have: the instant at which they were received."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ingest.rejection import storable
from ingest.resolve import Resolved
from ingest.writer import Stored

log = logging.getLogger(__name__)

# In a second, of commits in which all is well, and of those with something refused: what is beyond is counted.
ROUTINE, REFUSED = 1, 20
MOST_NAMED = 20


def batch_id(received_at: datetime) -> str:
    """Give a batch's id: what `received_at` of its rejections, and of its devices' and gateways' last word, says."""
    return received_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Trail:
    """Says what was committed, some lines a second at most."""

    def __init__(self) -> None:
        self._second, self._said, self._unsaid = 0, 0, 0

    def tell(self, batch: Sequence[Resolved], stored: Stored, received_at: datetime, seconds: float, now: float) -> None:
        """Say what one commit held; `now` in seconds of any clock."""
        if int(now) != self._second:
            self._second, self._said = int(now), 0
        if self._said >= (REFUSED if stored.rejections else ROUTINE):
            self._unsaid += 1
            return
        facts = _facts(batch, stored, received_at, seconds)
        if self._unsaid:
            facts["commits_unsaid"] = self._unsaid
        self._said, self._unsaid = self._said + 1, 0
        refused = f", refused {facts['rejections']}" if stored.rejections else ""
        text = f"stored {stored.readings} readings of {len(batch)} messages from {facts['gateway_count']} gateways{refused}"
        log.info("%s", text, extra={"facts": facts})


def _facts(batch: Sequence[Resolved], stored: Stored, received_at: datetime, seconds: float) -> dict[str, Any]:
    gateways = {resolved.message.mac for resolved in batch}
    facts: dict[str, Any] = {
        "batch": batch_id(received_at),
        "messages": len(batch),
        "readings": stored.readings,
        "duplicates": stored.duplicates,
        "rejections": dict(Counter(stored.rejections)),
        "milliseconds": round(1000 * seconds, 1),
        "gateway_count": len(gateways),
    }
    if len(gateways) <= MOST_NAMED:
        facts["gateways"] = sorted(storable(mac, 64) for mac in gateways)
    if len(numbers := [one.message.seq for one in batch if one.message.seq is not None]) <= MOST_NAMED and numbers:
        facts["seq"] = numbers
    return facts
