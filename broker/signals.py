"""Events that signals set."""

from __future__ import annotations

import _thread
import signal
import threading

STOP = ("SIGTERM", "SIGINT")


def event_of(*names: str) -> threading.Event:
    """Give an event that each of these signals sets, of those that this system has; called in the main thread.

    It is set in a thread of its own: a handler runs in the middle of whatever the main thread does, and where that is
    just going to wait for this event, setting it there would wait for a lock that the main thread holds, for ever.
    """
    event = threading.Event()
    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: _thread.start_new_thread(event.set, ()))
    return event
