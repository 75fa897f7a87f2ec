"""`tds web`: it serves, it stops, and what keeps it from starting is one line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from tests.broker.lab import wait_until
from tests.ports import free_port
from tests.web.world import World

ROOT = Path(__file__).resolve().parents[2]


def environment(world: World, **given: str) -> dict[str, str]:
    """Give the variables that lead to the world's database."""
    settings = world.database.settings
    base = {"TDS_DATABASE_URL": str(settings.database_url), "TDS_STATE_DIR": str(settings.state_dir)}
    return {**os.environ, "TDS_WEB_PORT": str(free_port()), **base, **given}


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command where it cannot start."""
    command = [sys.executable, "-m", "cli", "web"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_it_serves_and_stops_without_leaving_anything(world: World) -> None:
    env = environment(world, TDS_WEB_WORKERS="3")
    process = subprocess.Popen([sys.executable, "-m", "cli", "web"], cwd=ROOT, env=env)
    address = f"http://127.0.0.1:{env['TDS_WEB_PORT']}"
    kept = HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        assert read(f"{address}/readyz") == "ready\n"
        # One answers while the next is still to be started.
        assert wait_until(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 3, 60)
        workers = psutil.Process(process.pid).children(recursive=True)
        kept.request("GET", "/livez")
        assert kept.getresponse().read()
        own, asked_at = kept.sock, time.monotonic()
        assert {asked(f"{address}/healthz") for _ in range(20)} == {(200, "ok\n")}
        counted = [line for line in read(f"{address}/metrics").splitlines() if 'endpoint="health.healthz"' in line]
        assert 'tds_http_requests_total{endpoint="health.healthz",status="200"} 20.0' in counted
        many = ",".join(map(str, range(1, 10_001)))
        assert asked(f"{address}/login?devices={many}")[0] == 200
        status, said = asked(f"{address}/login?devices={many},{many},{many}")
        assert (status, "too long" in said, "longo demais" in said) == (414, True, True)
        time.sleep(max(0, asked_at + 3 - time.monotonic()))  # longer than gunicorn would keep it by itself
        kept.request("GET", "/livez")
        assert kept.getresponse().read()
        assert kept.sock is own
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert not any(worker.is_running() for worker in workers)


def asked(url: str) -> tuple[int, str]:
    """Give status and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def read(url: str, seconds: float = 60) -> str:
    """Read an address, as soon as it answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_a_port_in_use_is_one_line(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(environment(world, TDS_WEB_PORT=str(taken.getsockname()[1])))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "in use" in done.stderr
    assert "TDS_WEB_PORT" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TDS_WEB_DATABASE_URL", "postgresql://a:b@127.0.0.1:9/none", "refused"),
        ("TDS_WEB_HOST", "192.0.2.1", "cannot listen on 192.0.2.1"),
        ("TDS_WEB_PORT", "x", "TDS_WEB_PORT"),
        ("TDS_WEB_WORKERS", "0", "TDS_WEB_WORKERS is not a number between 1 and 64: 0"),
        ("TDS_SECRET_KEY", "short", "TDS_SECRET_KEY"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(world: World, variable: str, value: str, said: str) -> None:
    done = run(environment(world, **{variable: value}))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr


def test_a_database_without_schema_is_one_line(world: World, embedded_server: str) -> None:
    from tests.conftest import create_database, drop_database

    url = create_database(embedded_server, "twebempty")
    try:
        done = run(environment(world, TDS_DATABASE_URL=url))
    finally:
        drop_database(embedded_server, "twebempty")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "tds migrate" in done.stderr
