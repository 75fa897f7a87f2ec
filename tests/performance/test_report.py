"""The page of measurements says what was measured, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from tests.performance.report import PAGE, RECORD, merged, page


def test_the_page_is_made_from_the_record() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(RECORD.read_text(encoding="utf-8")))


def test_a_newer_measurement_takes_the_place_of_its_case_alone() -> None:
    first = {"engine": "plain", "scale": 1, "cores": 2, "load": 0.5, "steady": {"devices_per_s": 1}, "late": {"late_slot_s": 2}}
    second: dict[str, Any] = {"engine": "plain", "scale": 0.1, "cores": 2, "load": 3.0, "processor": "Q", "loop_ms": 81.2}
    second["steady"] = {"devices_per_s": 1234.5}
    record = merged(merged({}, [first], "2026-01-01"), [second], "2026-01-02")
    assert record["plain"]["steady"]["devices_per_s"] == 1234.5
    assert record["plain"]["late"]["taken"]["date"] == "2026-01-01"
    text = page(record)
    assert "| – | ≥ 5,000 | 1,234 | ≥ 1,000 |" in text
    assert (
        "- PostgreSQL, `steady`: 2026-01-02, 2 cores, load 3.0 before the run, scale 0.1; Q, a million additions in Python 81 ms"
        in text
    )
