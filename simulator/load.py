"""A load run: many gateways, one loop, and at the end a reckoning against the database itself.

Messages leave on a fixed schedule whatever becomes of earlier ones. Counted in messages: published (handed to the
network), acknowledged (the broker has it), stored (every reading of it is in the database with the value sent), lost
(acknowledged but not stored when nothing has moved for half a minute). Duplicated counts readings in the database
beyond those published. Latency is from publishing to the row being read from another connection, of a sample.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TextIO

from simulator.gateway import Broker, Gateway, Identity, encode
from simulator.load_fleet import Station, shown
from simulator.reckoning import count_rows, find_messages
from simulator.switchboard import Switchboard
from simulator.visibility import Visibility, percentiles
from sql.engine import Store
from sql.errors import Refused

PROGRESS_SECONDS = 5
PATIENCE_SECONDS = 30
AT_ONCE = 100  # messages between two looks at the sockets


class Plan(NamedTuple):
    """What to send: messages per second in total, seconds, and whether gateways wait for confirmation of storage."""

    rate: float
    duration: float
    confirmed: bool = True


@dataclass
class Log:
    """What one gateway sent: the instant of each message (epoch microseconds, its place is its seq) and who answered."""

    station: Station
    gateway: Gateway
    micros: array[int] = field(default_factory=lambda: array("q"))
    acknowledged: bytearray = field(default_factory=bytearray)
    confirmed: int = 0

    def __post_init__(self) -> None:
        self.gateway.when_acknowledged = self._on_acknowledged
        self.gateway.when_stored = self._on_stored

    def next_instant(self) -> int:
        """Give the present microsecond, or the one after the last message's: no two share an instant."""
        now = time.time_ns() // 1000
        return max(now, self.micros[-1] + 1) if self.micros else now

    def _on_acknowledged(self, seq: int) -> None:
        self.acknowledged[seq] = 1

    def _on_stored(self, seq: int) -> None:
        self.confirmed += 1


class Run:
    """One load run from connecting to its result."""

    def __init__(self, store: Store, plan: Plan, progress: TextIO | None = None) -> None:
        self.store = store
        self.plan = plan
        self.progress = progress or sys.stderr
        self.board = Switchboard()
        self.logs: list[Log] = []
        self.published = 0
        self.began = self.ended = 0.0
        self._visibility = Visibility(store)
        self._said = time.monotonic()

    def connect(self, stations: Sequence[Station], identities: Sequence[Identity], broker: Broker) -> None:
        """Connect every gateway; raises Refused where the broker does not take them all within half a minute of the last."""
        for station, identity in zip(stations, identities, strict=True):
            gateway = Gateway(identity, broker, self.plan.confirmed)
            self.logs.append(Log(station, gateway))
            self.board.add(gateway)
            self.board.reconnect([gateway])
            if self.board.fault:
                raise Refused(
                    f"the broker at {broker.host}:{broker.port} does not answer ({self.board.fault}): start `tds broker`"
                )
            self.board.step(0)
            self._say("connected", len(self.logs))
        until = time.monotonic() + PATIENCE_SECONDS
        while missing := [log for log in self.logs if not log.gateway.connected]:
            if time.monotonic() > until:
                why = missing[0].gateway.refusal or self.board.fault or "no answer"
                raise Refused(f"{len(missing)} of {len(self.logs)} gateways were not let in by the broker: {why}")
            self.board.step(0.05)

    def publish(self) -> None:
        """Send on schedule until the time is over; where this process cannot keep up, fewer messages than planned."""
        self._visibility.start()
        self.began = time.monotonic()
        total = round(self.plan.rate * self.plan.duration)
        while self.published < total and (elapsed := time.monotonic() - self.began) < self.plan.duration + 1:
            due = min(total, int(elapsed * self.plan.rate) + 1, self.published + AT_ONCE)
            while self.published < due:
                self._send(self.logs[self.published % len(self.logs)])
            wait = self.began + self.published / self.plan.rate - time.monotonic()
            self.board.step(min(wait, 0.05))
            self._say("published", self.published)

    def settle(self) -> None:
        """Wait until everything is acknowledged and stored, or nothing has moved for half a minute."""
        moved, state = time.monotonic(), (-1, -1)
        while time.monotonic() - moved < PATIENCE_SECONDS:
            self.board.step(0.05)
            now = self._acknowledged(), self._stored()
            if now != state:
                moved, state = time.monotonic(), now
            self.ended = moved
            if min(state) >= self.published:
                break
            self._say("waiting, published", self.published)

    def result(self) -> dict[str, Any]:
        """Reckon up against the database; the fields of `tds simulate --json`."""
        latency = self._visibility.finish()
        self.board.close()
        stored = lost = surplus = 0
        for log in self.logs:
            found, beyond = find_messages(self.store, log.station, log.micros)
            stored += sum(found)
            surplus += beyond
            lost += sum(1 for sent, there in zip(log.acknowledged, found, strict=True) if sent and not there)
        seconds = max(self.ended - self.began, 0.001)
        return {
            "published": self.published,
            "acknowledged": self._acknowledged(),
            "stored": stored,
            "lost": lost,
            "duplicated": surplus,
            "messages_per_s": round(stored / seconds, 1),
            "readings_per_s": round(stored * len(self.logs[0].station.device_ids) / seconds, 1),
            "latency_ms": percentiles(latency),
            "latency_samples": len(latency),
            "gateways": len(self.logs),
            "devices": len(self.logs[0].station.device_ids),
            "seconds": round(seconds, 2),
        }

    def _send(self, log: Log) -> None:
        seq, micros = len(log.micros), log.next_instant()
        devices = log.station.device_ids
        payload = encode(log.station.mac, micros, shown(len(devices), micros), seq if self.plan.confirmed else None)
        log.micros.append(micros)
        log.acknowledged.append(0)
        sent = time.monotonic_ns()
        log.gateway.send(seq, payload)
        self.board.flush(log.gateway)
        self.published += 1
        self._visibility.offer(devices[-1], micros, sent)

    def _acknowledged(self) -> int:
        return sum(log.acknowledged.count(1) for log in self.logs)

    def _stored(self) -> int:
        """Give how many messages are stored as far as is known now: by confirmations, or else by counting rows."""
        if self.plan.confirmed:
            return sum(log.confirmed for log in self.logs)
        sent = [log.micros for log in self.logs if log.micros]
        rows = count_rows(self.store, [log.station for log in self.logs], min(m[0] for m in sent), max(m[-1] for m in sent))
        return rows // len(self.logs[0].station.device_ids)

    def _say(self, what: str, number: int) -> None:
        if time.monotonic() - self._said >= PROGRESS_SECONDS:
            self._said = time.monotonic()
            answered = f", acknowledged {self._acknowledged()}"
            if self.plan.confirmed:
                answered += f", stored {self._stored()}"
            print(f"{what} {number}" + (answered if self.published else ""), file=self.progress, flush=True)
