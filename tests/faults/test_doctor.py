"""`tds doctor` names every fault that the other tests here bring about, each brought about for real where that takes no minutes.

Elsewhere: an unreachable database (tests/project/test_command_line.py), a full disk (test_disk.py), a broker that crashes
(tests/broker/test_crashes.py), certificates and lists that end (tests/certs), books that differ (tests/sql/test_upkeep.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

import broker
import certs
import ingest.checks
import sql.health
import tds_dash.checks
from broker.probe import is_here
from ingest.health import HealthServer
from ingest.metrics import Metrics
from settings import Settings
from sql.signs import MANY
from tests.conftest import Database
from tests.faults.cell import ROOT, Cell, wait_for
from tests.ingest.cast import MAC, payload, query
from tests.ports import free_port

PARTS = (sql.health, broker, certs, ingest.checks, tds_dash.checks)


def named(settings: Settings, warnings: bool = False) -> dict[str, str]:
    """Give the faults that the doctor names, or what it warns of: its checks with their sentences."""
    found = [finding for part in PARTS for finding in part.health(settings)]
    return {one.check: one.detail for one in found if (one.warning if warnings else not one.ok)}


def test_the_doctor_names_what_happens_to_broker_ingester_and_gateways(plain_cell: Cell) -> None:
    settings = replace(plain_cell.settings, web_port=free_port(), ingest_port=free_port())
    assert named(settings).keys() == {"ingester"}
    assert "is `tds ingest` running" in named(settings)["ingester"]

    process = plain_cell.ingester().wait_until_subscribed()
    settings = replace(settings, ingest_port=process.port)
    gateway = plain_cell.publisher(MAC)
    gateway.publish(payload([("D01", 1, "kWh"), *((f"X{n}", 1, "kWh") for n in range(MANY))], datetime.now(UTC)), 1)
    wait_for(lambda: query(plain_cell.database, "SELECT 1 FROM tds.rejection"))
    assert named(settings) == {}
    assert f"{MANY} within an hour, most of them unknown_device of {MAC}" in named(settings, warnings=True)["rejections"]

    elsewhere = replace(settings, more_brokers=(("127.0.0.1", free_port()),))
    assert "is `tds broker` running" in named(elsewhere)["broker"]

    process.process.send_signal(signal.SIGSTOP)  # as a network that swallows everything
    assert "nothing is answered" in named(settings)["intake"]
    process.process.send_signal(signal.SIGCONT)

    plain_cell.broker.stop()
    wait_for(lambda: "broker" in named(settings).get("intake", ""))
    assert "is `tds broker` running" in named(settings)["broker"]

    process.kill()
    wait_for(lambda: "ingester" in named(settings))
    assert "intake" not in named(settings), "what runs elsewhere cannot be asked from here"


@contextmanager
def changed(database: Database, *commands: str) -> Iterator[None]:
    with database.owner.transaction() as connection:
        for command in commands:
            connection.execute(text(command))
    yield


def test_the_doctor_names_what_waits_and_who_is_not_heard(plain_database: Database) -> None:
    settings, database = plain_database.settings, plain_database
    database.account("Aurora")
    late = "INSERT INTO tds.dirty (device_id, low, high, queued_at) VALUES (1, now(), now(), now() - interval '20 minutes')"
    gateway = (
        "INSERT INTO tds.gateway (account_id, mac, name, capacity) SELECT id, '02:00:00:00:00:01', 'One', 8 FROM tds.account",
        "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at, online) SELECT id, now() - interval '2 hours', true FROM tds.gateway",
    )
    order = (
        "INSERT INTO tds.certificate_order (account_id, gateway_id, kind, serial, reason, state, actor, address, agent, ordered_at)"
        " SELECT account_id, id, 'revoke', '1', 'unspecified', 'ordered', 'a@example.com', '', '', now() - interval '5 minutes'"
        " FROM tds.gateway"
    )
    unkept = (
        "INSERT INTO tds.rejection_tally (gateway_id, unkept, unkept_from, unkept_to) SELECT id, 7, now(), now() FROM tds.gateway"
    )
    with changed(database, late, *gateway, order, unkept):
        found = named(settings)
    assert "is a ledger worker running" in found["ledger"]
    assert "all 1 are offline, the last was heard 120 min ago" in found["gateways"]
    assert "1 wait for the authority" in found["orders"]
    assert "02:00:00:00:00:01: 7 refused and not even kept" in named(settings, warnings=True)["rejections"]


def test_the_doctor_names_a_database_that_only_reads(plain_database: Database) -> None:
    """As after a failover to a replica; a disk that is full is said by the same check."""
    name = query(plain_database, "SELECT current_database()")[0][0]
    with changed(plain_database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'):
        assert "read-only" in named(plain_database.settings)["writing"]


def test_the_doctor_names_a_clock_that_is_wrong(plain_database: Database, tmp_path: Path) -> None:
    (tmp_path / "skew").write_text("3600", encoding="ascii")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TDS_")},
        "TDS_DATABASE_URL": plain_database.owner.url,
        "TDS_STATE_DIR": str(tmp_path),
        "SKEW_FILE": str(tmp_path / "skew"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.skewed", "doctor", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (clock,) = [check for check in json.loads(done.stdout)["checks"] if check["check"] == "clock"]
    assert not clock["ok"]
    assert float(clock["detail"].split(" s between")[0]) == pytest.approx(3600, abs=30), "and what it took to ask"


@pytest.mark.parametrize(
    ("alive", "ready", "dropped", "said"),
    [
        ("the store loop hangs", "database: no answer for 200 s", 0, "the store loop hangs"),
        (None, "database: could not extend file: No space left on device", 0, "No space left"),
        (None, None, 3, "thrown away 3 messages"),
    ],
)
def test_the_doctor_passes_on_what_the_ingester_says_of_itself(
    plain_database: Database, alive: str | None, ready: str | None, dropped: int, said: str
) -> None:
    metrics = Metrics()
    metrics.broker_dropped.set(dropped)
    server = HealthServer(("127.0.0.1", 0), metrics.text, lambda: alive, lambda: ready)
    server.start()
    with closing_server(server):
        settings = replace(plain_database.settings, ingest_port=server.port, web_port=server.port)
        (intake,) = ingest.checks.health(settings)
        assert (intake.ok, said in intake.detail) == (False, True)
        (pages,) = tds_dash.checks.health(settings)
        assert (pages.ok, pages.detail) == ((True, "they can be used") if ready is None else (False, ready))


def test_the_doctor_asks_for_pages_where_people_are_sent_to(plain_database: Database) -> None:
    """As on the ingester's machine, behind a proxy that answers for pages that have died, or in a container beside theirs."""
    nobody, ready = free_port(), [None, "the schema is at version 1"]

    def pages(url: str | None, host: str = "127.0.0.1") -> tuple[bool, str, bool]:
        settings = replace(
            plain_database.settings, web_host=host, web_port=nobody, web_url=url, ingest_host=host, ingest_port=nobody
        )
        if not is_here(host):
            assert not ingest.checks.health(settings)[0].ok
        return tds_dash.checks.health(settings)[0][1:]

    server = HealthServer(("127.0.0.1", 0), lambda: b"", lambda: None, lambda: ready[0])
    server.start()
    with closing_server(server):
        url = f"http://127.0.0.1:{server.port}"
        assert pages(url) == (True, f"they can be used at {url}", False)
        ready.reverse()
        assert pages(url) == (False, f"none are served here, and {url} answers with 503: is `tds web` running?", False)
        assert pages(f"https://127.0.0.1:{server.port}")[::2] == (True, True), "a certificate that is not known here is no fault"
    assert pages(url)[0] is False
    assert "Connection refused: is `tds web` running?" in pages(url)[1]
    assert pages("https://tds.invalid")[::2] == (True, True)
    assert pages(None) == (True, "none are served on this machine", False)
    assert pages(None, "web.invalid")[0] is False, "the pages' own address, as in compose.yaml, and it is gone"


@contextmanager
def closing_server(server: HealthServer) -> Iterator[None]:
    yield
    server.stop()
