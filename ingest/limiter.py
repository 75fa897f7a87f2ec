"""How fast rejections of one gateway are kept, and saying so: a gateway gone mad must fill neither the disk nor the log."""

from __future__ import annotations

import heapq
import logging
from collections import Counter
from collections.abc import Mapping

import msgspec

from ingest.rejection import Rejection, storable

log = logging.getLogger(__name__)

BURST = 5000
PER_HOUR = 3600
REMIND_SECONDS = 60.0
MOST_NAMED = 5
MOST_KNOWN = 10_000


class _Allowance(msgspec.Struct):
    left: float
    at: float
    said: bool = False


class RejectionLimiter:
    """An allowance per topic's MAC, refilled by the hour; what is beyond it is counted by the caller, not kept."""

    def __init__(self, burst: int = BURST, per_hour: int = PER_HOUR) -> None:
        self.burst, self.per_hour = burst, per_hour
        self._allowances: dict[str, _Allowance] = {}

    def admit(self, mac: str, rejection: Rejection, now: float) -> Rejection | None:
        """Give the rejection to keep, or None; the last one before the limit says that there is one. `now` in seconds."""
        if len(self._allowances) >= MOST_KNOWN and mac not in self._allowances:
            self._forget(now)
        allowance = self._allowances.setdefault(mac, _Allowance(self.burst, now))
        allowance.left, allowance.at = self._refilled(allowance, now), now
        if allowance.left >= 1:
            allowance.left -= 1
            allowance.said = allowance.said and allowance.left < self.burst / 2
            return rejection
        if allowance.said:
            return None
        allowance.said = True
        note = f"{rejection.detail}; more than {self.per_hour} rejections an hour: further ones are counted, not kept"
        return msgspec.structs.replace(rejection, detail=note)

    def _refilled(self, allowance: _Allowance, now: float) -> float:
        return min(self.burst, allowance.left + max(0.0, now - allowance.at) * self.per_hour / 3600)

    def _forget(self, now: float) -> None:
        """Make room: whoever has all of it again is as one who was never heard; of the others, those who have most left."""
        left = {mac: self._refilled(allowance, now) for mac, allowance in self._allowances.items()}
        for mac in heapq.nlargest(MOST_KNOWN // 2, left, key=lambda mac: left[mac]):
            del self._allowances[mac]


class Complaints:
    """What was refused and not kept, said in the log at once and then at most once a minute."""

    def __init__(self) -> None:
        self._unsaid: Counter[str] = Counter()
        self._next = 0.0

    def note(self, suppressed: Mapping[str, int], now: float) -> None:
        """Add what a commit did not keep, by MAC, and say what is due; `now` in seconds."""
        self._unsaid.update(suppressed)
        if not self._unsaid or now < self._next:
            return
        for mac, count in self._unsaid.most_common(MOST_NAMED):
            log.warning("%s sent %d more messages or readings that were refused and not kept", storable(mac, 64), count)
        if len(self._unsaid) > MOST_NAMED:
            rest = sum(self._unsaid.values()) - sum(count for _, count in self._unsaid.most_common(MOST_NAMED))
            log.warning("%d other gateways sent %d such messages", len(self._unsaid) - MOST_NAMED, rest)
        self._unsaid.clear()
        self._next = now + REMIND_SECONDS
