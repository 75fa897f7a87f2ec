"""What has arrived and is not stored yet: filled by the network thread, emptied in batches by the writer."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple


class Received(NamedTuple):
    """A message as it came; `epoch` counts connections, `packet` is its id within one (0: nothing to acknowledge)."""

    epoch: int
    packet: int
    topic: str
    payload: bytes


class Inbox:
    """A queue bounded by the broker's window: a message is only sent while fewer than that are unacknowledged."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._messages: deque[Received] = deque()
        self._arrived = threading.Event()
        self._taking = threading.Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Received) -> None:
        """Add a message; never blocks."""
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
        return batch

    def forget_before(self, epoch: int) -> None:
        """Drop messages of older connections where more wait than the window holds: the broker sends them again."""
        with self._taking:
            while len(self._messages) > self.window and self._messages[0].epoch < epoch:
                self._messages.popleft()
