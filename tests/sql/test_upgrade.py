"""An upgrade of a system that has data and goes on writing: nothing is lost, a step that fails changes nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from alembic import command

from settings import Settings
from sql import engine, ledger, migrate, rollups, statements
from sql.errors import StoreUnavailable
from sql.migrate import MIGRATIONS, newest_version
from tests.faults.cell import wait_for
from tests.sql.test_migrate import Empty, empty  # noqa: F401 - the fixture

REVISIONS = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=9)
HOURS = 48
DATA = """
INSERT INTO tds.zone (name, slug) VALUES ('Asia/Kolkata', 'asia_kolkata');
INSERT INTO tds.account (name, timezone, locale) VALUES ('Aurora', 'Asia/Kolkata', 'en');
INSERT INTO tds.app_user (email, password_hash) VALUES ('admin@aurora.example', 'x'), ('viewer@aurora.example', 'x');
INSERT INTO tds.membership SELECT u.id, a.id, CASE u.id WHEN 1 THEN 'admin' ELSE 'viewer' END FROM tds.app_user u, tds.account a;
INSERT INTO tds.gateway (account_id, mac, name) SELECT id, '02:00:00:00:00:0' || n, 'g' || n FROM tds.account, generate_series(1, 2) n;
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate)
SELECT g.account_id, g.id, 'D' || n, 'd' || n, 'counter', 'electricity', 'kWh', 3600, 100 FROM tds.gateway g, generate_series(1, 6) n;
INSERT INTO tds.reading SELECT d.id, %(start)s + n * interval '1 hour', n FROM tds.device d, generate_series(0, %(hours)s) n;
INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) SELECT id, %(start)s FROM tds.gateway;
INSERT INTO tds.device_seen SELECT id, %(start)s + %(hours)s * interval '1 hour', %(hours)s, now() FROM tds.device;
INSERT INTO tds.ledger (device_id, middle, quantity, estimated, covered, readings)
SELECT d.id, %(start)s + n * interval '15 minutes' + interval '7 minutes 30 seconds', 0.25, 0, 900000000, 0
  FROM tds.device d, generate_series(0, 4 * %(hours)s - 1) n;
