"""The network side against a real Mosquitto: windows, acknowledgements, epochs, reconnects. No database is stored to."""

import dataclasses
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.configuration import _CONFIGURATION
from certs.setup import ensure_authority
from ingest.connection import Connection, Target
from ingest.credentials import tls_context
from ingest.inbox import Inbox, Received
from ingest.metrics import Metrics
from ingest.subscriber import Subscriber
from simulator.gateway import tls_context as gateway_context
from sql.errors import TdsError
from tests.conftest import Database
from tests.faults.cell import Cell, Publisher, wait_for
from tests.faults.proxy import Proxy
from tests.ingest.cast import MAC, ROOT
from tests.ports import free_port


@pytest.fixture(scope="module")
def cell(shared_database: Database) -> Iterator[Cell]:
    """One broker for the module."""
    cell = Cell(shared_database)
    yield cell
    cell.close()


@pytest.fixture
def gateway(cell: Cell) -> Iterator[Publisher]:
    """A gateway that publishes; the session is empty when it begins."""
    Ear(cell).finish()
    publisher = cell.publisher(MAC)
    yield publisher
    publisher.close()


class Lonely(Cell):
    """A cell of its own for one test, whose broker may die."""

    def __init__(self, database: Database, folder: Path) -> None:
        own = dataclasses.replace(database.settings, state_dir=folder, pki_dir=folder / "pki")
        super().__init__(dataclasses.replace(database, settings=own))


class Ear:
    """A subscriber of its own, emptied at the end so that the next test starts with an empty session."""

    def __init__(self, cell: Cell, window: int = 100, port: int | None = None, most: int | None = None) -> None:
        target = Target("127.0.0.1", port or cell.settings.mqtt_port, ROOT, "tds-ingest", window)
        self.window, self.inbox, self.metrics = window, Inbox(most or window), Metrics()
        self.subscriber = Subscriber(target, lambda: tls_context(cell.settings.pki_dir), self.inbox, self.metrics)
        self.subscriber.start()
        wait_for(lambda: self.subscriber.connected, what=lambda: self.subscriber.fault)

    def take(self, count: int, seconds: float = 60) -> list[Received]:
        """Take as many messages."""
        found: list[Received] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            found += self.inbox.take(count - len(found), 10**9, 0.1)
        return found

    def settle(self, batch: list[Received]) -> None:
        """Acknowledge a batch."""
        self.subscriber.settle(batch, {})

    def finish(self, count: int = 0) -> list[Received]:
        """Take and acknowledge `count` messages, whatever comes twice, and any beyond; stop; give what came."""
        found: list[Received] = []
        missing = count
        # A new connection brings no more than its window before some are acknowledged.
        while batch := self.take(*((min(missing, self.window), 60) if missing > 0 else (50, 0.5))):
            self.settle(batch)
            found += batch
            missing = count - len({message.payload for message in found})
        self.subscriber.stop()
        return found


def send(gateway: Publisher, count: int, first: int = 0) -> None:
    """Publish numbered messages and wait until the broker has them."""
    for number in range(first, first + count):
        gateway.publish(str(number).encode(), number)
    wait_for(lambda: len(gateway.acknowledged) >= first + count)


def numbers(batch: list[Received]) -> list[int]:
    """The numbers of messages."""
    return [int(message.payload) for message in batch]


def test_no_more_arrives_than_may_be_unacknowledged(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell, window=50)
    send(gateway, 300)
    wait_for(lambda: len(ear.inbox) >= 50)
    time.sleep(0.5)
    assert len(ear.inbox) == 50
    batch = ear.take(50)
    time.sleep(0.3)
    assert len(ear.inbox) == 0
    ear.settle(batch[:20])
    wait_for(lambda: len(ear.inbox) >= 20)
    time.sleep(0.3)
    assert len(ear.inbox) <= 50
    ear.settle(batch[20:])
    assert numbers(batch + ear.finish(250)) == list(range(300))


