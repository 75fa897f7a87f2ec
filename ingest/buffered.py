"""A TLS socket that reads a whole record at a time and writes many packets as one.

paho asks for a packet in four small reads and answers each with a write of its own. Through these buffers a
message costs one read, and the acknowledgements of a batch cost one write: half of the network thread's time.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

LARGEST_RECORD = 16 * 1024
FLUSH_BYTES = 16 * 1024


class BufferedSocket(ssl.SSLSocket):
    """Made by a context whose `sslsocket_class` it is; `flush` must be called until `unsent` is empty."""

    received = b""
    taken = 0
    unsent = b""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Give at most `buflen` bytes; as with any TLS socket that does not block, SSLWantReadError where there are none."""
        if self.taken == len(self.received):
            self.received, self.taken = self.read(LARGEST_RECORD), 0
        start = self.taken
        self.taken = min(start + buflen, len(self.received))
        return self.received[start : self.taken]

    def pending(self) -> int:
        """Count the bytes that no selector will announce."""
        return len(self.received) - self.taken + super().pending()

    def send(self, data: Any, flags: int = 0) -> int:
        """Take bytes to be sent with the next flush, which a full buffer brings about."""
        if len(self.unsent) >= FLUSH_BYTES and not self.flush():
            raise ssl.SSLWantWriteError
        self.unsent += bytes(data)
        return len(data)

    def flush(self) -> bool:
        """Send what is buffered; tells whether all of it is out."""
        try:
            while self.unsent:
                self.unsent = self.unsent[super().send(self.unsent) :]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return False
        return True

    def close(self) -> None:
        """Send what is left, as far as that is possible, and close."""
        with suppress(OSError, ValueError):
            self.flush()
        super().close()
