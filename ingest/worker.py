"""The ledger worker: a thread that works off dirty ranges, keeps rollups fresh, and heals what differs by night."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from ingest.turns import take_turns
from settings import Settings
from sql import bands, deletion, engine, ledger, rollups, totals, upkeep
from sql.refresh import refresh

IDLE_SECONDS = 0.5
# Between two batches of a steady stream: the more readings a batch has, the less each costs. Three times as long as the last one
# took, so that readings on their way in find the machine free, but not so long that a reading would wait for it; after one that
# took long much is waiting, and the next one follows at once. While intake is behind, longer.
SHORTEST_REST, LONGEST_REST, STEP_ASIDE_SECONDS = 0.25, 1.0, 4.0
REFRESH_SECONDS = 20.0
DELETION_SECONDS = 2.0
LONGEST_PAUSE = 30.0


class LedgerWorker:
    """Works until it is told to stop; a lost database is waited for, with growing pauses.

    While `intake_is_behind` it leaves the machine to the intake most of the time.
    """

    def __init__(self, settings: Settings, intake_is_behind: Callable[[], bool] = lambda: False) -> None:
        self._intake_is_behind = intake_is_behind
        self._store = engine.open_store(settings, "owner", pool_size=2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-worker", daemon=True)
        self._refreshed = 0.0
        self._looked = 0.0
        self.lag = 0.0

    def start(self) -> None:
        """Start working in the background."""
        self._thread.start()

    def stop(self, timeout: float = 30) -> None:
        """Finish the batch in hand and stop."""
        self._stop.set()
        self._thread.join(timeout)
        self._store.close()

    def step(self) -> bool:
        """Do one piece of work; tells whether there was any."""
        worked = ledger.process_one_batch(self._store)
        if time.monotonic() - self._looked >= DELETION_SECONDS:
            worked = deletion.work(self._store) or worked
            worked = bands.work(self._store) or worked
            self._looked = time.monotonic()
        if time.monotonic() - self._refreshed >= REFRESH_SECONDS:
            rollups.add_missing_zones(self._store)
            refresh(self._store, datetime.now(UTC))
            totals.work(self._store, datetime.now(UTC))
            with self._store.transaction() as connection:
                self.lag = ledger.lag_seconds(connection)
            upkeep.nightly(self._store, datetime.now(UTC))
            self._refreshed = time.monotonic()
        return worked

    def _run(self) -> None:
        take_turns(self._stop, self._turn, "the ledger worker", IDLE_SECONDS, LONGEST_PAUSE)

    def _turn(self) -> None:
        began = time.monotonic()
        if not self.step():
            self._stop.wait(IDLE_SECONDS)
        elif self._intake_is_behind():
            self._stop.wait(STEP_ASIDE_SECONDS)
        elif (took := time.monotonic() - began) < LONGEST_REST:
            self._stop.wait(min(max(SHORTEST_REST, 3 * took), LONGEST_REST))