def test_a_full_inbox_stops_the_reading_whatever_the_broker_thinks_of_the_window(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell, window=1000)
    ear.inbox.most = 50
    send(gateway, 300)
    wait_for(lambda: len(ear.inbox) >= 50)
    time.sleep(0.5)
    assert len(ear.inbox) == 50
    ear.inbox.most_bytes = 5
    batch = ear.take(50)
    wait_for(lambda: len(ear.inbox) >= 1)
    time.sleep(0.3)
    assert len(ear.inbox) <= 5
    ear.settle(batch)
    ear.inbox.most_bytes = 1000
    assert numbers(batch + ear.finish(250)) == list(range(300))


def test_what_waited_is_bounded_and_acknowledged_before_the_subscription_is_confirmed(
    cell: Cell, gateway: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's answer comes behind all that its window lets through: a slow start must not fill memory, nor lose its way."""
    Ear(cell, window=1000).subscriber.stop()
    send(gateway, 600)
    confirmed: list[float] = []

    def late(connection: Connection, *given: object) -> None:  # as from a broker that is busy with a million messages
        confirmed.append(time.monotonic())

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_on_subscribe", late)
        patch.setattr("ingest.connection.SUBSCRIBE_SECONDS", 5)
        ear = Ear(cell, window=1000, most=50)
        taken: list[Received] = []
        while len(taken) < 600:
            assert len(ear.inbox) <= 50
            batch = ear.take(30)
            assert batch, ear.subscriber.fault
            ear.settle(batch)
            taken += batch
        assert {message.epoch for message in taken} == {1}
        wait_for(lambda: "did not confirm the subscription" in ear.subscriber.fault)
    assert ear.finish() == []
    assert numbers(taken) == list(range(600))


def test_an_answer_to_a_ping_behind_many_messages_is_waited_for(
    cell: Cell, gateway: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ear(cell, window=1000).subscriber.stop()
    send(gateway, 600)
    monkeypatch.setattr("ingest.connection.KEEPALIVE", 3)
    ear = Ear(cell, window=1000, most=5)
    taken: list[Received] = []
    for _ in range(20):  # far slower than they come
        batch = ear.take(5)
        ear.settle(batch)
        taken += batch
        time.sleep(0.3)
    assert {message.epoch for message in taken} == {1}
    assert numbers(taken + ear.finish(500)) == list(range(600))


def test_while_nothing_can_be_stored_for_long_it_leaves_the_broker_and_comes_back(
    cell: Cell, gateway: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.connection.FULL_SECONDS", 0.5)
    ear = Ear(cell, window=50)
    send(gateway, 200)
    wait_for(lambda: not ear.subscriber.connected)
    time.sleep(1.5)
    assert not ear.subscriber.connected
    assert len(ear.inbox) == 50
    assert sorted(set(numbers(ear.finish(200)))) == list(range(200))


def test_what_was_acknowledged_never_comes_again_and_what_was_not_comes_again(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell)
    send(gateway, 30)
    batch = ear.take(30)
    ear.settle(batch[:10])
    ear.subscriber.stop()
    again = Ear(cell)
    assert numbers(again.take(20)) == list(range(10, 30))
    again.subscriber.stop()
    assert numbers(Ear(cell).finish(20)) == list(range(10, 30))


def test_an_acknowledgement_of_an_older_connection_goes_nowhere(cell: Cell, gateway: Publisher) -> None:
    proxy = Proxy(cell.settings.mqtt_port)
    ear = Ear(cell, port=proxy.port)
    send(gateway, 10)
    old = ear.take(10)
    proxy.drop()
    new = ear.take(10)
    assert [m.packet for m in new] == [m.packet for m in old]
    assert {m.epoch for m in new}.isdisjoint({m.epoch for m in old})
    ear.settle(old)
    time.sleep(0.3)
    ear.subscriber.stop()
    assert numbers(Ear(cell).finish(10)) == list(range(10))
    proxy.close()


def test_acknowledgements_while_it_reconnects_disturb_nothing(cell: Cell, gateway: Publisher) -> None:
    proxy = Proxy(cell.settings.mqtt_port)
    ear = Ear(cell, port=proxy.port)
    send(gateway, 50)
    batch = ear.take(50)
    proxy.refuse()
    wait_for(lambda: not ear.subscriber.connected)
    for message in batch:
        ear.settle([message])
    proxy.heal()
    wait_for(lambda: ear.subscriber.connected)
    assert ear.metrics.registry.get_sample_value("tds_reconnects_total") >= 1
    assert numbers(ear.finish(50)) == list(range(50))
    proxy.close()


def test_memory_is_bounded_while_nothing_is_stored_and_the_broker_comes_and_goes(cell: Cell, gateway: Publisher) -> None:
    proxy = Proxy(cell.settings.mqtt_port)
    ear = Ear(cell, window=50, port=proxy.port)
    ear.inbox.most = 80
    send(gateway, 200)
    for _ in range(4):
        proxy.drop()
        time.sleep(1.5)
    assert len(ear.inbox) <= 80 + 50
    assert sorted(set(numbers(ear.finish(200)))) == list(range(200))
    proxy.close()


def test_a_clean_stop_leaves_nothing_acknowledged_that_comes_again(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell)
    send(gateway, 1000)
    batch = ear.take(90)
    ear.subscriber.discard()
    ear.settle(batch)
    ear.subscriber.stop()
    assert numbers(Ear(cell).finish(910)) == list(range(90, 1000))


def test_confirmations_go_to_their_gateway_five_hundred_at_a_time(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell)
    ear.subscriber.settle([], {MAC: list(range(1200)), "02:00:00:00:00:02": [7]})
    wait_for(lambda: len(gateway.confirmed) == 1200)
    assert gateway.confirmed == list(range(1200))
    assert gateway.confirmed_at_once == [500, 500, 200]
    ear.subscriber.stop()


def test_a_qos_0_message_arrives_and_asks_for_nothing(cell: Cell, gateway: Publisher) -> None:
    ear = Ear(cell)
    gateway.client.publish(f"{ROOT}/{MAC}/telemetry", b"7", qos=0)
    (message,) = ear.take(1)
    assert message.packet == 0
    ear.settle([message])
    assert ear.finish() == []


def test_properties_of_a_message_stop_nothing(cell: Cell, gateway: Publisher) -> None:
    """paho ends the connection at a U+FEFF that Mosquitto lets through; the message would come again, and so for ever."""
    ear = Ear(cell)
    other = "02:00:00:00:00:02"
    client = Client(CallbackAPIVersion.VERSION2, other, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set_context(gateway_context(cell.identity(other)))
    client.connect("127.0.0.1", cell.settings.mqtt_port)
    client.loop_start()
    for number, hostile in enumerate(("\ufeff", "x" * 60_000, "\u2028")):
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("name", hostile), (hostile, "value")]
        properties.ContentType, properties.CorrelationData = hostile[:1], b"\x00\xff"
        client.publish(f"{ROOT}/{other}/telemetry", b"%d" % number, qos=1, properties=properties).wait_for_publish(10)
    client.publish(f"{ROOT}/{other}/telemetry", b"", qos=1).wait_for_publish(10)
    send(gateway, 3)
    batch = ear.take(7)
    client.disconnect()
    client.loop_stop()
    found = sorted((message.topic, message.payload) for message in batch)
    expected = [(MAC, b"0"), (MAC, b"1"), (MAC, b"2"), (other, b""), (other, b"0"), (other, b"1"), (other, b"2")]
    assert found == [(f"{ROOT}/{mac}/telemetry", payload) for mac, payload in expected]
    ear.settle(batch)
    assert ear.metrics.registry.get_sample_value("tds_reconnects_total") == 0
    assert ear.finish() == []


def test_a_queue_that_overflows_is_said_by_a_metric_and_in_the_log(
    shared_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker acknowledges to the gateway what it then throws away: only its own figures tell."""
    monkeypatch.setattr("broker.configuration.QUEUE_MESSAGES", 10)
    monkeypatch.setattr("broker.configuration.WINDOW", 10)
    monkeypatch.setattr("broker.configuration._CONFIGURATION", _CONFIGURATION.replace("sys_interval 10", "sys_interval 1"))
    own = Lonely(shared_database, tmp_path)
    Ear(own).finish()
    gateway = own.publisher(MAC)
    send(gateway, 100)
    ear = Ear(own)
    dropped = wait_for(lambda: ear.metrics.registry.get_sample_value("tds_broker_dropped_messages"))
    kept = len(ear.finish(100 - int(dropped)))
    assert 10 <= kept < 100
    # The broker's own figures, which waited in the same queue, may be among what it threw away.
    assert 100 - kept <= (ear.metrics.registry.get_sample_value("tds_broker_dropped_messages") or 0) <= 102 - kept
    assert "messages since it started: a queue was full" in caplog.text
    own.close()


def test_a_broker_that_cannot_be_trusted_is_one_clear_line(cell: Cell, tmp_path: Path) -> None:
    other = dataclasses.replace(
        cell.settings, pki_dir=tmp_path / "pki", state_dir=tmp_path, database_url=cell.settings.database_url
    )
    ensure_authority(other)
    target = Target("127.0.0.1", cell.settings.mqtt_port, ROOT, "tds-ingest", 10)
    stranger = Subscriber(target, lambda: tls_context(other.pki_dir), Inbox(10), Metrics())
    stranger.start()
    wait_for(lambda: stranger.fault != "not started")
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.fault or "certificate" in stranger.fault
    assert "\n" not in stranger.fault
    assert stranger.running
    assert not stranger.connected
    stranger.stop()


def test_no_broker_at_all_is_one_clear_line_and_waited_for(cell: Cell) -> None:
    target = Target("127.0.0.1", free_port(), ROOT, "tds-ingest", 10)
    alone = Subscriber(target, lambda: tls_context(cell.settings.pki_dir), Inbox(10), Metrics())
    alone.start()
    wait_for(lambda: "refused" in alone.fault.lower())
    alone.stop()


def test_missing_and_broken_certificates_are_one_clear_line(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(TdsError, match="tds certs init"):
        tls_context(tmp_path)
    for name in ("ca.crt", "ingester.crt", "ingester.key"):
        (tmp_path / name).write_text("-----BEGIN NONSENSE-----")
    with pytest.raises(TdsError, match="cannot be used") as fault:
        tls_context(tmp_path)
    assert "\n" not in str(fault.value)
    assert isinstance(tls_context(cell.settings.pki_dir), ssl.SSLContext)


def test_a_killed_brokers_old_packet_numbers_acknowledge_nothing_new(
    shared_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker forgets what came after its last snapshot and gives old numbers to new messages."""
    monkeypatch.setattr("broker.process.autosave_seconds", lambda size: 600)
    own = Lonely(shared_database, tmp_path)
    gateway = own.publisher(MAC)
    ear = Ear(own)
    assert own.broker.process is not None
    own.broker.process.send_signal(signal.SIGUSR1)  # a snapshot with the session and without messages
    wait_for((own.broker.place.folder / "data" / "mosquitto.db").exists)
    send(gateway, 10)
    old = ear.take(10)
    own.kill_broker()
    gateway.client.loop_stop()
    own.restart_broker()
    wait_for(lambda: ear.subscriber.connected)
    fresh = own.publisher(MAC)
    send(fresh, 10)
    new = ear.take(10)
    assert {m.packet for m in new} & {m.packet for m in old}
    ear.settle(old)
    time.sleep(0.5)
    ear.subscriber.stop()
    assert numbers(Ear(own).finish(10)) == list(range(10))
    own.close()
