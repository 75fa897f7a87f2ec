"""The domain errors of TDS: one small tree, translated once at each border (command line, HTTP)."""

from __future__ import annotations


class TdsError(Exception):
    """A request that is refused, with one sentence for the person who made it."""


class StoreUnavailable(TdsError):
    """The database cannot be reached or has no usable schema."""


class NotFound(TdsError):
    """The thing asked for does not exist for whoever asks."""


class Refused(TdsError):
    """The request contradicts a rule; nothing was changed. `key` and `values` let a page say it in its reader's language."""

    def __init__(self, message: str, key: str = "", **values: object) -> None:
        super().__init__(message)
        self.key = key
        self.values = values


class Outdated(Refused):
    """Somebody else has changed it since it was looked at."""

    def __init__(self) -> None:
        super().__init__("somebody else has changed this meanwhile", "outdated")
