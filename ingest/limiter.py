"""How many rejections of one gateway are kept: a gateway gone mad must not fill the disk."""

from __future__ import annotations

import msgspec

from ingest.rejection import Rejection

BURST = 2000
PER_HOUR = 1000


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
        allowance = self._allowances.setdefault(mac, _Allowance(self.burst, now))
        allowance.left = min(self.burst, allowance.left + max(0.0, now - allowance.at) * self.per_hour / 3600)
        allowance.at = now
        if allowance.left >= 1:
            allowance.left -= 1
            allowance.said = allowance.said and allowance.left < self.burst / 2
            return rejection
        if allowance.said:
            return None
        allowance.said = True
        note = f"{rejection.detail}; more than {self.per_hour} rejections an hour: further ones are counted, not kept"
        return msgspec.structs.replace(rejection, detail=note)
