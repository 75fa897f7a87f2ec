"""What has arrived and is not stored yet: filled by the network thread, emptied in batches by the writer."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MOST_BYTES = 6 * 1024 * 1024


class Received(NamedTuple):
    """A message as it came; `epoch` counts connections, `packet` is its id within one (0: nothing to acknowledge)."""

    epoch: int
    packet: int
    topic: str
    payload: bytes


class Inbox:
    """A queue that says when it is full; whoever fills it then stops reading, and the broker keeps the rest."""

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._messages: deque[Received] = deque()
        self._bytes_in = self._bytes_out = 0  # each written by one thread only
        self._arrived = threading.Event()
        self._taking = threading.Lock()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """Whether it holds as much as it may."""
        return len(self._messages) >= self.most or self._bytes_in - self._bytes_out >= self.most_bytes

    def put(self, message: Received) -> None:
        """Add a message, even beyond the limit; never blocks."""
        self._bytes_in += len(message.payload)
        self._messages.append(message)
        if not self._arrived.is_set():
            self._arrived.set()

    def take(self, most: int, most_bytes: int, timeout: float) -> list[Received]:
        """Take what is there, in order of arrival, up to a size; waits for the first up to `timeout` seconds."""
        if not self._messages:
            self._arrived.clear()
            if not self._messages and not self._arrived.wait(timeout):
                return []
        batch: list[Received] = []
        size = 0
        with self._taking:
            while self._messages and len(batch) < most and size < most_bytes:
                message = self._messages.popleft()
                size += len(message.payload)
                batch.append(message)
            self._bytes_out += size
        return batch

    def forget_before(self, epoch: int) -> None:
        """Drop messages of older connections as long as there is no room for new ones: the broker sends them again."""
        with self._taking:
            while self.is_full and self._messages[0].epoch < epoch:
                self._bytes_out += len(self._messages.popleft().payload)
