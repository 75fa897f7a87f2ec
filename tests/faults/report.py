"""Writes docs/faults.md from what the long fault runs found: `python -m tests.faults.report`.

Long runs add their documents to `.faults.jsonl`; here the newest of each fault, engine by engine, goes into published.json
beside this file, and the page is made from that alone, so that no number is typed in by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from settings import ROOT
from tests.faults.record import RECORD
from tests.faults.traps import TRAPS

PUBLISHED = Path(__file__).with_name("published.json")
PAGE = ROOT / "docs" / "faults.md"
ENGINES = {"timescaledb": "TimescaleDB", "plain": "PostgreSQL"}
Found = dict[str, Any]
HEAD = """# What it survives

Under load from five gateways a fault is brought about again and again, at random moments; everything is real: Mosquitto with
mutual TLS, `tds ingest` and the database server as processes of their own, data written through to the disk. The checker knows
what was acknowledged to each gateway (where gateways wait for it: what was confirmed as stored), waits until all of that has
arrived, and compares it with the database value by value. Then the books are held against it: `tds ledger verify`, and the
consumption of each register against the register. All of it again, in pieces of a few minutes (`make long` runs every long test there is):

```
.venv/bin/python -m pytest -m long tests/faults --timeout 7200
.venv/bin/python -m tests.faults.report
```

`TDS_TEST_DATABASE_URL` adds TimescaleDB, `TDS_TEST_DATABASE_BINARIES` a server of it that may be killed ([tests/README.md](../tests/README.md)).
What failed stands here as failed. A dash was not run.
"""


def merged(published: Found, documents: list[Found]) -> Found:
    """Put documents into the record: of each fault, or case of hostile messages, the newest on each engine."""
    for found in documents:
        sort = next(name for name in ("fault", "fuzz") if name in found)
        published.setdefault(sort, {}).setdefault(found[sort], {})[found["engine"]] = found
    return published


def page(published: Found) -> str:
    """Write the page."""
    faults = published.get("fault", {})
    waiting = {name: engines for name, engines in faults.items() if any("peak_mib" in found for found in engines.values())}
    others = {name: engines for name, engines in faults.items() if name not in waiting}
    parts = [HEAD, *_faults(others), *_waiting(waiting), *_fuzz(published.get("fuzz", {})), *_circumstances(published), *_traps()]
    return "\n".join(parts) + "\n"


def _faults(faults: Found) -> list[str]:
    rows = [
        f"| {name} | {found['times']} | {ENGINES[engine]} | {_number(found, 'acknowledged')} | {_number(found, 'lost')} | "
        f"{_number(found, 'doubled')} | {_number(found, 'differences')} | {found['seconds']:,} | {_verdict(found)} |"
        for name, engines in sorted(faults.items())
        for engine, found in sorted(engines.items(), reverse=True)
    ]
    head = "| fault | times | engine | readings acknowledged | lost | doubled | differences in the books | s | |\n|---|--:|---|--:|--:|--:|--:|--:|---|"
    return ["## Faults\n", head, *rows, ""]


def _waiting(faults: Found) -> list[str]:
    rows = [
        f"| {name} | {ENGINES[engine]} | {_number(found, 'peak_mib')} | {_number(found, 'stored')} | {_number(found, 'lost')} | "
        f"{_number(found, 'drained_s')} | {_verdict(found)} |"
        for name, engines in sorted(faults.items())
        for engine, found in sorted(engines.items(), reverse=True)
    ]
    head = "| | engine | most memory of `tds ingest`, MiB (at most 150) | readings stored | lost | s until all was stored | |\n|---|---|--:|--:|--:|--:|---|"
    return ["## A long backlog\n", head, *rows, ""] if rows else []


def _fuzz(cases: Found) -> list[str]:
    rows = [
        f"| {ENGINES[engine]} | {found['messages']:,} | {_number(found, 'acknowledged')} | {_number(found, 'readings')} | "
        f"{_number(found, 'refused')} | {_number(found, 'grown_mib')} | {_number(found, 'log_lines')} | {_verdict(found)} |"
        for engines in cases.values()
        for engine, found in sorted(engines.items(), reverse=True)
        if "messages" in found
    ]
    head = "| engine | messages | acknowledged | readings stored | refused | memory grown, MiB | lines in the log, all readable | |\n|---|--:|--:|--:|--:|--:|--:|---|"
    text = (
        "Payloads and topics made by Hypothesis, through decoding, resolving and a real commit: `tests/faults/test_hostile.py`.\n"
    )
    return ["## Hostile messages\n", text, head, *rows, ""] if rows else []


def _circumstances(published: Found) -> list[str]:
    said = set()
    for cases in published.values():
        for engines in cases.values():
            for engine, found in engines.items():
                extension = f" with TimescaleDB {found['timescaledb']}" if found.get("timescaledb") else ""
                said.add(
                    f"- {ENGINES[engine]}: PostgreSQL {found.get('postgresql', '?')}{extension}, fsync {found.get('fsync', '?')}, "
                    f"synchronous_commit {found.get('commit', '?')}, Mosquitto {found['mosquitto']}, {found['cores']} cores, {found['date']}"
                )
    return ["## Circumstances\n", *sorted(said), ""]


def _traps() -> list[str]:
    rows = [f"| {trap} | {'<br>'.join(f'`{name}`' for name in tests)} |" for trap, tests in TRAPS]
    return ["## Traps, and the tests that would fall into them\n", "| trap | tests |\n|---|---|", *rows]


def _number(found: Found, name: str) -> str:
    return f"{found[name]:,}" if name in found else "–"


def _verdict(found: Found) -> str:
    return "passed" if found["passed"] else "**failed**"


def main() -> int:
    """Merge what was found and write the page."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8")) if PUBLISHED.exists() else {}
    lines = RECORD.read_text(encoding="utf-8").splitlines() if RECORD.exists() else []
    published = merged(published, [json.loads(line) for line in lines])
    PUBLISHED.write_text(json.dumps(published, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(published), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
