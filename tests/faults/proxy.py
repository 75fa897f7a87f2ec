"""A network that can be cut: a TCP proxy on a port of its own that passes, stalls, drops or refuses."""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress


class Proxy:
    """Passes connections on to 127.0.0.1:`target` until told otherwise."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._stalled = self._refusing = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Let bytes through no more, and leave the connections standing: a network that went dark."""
        self._stalled = True

    def drop(self) -> None:
        """Reset every connection that stands."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for one in (sock for pair in pairs for sock in pair):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()

    def refuse(self) -> None:
        """Reset every connection, those that stand and those to come."""
        self._refusing = True
        self.drop()

    def heal(self) -> None:
        """Pass on again; what stalled is reset first, as no network remembers it."""
        if self._stalled:
            self.drop()
        self._stalled = self._refusing = False

    def close(self) -> None:
        """End it."""
        self._closing = True
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                if self._stalled:
                    threading.Event().wait(0.05)
                elif select.select([source], [], [], 0.2)[0]:
                    if not (block := source.recv(65536)):
                        break
                    while self._stalled:
                        threading.Event().wait(0.05)
                    sink.sendall(block)
        except (OSError, ValueError):
            pass
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                one.close()
