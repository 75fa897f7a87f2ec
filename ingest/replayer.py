"""The thread that works off requests to try rejections again; on every ingester, also on one that stands by."""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from ingest.metrics import Metrics
from ingest.replay import MOST_REJECTIONS, NOTHING, Replayed, Waiting, find_waiting, replay_one_batch, skip_one
from ingest.session import Session, StoreLost, first_line, judge
from ingest.turns import take_turns

log = logging.getLogger(__name__)

CHANNEL = "tds_replay"
LOOK_SECONDS = 15.0
LISTEN_SECONDS = 0.5
SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0


class Replayer:
    """Works until it is told to stop; a lost database is waited for, with growing pauses."""

    def __init__(self, database_url: Callable[[], str], metrics: Metrics | None = None) -> None:
        self._database_url, self._metrics = database_url, metrics
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replayer", daemon=True)
        self._session: Session | None = None
        self._most = MOST_REJECTIONS

    def start(self) -> None:
        """Start working in the background."""
        self._thread.start()

    def stop(self, timeout: float = 10) -> None:
        """Finish the batch in hand and stop."""
        self._stop.set()
        self._thread.join(timeout)
        self.close()

    def step(self, request_id: int | None = None) -> bool:
        """Work off one batch of what waits, or of one request; tells whether there was any. Raises StoreLost."""
        connection = self._open()
        try:
            waiting = find_waiting(connection, request_id)
            if waiting is None:
                return False
            self._count(self._replay(connection, waiting))
        except psycopg2.Error as error:
            raise StoreLost(first_line(error)) from error
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _replay(self, connection: Connection, waiting: Waiting) -> Replayed:
        """Replay a batch; where the database will not take it, smaller ones, until the guilty rejection stands alone and is left."""
        try:
            outcome = replay_one_batch(connection, waiting, datetime.now(UTC), self._most)
        except Exception as error:  # whatever it is, it must not stop the others
            fault = judge(error)
            if isinstance(fault, StoreLost):
                raise fault from error
            if self._most == 1:
                log.error("a rejection cannot be tried again and stays as it is: %s", fault)
                skip_one(connection, waiting)
            self._most = max(1, self._most // 8)
            return NOTHING
        self._most = min(2 * self._most, MOST_REJECTIONS)
        return outcome

    def _count(self, outcome: Replayed) -> None:
        if self._metrics is not None:
            self._metrics.replayed.inc(outcome.stored)

    def _open(self) -> Connection:
        if self._session is None:
            session = Session(self._database_url())
            try:
                with session.connection, session.connection.cursor() as cursor:
                    cursor.execute(f"LISTEN {CHANNEL}")
            except psycopg2.Error as error:
                session.close()
                raise StoreLost(first_line(error)) from error
            self._session = session
        return self._session.connection

    def _run(self) -> None:
        take_turns(self._stop, self._turn, "trying rejections again", SHORTEST_WAIT, LONGEST_WAIT)

    def _turn(self) -> None:
        try:
            if not self.step():
                self._wait()
        except Exception:
            self.close()
            raise

    def _wait(self) -> None:
        """Wait until the database tells of a new request, or until it is time to look."""
        connection = self._open()
        deadline = time.monotonic() + LOOK_SECONDS
        try:
            while not self._stop.is_set() and time.monotonic() < deadline and not connection.notifies:
                if select.select([connection], [], [], LISTEN_SECONDS)[0]:
                    connection.poll()
            connection.notifies.clear()
        except (psycopg2.Error, OSError, ValueError) as error:
            raise StoreLost(first_line(error)) from error
