"""The loop of every worker: turn after turn until it is told to stop, through every fault."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from sql.engine import reason
from sql.errors import TdsError

log = logging.getLogger(__name__)


def take_turns(stop: threading.Event, turn: Callable[[], object], name: str, shortest: float, longest: float) -> None:
    """Call `turn`, which waits by itself where nothing is to do; after a fault pause `shortest` to `longest` seconds, longer each time.

    What the database or the machine refuses is one line of the log; a fault of our own is logged with where it happened.
    """
    pause = shortest
    while not stop.is_set():
        try:
            turn()
            pause = shortest
        except (DBAPIError, TdsError, OSError) as error:
            log.warning("%s: a pause of %.1f s: %s", name, pause, reason(error))
            stop.wait(pause)
            pause = min(2 * pause, longest)
        except Exception:
            log.exception("%s: a fault of its own, and a pause of %.0f s", name, longest)
            stop.wait(longest)
