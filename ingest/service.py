"""The ingester's loop: take what has arrived, decode, resolve, store, and only then acknowledge."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import psycopg2

from ingest import writer
from ingest.batch import Item, gather
from ingest.clock import Clock
from ingest.directory import Directory
from ingest.inbox import Inbox
from ingest.limiter import Complaints, RejectionLimiter
from ingest.metrics import Metrics
from ingest.rejection import Rejection
from ingest.resolve import Resolved, resolve
from ingest.session import Session, StoreLost, Unstorable, judge
from ingest.subscriber import Subscriber
from ingest.trail import Trail
from sql.statements import raw_statements

log = logging.getLogger(__name__)

FEW = 4
IDLE_SECONDS = 0.2
NOTICE_SECONDS = 0.5
LOOK_SECONDS = 5.0
STANDBY_SECONDS = 1.0
SHORTEST_WAIT, LONGEST_WAIT = 0.5, 5.0
STOP_SECONDS = 20.0
# No answer for so long: say so, break the connection, end the process. Every statement has a timeout of 20 s at the server.
QUIET_SECONDS, STUCK_SECONDS, HANGING_SECONDS = 15.0, 90.0, 180.0
REMIND_SECONDS = 60.0
# A single message that the database fails on without blaming its data is tried this often before it is refused.
MOST_ATTEMPTS = 5


class Service:
    """One ingester: active while it holds the lock of its client id, else on standby; `fault` says why it does not store."""

    def __init__(
        self,
        database_url: Callable[[], str],
        client_id: str,
        inbox: Inbox,
        subscriber: Subscriber,
        metrics: Metrics,
        stop: threading.Event,
    ) -> None:
        self.fault: str | None = "starting"
        self.beat = time.monotonic()
        self._database_url, self._client_id = database_url, client_id
        self._inbox, self._subscriber, self._metrics, self._stop = inbox, subscriber, metrics, stop
        self._directory, self._limiter, self._clock = Directory(), RejectionLimiter(), Clock()
        self._complaints, self._trail = Complaints(), Trail()
        self._session: Session | None = None
        self._active = False
        self._pending: list[Item] = []
        self._ahead: list[Item] = []
        self._storing = ThreadPoolExecutor(1, "store")
        self._attempts = 0
        self._next_notice = self._next_look = self._next_reminder = 0.0

    def hanging(self) -> str | None:
        """Say which of the two loops has not gone round for too long, or None."""
        if time.monotonic() - self.beat > HANGING_SECONDS:
            return "the store loop hangs"
        return "the broker loop hangs" if self._subscriber.idle_seconds > HANGING_SECONDS else None

    def hang_up(self) -> None:
        """Break the connection to a database that does not answer; for a thread that watches."""
        if time.monotonic() - self.beat > STUCK_SECONDS and (session := self._session) is not None:
            session.abort()

    def may_connect(self) -> bool:
        """Tell whether the broker's session is ours to take: not while the database does not answer, for a standby may have it then."""
        return self._active and time.monotonic() - self.beat < QUIET_SECONDS

    def unready(self) -> str | None:
        """Say why nothing can be stored now, or None; a standby is ready."""
        if self.fault is not None:
            return f"database: {self.fault}"
        if (quiet := time.monotonic() - self.beat) > QUIET_SECONDS:
            return f"database: no answer for {quiet:.0f} s"
        if self._active and not self._subscriber.connected:
            return f"broker: {self._subscriber.fault}"
        return None

    def run(self) -> None:
        """Work until asked to stop, then finish and acknowledge what is held."""
        wait, deadline = SHORTEST_WAIT, float("inf")
        while True:
            self.beat = time.monotonic()
            if self._stop.is_set() and deadline == float("inf"):
                deadline = self.beat + STOP_SECONDS
                self._subscriber.discard()
            if self._stop.is_set() and (not self._held() or self.beat > deadline):
                break
            try:
                if self._is_active():
                    self.process_one_batch()
                else:
                    self._stop.wait(STANDBY_SECONDS)
                wait = SHORTEST_WAIT
            except StoreLost as error:
                self._lose(str(error))
                time.sleep(min(wait, LONGEST_WAIT)) if self._stop.is_set() else self._stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
        self._subscriber.stop()
        self._storing.shutdown()
        if self._session is not None:
            self._session.close()

    def process_one_batch(self, timeout: float = IDLE_SECONDS) -> bool:
        """Store what has arrived in one transaction and acknowledge it; tells whether there was work. Raises StoreLost."""
        if not self._pending:
            self._pending, self._ahead = self._ahead, []
            gather(self._inbox, self._pending, timeout=0 if self._pending else timeout)
        worked = bool(self._pending)
        if worked:
            self._commit(list(self._pending))
        self._tend()
        return worked

    def _look_ahead(self, storing: Future[writer.Stored]) -> None:
        """Decode the next batch, as far as it has arrived, while the database is at work on this one."""
        gather(self._inbox, self._ahead, storing.done)

    def _held(self) -> int:
        """Count the messages received and not settled."""
        return len(self._inbox) + len(self._ahead) + len(self._pending)

    def _commit(self, items: Sequence[Item]) -> None:
        """Store items; where the database will not take them together, halve them until the guilty one stands alone."""
        try:
            self._attempt(items)
        except Unstorable as error:
            self._metrics.store_faults.inc()
            self._reload()  # a device deleted a moment ago is reason enough
            if len(items) > 1:
                middle = len(items) // 2
                self._commit(items[:middle])
                self._commit(items[middle:])
            else:
                self._commit_alone(items[0], error)

    def _commit_alone(self, item: Item, error: Unstorable) -> None:
        try:
            self._attempt([item])
            return
        except Unstorable as again:
            error = again
        self._attempts += 1
        if not error.certain and self._attempts < MOST_ATTEMPTS:
            raise StoreLost(f"a message could not be stored, {self._attempts} times now: {error}")
        log.error("a message of %s is refused by the database and kept as a rejection: %s", item.message.topic, error)
        refusal = Rejection("bad_value", f"the database refused it: {error}", item.message.topic, item.message.payload)
        try:
            self._store([Resolved(item.message, None, [], [refusal], False)])
        except Unstorable as final:
            raise StoreLost(f"not even a rejection can be stored: {final}") from final
        self._settle([item])

    def _attempt(self, items: Sequence[Item]) -> None:
        """Resolve, store and acknowledge; raises StoreLost or Unstorable, after which nothing of it is stored."""
        self.beat = time.monotonic()  # halving a large batch may take long without hanging
        now = self._clock.now()
        try:
            resolved = [resolve(item.message, self._directory, now) for item in items]
            missed = {one.message.mac for one in resolved if one.missed}
            if missed:
                self._directory.look_up(self._connection, missed)
                for place, one in enumerate(resolved):  # one by one: both outcomes of all would take twice the memory
                    if one.missed:
                        resolved[place] = resolve(one.message, self._directory, now)
        except Exception as error:  # whatever it is, it must not stop the others
            raise judge(error) from error
        self._store(resolved, now)
        self._settle(items)

    def _store(self, resolved: Sequence[Resolved], now: datetime | None = None) -> None:
        moment = now or self._clock.now()
        started = time.perf_counter()
        try:
            if len(resolved) <= FEW and not len(self._inbox):  # nothing to decode meanwhile: another thread would only take time
                stored = writer.store(self._connection, resolved, moment, self._admit)
            else:
                storing = self._storing.submit(writer.store, self._connection, resolved, moment, self._admit)
                self._look_ahead(storing)
                stored = storing.result()
        except Exception as error:  # whatever it is, it must not stop the others
            raise judge(error) from error
        took = time.perf_counter() - started
        self._metrics.observe_store(resolved, stored, moment, took)
        self._trail.tell(resolved, stored, moment, took, time.monotonic())
        self._complaints.note(stored.suppressed, time.monotonic())

    def _settle(self, items: Sequence[Item]) -> None:
        """Acknowledge what is committed, and confirm it to the gateways that number their messages."""
        confirmed: dict[str, dict[int, None]] = {}
        for _, message in items:
            if message.seq is not None and message.mac:
                confirmed.setdefault(message.mac, {})[message.seq] = None
        numbers = {mac: list(seqs) for mac, seqs in confirmed.items()}
        self._subscriber.settle([item.received for item in items], numbers)
        self._metrics.confirmed.inc(sum(map(len, numbers.values())))
        del self._pending[: len(items)]
        self._attempts = 0

    def _is_active(self) -> bool:
        """Open the session, claim the lock, read the register and start receiving, as far as not done yet; false on standby."""
        if self._session is None:
            self._session = Session(self._database_url())
        if not self._active:
            try:
                self._active = self._session.claim(self._client_id)
                if self._active:
                    self._clock.ask(self._session.connection)
                    self._directory.load(self._session.connection)
            except psycopg2.Error as error:
                raise judge(error) from error
            self._metrics.active.set(self._active)
            if self._active and not self._subscriber.running:
                self._subscriber.start()
            elif not self._active and self._subscriber.running:
                self._subscriber.stop()
            if self._active or self.fault is not None:
                log.info("storing as %s" if self._active else "another ingester is active as %s: standing by", self._client_id)
            self.fault = None
        return self._active

    def _tend(self) -> None:
        """Notice changes of the register, ask what time it is, and look at the ledger, now and then."""
        now = time.monotonic()
        self._metrics.queue_depth.set(self._held())
        self._metrics.connected.set(self._subscriber.connected)
        try:
            if now >= self._next_notice and self._session is not None:
                if self._session.noticed():
                    self._directory.load(self._connection)
                # A register that takes long to read is not read all the time.
                self._next_notice = now + max(NOTICE_SECONDS, 4 * (time.monotonic() - now))
            if now >= self._next_look:
                self._clock.ask(self._connection)
                with self._connection, self._connection.cursor() as cursor:
                    cursor.execute(raw_statements("intake.sql")["ledger"])
                    lag, difference = cursor.fetchone() or (0.0, 0.0)
                self._metrics.ledger_lag.set(lag)
                self._metrics.ledger_difference.set(difference)
                self._next_look = now + LOOK_SECONDS
        except psycopg2.Error as error:
            raise judge(error) from error

    def _reload(self) -> None:
        try:
            self._directory.load(self._connection)
        except psycopg2.Error as error:
            raise judge(error) from error

    def _lose(self, text: str) -> None:
        """Give up the session; what is held stays held."""
        self._metrics.store_faults.inc()
        if self.fault != text or time.monotonic() > self._next_reminder:
            log.warning("database: %s", text)
            self._next_reminder = time.monotonic() + REMIND_SECONDS
        self.fault, self._active = text, False
        self._metrics.active.set(False)
        if self._session is not None:
            self._session.close()
            self._session = None

    def _admit(self, mac: str, rejection: Rejection) -> Rejection | None:
        return self._limiter.admit(mac, rejection, time.monotonic())

    @property
    def _connection(self) -> psycopg2.extensions.connection:
        assert self._session is not None
        return self._session.connection
