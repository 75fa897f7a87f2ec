"""Writes docs/performance.md from measurements: `python -m tests.performance.report ledger.json intake.json …`.

The JSON documents of `tests.performance.ledger`, `tests.performance.intake` and `tests.performance.pages` are merged, by engine, into
published.json beside this file; the page is made from that alone, so that no number is typed in by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from settings import ROOT

RECORD = Path(__file__).with_name("published.json")
PAGE = ROOT / "docs" / "performance.md"
TAKEN = ("load", "cores", "scale", "processor", "loop_ms")
ENGINES = {"timescaledb": "TimescaleDB", "plain": "PostgreSQL"}


class Line(NamedTuple):
    """One line of a table: where its number is in a record, what it says, its target on each engine (empty: none), its form."""

    case: str
    field: str
    says: str
    timescaledb: str
    plain: str
    form: str = ",.0f"


FIGURES = (
    Line("steady", "devices_per_s", "devices made dirty a second, one reading each, that the ledger keeps up with", "≥ 5,000", "≥ 1,000"),
    Line("backlog", "readings_per_s", "readings a second worked off from a bulk import by two sessions", "≥ 150,000", ""),
    Line("backlog", "readings", "… readings in that import", "", ""),
    Line("backlog", "refresh_s", "… seconds to refresh the rollups afterwards", "", "", ".1f"),
    Line("late", "late_slot_s", "seconds until one late reading has healed its month", "≤ 5", "≤ 5", ".2f"),
    Line("late", "new_reading_s", "seconds from a commit to the current month's bar", "≤ 2", "≤ 2", ".2f"),
    Line("chart", "chart_p50_ms", "month chart, 1,000 devices × 24 months, in the database, p50 in ms", "≤ 40", "≤ 40", ".1f"),
    Line("chart", "growth", "… against the same chart on a small part of the ledger", "≤ 1.3 ×", "≤ 1.3 ×", ".2f"),
    Line("chart", "faster_than_readings", "… times faster than from readings", "≥ 200", "≥ 200"),
    Line("size", "bytes_per_reading_grid", "bytes a reading on its grid, compressed", "≤ 4", "", ".1f"),
    Line("size", "bytes_per_reading_jitter", "bytes a reading with seconds of jitter", "≤ 9", "", ".1f"),
    Line("size", "bytes_per_ledger_row", "bytes a ledger row", "≤ 9", "", ".1f"),
)  # fmt: skip
INTAKE = (
    Line("drain", "messages_per_s", "messages of 8 readings a second, drained from the broker's queue", "≥ 8,000", ""),
    Line("drain", "ledger_lag_s", "… seconds that the ledger lags when the queue is empty", "", "", ".1f"),
    Line("drain_seq", "messages_per_s", "the same with confirmation of storage", "≥ 6,000", ""),
    Line("ceiling", "rows_per_s", "rows a second of COPY alone, the ceiling of the same run", "", ""),
    Line("", "drain_to_ceiling", "the drain's readings against that ceiling", "≥ 0.4 ×", "", ".2f"),
    Line("five_a_second", "p50_ms", "5 messages a second, publish to row, p50 in ms", "≤ 5", "", ".1f"),
    Line("five_a_second", "p99_ms", "… p99", "≤ 25", "", ".1f"),
    Line("original", "p50_ms", "100 gateways, 10 messages a second, p50 in ms", "≤ 10", "", ".1f"),
    Line("original", "p99_ms", "… p99", "≤ 100", "", ".1f"),
    Line("original", "lost", "… messages lost", "0", "0"),
    Line("thousand_a_second", "p50_ms", "100 gateways, 1,000 messages a second, p50 in ms", "≤ 10", "", ".1f"),
    Line("thousand_a_second", "p99_ms", "… p99", "≤ 100", "", ".1f"),
    Line("thousand_a_second", "lost", "… messages lost", "0", "0"),
    Line("growth", "ratio", "cost of a reading in a table of 50 million rows against 1 million", "≤ 1.2 ×", "", ".2f"),
)  # fmt: skip
P95 = "≤ 150"
PAGES = (
    *(
        Line("pages", f"{name}.p95_ms", f"{says}, p95 in ms", P95, P95)
        for name, says in (
            ("overview_cards", "overview: cards"),
            ("overview_attention", "… what needs attention"),
            ("overview_electricity", "… charts of 13 months"),
            ("overview_latest", "… newest readings"),
            ("overview_budgets", "… budgets of three resources"),
            ("explorer_months", "explorer: 13 months"),
            ("explorer_months_by_gateway", "… by gateway"),
            ("explorer_months_beside_last_year", "… beside the year before"),
            ("explorer_days", "… 30 days"),
            ("explorer_days_beside_before", "… this month's days beside the month before"),
            ("explorer_hours_of_a_week", "… hours of a week"),
            ("explorer_quarters_of_a_day", "… quarter-hours of a day"),
            ("explorer_too_fine", "… a step too fine, widened"),
            ("explorer_twelve_hours_of_a_month", "… 12 devices, hours of a month"),
            ("peaks_months_13", "peaks: 13 months, every meter"),
            ("peaks_months_25", "… 25 months"),
            ("peaks_of_a_gateway", "… 13 months of 6 meters"),
            ("peaks_of_half", "… 13 months of 350 meters"),
            ("costs_cards", "costs: a month's bill, forecast and comparison"),
            ("bills_table", "invoices: 36 held against what was measured"),
            ("device_week", "device: load profile of a year"),
            ("device_two_years", "device: 24 months, on the server"),
            ("device_zoomed_to_a_day", "… zoomed to a day"),
        )
    ),
    Line("pages", "report.p95_ms", "monthly report as PDF, p95 in ms", "", ""),
    Line("pages", "largest.kilobytes", "largest answer of these in kB", "≤ 200", "≤ 200"),
    Line("browser", "painted_p50_ms", "overview in Chromium: first chart painted after navigation, p50 in ms", "≤ 1,000", "≤ 1,000"),
    Line("browser", "painted_p95_ms", "… p95", "", ""),
    Line("browser", "two_years_p95_ms", "device in Chromium: 24 months drawn, p95 in ms", "≤ 300", "≤ 300"),
    Line("browser", "to_a_day_p95_ms", "… zoomed to a day and drawn, p95 in ms", "≤ 300", "≤ 300"),
    Line("csv", "first_byte_ms", "CSV of a million rows: first byte in ms", "≤ 300", "≤ 300"),
    Line("csv", "seconds", "… seconds until it is whole", "", "", ".1f"),
    Line("csv", "grown_megabytes", "… megabytes that the process grew meanwhile", "0", "0"),
    Line("wide", "devices_table.p95_ms", "10,000 devices: list of devices, p95 in ms", P95, P95),
    Line("wide", "gateways_table.p95_ms", "… list of gateways", P95, P95),
    Line("wide", "permalink_shown.p95_ms", "… a permalink that names 7,000", P95, P95),
    Line("wide", "overview_cards.p95_ms", "… overview: cards", "", ""),
    Line("wide", "explorer_months.p95_ms", "… explorer: 13 months", "", ""),
)  # fmt: skip
GROWING = (
    Line("cells", "one_per_s", "a backlog of 100,000 messages, drained by one cell, messages a second", "", ""),
    Line("cells", "two_per_s", "… shared by two cells on the same database and the same cores", "", ""),
    Line("cells", "ratio", "… two against one", "", "", ".2f"),
    Line("workers", "workers_1_per_s", "answers a second of one web worker: cards, explorer, device, eight visitors at once", "", "", ".1f"),
    Line("workers", "ratio_2", "… two workers against one, on the same cores", "", "", ".2f"),
    Line("workers", "ratio_4", "… four against one", "", "", ".2f"),
    Line("beside_intake", "messages_per_s", "messages a second that arrive while pages are asked for (half of the drain was wanted)", "", ""),
    *(
        Line("beside_intake", f"{name}{when}_p95_ms", f"… {says}, p95 in ms{said}", "", "")
        for name, says in (("overview_cards", "overview: cards"), ("explorer_days", "explorer: 30 days"), ("device_month", "a device's month"))
        for when, said in (("", ""), ("_alone", ", while nothing arrives"))
    ),
    Line("ten_years", "readings", "ten years of 20 meters, read every hour: readings", "", ""),
    Line("ten_years", "megabytes", "… megabytes of the database, readings of two years kept, the ledger of all", "", ""),
    Line("ten_years", "start_seconds", "… seconds until `tds web` answers", "", "", ".1f"),
    Line("ten_years", "ten_years_by_month_p95_ms", "… ten years by month, p95 in ms", "", ""),
    Line("ten_years", "a_month_of_the_second_year_p95_ms", "… a month of the second year by days, p95 in ms", "", ""),
    Line("ten_years", "overview_cards_p95_ms", "… overview: cards, p95 in ms", "", ""),
    Line("recovery", "database_gb", "backup and restore of a database of so many GB", "", "", ".2f"),
    Line("recovery", "backup_seconds", "… seconds to back up", "", "", ".1f"),
    Line("recovery", "restore_seconds_per_gb", "… seconds to restore a GB", "", "", ".1f"),
)  # fmt: skip
HEAD = """# How fast it is

