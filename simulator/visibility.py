"""How long until a reading can be read: a sample of messages, looked for in the database until they are there."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

from simulator.reckoning import instant
from sql.engine import Store

SAMPLES_PER_SECOND = 20
SHORTEST_LOOK, LOOK_SHARE = 0.0005, 0.02
# Prepared, one reading at a time, past SQLAlchemy: a look takes a twentieth of a millisecond on a machine whose time is being measured.
_PREPARE = "PREPARE look (integer, timestamptz) AS SELECT FROM tds.reading WHERE device_id = $1 AND time = $2"
_LOOK = "EXECUTE look (%s, %s)"


class Sample(NamedTuple):
    """One reading under watch: its key, and when (monotonic nanoseconds) it was handed to the network."""

    device_id: int
    micros: int
    sent: int


class Visibility:
    """Watches up to 20 messages a second in a thread of its own and notes how long each took.

    What it gives is never too short, and too long by at most one round of looks: half a millisecond and a query for each that is
    waited for, or 2 % of the wait where that is more.
    """

    def __init__(self, store: Store) -> None:
        self.milliseconds: list[float] = []
        self._store = store
        self._waiting: dict[tuple[int, int], Sample] = {}
        self._incoming: list[Sample] = []
        self._wake = threading.Event()
        self._ending = False
        self._last = 0
        self._thread = threading.Thread(target=self._run, name="visibility", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def offer(self, device_id: int, micros: int, sent: int) -> None:
        """Take a message into the sample, unless one was taken a moment ago."""
        if sent - self._last >= 1_000_000_000 // SAMPLES_PER_SECOND:
            self._last = sent
            self._incoming.append(Sample(device_id, micros, sent))
            self._wake.set()

    def finish(self) -> list[float]:
        """Stop watching and give the milliseconds of every message that was seen."""
        self._ending = True
        self._wake.set()
        self._thread.join(10)
        return self.milliseconds

    def _run(self) -> None:
        with self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            cursor = connection.connection.cursor()
            cursor.execute(_PREPARE)
            while not self._ending:
                if not self._waiting:
                    self._wake.wait(0.5)
                    self._wake.clear()
                while self._incoming:
                    sample = self._incoming.pop()
                    self._waiting[sample.device_id, sample.micros] = sample
                if self._waiting:
                    self._look(cursor)
            cursor.execute("DEALLOCATE look")

    def _look(self, cursor: Any) -> None:
        for key, sample in list(self._waiting.items()):
            cursor.execute(_LOOK, (sample.device_id, instant(sample.micros)))
            if cursor.rowcount:
                self.milliseconds.append((time.monotonic_ns() - sample.sent) / 1e6)
                del self._waiting[key]
        if self._waiting:
            youngest = (time.monotonic_ns() - max(sample.sent for sample in self._waiting.values())) / 1e9
            time.sleep(max(SHORTEST_LOOK, LOOK_SHARE * youngest))


def percentiles(milliseconds: list[float]) -> dict[str, float | None]:
    """Give p50, p95 and p99 (nearest rank), to a hundredth of a millisecond; None where nothing was measured."""
    ranked = sorted(milliseconds)
    return {f"p{share}": round(ranked[-(-len(ranked) * share // 100) - 1], 2) if ranked else None for share in (50, 95, 99)}
