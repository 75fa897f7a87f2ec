"""Being there for the ingester while Mosquitto reads its files again.

Mosquitto 2.0 forgets at a reload what a client that is away may read: what is published from then on is acknowledged to
the gateway and not kept for the ingester, until it comes back. So somebody is connected under its name meanwhile. Where the
ingester itself is connected, it is pushed out for a second, and comes back; nothing of its session is lost.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from broker.probe import CertificateRefused, NotReached

# All of 2.0 was seen or read to do it (2.0.11, 2.0.20); newer ones are told to read without ado.
FIXED = (2, 1, 0)
# MQTT 5: the session is kept for ever, and one message at a time is enough.
PROPERTIES = b"\x11\xff\xff\xff\xff\x21\x00\x01"
PING, PONG, DISCONNECT = b"\xc0\x00", 0xD0, b"\xe0\x00"
CONNACK = 0x20


class StandIn:
    """A connection under a common name that reads what comes, and throws it away unacknowledged."""

    def __init__(self, sock: ssl.SSLSocket, name: str) -> None:
        self._socket = sock
        client = name.encode()
        body = (
            struct.pack(">H4sBBHB", 4, b"MQTT", 5, 0, 600, len(PROPERTIES)) + PROPERTIES + struct.pack(">H", len(client)) + client
        )
        sock.sendall(bytes((0x10, len(body))) + body)
        kind, answer = self._packet()
        if kind != CONNACK or answer[1] != 0:
            raise CertificateRefused(f"connection refused with code {answer[1] if len(answer) > 1 else '?'}")

    def wait_for_a_round(self) -> None:
        """Come back when the broker has gone round its loop: what it was told before is done."""
        for _ in range(2):  # an answer may come in the round that it is asked in; a signal is looked at when a round ends
            self._socket.sendall(PING)
            while self._packet()[0] != PONG:
                pass

    def _packet(self) -> tuple[int, bytes]:
        kind, length, shift = self._exactly(1)[0], 0, 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            block = self._socket.recv(count - len(received))
            if not block:
                raise NotReached("the broker ended the connection")
            received += block
        return received


@contextmanager
def present(host: str, port: int, context: ssl.SSLContext, name: str, timeout: float = 60) -> Iterator[StandIn]:
    """Be connected under a common name; raises CertificateRefused or NotReached."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection((host, port), timeout) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
            yield StandIn(tls, name)
            with suppress(OSError):
                tls.sendall(DISCONNECT)
    except ssl.SSLError as error:
        raise CertificateRefused(str(error.reason or error)) from error
    except OSError as error:
        raise NotReached(f"{host}:{port} did not answer: {error.strerror or error}") from error
