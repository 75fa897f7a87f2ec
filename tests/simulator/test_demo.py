"""`tds demo` from the outside: two starts and a stop, a stranger on its ports, a process that dies."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import socket
import tempfile
import time
import urllib.request
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

import settings as settings_module
from simulator.demo import Demo, Interrupted
from simulator.first_boot import BatchFiles
from simulator.identities import Certificates
from simulator.ports import is_free
from sql.errors import Refused
from tests.ports import free_port
from tests.simulator.started import Started, ended

NO_CERTIFICATES = Certificates(ensure=lambda _: None, issue=lambda _, macs: [], batch=lambda _: BatchFiles(b"", b"", b""))
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a space in its name that an unprivileged database server may enter, too."""
    made = Path(tempfile.mkdtemp(prefix="tds demo "))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def signed_in(started: Started) -> urllib.request.OpenerDirector:
    """A browser's cookies after signing in with what was printed, and choosing the first account."""
    address, (email, password) = started.printed(r"address +(\S+)"), started.login
    assert address == f"http://127.0.0.1:{started.port}"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    opener.addheaders = [("Origin", address)]
    opener.open(f"{address}/login", urlencode({"email": email, "password": password}).encode(), timeout=30)
    opener.open(f"{address}/accounts", b"account=1", timeout=30)
    return opener


def ask(started: Started, path: str) -> object:
    """An answer of the API to who signed in."""
    with signed_in(started).open(f"http://127.0.0.1:{started.port}/api/v1/{path}", timeout=30) as answer:
        return json.loads(answer.read())


def gone(family: Iterable[psutil.Process]) -> bool:
    """Whether none of them is left."""
    _, alive = psutil.wait_procs(list(family), 60)
    return all(ended(process.pid) for process in alive)


def test_it_starts_shows_live_readings_stops_without_a_trace_and_resumes(folder: Path) -> None:
    first = Started(folder, "--months", "1")
    try:
        first.wait_until_ready()
        family = first.family()
        assert {"postgres", "mosquitto"} <= {Path(words[0]).name for words in family.values() if words}
        latest = ask(first, "readings/latest?limit=1")
        assert isinstance(latest, list)
        assert time.time() - datetime.fromisoformat(latest[0]["time"]).timestamp() < 120
        assert ask(first, "gateways/status")["offline"] == 0  # type: ignore[index]
        second = Started(folder, "--months", "1")
        assert second.process.wait(120) == 1
        assert re.fullmatch(
            r"tds: a demo runs from .*a state already: stop it first, or set another TDS_STATE_DIR\n", second.text()
        )
    finally:
        code = first.stop()
    assert (code, gone(family)) == (0, True)
    assert "Stopping." in first.text()
    assert 24 * 96 * 26 < first.history < 24 * 96 * 32

    again = Started(folder, "--months", "1")
    try:
        again.wait_until_ready()
        family = again.family()
        assert again.history < 24 * 5
        assert "ledger: computed" not in again.text()
        assert ask(again, "gateways/status")["total"] == 2  # type: ignore[index]
        ingester = next(process for process, words in family.items() if words[-1:] == ["ingest"])
        ingester.kill()
        assert again.process.wait(120) == 1
    finally:
        again.stop()
    assert gone(family)
    assert again.text().splitlines()[-1].startswith("tds: ingest ended with status -9")


def test_sigterm_in_the_middle_of_starting_stops_everything(folder: Path) -> None:
    started = Started(folder, "--months", "1")
    while "database:" not in started.text():
        assert started.process.poll() is None, started.text()
        time.sleep(0.05)
    family = started.family()
    assert started.stop(signal.SIGTERM) == 1, started.text()
    assert gone(family)
    assert started.text().splitlines()[-1] == "Stopping."


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_in_the_middle_of_a_callback_whose_faults_python_drops_is_not_lost(folder: Path) -> None:
    settings = settings_module.load({"TDS_STATE_DIR": str(folder)})
    demo, thing = Demo(settings, free_port(), 1, NO_CERTIFICATES), {1}
    reference = weakref.ref(thing, lambda _: demo._interrupt(signal.SIGTERM, None))
    del thing
    assert reference() is None
    with pytest.raises(Interrupted):
        demo._say("history", "added")


def test_a_busy_port_for_the_pages_is_one_clear_line(folder: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        started = Started(folder, "--port", str(port))
        assert started.process.wait(120) == 1
    assert started.text() == f"tds: port {port} is in use: stop what uses it, or choose another with `make demo PORT=…`\n"


@pytest.mark.parametrize(
    ("name", "field"),
    [("TDS_MQTT_PORT", "mqtt_port"), ("TDS_BOOTSTRAP_PORT", "bootstrap_port"), ("TDS_INGEST_PORT", "ingest_port")],
)
def test_a_busy_port_is_refused_where_asked_for_and_replaced_where_not(
    tmp_path: Path, name: str, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        base = settings_module.load({"TDS_STATE_DIR": str(tmp_path)})
        others = {name: free_port() for name in ("mqtt_port", "bootstrap_port", "ingest_port")}
        demo = Demo(replace(base, **{**others, field: port}), free_port(), 1, NO_CERTIFICATES)
        with pytest.raises(Refused, match=f"^port {port} is in use: .* set another {name}$"):
            demo._choose_ports({name: str(port)})
        demo._choose_ports({})
    assert port < getattr(demo.settings, field) < port + 100
    assert f"{port} is in use, {name} is {getattr(demo.settings, field)} instead" in capsys.readouterr().out
    assert demo._environment({})[name] == str(getattr(demo.settings, field))


def test_two_busy_ports_beside_each_other_are_replaced_by_two(tmp_path: Path) -> None:
    """The first one's replacement is promised already, though nobody listens there yet."""
    port = next(
        one
        for one in range(random.randrange(20_000, 30_000), 32_000)
        if is_free("127.0.0.1", one) and is_free("127.0.0.1", one + 1)
    )
    with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
        base = replace(settings_module.load({"TDS_STATE_DIR": str(tmp_path)}), ingest_port=free_port())
        demo = Demo(replace(base, mqtt_port=port, bootstrap_port=port + 1), free_port(), 1, NO_CERTIFICATES)
        demo._choose_ports({})
    assert port + 1 < demo.settings.mqtt_port < demo.settings.bootstrap_port
