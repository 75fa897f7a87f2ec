"""The hourly way of docs/backup.md: a full copy, what changed since, one put together of both, and a server on it that has everything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from certs.setup import ensure_authority
from recovery import restoring, taking
from sql import fleet, ledger
from sql.migrate import migrate
from tests.conftest import opened
from tests.databases import execute
from tests.faults.cell import wait_for
from tests.recovery.follower import Followed


@pytest.fixture
def followed() -> Iterator[Followed]:
    """A server of its own."""
    made = Followed()
    yield made
    made.close()


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    connection.close()
    return found


@pytest.mark.long
def test_an_hour_later_what_changed_is_enough(followed: Followed, tmp_path: Path) -> None:
    superuser = followed.server.superuser_url()
    execute(superuser, "ALTER SYSTEM SET summarize_wal = on", "SELECT pg_reload_conf()")
    database = opened("plain", followed.url, followed.folder)
    migrate(database.settings)
    ensure_authority(database.settings)
    database.account("Aurora")
    with database.owner.transaction() as conn:
        fleet.add_gateway(conn, "02:00:00:00:00:01", "Aurora")
        device = fleet.add_device(conn, "02:00:00:00:00:01", "D01", kind="counter", resource="electricity", unit="kWh")
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=8)

    def read(first: int, last: int) -> None:
        at = f"timestamptz '{start.isoformat()}'"
        execute(
            followed.url,
            f"INSERT INTO tds.reading SELECT {device}, {at} + n * interval '1 minute', n FROM generate_series({first}, {last - 1}) n",
            f"INSERT INTO tds.dirty (device_id, low, high) VALUES ({device}, {at} + {first} * interval '1 minute', {at} + {last} * interval '1 minute')",
        )
        ledger.drain(database.owner)

    read(0, 9_000)
    full = followed.copy("full")
    read(9_000, 10_000)
    wait_for(lambda: ask(superuser, "SELECT count(*) > 0 FROM pg_available_wal_summaries()")[0][0], 60)
    time.sleep(1)
    part = followed.copy("part", f"--incremental={full / 'backup_manifest'}")
    taking.take(database.settings, tmp_path / "rest", {}, database=False)
    sizes = [sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for folder in (full, part)]
    assert sizes[1] < sizes[0] / 2
    read(10_000, 10_500)  # lost with the server: after the last copy

    together = followed.room("together")
    followed.run("pg_combinebackup", full, part, "-o", together)
    # Not pg_verifybackup, which crashes as it comes with the embedded server: the server itself is the better judge.
    url = followed.start(together)
    assert ask(url, "SELECT count(*), max(value) FROM tds.reading") == [(10_000, 9_999)]
    restored = opened("plain", url, tmp_path / "state")
    assert ledger.verify(restored.owner) == []
    checked = restoring.check(restored.settings, tmp_path / "rest", replace=False)
    assert restoring.restore(restored.settings, checked) == []
    for one in (database, restored):
        one.close()
