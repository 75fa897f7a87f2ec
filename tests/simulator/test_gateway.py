"""Simulated gateways against a real broker: what they keep, what they send again, and how many one loop can drive."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from broker.machine import raise_descriptor_limit
from certs.issuing import issue_bundles
from simulator.gateway import Broker, Gateway, Identity, Shown, encode, iso
from simulator.switchboard import Switchboard
from tests.broker.lab import ROOT, Client, Lab, make_settings, wait_until

MAC = "02:7d:52:00:00:01"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run one broker for this module."""
    made = Lab(make_settings(tmp_path_factory.mktemp("simulator broker")))
    yield made
    made.close()


@pytest.fixture
def ingester(lab: Lab) -> Iterator[Client]:
    """Listen to every gateway, as the ingester does."""
    made = lab.ingester()
    made.subscribe(f"{ROOT}/+/telemetry")
    yield made
    made.close()


def gateways(lab: Lab, count: int = 1, confirmed: bool = True) -> list[Gateway]:
    """Simulated gateways with certificates of the lab's authority."""
    macs = [f"02:7d:52:00:00:{number:02x}" for number in range(1, count + 1)]
    broker = Broker("127.0.0.1", lab.settings.mqtt_port, ROOT)
    made = []
    for bundle in issue_bundles(lab.settings, macs):
        assert bundle.key is not None
        made.append(Gateway(Identity(bundle.mac, bundle.certificate, bundle.key, bundle.authority), broker, confirmed))
    return made


def drive(board: Switchboard, until: Callable[[], bool], seconds: float = 60) -> bool:
    """Step until something holds; tells whether it did."""
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            return False
        board.step(0.02)
    return True


@contextmanager
def driven(*members: Gateway) -> Iterator[Switchboard]:
    """A switchboard with these gateways connected."""
    board = Switchboard()
    for gateway in members:
        board.add(gateway)
    assert drive(board, lambda: all(gateway.connected for gateway in members)), board.fault
    yield board
    board.close()


def test_a_message_is_kept_until_it_is_confirmed(lab: Lab, ingester: Client) -> None:
    (gateway,) = gateways(lab)
    acknowledged: list[int] = []
    gateway.when_acknowledged = acknowledged.append
    with driven(gateway) as board:
        gateway.send(7, b'{"seq": 7}')
        assert drive(board, lambda: acknowledged == [7])
        assert wait_until(lambda: ingester.topics() == [f"{ROOT}/{MAC}/telemetry"])
        assert list(gateway.kept) == [7]
        ingester.publish(f"{ROOT}/{MAC}/commands/stored", b'{"seq": [7, 8]}')
        assert drive(board, lambda: not gateway.kept)


def test_what_was_not_confirmed_is_sent_again_after_a_lost_connection(lab: Lab, ingester: Client) -> None:
    (gateway,) = gateways(lab)
    acknowledged: list[int] = []
    gateway.when_acknowledged = acknowledged.append
    with driven(gateway) as board:
        gateway.send(1, b"one")
        assert drive(board, lambda: acknowledged == [1])
        sock = gateway.client.socket()
        assert sock is not None
        sock.shutdown(2)  # type: ignore[attr-defined]
        assert drive(board, lambda: not gateway.connected)
        gateway.send(2, b"two")
        assert drive(board, lambda: acknowledged == [1, 1, 2])
        assert wait_until(lambda: [message.payload for message in ingester.received] == [b"one", b"one", b"two"])


def test_without_confirmation_nothing_is_kept(lab: Lab, ingester: Client) -> None:
    (gateway,) = gateways(lab, confirmed=False)
    with driven(gateway) as board:
        gateway.send(1, b"one")
        assert drive(board, lambda: bool(ingester.received))
        assert gateway.kept == {}


def test_one_loop_drives_descriptors_beyond_1023(lab: Lab, ingester: Client) -> None:
    assert raise_descriptor_limit() > 1200
    gc.collect()  # what earlier tests left open must not make room below later
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        members = gateways(lab, 20)
        with driven(*members) as board:
            assert sum(gateway.client.socket().fileno() > 1023 for gateway in members) >= 10  # type: ignore[union-attr]
            for number, gateway in enumerate(members):
                gateway.send(number, b"x" * 40_000)
                board.flush(gateway)
            assert drive(board, lambda: len(ingester.received) == 20)
    finally:
        for descriptor in held:
            os.close(descriptor)


def test_a_broker_that_is_not_there_is_tried_again_and_named(tmp_path: Path, lab: Lab) -> None:
    (gateway,) = gateways(lab)
    gateway.broker = gateway.broker._replace(port=1)
    board = Switchboard()
    board.add(gateway)
    assert drive(board, lambda: "refused" in board.fault.lower())
    gateway.broker = gateway.broker._replace(port=lab.settings.mqtt_port)
    assert drive(board, lambda: gateway.connected)
    board.close()


def test_a_message_is_exact_json_of_the_wire_format() -> None:
    shown = [Shown("D01", "123.4500", "kWh"), Shown('Ç"2', "-21.7", "m³", 1_771_425_000_000_000)]
    text = encode(MAC, 1_771_425_000_000_001, shown, 9).decode("ascii")
    assert json.loads(text, parse_float=Decimal) == {
        "gateway_mac": MAC,
        "timestamp": "2026-02-18T14:30:00.000001Z",
        "leituras": [
            {"dispositivo_codigo": "D01", "valor": Decimal("123.4500"), "unidade": "kWh"},
            {"dispositivo_codigo": 'Ç"2', "valor": Decimal("-21.7"), "unidade": "m³", "timestamp": "2026-02-18T14:30:00Z"},
        ],
        "seq": 9,
    }
    assert '"seq"' not in encode(MAC, 0, shown, None).decode("ascii")
    assert iso(0) == "1970-01-01T00:00:00Z"
