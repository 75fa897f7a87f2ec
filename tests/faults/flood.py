"""A gateway that publishes as fast as the broker takes it: packets written by hand, a few hundred at a time."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from itertools import islice

from simulator.gateway import Identity, tls_context
from tests.faults.cell import Cell
from tests.ingest.cast import topic

AT_ONCE = 400


class Flood:
    """One connection; `publish` returns when the broker has acknowledged everything."""

    def __init__(self, cell: Cell, identity: Identity) -> None:
        raw = socket.create_connection(("127.0.0.1", cell.settings.mqtt_port), 60)
        self._socket = tls_context(identity).wrap_socket(raw, server_hostname="127.0.0.1")
        self._topic = topic(identity.mac).encode()
        name = identity.mac.encode()
        body = struct.pack(">H4sBBHH", 4, b"MQTT", 4, 2, 600, len(name)) + name
        self._socket.sendall(bytes((0x10, len(body))) + body)
        assert self._receive(4) == b"\x20\x02\x00\x00"

    def publish(self, payloads: Iterable[bytes]) -> int:
        """Publish with QoS 1; gives how many the broker has."""
        done, rest = 0, iter(payloads)
        while packets := list(self._packets(islice(rest, AT_ONCE))):
            self._socket.sendall(b"".join(packets))
            answers = self._receive(4 * len(packets))
            assert answers[::4] == b"\x40" * len(packets)
            done += len(packets)
        return done

    def close(self) -> None:
        """Say goodbye."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def _packets(self, payloads: Iterable[bytes]) -> Iterator[bytes]:
        for number, payload in enumerate(payloads, 1):
            body = struct.pack(">H", len(self._topic)) + self._topic + struct.pack(">H", number) + payload
            yield b"\x32" + _length(len(body)) + body

    def _receive(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            block = self._socket.recv(count - len(received))
            assert block, "the broker ended the connection"
            received += block
        return received


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)
