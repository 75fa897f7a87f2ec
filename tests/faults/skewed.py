"""The command line on a machine whose clock is wrong by what a file says, in seconds; it may change while the process runs.

SKEW_FILE=… python -m tests.faults.skewed ingest
"""

from __future__ import annotations

import datetime as module
import os
import sys
import time
from pathlib import Path

true_time, true_datetime = time.time, module.datetime


def skew() -> float:
    """Read by how much the clock is wrong now."""
    try:
        return float(Path(os.environ["SKEW_FILE"]).read_text(encoding="ascii") or 0)
    except (OSError, ValueError):
        return 0.0


class Skewed(true_datetime):
    """A datetime whose now is the wrong clock's."""

    @classmethod
    def now(cls, tz: module.tzinfo | None = None) -> true_datetime:  # type: ignore[override]
        """Give the wrong time."""
        return true_datetime.now(tz) + module.timedelta(seconds=skew())


if __name__ == "__main__":
    module.datetime = Skewed  # type: ignore[misc]
    time.time = lambda: true_time() + skew()
    from cli import main

    sys.exit(main())
