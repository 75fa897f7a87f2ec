"""One loop for thousands of gateways: waits on all their sockets at once, and connects again whoever fell off.

paho's own loop waits with select(), which ends at descriptor 1,023; this one drives `loop_read`, `loop_write` and
`loop_misc` from the operating system's best selector, in one thread.
"""

from __future__ import annotations

import selectors
import ssl
import time
from collections.abc import Iterable
from typing import Any

from simulator.gateway import Gateway

MISC_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Switchboard:
    """Drives gateways; call `step` again and again."""

    def __init__(self) -> None:
        self.gateways: list[Gateway] = []
        self.fault = ""
        self._selector = selectors.DefaultSelector()
        self._looked_after = 0.0
        self._retry_at = 0.0
        self._pause = FIRST_PAUSE

    def add(self, gateway: Gateway) -> None:
        """Take a gateway in; it is connected by one of the next steps."""
        gateway.client.on_socket_open = lambda _, __, sock: self._opened(gateway, sock)
        gateway.client.on_socket_close = lambda _, __, sock: self._closed(sock)
        self.gateways.append(gateway)

    def step(self, seconds: float) -> None:
        """Wait at most so long for traffic, deal with what there is, and look after connections once a second."""
        for key, mask in self._selector.select(max(0.0, seconds)):
            gateway: Gateway = key.data
            if mask & READ:
                self._read(gateway)
            if mask & WRITE:
                gateway.client.loop_write()
            self.flush(gateway)
        if time.monotonic() - self._looked_after >= MISC_SECONDS:
            self._looked_after = time.monotonic()
            for gateway in self.gateways:
                gateway.client.loop_misc()
            self.reconnect(gateway for gateway in self.gateways if gateway.client.socket() is None)

    def flush(self, gateway: Gateway) -> None:
        """Write what waits to be written, and ask to be told when the socket takes the rest."""
        if gateway.client.want_write():
            gateway.client.loop_write()
        sock = gateway.client.socket()
        if sock is not None:
            events = READ | WRITE if gateway.client.want_write() else READ
            if self._selector.get_key(sock).events != events:
                self._selector.modify(sock, events, gateway)

    def reconnect(self, gateways: Iterable[Gateway]) -> None:
        """Connect these one after the other; the first that fails makes all of them wait, twice as long each time."""
        for gateway in gateways:
            if time.monotonic() < self._retry_at:
                return
            try:
                gateway.connect()
            except (OSError, ssl.SSLError) as error:
                self.fault = str(error)
                self._retry_at = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
            else:
                self.fault, self._pause = "", FIRST_PAUSE

    def close(self) -> None:
        """Disconnect every gateway and give their goodbyes a moment to leave."""
        for gateway in self.gateways:
            gateway.close()
        until = time.monotonic() + 2
        while any(gateway.client.want_write() for gateway in self.gateways) and time.monotonic() < until:
            self.step(0.05)
        self._selector.close()

    def _read(self, gateway: Gateway) -> None:
        """Read until nothing is left: TLS may hold decrypted bytes that no selector tells of."""
        while True:
            gateway.client.loop_read()
            sock: Any = gateway.client.socket()
            if sock is None or not sock.pending():
                return

    def _opened(self, gateway: Gateway, sock: Any) -> None:
        self._selector.register(sock, READ, gateway)

    def _closed(self, sock: Any) -> None:
        self._selector.unregister(sock)