INSERT INTO tds.ledger_state (device_id, first_time, last_time, last_value)
SELECT id, %(start)s, %(start)s + %(hours)s * interval '1 hour', %(hours)s FROM tds.device;
INSERT INTO tds.event (device_id, kind, at, since, value_before, value_after, correction)
SELECT id, 'unresolved', %(start)s + interval '2 hours', %(start)s + interval '1 hour', 1, 2, 0 FROM tds.device WHERE code = 'D1';
INSERT INTO tds.decision (device_id, kind, at, event_kind, decided_by)
SELECT id, 'accept', %(start)s + interval '2 hours', 'unresolved', 'admin@aurora.example' FROM tds.device WHERE code = 'D1';
INSERT INTO tds.rejection (received_at, mac, reason, topic, payload, digest) VALUES (now(), '02:00:00:00:00:09', 'unknown_gateway', 't', 'p', 'd');
INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)
VALUES ('aa01', 'gateway', '02:00:00:00:00:01', 'f', now() - interval '1 day', now() + interval '9 years');
"""


class Writer:
    """Stores as the ingester does, as its login, until it is told to stop; knows what was committed."""

    def __init__(self, settings: Settings) -> None:
        self.url = engine.database_url(settings, "ingest")
        self.committed: list[int] = []
        self.longest = 0.0
        self.faults: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def wait_for_more(self, count: int) -> None:
        """Come back when so many more are committed, or something went wrong."""
        before = len(self.committed)
        wait_for(lambda: len(self.committed) >= before + count or self.faults)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        connection = psycopg2.connect(self.url, options="-c search_path=tds,public")
        number = 0
        while not self._stop.wait(0.01):
            began, at = time.monotonic(), START + timedelta(hours=HOURS, minutes=number + 1)
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("INSERT INTO reading SELECT 1, %s, %s", (at, HOURS + Decimal(number + 1) / 100))
                    cursor.execute("INSERT INTO dirty (device_id, low, high) VALUES (1, %s, %s)", (at, at))
                    cursor.execute("UPDATE device_seen SET time = %s WHERE device_id = 1", (at,))
                self.committed.append(number)
                self.longest = max(self.longest, time.monotonic() - began)
            except psycopg2.Error as error:
                self.faults.append(str(error))
            number += 1
        connection.close()


def old_system(system: Empty, revision: str, patch: pytest.MonkeyPatch) -> Settings:
    """Make a database as the program of a revision had left it, with data in every table that people or meters fill."""
    upgrade = command.upgrade
    settings = system.settings()
    with patch.context() as only:
        only.setattr("alembic.command.upgrade", lambda config, _: upgrade(config, revision))
        migrate.migrate(settings)
    connection = psycopg2.connect(system.url)
    with connection, connection.cursor() as cursor:
        cursor.execute(DATA, {"start": START, "hours": HOURS})
    connection.close()
    store = engine.open_store(settings, "owner")
    assert rollups.add_missing_zones(store) == ["Asia/Kolkata"]
    store.close()
    assert system.ask("SELECT version_num FROM tds_migration.version", system.url) == revision
    return settings


def upgrade_while_writing(system: Empty, settings: Settings) -> Writer:
    """Migrate twice at once, then once more, while somebody writes."""
    writer = Writer(settings)
    writer.wait_for_more(6)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(migrate.migrate, [settings, settings])) == [newest_version()] * 2
    assert migrate.migrate(settings) == newest_version()
    writer.wait_for_more(6)
    writer.stop()
    return writer


def holds_everything(system: Empty, settings: Settings, writer: Writer) -> None:
    """Hold that all data are there, and that the ledger and everything made from it come out of the readings."""
    assert writer.faults == []
    assert len(writer.committed) > 10

    def ask(query: str, *values: Any) -> Any:
        connection = psycopg2.connect(system.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            found = cursor.fetchall()
        connection.close()
        return found

    assert ask("SELECT count(*), sum(value) FROM tds.reading WHERE time <= %s", START + timedelta(hours=HOURS)) == [
        (12 * (HOURS + 1), 12 * HOURS * (HOURS + 1) // 2)
    ]
    last = ask("SELECT value FROM tds.reading WHERE time > %s ORDER BY time", START + timedelta(hours=HOURS))
    assert [value for (value,) in last] == [HOURS + Decimal(number + 1) / 100 for number in writer.committed]
    assert ask("SELECT count(*), sum(quantity) FROM tds.ledger") == [(12 * HOURS * 4, 12 * HOURS)]
    for table, count in {
        "account": 1,
        "app_user": 2,
        "membership": 2,
        "gateway": 2,
        "device": 12,
        "event": 2,
        "decision": 2,
    }.items():
        assert ask(f"SELECT count(*) FROM tds.{table}") == [(count,)], table
    assert ask("SELECT mac, reason FROM tds.rejection") == [("02:00:00:00:00:09", "unknown_gateway")]
    assert ask("SELECT serial FROM tds.certificate") == [("aa01",)]
    ask("DELETE FROM tds.decision RETURNING 1")
    ask("INSERT INTO tds.dirty (device_id, low, high, whole) SELECT id, 'epoch', now(), true FROM tds.device RETURNING 1")
    store = engine.open_store(settings, "owner")
    ledger.drain(store)
    assert ledger.verify(store) == []
    store.close()
    assert ask("SELECT sum(quantity) FROM tds.ledger") == [(12 * HOURS + Decimal(writer.committed[-1] + 1) / 100,)]


def test_an_upgrade_from_the_first_schema_loses_nothing(empty: Empty, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    settings = old_system(empty, REVISIONS[0], monkeypatch)
    whole = statements.script
    with monkeypatch.context() as only:
        broken = "schema/025_column_comments.sql"
        only.setattr("sql.statements.script", lambda path, **values: "SELECT 1/0" if path == broken else whole(path, **values))
        with pytest.raises(StoreUnavailable, match="nothing was changed: division by zero"):
            migrate.migrate(settings)
    assert empty.ask("SELECT version_num FROM tds_migration.version", empty.url) == REVISIONS[0]
    assert empty.ask("SELECT to_regclass('tds.audit')", empty.url) is None
    holds_everything(empty, settings, upgrade_while_writing(empty, settings))


@pytest.mark.long
@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_from_any_schema_loses_nothing(empty: Empty, monkeypatch: pytest.MonkeyPatch, revision: str) -> None:  # noqa: F811
    settings = old_system(empty, revision, monkeypatch)
    holds_everything(empty, settings, upgrade_while_writing(empty, settings))
