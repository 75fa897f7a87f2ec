"""How long a backup and its restore take: `python -m tests.performance.recovery --help`.

Readings every minute of twenty meters, and their quarter-hours; on TimescaleDB where TDS_TEST_DATABASE_URL names a server.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import settings as settings_module
from recovery import restoring, taking
from settings import Settings
from sql.embedded import EmbeddedServer
from sql.engine import open_store
from sql.migrate import migrate
from tests.databases import create_database, drop_database, execute, new_name
from tests.ingest.cast import query, register
from tests.performance.machine import hand_over, machine

METERS = 20


def fill(settings: Settings, kind: str, millions: float) -> int:
    """Store so many readings and what they make in the ledger; gives the size of the database in bytes."""
    from tests.conftest import Database

    database = Database(kind, settings, *(open_store(settings, role) for role in ("owner", "ingest", "web")))  # type: ignore[arg-type]
    register(database)
    each = int(millions * 1_000_000 / METERS)
    start = f"date_trunc('hour', now()) - interval '{each} minutes'"
    execute(
        settings.database_url or "",
        f"INSERT INTO tds.reading SELECT d.id, {start} + n * interval '1 minute', n * 0.125 FROM tds.device d, generate_series(0, {each}) n",
        f"INSERT INTO tds.ledger (device_id, middle, quantity, estimated, covered, readings) SELECT d.id, {start} + n * interval '15 minutes'"
        f" + interval '7 minutes 30 seconds', 1.875, 0, 900000000, 15 FROM tds.device d, generate_series(0, {each // 15}) n",
        *(
            ["SELECT compress_chunk(c) FROM show_chunks('tds.reading', older_than => interval '7 days') c"]
            * (kind == "timescaledb")
        ),
        "ANALYZE",
    )
    (size,) = query(database, "SELECT pg_database_size(current_database())")[0]
    database.close()
    return int(size)


def measure(server: str, kind: str, millions: float) -> dict[str, object]:
    """Back up and restore once; gives seconds and sizes."""
    name = new_name()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = settings_module.load({"TDS_STATE_DIR": str(folder), "TDS_DATABASE_URL": create_database(server, name)})
        settings = replace(settings, database_admin_url=server)
        try:
            migrate(settings)
            size = fill(settings, kind, millions)
            began = time.monotonic()
            taking.take(settings, folder / "backup", {})
            backup = time.monotonic() - began
            drop_database(server, name)
            began = time.monotonic()
            restoring.restore(settings, restoring.check(settings, folder / "backup", replace=False))
            back = time.monotonic() - began
            dump = (folder / "backup" / "database.dump").stat().st_size
        finally:
            drop_database(server, name)
    gigabytes = size / 1e9
    return {
        "readings": int(millions * 1e6),
        "database_gb": round(gigabytes, 2),
        "dump_gb": round(dump / 1e9, 3),
        "backup_seconds": round(backup, 1),
        "restore_seconds": round(back, 1),
        "restore_seconds_per_gb": round(back / gigabytes, 1),
    }


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--millions", type=float, default=10, help="readings, in millions")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results: dict[str, Any] = {"engine": given.engine, "scale": given.millions / 10, **machine()}
    with tempfile.TemporaryDirectory(prefix="tds-recovery-") as temporary:
        Path(temporary).chmod(0o755)
        if given.engine == "timescaledb":
            results["recovery"] = measure(os.environ["TDS_TEST_DATABASE_URL"], given.engine, given.millions)
        else:
            server = EmbeddedServer(settings_module.load({"TDS_STATE_DIR": temporary}))
            server.join()
            results["recovery"] = measure(server.superuser_url(), given.engine, given.millions)
            server.leave()
    return hand_over(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
