"""The page of faults: what it says of a record, that it is the record's, and that every test it names is there."""

from __future__ import annotations

import json
import re

import pytest

from settings import ROOT
from tests.faults.report import PAGE, PUBLISHED, merged, page
from tests.faults.traps import TRAPS

SHARED = {"mosquitto": "2.0.11", "cores": 2, "date": "2026-11-27", "postgresql": "18.4", "fsync": "on", "commit": "on"}
KILLED = {"fault": "ingester killed", "times": 50, "engine": "plain", "passed": True, "seconds": 1234, "acknowledged": 60_120, "lost": 0, "doubled": 0, "differences": 0, **SHARED}  # fmt: skip
WAITING = {"fault": "a million wait", "times": 1, "engine": "timescaledb", "passed": False, "seconds": 9, "peak_mib": 151, "stored": 8_000_000, "lost": 3, "drained_s": 200, "timescaledb": "2.29.2", **SHARED}  # fmt: skip
FUZZ = {"fuzz": "hostile messages", "engine": "plain", "passed": True, "messages": 120_000, "acknowledged": 120_000, "readings": 12, "refused": 130_000, "grown_mib": 1.5, "log_lines": 7, **SHARED}  # fmt: skip


def test_it_says_every_number_and_what_failed() -> None:
    written = page(merged({}, [KILLED, WAITING, FUZZ]))
    for line in (
        "| ingester killed | 50 | PostgreSQL | 60,120 | 0 | 0 | 0 | 1,234 | passed |",
        "| a million wait | TimescaleDB | 151 | 8,000,000 | 3 | 200 | **failed** |",
        "| PostgreSQL | 120,000 | 120,000 | 12 | 130,000 | 1.5 | 7 | passed |",
        "- TimescaleDB: PostgreSQL 18.4 with TimescaleDB 2.29.2, fsync on, synchronous_commit on, Mosquitto 2.0.11, 2 cores, 2026-11-27",
    ):
        assert line in written


def test_the_newest_of_each_fault_on_each_engine_counts() -> None:
    record = merged(merged({}, [KILLED]), [{**KILLED, "lost": 1, "passed": False}, {**KILLED, "engine": "timescaledb"}])
    assert page(record).count("| ingester killed |") == 2
    assert "**failed**" in page(record)
    assert "**failed**" not in page(merged(record, [KILLED]))


@pytest.mark.skipif(not PUBLISHED.exists(), reason="nothing was run yet")
def test_the_page_is_made_from_the_record_that_is_kept() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(PUBLISHED.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted({name for _, tests in TRAPS for name in tests}))
def test_every_test_that_a_trap_names_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
