"""The command line with a watchdog in a hurry, and a mistake by which a message that says HANG is never decoded.

python -m tests.faults.hanging ingest
"""

from __future__ import annotations

import sys
import time

from ingest import batch, commands, service
from ingest.message import Message, decode


def decode_or_hang(topic: str, payload: bytes) -> Message:
    """Decode a message, or never come back."""
    while b"HANG" in payload:
        time.sleep(1)
    return decode(topic, payload)


if __name__ == "__main__":
    service.QUIET_SECONDS, service.STUCK_SECONDS, service.HANGING_SECONDS = 2.0, 6.0, 12.0
    batch.decode = decode_or_hang
    commands.WATCH_SECONDS = 0.5
    from cli import main

    sys.exit(main())
