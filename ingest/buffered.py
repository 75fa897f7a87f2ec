"""A TLS socket that reads a whole record at a time, takes the messages out, and writes many packets as one.

paho asks for a packet in four small reads and answers each with a write of its own. Through these buffers many
messages cost one read, and the acknowledgements of a batch cost one write: most of the network thread's time.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from ingest.framing import Published, cut

LARGEST_RECORD = 16 * 1024
FLUSH_BYTES = 16 * 1024


class BufferedSocket(ssl.SSLSocket):
    """Made by a context whose `sslsocket_class` it is; `flush` must be called until `unsent` is empty."""

    begun = b""
    others = b""
    unsent = b""
    ended = False

    def fill(self) -> list[Published] | None:
        """Read one record and give the messages that it completes; None where nothing has come, or the stream has ended."""
        try:
            record = self.read(LARGEST_RECORD)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            record = b""
        if not record:
            self.ended = True
            return None
        messages, others, self.begun = cut(self.begun + record)
        self.others += others
        return messages

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Give at most `buflen` bytes of what are no messages; SSLWantReadError where there are none, as from any TLS socket."""
        if not self.others and not self.ended:
            raise ssl.SSLWantReadError
        given, self.others = self.others[:buflen], self.others[buflen:]
        return given

    @property
    def is_due(self) -> bool:
        """Whether there is something for paho to read, be it the end."""
        return bool(self.others) or self.ended

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
