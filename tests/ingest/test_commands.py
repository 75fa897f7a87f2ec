"""`tds ingest` as a person starts it: one clear line for what is wrong, health and metrics for what is right."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certs.setup import ensure_authority
from ingest.credentials import CERTIFICATES
from ingest.health import HealthServer
from ingest.metrics import Metrics
from logs import JsonFormatter, TextFormatter
from settings import Settings
from sql.errors import TdsError
from tests.conftest import Database
from tests.faults.cell import ROOT, Cell, wait_for
from tests.ingest.cast import MAC, payload, register, stored
from tests.ports import free_port

NAMES = ["tds_messages_total", "tds_readings_total", "tds_rejections_total", "tds_commit_seconds", "tds_queue_depth", "tds_ledger_lag_seconds",
         "tds_ledger_difference", "tds_crl_expires_seconds", "tds_batch_messages", "tds_duplicates_total", "tds_reconnects_total"]  # fmt: skip


@pytest.fixture
def ready(plain_database: Database) -> Settings:
    """Settings of a machine where everything is set up but the broker."""
    ensure_authority(plain_database.settings)
    return replace(plain_database.settings, mqtt_port=free_port(), ingest_port=free_port())


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is expected to refuse."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TDS_")},
        "TDS_DATABASE_URL": settings.database_url or "",
        "TDS_STATE_DIR": str(settings.state_dir),
        "TDS_PKI_DIR": str(settings.pki_dir),
        "TDS_MQTT_PORT": str(settings.mqtt_port),
        "TDS_INGEST_PORT": str(settings.ingest_port),
        **more,
    }
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refused start."""
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("tds: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_without_certificates_it_says_how_to_make_them(plain_database: Database) -> None:
    assert "tds certs init" in refusal(run(plain_database.settings, "ingest"))


def test_without_a_database_it_says_so(ready: Settings) -> None:
    assert "onnection refused" in refusal(run(ready, "ingest", TDS_DATABASE_URL="postgresql://a:b@127.0.0.1:1/c"))


def test_without_a_schema_it_says_how_to_make_it(ready: Settings, embedded_server: str) -> None:
    assert "tds migrate" in refusal(
        run(ready, "ingest", TDS_DATABASE_URL=embedded_server, TDS_INGEST_DATABASE_URL=embedded_server)
    )


def test_a_port_in_use_is_named(ready: Settings) -> None:
    with socket.create_server(("127.0.0.1", ready.ingest_port)):
        assert f"port {ready.ingest_port}" in refusal(run(ready, "ingest"))


def test_without_a_broker_it_waits_and_says_so_when_asked(ready: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = {
        **os.environ,
        "TDS_DATABASE_URL": ready.database_url or "",
        "TDS_STATE_DIR": str(ready.state_dir),
        "TDS_MQTT_PORT": str(ready.mqtt_port),
        "TDS_INGEST_PORT": str(ready.ingest_port),
        "TDS_LOG_FORMAT": "json",
    }
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "cli", "ingest"], cwd=ROOT, env=environment, stderr=file)
    try:
        wait_for(lambda: "refused" in log.read_text().lower(), what=log.read_text)
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"http://127.0.0.1:{ready.ingest_port}/readyz", timeout=60)
        assert answer.value.code == 503
        assert "broker" in answer.value.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert all(json.loads(line)["message"] for line in log.read_text().splitlines())


def test_it_serves_health_and_the_metrics_of_the_contract(plain_database: Database) -> None:
    register(plain_database)
    cell = Cell(plain_database)
    try:
        ingester = cell.ingester().wait_until_subscribed()
        publisher = cell.publisher(MAC)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        publisher.publish(payload([("D01", "12.5", "kWh"), ("D77", 1, "kWh")], now))
        wait_for(lambda: stored(plain_database))
        wait_for(lambda: ingester.metric("tds_messages_total") == 1)
        assert ingester.ask("/healthz") == (200, "ok\n")
        assert ingester.ask("/readyz") == (200, "ok\n")
        assert ingester.ask("/nothing")[0] == 404
        text = ingester.ask("/metrics")[1]
        assert [name for name in NAMES if f"\n{name}" not in text] == []
        assert ingester.metric('tds_rejections_total{reason="unknown_device"}') == 1
        assert ingester.metric('tds_rejections_total{reason="too_old"}') == 0
        assert ingester.metric("tds_crl_expires_seconds") > 86_400
        for name in CERTIFICATES:
            assert ingester.metric(f'tds_certificate_expires_seconds{{certificate="{name}"}}') > 90 * 86_400
    finally:
        cell.close()


@pytest.fixture
def health() -> Iterator[HealthServer]:
    """A health server of nothing."""
    server = HealthServer(("127.0.0.1", 0), Metrics().text, lambda: None, lambda: "the reason")
    server.start()
    yield server
    server.stop()


def test_a_second_server_on_the_port_is_refused_in_one_line(health: HealthServer) -> None:
    with pytest.raises(TdsError, match=f"port {health.port}"):
        HealthServer(("127.0.0.1", health.port), Metrics().text, lambda: None, lambda: None)


@pytest.mark.parametrize("hostile", ["a\nERROR b", "\x1b[2J\x07", "\u2028\u202e", "\x00\ud800", "x" * 100_000])
def test_a_log_line_is_one_readable_line_whatever_a_gateway_put_into_it(hostile: str) -> None:
    record = logging.LogRecord("ingest", logging.ERROR, "", 1, "a message of %s", (hostile,), None)
    for line in (
        TextFormatter("%(levelname)s %(message)s").format(record),
        json.loads(JsonFormatter().format(record))["message"],
    ):
        assert len(line) < 2100
    line = TextFormatter("%(levelname)s %(message)s").format(record)
    assert line.startswith("ERROR a message of ")
    assert line.isprintable()
    assert "\n" not in JsonFormatter().format(record)
    line.encode()


def test_a_log_line_has_its_facts_and_shows_its_id() -> None:
    record = logging.LogRecord("ingest", logging.INFO, "", 1, "stored", (), None)
    record.facts = {"batch": "2026-11-27T10:00:00.000001Z", "readings": 3}
    assert json.loads(JsonFormatter().format(record)).items() >= {"message": "stored", **record.facts}.items()
    assert TextFormatter("%(message)s").format(record) == "stored [2026-11-27T10:00:00.000001Z]"


def test_a_log_line_is_one_json_object_even_with_a_traceback() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("ingest", logging.ERROR, "", 1, "a %s", ("message\nof two",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "a message\nof two"
    assert "ValueError" in json.loads(line)["traceback"]
