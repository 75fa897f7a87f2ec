"""Writes down what long fault runs found, one JSON document a line, for `python -m tests.faults.report`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from broker.mosquitto import find_mosquitto, version_of
from settings import ROOT
from tests.conftest import Database
from tests.faults.cell import Cell
from tests.ingest.cast import query

RECORD = ROOT / ".faults.jsonl"


@contextmanager
def recorded(cell: Cell, fault: str, times: int) -> Iterator[dict[str, Any]]:
    """Write down what the loads of a cell found under a fault, also where the test fails; more can be put into what it gives."""
    began, more = time.monotonic(), {}
    passed = False
    try:
        yield more
        passed = True
    finally:
        found = {"fault": fault, "times": times, "passed": passed, "seconds": round(time.monotonic() - began), **more}
        for load in cell.loads:
            found |= load.found
        write(cell.database, found)


def write(database: Database, found: dict[str, Any]) -> None:
    """Add one document, with the circumstances it was found in."""
    mosquitto = ".".join(map(str, version_of(find_mosquitto())))
    circumstances = {
        "engine": database.engine,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "mosquitto": mosquitto,
        **_server(database),
    }
    with RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**found, **circumstances}) + "\n")


def _server(database: Database) -> dict[str, str]:
    try:
        ((postgresql, fsync, commit),) = query(
            database, "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')"
        )
        extension = query(database, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    except Exception as error:  # the run may have ended because nothing answers
        return {"postgresql": f"no answer: {type(error).__name__}"}
    return {"postgresql": postgresql, "timescaledb": extension[0][0] if extension else "", "fsync": fsync, "commit": commit}
