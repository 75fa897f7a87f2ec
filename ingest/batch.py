"""A batch: what has arrived, decoded, as far as one commit and the memory of this process have room for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from ingest.inbox import Inbox, Received
from ingest.message import Message, decode
from ingest.rejection import Rejection

log = logging.getLogger(__name__)

# As many messages of usual length. Of long ones, and of those with a thousand readings to refuse, fewer: what they come to
# has to stay within the memory of this process, twice, since one batch is decoded while another one is stored.
MOST_MESSAGES, MOST_BYTES, MOST_READINGS = 4000, 5 * 512 * 1024, 32_000
DECODED_AT_ONCE, BYTES_AT_ONCE = 100, 128 * 1024


class Item(NamedTuple):
    """A message on its way, as received and as decoded."""

    received: Received
    message: Message

    @property
    def parts(self) -> int:
        """Count what it may come to: readings and rejections."""
        return len(self.message.readings) + len(self.message.rejections)


def gather(inbox: Inbox, items: list[Item], is_enough: Callable[[], bool] = lambda: False, timeout: float = 0) -> None:
    """Decode what has arrived and add it to a batch, as far as there is room; waits up to `timeout` seconds for the first."""
    room, size = MOST_MESSAGES - len(items), MOST_BYTES - sum(len(item.received.payload) for item in items)
    readings = MOST_READINGS - sum(item.parts for item in items)
    while room > 0 and size > 0 and readings > 0 and not is_enough():
        taken = inbox.take(min(room, DECODED_AT_ONCE), min(size, BYTES_AT_ONCE), timeout)
        if not taken:
            break
        more = [Item(received, decode_safely(received)) for received in taken]
        room, size = room - len(more), size - sum(len(item.received.payload) for item in more)
        readings, timeout = readings - sum(item.parts for item in more), 0
        items += more


def decode_safely(received: Received) -> Message:
    """Decode, so that not even a mistake of ours leaves a message unacknowledged."""
    try:
        return decode(received.topic, received.payload)
    except Exception as error:
        log.exception("a message of %s could not be decoded", received.topic)
        message = Message(received.topic, received.payload, "")
        message.rejections = [
            Rejection("schema", f"could not be decoded: {type(error).__name__}", received.topic, received.payload)
        ]
        return message
