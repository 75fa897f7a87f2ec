"""The table of measured numbers: what it says of a record, where it is written, and that the record kept is whole."""

from __future__ import annotations

import json

import pytest

from tests.performance.readme import BEGIN, END, RECORD, table, with_table

SOME = {
    "date": "2026-11-23",
    "cores": 2,
    "python": "3.11.7",
    "load_before": 0.3,
    "start": {"months": 13, "readings": 911_338, "first_s": 41.2, "second_s": 4.9},
    "overview": {"p50_ms": 81.23, "p95_ms": 120.9, "visits": 50, "requests": 7, "outside_requests": 0},
    "refresh": {"refreshes": 3, "longest_ms": 309.7, "shown_ms": [250.1, 309.7, 266.0]},
    "arrival": {"published": 600, "lost": 0, "duplicated": 0, "latency_ms": {"p50": 4.21, "p95": 8.0, "p99": 12.06}},
    "sums": {"meters": 60, "readings": 1, "days_difference": "0", "months_difference": "0"},
}


def test_it_says_every_number() -> None:
    written = table(SOME)
    for part in (
        "| 4.9 s |",
        "911,338",
        "| 81 / 121 ms |",
        "| 310 ms |",
        "| 4.2 / 12.1 ms |",
        "| 0 / 0 |",
        "60 random meters",
        "2 cores",
        "| 0 |",
    ):
        assert part in written


def test_it_replaces_the_table_and_nothing_else() -> None:
    readme = f"# Name\n{BEGIN}\nold\n{END}\nmore\n"
    once = with_table(readme, "new")
    assert once == f"# Name\n{BEGIN}\nnew\n{END}\nmore\n"
    assert with_table(once, "new") == once


@pytest.mark.parametrize("readme", ["", BEGIN, END])
def test_a_readme_without_a_place_for_it_is_said(readme: str) -> None:
    with pytest.raises(SystemExit, match="for the table to stand between"):
        with_table(readme, "new")


@pytest.mark.skipif(not RECORD.exists(), reason="nothing was measured yet")
def test_the_record_that_is_kept_makes_a_table() -> None:
    assert "| measured |" in table(json.loads(RECORD.read_text(encoding="utf-8")))
