"""Which gateways have left a session behind that Mosquitto 2.0 would stumble over, read from its log on the way to ours.

Its log says of each connection which MQTT it speaks, and of each client that it left; not how long its session is kept. So every
client of MQTT 5 that is away counts. 3.1.1 has no sessions that end. Those whose sessions it found in its file have never come.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

CAME = re.compile(rb": New client connected from \S+ as (\S+) \(p(\d), ")
LEFT = re.compile(rb": (?:Client (\S+) (?!already connected)|Bad socket read/write on client (\S+): )")
MQTT_5 = b"5"
STANDARD_ERROR = 2


class Watch:
    """Passes Mosquitto's log on and remembers who of MQTT 5 came and who is away."""

    def __init__(self, source: IO[bytes], output: IO[bytes] | None, except_for: str, restored: Iterable[str] = ()) -> None:
        self._source, self._output = source.fileno(), output.fileno() if output else STANDARD_ERROR
        self._own, self._own_here, self._own_left = except_for.encode(), False, 0
        self._rest = b""
        self._here: set[bytes] = set()
        self._away = {name.encode() for name in restored if name != except_for}
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def away(self) -> list[str]:
        """Give the clients of MQTT 5 that are away, as of everything that Mosquitto has said by now."""
        self._catch_up()
        return sorted(name.decode(errors="replace") for name in self._away)

    def own(self) -> tuple[bool, int]:
        """Tell whether the one that does not count is connected, and how often it has left, as of everything said by now."""
        self._catch_up()
        return self._own_here, self._own_left

    def _catch_up(self) -> None:
        while self._thread.is_alive():
            with self._reading:
                if not _said(self._source, 0):
                    return
            time.sleep(0.001)

    def join(self) -> None:
        """Wait until the rest of the log is passed on, after Mosquitto has ended."""
        self._thread.join(5)

    def _pass_on(self) -> None:
        while True:
            _said(self._source)
            with self._reading:  # nobody asks between the reading and the understanding
                block = os.read(self._source, 65536)
                if not block:
                    return
                lines = (self._rest + block).split(b"\n")
                self._rest = lines.pop()
                for line in lines:
                    self.note(line)
            with suppress(OSError):
                os.write(self._output, block)

    def note(self, line: bytes) -> None:
        """Take one line of the log in."""
        if came := CAME.search(line):
            self._away.discard(came[1])
            if came[1] == self._own:
                self._own_here = True
            else:
                (self._here.add if came[2] == MQTT_5 else self._here.discard)(came[1])
        elif left := LEFT.search(line):
            name = left[1] or left[2]
            if name == self._own:
                self._own_here, self._own_left = False, self._own_left + 1
            elif name in self._here:
                self._here.discard(name)
                self._away.add(name)


def _said(source: int, milliseconds: int | None = None) -> bool:
    poll = select.poll()  # `select` fails above 1,023 open files
    poll.register(source, select.POLLIN)
    return bool(poll.poll(milliseconds))
