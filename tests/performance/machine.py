"""What machine a measurement was taken on, and how fast it was just then: without that, no number can be compared with another's."""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

ADDITIONS = 1_000_000


def machine() -> dict[str, Any]:
    """Give the cores, the load, the processor's name and the milliseconds of a fixed loop, the yardstick of a machine's speed."""
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "processor": processor(), "loop_ms": loop_ms()}


def hand_over(results: dict[str, Any], out: Path | None) -> int:
    """Print what was measured as a JSON document, and write it to a file where one is named; gives the exit code."""
    document = json.dumps(results, indent=1)
    print(document)
    if out:
        out.write_text(document + "\n", encoding="utf-8")
    return 0


def processor() -> str:
    """Give the processor's name with its family, model and clock as Linux tells it; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    named = facts.get("model name", "")
    if "cpu family" in facts:
        named += f" (family {facts['cpu family']}, model {facts.get('model', '?')})"
    return f"{named} at {float(facts['cpu MHz']) / 1000:.1f} GHz" if "cpu MHz" in facts else named


def loop_ms() -> float:
    """Give the median time of three runs of a million additions in Python, in milliseconds."""
    return round(statistics.median(_loop() for _ in range(3)) * 1000, 1)


def _loop() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(ADDITIONS):
        total += number
    return time.perf_counter() - began
