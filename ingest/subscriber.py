"""Keep a subscribed connection to the broker, for ever: one thread that connects, serves and connects again. It never parses."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from ingest.connection import Connection, Control, InboxFull, Settlement, Target
from ingest.inbox import Inbox, Received
from ingest.metrics import Metrics
from sql.errors import TdsError

log = logging.getLogger(__name__)

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 5.0
REMIND_SECONDS = 60.0


class Subscriber:
    """Fills the inbox and settles what was stored; `connected` says whether messages can arrive right now."""

    def __init__(
        self,
        target: Target,
        make_context: Callable[[], ssl.SSLContext],
        inbox: Inbox,
        metrics: Metrics,
        may_connect: Callable[[], bool] = lambda: True,
    ) -> None:
        """Nothing is opened yet; the TLS context is made anew for every connection, so that renewed certificates count.

        A connection that ended is not replaced before `may_connect` allows it.
        """
        self.target, self.inbox, self.metrics = target, inbox, metrics
        self.fault = "not started"
        self._make_context, self._may_connect = make_context, may_connect
        self._settlements: deque[Settlement] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._epoch = 0
        self._control = Control()
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None
        metrics.broker_dropped.set_function(lambda: self._control.dropped)

    @property
    def running(self) -> bool:
        """Whether the subscriber was started and not stopped."""
        return self._thread is not None

    @property
    def connected(self) -> bool:
        """Whether the broker has confirmed the subscription of a connection that still stands."""
        connection = self._connection
        return connection is not None and connection.subscribed

    @property
    def idle_seconds(self) -> float:
        """Seconds since the thread last went round its loop; a number beyond a minute means that it hangs."""
        return time.monotonic() - self._control.beat if self.running else 0.0

    def start(self) -> None:
        """Start connecting, in a thread of its own."""
        self._control = Control()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._thread.start()

    def discard(self) -> None:
        """Take no more messages in; the broker keeps what is not acknowledged."""
        self._control.discarding = True

    def stop(self) -> None:
        """Send what is owed, disconnect and end the thread; the session stays at the broker."""
        if self._thread is not None:
            self._control.closing = True
            self._wake()
            self._thread.join(timeout=15)
            self._thread = None
            self.fault = "stopped"

    def settle(self, batch: Sequence[Received], confirmed: Mapping[str, list[int]]) -> None:
        """Acknowledge a stored batch in order of arrival, each message only on the connection it came by; confirm to gateways."""
        packets: dict[int, list[int]] = {}
        for message in batch:
            if message.packet:
                packets.setdefault(message.epoch, []).append(message.packet)
        newest = max(packets, default=0)
        for epoch, mine in packets.items():
            self._settlements.append(Settlement(epoch, mine, dict(confirmed) if epoch == newest else {}))
        if not packets and confirmed:
            self._settlements.append(Settlement(0, [], dict(confirmed)))
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            self._wake_in.send(b"\0")

    def _owed(self) -> Iterator[Settlement]:
        with suppress(IndexError):
            while True:
                yield self._settlements.popleft()

    def _run(self) -> None:
        control, wait, reminder = self._control, SHORTEST_WAIT, 0.0
        while not control.closing:
            fault = self._serve_once(control)
            if control.closing:
                break
            if self._connection is not None and self._connection.was_subscribed:
                wait = SHORTEST_WAIT
            self.metrics.reconnects.inc()
            if fault != self.fault or time.monotonic() > reminder:
                log.warning("broker %s:%d: %s", self.target.host, self.target.port, fault)
                self.fault, reminder = fault, time.monotonic() + REMIND_SECONDS
            self._wait(control, wait)
            wait = min(2 * wait, LONGEST_WAIT)
            while not control.closing and not self._may_connect():
                self._wait(control, 0.1)
        self._connection = None

    def _serve_once(self, control: Control) -> str:
        """Hold one connection to its end; give the reason of its end."""
        self._epoch += 1
        self._connection = None
        try:
            context = self._make_context()
            self._connection = Connection(self.target, context, self._epoch, self.inbox, control)
            self._connection.serve(self._wake_out, self._owed)
        except InboxFull:
            while len(self.inbox) and not control.closing:
                self._wait(control, 0.1)
            return "disconnected for a while: nothing could be stored"
        except ssl.SSLError as error:
            return f"no TLS connection: {error.reason or error}"
        except (OSError, TdsError) as error:
            return str(error) or type(error).__name__
        except Exception as error:
            log.exception("the connection ended on an error that is not expected")
            return f"{type(error).__name__}: {error}"
        return "the connection ended"

    def _wait(self, control: Control, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not control.closing and (left := until - time.monotonic()) > 0:
            control.beat = time.monotonic()
            time.sleep(min(left, 0.1))
