"""A broker and its ingester on free ports, with everything real: Mosquitto, mutual TLS, processes that can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from broker.process import Broker
from certs.issuing import issue_bundles
from certs.setup import ensure_authority
from settings import Settings
from simulator.gateway import Identity, tls_context
from tests.conftest import Database
from tests.ingest.cast import register, topic
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.faults.load import Load

ROOT = Path(__file__).resolve().parent.parent.parent
# Ends the sessions of this database's ingesters that hold a lock, which is the active one's.
SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database() AND application_name = 'tds-ingest'"
)


def wait_for(condition: Callable[[], Any], seconds: float = 60, what: Callable[[], str] = str) -> Any:
    """Wait until a condition holds and give what it gave; fails with what can be said otherwise."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what()}"
        time.sleep(0.02)
    return found


class Ingester:
    """A `tds ingest` of its own process; its log is kept."""

    def __init__(self, settings: Settings, folder: Path, module: str = "cli", **more: str) -> None:
        self.port = free_port()
        self.log = folder / f"ingest-{self.port}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TDS_")},
            "TDS_DATABASE_URL": settings.database_url or "",
            "TDS_STATE_DIR": str(settings.state_dir),
            "TDS_MQTT_PORT": str(settings.mqtt_port),
            "TDS_INGEST_PORT": str(self.port),
            **more,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "ingest"], cwd=ROOT, env=environment, stderr=log, stdout=log
            )

    def ask(self, path: str) -> tuple[int, str]:
        """Ask its HTTP face; (0, reason) where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str) -> float:
        """Give one metric by its name and labels."""
        _, text = wait_for(lambda: (answer := self.ask("/metrics"))[0] == 200 and answer, what=self.log.read_text)
        lines = text.splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name + " ")))

    def is_subscribed(self) -> bool:
        """Whether it is active and hears the broker."""
        return self.ask("/readyz")[0] == 200 and self.metric("tds_active") == 1 and self.metric("tds_broker_connected") == 1

    def wait_until_subscribed(self) -> Ingester:
        """Wait until messages can arrive."""
        wait_for(lambda: self.process.poll() is not None or self.is_subscribed(), what=self.log.read_text)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Publisher:
    """A gateway that knows what the broker acknowledged (`acknowledged`) and what was confirmed as stored (`confirmed`)."""

    def __init__(self, port: int, identity: Identity, will: bytes | None = None) -> None:
        self.mac = identity.mac
        self.acknowledged: set[int] = set()
        self.confirmed: list[int] = []
        self.confirmed_at_once: list[int] = []
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}
        self._early: set[int] = set()
        self._connected = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, identity.mac)
        self.client.tls_set_context(tls_context(identity))
        self.client.max_inflight_messages_set(200)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe(topic(self.mac, "commands/stored"), 1)
        self.client.on_subscribe = lambda *_: self._connected.set()
        self.client.on_publish = lambda _client, _data, mid, *_: self._on_publish(mid)
        self.client.on_message = self._on_message
        if will is not None:
            self.client.will_set(topic(self.mac, "status"), will, qos=1)
        self.client.connect("127.0.0.1", port, 30)
        self.client.loop_start()
        assert self._connected.wait(60)

    def publish(self, payload: bytes, number: int = 0, sort: str = "telemetry") -> None:
        """Publish with QoS 1; `number` is what `acknowledged` will hold."""
        mid = self.client.publish(topic(self.mac, sort), payload, qos=1).mid
        with self._lock:
            if mid in self._early:
                self._early.discard(mid)
                self.acknowledged.add(number)
            else:
                self._numbers[mid] = number

    def vanish(self) -> None:
        """Break the connection without a word."""
        sock = self.client.socket()
        assert sock is not None
        self.client.loop_stop()
        sock.close()

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()

    def _on_publish(self, mid: int) -> None:
        with self._lock:
            if mid in self._numbers:
                self.acknowledged.add(self._numbers.pop(mid))
            else:
                self._early.add(mid)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        numbers = json.loads(message.payload)["seq"]
        self.confirmed_at_once.append(len(numbers))
        self.confirmed += numbers


class Cell:
    """The whole way in, for one test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settings = replace(database.settings, mqtt_port=free_port())
        self.gateway_port = self.settings.mqtt_port  # where gateways connect; a test may put a proxy there
        self.folder = self.settings.state_dir
        ensure_authority(self.settings)
        self.broker = Broker(self.settings)
        self.broker.start()
        self._identities: dict[str, Identity] = {}
        self._ingesters: list[Ingester] = []
        self._publishers: list[Publisher] = []
        self.loads: list[Load] = []

    def ingester(self, module: str = "cli", **more: str) -> Ingester:
        """Start an ingester; `module` may wrap the command line."""
        self._ingesters.append(Ingester(self.settings, self.folder, module, **more))
        return self._ingesters[-1]

    def identity(self, mac: str) -> Identity:
        """Give a gateway's certificate and key, issued once."""
        if mac not in self._identities:
            (bundle,) = issue_bundles(self.settings, [mac])
            assert bundle.key is not None
            self._identities[mac] = Identity(mac, bundle.certificate, bundle.key, bundle.authority)
        return self._identities[mac]

    def restart_broker(self) -> None:
        """Start the broker again, after it was stopped or killed."""
        self.broker = Broker(self.settings)
        self.broker.start()

    def kill_broker(self) -> None:
        """Kill Mosquitto without a chance to write its queues."""
        assert self.broker.process is not None
        self.broker.process.kill()
        self.broker.process.wait()
        self.broker.stop()

    def publisher(self, mac: str, will: bytes | None = None) -> Publisher:
        """Connect a gateway."""
        self._publishers.append(Publisher(self.gateway_port, self.identity(mac), will))
        return self._publishers[-1]

    def close(self) -> None:
        """Stop everything that was started here."""
        for publisher in self._publishers:
            publisher.close()
        for ingester in self._ingesters:
            if ingester.process.poll() is None:
                ingester.kill()
        self.broker.stop()


class Pair:
    """Two cells on one database under one authority; gateways publish everything to both."""

    def __init__(self, database: Database, folder: Path) -> None:
        register(database)
        first = Cell(database)
        shutil.copytree(first.settings.pki_dir, folder / "pki")
        own = replace(database.settings, state_dir=folder, pki_dir=folder / "pki", mqtt_client_id="tds-ingest-2")
        self.cells = first, Cell(replace(database, settings=own))

    def start(self, number: int) -> Ingester:
        """Start the ingester of one of them."""
        return self.cells[number].ingester(TDS_MQTT_CLIENT_ID=self.cells[number].settings.mqtt_client_id).wait_until_subscribed()

    def close(self) -> None:
        """Stop everything."""
        for cell in self.cells:
            cell.close()


@contextmanager
def tended(cell: Cell) -> Iterator[None]:
    """Have a thread do for the broker what `tds broker` does while it runs: load new files, write less often when much waits."""
    stop = threading.Event()

    def tend() -> None:
        while not stop.wait(0.2):
            cell.broker.step()

    thread = threading.Thread(target=tend, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
