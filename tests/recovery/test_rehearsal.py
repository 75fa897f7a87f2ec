"""The disaster, rehearsed: a backup while gateways publish, everything destroyed, a restore, and gateways that go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

import settings as settings_module
from certs.journal import Journal
from settings import ROOT
from sql import ledger
from sql.migrate import migrate
from tests import conftest
from tests.conftest import Database, opened
from tests.databases import create_database, drop_database, execute, new_name
from tests.faults.cell import Cell, wait_for
from tests.faults.load import EACH, Load
from tests.ingest.cast import fixture, query, register, stored
from tests.sql.plant import tds

PASSPHRASE = "a passphrase of the rehearsal"
MACS = [row["gateway_mac"] for row in fixture("gateways")]


class Site:
    """An installation that may be destroyed: database, owner and logins of its own, an authority with a passphrase, a broker."""

    def __init__(self, server: str, engine: str, folder: Path) -> None:
        self.server, self.engine, self.folder, self.name = server, engine, folder, new_name()
        self.url = create_database(server, self.name)
        migrate(settings_module.load({"TDS_STATE_DIR": str(folder), "TDS_DATABASE_URL": self.url}))
        self.database = self._opened()
        register(self.database)
        self.tool = tds(self.database, "db-user", "add", f"{self.name}_grafana", "--account", "Aurora").out.strip()
        self.cell = Cell(self.database)

    def tds(self, command: str, backup: Path) -> str:
        """Run a command as a process of its own; gives what it printed."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TDS_")},
            "TDS_DATABASE_URL": self.url,
            "TDS_DATABASE_ADMIN_URL": self.server,
            "TDS_STATE_DIR": str(self.folder),
            "TDS_PKI_PASSPHRASE": PASSPHRASE,
        }
        words = [sys.executable, "-m", "cli", command, str(backup)]
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done
        return done.stdout

    def destroy(self) -> None:
        """Leave nothing: no process, no database, no login, no file."""
        self.cell.close()
        self.database.close()
        self.drop()
        for left in self.folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def drop(self) -> None:
        drop_database(self.server, self.name)
        execute(self.server, f"DROP ROLE IF EXISTS {self.name}_grafana")

    def begin_again(self) -> None:
        """Open what was restored, and start its broker, as a machine that has just been set up does."""
        self.database = self._opened()
        self.cell.database = self.database
        self.cell.settings = replace(self.database.settings, mqtt_port=self.cell.settings.mqtt_port)
        self.cell.restart_broker()

    def _opened(self) -> Database:
        made = opened(self.engine, self.url, self.folder)
        made.settings = replace(made.settings, pki_passphrase=PASSPHRASE)
        return made


@pytest.fixture(params=conftest.engines())
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An installation of its own on each engine."""
    server = conftest.TIMESCALEDB if request.param == "timescaledb" else request.getfixturevalue("embedded_server")
    folder = tmp_path / "state"
    folder.mkdir()
    site = Site(server, request.param, folder)
    yield site
    site.cell.close()
    site.database.close()
    site.drop()


def rehearse(site: Site, backup: Path, seconds: float, rate: float) -> dict[str, float]:
    """Back up under load, destroy, restore, go on; gives what was seen."""
    ingester = site.cell.ingester().wait_until_subscribed()
    load = Load(site.cell, rate=rate).begin()
    time.sleep(seconds)
    wait_for(lambda: sum(len(publisher.acknowledged) for publisher in load.publishers) > 50)
    # What was acknowledged when the backup began is what it has to hold, whether the database or the broker has it by then.
    acknowledged = {publisher.mac: set(publisher.acknowledged) for publisher in load.publishers}
    began = time.monotonic()
    said = site.tds("backup", backup)
    took = time.monotonic() - began
    assert "5 gateways" in said, said
    assert "what waited at the broker" in said, said
    assert "the passphrase" in said
    assert PASSPHRASE not in said
    load.end()
    assert ingester.process.poll() is None
    issued = set(Journal(site.cell.settings.pki_dir).records())
    site.destroy()

    began = time.monotonic()
    said = site.tds("restore", backup)
    back = time.monotonic() - began
    assert "Note" not in said, said
    site.begin_again()
    site.cell.ingester().wait_until_subscribed()
    wanted = {(mac, number) for mac, numbers in acknowledged.items() for number in numbers}
    assert len(wanted) > 50

    def missing() -> set[tuple[str, int]]:
        values = {(mac, code, at): value for mac, code, at, value in stored(site.database)}
        return {
            (mac, number)
            for mac, number in wanted
            if values.get((mac, "D01", load.start + timedelta(seconds=number))) != EACH * number
            or values.get((mac, "D04", load.start + timedelta(seconds=number))) != Decimal(number)
        }

    wait_for(lambda: not missing(), what=lambda: f"lost {len(missing())} of {len(wanted)} acknowledged messages")
    # Gateways come back with the certificates that they have, and go on; what was lost after the backup they may send again.
    again = Load(site.cell, rate=rate)
    again.start = load.start
    again.begin()
    wait_for(lambda: all(len(one.acknowledged) > 20 for one in again.publishers))
    again.end()
    again.published = {mac: max(again.published[mac], max(acknowledged[mac]) + 1) for mac in MACS}
    wait_for(lambda: len(stored(site.database)) >= 2 * sum(again.published.values()))
    ledger.drain(site.database.owner)
    assert "equals" in tds(site.database, "ledger", "verify").out
    # A login of another tool is back with its password, and sees its account; ours never were in the backup.
    connection = psycopg2.connect(site.tool)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM web.gateway")
        assert cursor.fetchone() == (5,)
    connection.close()
    assert query(site.database, "SELECT count(*) FROM tds.audit WHERE action = 'account.restored'") == [(2,)]
    assert issued <= {serial for (serial,) in query(site.database, "SELECT serial FROM tds.certificate")}
    size = sum(path.stat().st_size for path in backup.rglob("*") if path.is_file())
    return {"backup_seconds": round(took, 1), "restore_seconds": round(back, 1), "bytes": size, "messages": len(wanted)}


def test_a_backup_under_load_brings_everything_back(site: Site, tmp_path: Path) -> None:
    rehearse(site, tmp_path / "backup", 1, 200)
    assert urlsplit(site.tool).password not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "backup").rglob("*") if path.is_file()
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_minute_of_load_brings_everything_back(site: Site, tmp_path: Path) -> None:
    print(rehearse(site, tmp_path / "backup", 60, 600))
