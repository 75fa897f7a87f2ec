"""Ten years of a small account whose meters are read every hour: size, charts, and how long `tds web` takes to start."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from sql import ledger, rollups, upkeep
from tests.conftest import Database
from tests.performance import site
from tests.performance.browsing import served
from tests.performance.pages import EXPLORER, asking, device_ids, explorer, timed
from tests.performance.visitors import Visitor


def ten_years(made: Database, devices: int, years: float, visits: int) -> dict[str, float]:
    """Hourly readings of ten years through the ledger, kept as the upkeep keeps them: size, charts, and the start of `tds web`."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = now - timedelta(days=365.25 * years)
    owner = made.owner
    ids = site.register(owner, site.ACCOUNT, devices, site.EMAIL)
    rollups.add_missing_zones(owner)
    site.execute(owner, "UPDATE tds.device SET interval_seconds = 3600")
    began = time.monotonic()
    low = start
    while low < now:
        high = min(low + timedelta(days=365), now)
        hourly = "interval '1 hour'"
        site.execute(owner, site.READINGS.replace("interval '15 minutes'", hourly).replace("CAST(:start AS timestamptz)) / 900", "CAST(:zero AS timestamptz)) / 900"),
                     ids=ids, start=low, end=high, zero=start)  # fmt: skip
        low = high
    with owner.transaction() as connection:
        readings = connection.execute(text("SELECT count(*) FROM tds.reading")).scalar_one()
        ledger.mark_dirty(connection, ids)
        connection.execute(text("INSERT INTO tds.device_seen SELECT id, :at, 1000, :at FROM tds.device"), {"at": now})
    ledger.drain(owner, sessions=2)
    filled = time.monotonic() - began
    site.compress(owner, now - timedelta(days=14))
    if made.engine == "timescaledb":
        site.execute(
            owner,
            "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('tds.reading', older_than => interval '14 days') c",
        )
        site.execute(owner, "SELECT drop_chunks('tds.reading', older_than => interval '730 days')")
    else:
        upkeep.expire(owner, now)
    site.outside(owner, "VACUUM (ANALYZE)")
    with owner.transaction() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        rows = connection.execute(text("SELECT count(*) FROM tds.ledger")).scalar_one()
    found = {"readings": readings, "ledger_rows": rows, "seconds_to_fill": filled, "megabytes": size / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with served(made.settings.database_url or "", Path(folder)) as address:
            found["start_seconds"] = time.monotonic() - began
            visitor = Visitor(address)
            numbers = device_ids(visitor)  # type: ignore[arg-type]
            old = f"{start.date() + timedelta(days=365)}"
            charts = {
                "ten_years_by_month": {"period": "custom", "from": f"{start.date()}", "to": f"{now.date()}", "step": "month"},
                "a_month_of_the_second_year": {
                    "period": "custom",
                    "from": old,
                    "to": f"{start.date() + timedelta(days=395)}",
                    "step": "day",
                },
                "this_month": EXPLORER["days"],
            }
            for name, controls in charts.items():
                found[f"{name}_p95_ms"] = timed(explorer(visitor, controls, numbers), visits)["p95_ms"]  # type: ignore[arg-type]
            found["overview_cards_p95_ms"] = timed(asking(visitor, "overview-cards.children"), visits)["p95_ms"]  # type: ignore[arg-type]
    return found
