"""How often Mosquitto ended by itself: kept beside its configuration, for `tds broker` and for `tds doctor`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from broker.place import Place, write

FILE = "crashes"
KEPT = 20
# More often than this within the time, and starting it again mends nothing.
MOST, WITHIN = 5, timedelta(minutes=10)
WINDOWS_EXCEPTION = 0xC0000000


class Crash(NamedTuple):
    """When Mosquitto ended, and the signal that ended it, negative as Python gives it."""

    at: datetime
    status: int


def is_crash(status: int) -> bool:
    """Tell whether a process that ended with this status was ended by a signal, and did not end of its own will."""
    return status < 0 or status >= WINDOWS_EXCEPTION


def note(place: Place, crash: Crash) -> bool:
    """Write a crash down; tells whether it is worth while to start again."""
    known = [*recall(place.folder), crash][-KEPT:]
    write(place, FILE, "".join(f"{one.at.isoformat()} {one.status}\n" for one in known).encode())
    return sum(crash.at - one.at < WITHIN for one in known) <= MOST


def recall(folder: Path) -> list[Crash]:
    """Give the last crashes, oldest first; none where nothing can be read."""
    try:
        lines = (folder / FILE).read_text(encoding="ascii").splitlines()
        return [Crash(datetime.fromisoformat(at), int(status)) for at, status in (line.split() for line in lines)]
    except (OSError, ValueError):
        return []
