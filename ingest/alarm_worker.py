"""The alarms' worker: one thread that watches what the ledger and the silence say, and some that tell recipients."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from ingest.alarm_metrics import AlarmMetrics
from ingest.telling import tell
from ingest.turns import take_turns
from settings import Settings
from sql import alarm_post, alarm_watch, engine
from sql.alarm_watch import NIGHT_TURNS

log = logging.getLogger(__name__)

WATCH_SECONDS, LOOK_SECONDS = 20.0, 2.0
# Before the first round: what waited for the ledger is in it by then.
BEGIN_SECONDS = 3.0
# After a start what had been kept for us arrives first: until then nobody is silent.
SETTLING_SECONDS = 180.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
TELLERS = 3


class AlarmWorker:
    """Works until it is told to stop; a lost database is waited for, and nobody's webhook holds anybody else up for long."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry | None = None,
        *,
        every: float = WATCH_SECONDS,
        settling: float = SETTLING_SECONDS,
    ) -> None:
        self._settings, self._every, self._settling = settings, every, settling
        self._store = engine.open_store(settings, "owner", pool_size=TELLERS + 1)
        self.metrics = AlarmMetrics(registry or CollectorRegistry())
        self._stop, self._news = threading.Event(), threading.Event()
        self._began = time.monotonic()
        self._minute: int | None = None
        names = ["alarm-watch", *(f"alarm-teller-{n}" for n in range(TELLERS))]
        works = [self._watch, *([self._tell] * TELLERS)]
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for name, work in zip(names, works, strict=True)
        ]

    def start(self) -> None:
        """Start working in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 20) -> None:
        """Finish what is in hand and stop; a message that is not finished by then is delivered again by whoever comes next."""
        self._stop.set()
        self._news.set()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.1, until - time.monotonic()))
        self._store.close()

    def watch(self, now: datetime) -> None:
        """Do a round of the watch: every device once an hour for its night, once in ten minutes for what came late."""
        began = time.monotonic()
        minute = int(now.timestamp()) // 60
        since = minute - 1 if self._minute is None else max(self._minute, minute - NIGHT_TURNS)
        minutes = range(since + 1, minute + 1)
        found = alarm_watch.watch(self._store, now, minutes, silences=began - self._began >= self._settling)
        if found is None:
            return
        self._minute = minute
        with self._store.transaction() as connection:
            alarm_post.abandon(connection, now)
            self.metrics.show(alarm_watch.open_by_kind(connection))
        self.metrics.seconds.set(time.monotonic() - began)
        if found.opened or found.silences or found.closed or found.heard:
            log.info("alarms: %d opened, %d over", found.opened + found.silences, found.closed + found.heard)
            self._news.set()

    def _watch(self) -> None:
        if not self._stop.wait(self._every if self._minute is not None else min(BEGIN_SECONDS, self._every)):
            self.watch(datetime.now(UTC))

    def _tell(self) -> None:
        if not tell(self._store, self._settings, self.metrics):
            self._news.wait(LOOK_SECONDS)
            self._news.clear()

    def _run(self, work: Callable[[], None]) -> None:
        take_turns(self._stop, work, "the alarms", SHORTEST_PAUSE, LONGEST_PAUSE)
