"""How long `tds demo` takes until its pages answer, from nothing and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.simulator.started import Started


def first_and_second(folder: Path, months: int, environment: dict[str, str]) -> tuple[dict[str, Any], Started]:
    """Start a demo, stop it, start it again; gives what was measured and the second one, running."""
    first, taken_first = _start(folder, months, environment)
    first.stop()
    second, taken_second = _start(folder, months, environment)
    return {"months": months, "readings": first.history, "first_s": taken_first, "second_s": taken_second}, second


def _start(folder: Path, months: int, environment: dict[str, str]) -> tuple[Started, float]:
    began = time.monotonic()
    started = Started(folder, "--months", str(months), **environment)
    try:
        started.wait_until_ready()
    except BaseException:
        started.stop()
        raise
    return started, round(time.monotonic() - began, 1)