Measured with everything on one machine by `python -m tests.performance.ledger`, `python -m tests.performance.intake`,
`python -m tests.performance.pages`, `python -m tests.performance.growing` and `python -m tests.performance.recovery` (`--engine timescaledb` with `TDS_TEST_DATABASE_URL`, or `--engine plain`; `--help` says more), put together by
`python -m tests.performance.report`. A number that misses its target stands here as it was measured. A dash was not measured.
"""


def merged(record: dict[str, Any], documents: list[dict[str, Any]], date: str) -> dict[str, Any]:
    """Put documents into a record: what is newer takes the place of what is older, case by case."""
    for document in documents:
        kept = record.setdefault(document["engine"], {})
        shared = {**{name: document[name] for name in TAKEN if name in document}, "date": date}
        for name, found in document.items():
            if isinstance(found, dict) and name != "site":
                kept[name] = {**found, "taken": shared}
            elif name == "drain_to_ceiling":
                kept[name] = found
    return record


def page(record: dict[str, Any]) -> str:
    """Write the page."""
    parts = [HEAD]
    for title, lines in (
        ("Figures", FIGURES),
        ("Pages, 1,000 devices × 24 months in the account", PAGES),
        ("Intake", INTAKE),
        ("As it grows", GROWING),
    ):
        rows = [f"| {line.says} | {_cells(record, line)} |" for line in lines]
        head = "| | TimescaleDB | its target | PostgreSQL | its target |\n|---|--:|--:|--:|--:|"
        parts.append("\n".join([f"## {title}\n", head, *rows, ""]))
    parts.append("## Circumstances\n\n" + "\n".join(_circumstances(record)) + "\n")
    return "\n".join(parts)


def _cells(record: dict[str, Any], line: Line) -> str:
    cells = []
    for engine in ENGINES:
        kept = record.get(engine, {})
        found = kept.get(line.case, {}) if line.case else kept
        for part in line.field.split("."):
            found = (found or {}).get(part)
        cells += ["–" if found is None else format(found, line.form), getattr(line, engine)]
    return " | ".join(cells)


def _circumstances(record: dict[str, Any]) -> list[str]:
    said = []
    for engine, name in ENGINES.items():
        for case, found in record.get(engine, {}).items():
            if isinstance(found, dict):
                taken = found["taken"]
                said.append(
                    f"- {name}, `{case}`: {taken['date']}, {taken['cores']} cores, load {taken['load']:.1f} before the run, "
                    f"scale {taken['scale']:g}{_yardstick(taken)}"
                )
    return said


def _yardstick(taken: dict[str, Any]) -> str:
    """Say how fast the machine was: a number of one machine says little about another's."""
    if "loop_ms" not in taken:
        return ""
    return f"; {taken['processor'] or 'processor not known'}, a million additions in Python {taken['loop_ms']:.0f} ms"


def main() -> int:
    """Merge the given documents and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="*", type=Path)
    given = parser.parse_args()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in given.documents]
    record = merged(record, documents, datetime.now(UTC).date().isoformat())
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(record), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
