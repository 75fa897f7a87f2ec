"""The hourly way of docs/backup.md: a full copy, what changed since, one put together of both, and a server on it that has everything, or all until a moment."""

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
from sql.place import give
from tests.conftest import opened
from tests.databases import execute
from tests.faults.cell import wait_for
from tests.faults.doomed import servers
from tests.recovery.follower import Followed


@pytest.fixture(params=servers())
def followed(request: pytest.FixtureRequest) -> Iterator[Followed]:
    """A server of its own, on each engine that this machine can start."""
    made = Followed(request.param)
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
def test_an_hour_later_what_changed_is_enough(followed: Followed, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    superuser, engine = followed.server.superuser_url(), request.node.callspec.params["followed"]
    archive = followed.room("archive")
    keep = f"test ! -f {archive}/%f && cp %p {archive}/.%f && mv {archive}/.%f {archive}/%f"
    for setting in ("summarize_wal = on", "archive_mode = on", f"archive_command = '{keep}'"):
        execute(superuser, f"ALTER SYSTEM SET {setting}")
    followed.server.leave()
    followed.server.join()
    database = opened(engine, followed.url, followed.folder)
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
    read(10_000, 10_500)  # after the last copy: lost with the server, or brought back from the archive
    ((moment,),) = ask(superuser, "SELECT clock_timestamp()")
    execute(followed.url, "DELETE FROM tds.reading")
    ((segment,),) = ask(superuser, "SELECT pg_walfile_name(pg_switch_wal())")
    wait_for(lambda: (archive / str(segment)).exists(), 60)

    together = followed.room("together")
    followed.run("pg_combinebackup", full, part, "-o", together)
    # Not pg_verifybackup, which crashes as it comes with the embedded server: the server itself is the better judge.
    url = followed.start(together)
    assert ask(url, "SELECT count(*), max(value) FROM tds.reading") == [(10_000, 9_999)]
    restored = opened(engine, url, tmp_path / "state")
    assert ledger.verify(restored.owner) == []
    checked = restoring.check(restored.settings, tmp_path / "rest", replace=False)
    assert restoring.restore(restored.settings, checked) == []
    restored.close()
    followed.stop()

    before = followed.room("before")
    followed.run("pg_combinebackup", full, part, "-o", before)
    with (before / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n"
        )
    (before / "recovery.signal").touch()
    give(followed.place, before / "recovery.signal")
    url = followed.start(before)
    wait_for(lambda: ask(url, "SELECT pg_is_in_recovery()") == [(False,)], 30)
    assert ask(url, "SELECT count(*), max(value) FROM tds.reading") == [(10_500, 10_499)]
    restored = opened(engine, url, tmp_path / "state")
    assert ledger.verify(restored.owner) == []
    for one in (database, restored):
        one.close()
