"""Gateways that publish without pause, and a checker that knows what was acknowledged to them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sql import ledger
from tests.faults.cell import Cell, Publisher, wait_for
from tests.ingest.cast import fixture, payload, stored

UNDER_WAY = 300


class Load:
    """Every gateway of the small fleet publishes numbered messages: number n is the reading of the n-th second, with value n.

    With `confirmed`, a gateway keeps a message until the ingester confirms its storage, and sends it again where it does not.
    """

    def __init__(self, cell: Cell, confirmed: bool = False, rate: float = 200) -> None:
        self.cell, self.confirmed = cell, confirmed
        self.start = (datetime.now(UTC) - timedelta(days=20)).replace(microsecond=0)
        self.published: dict[str, int] = {}
        self.publishers: list[Publisher] = []
        self._pause = len(fixture("gateways")) / rate
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> Load:
        """Connect the gateways and have them publish until `end`."""
        self.publishers = [self.cell.publisher(row["gateway_mac"]) for row in fixture("gateways")]
        for publisher in self.publishers:
            self._threads.append(threading.Thread(target=self._publish, args=(publisher,), daemon=True))
            self._threads[-1].start()
        return self

    def end(self, patience: float = 60) -> None:
        """Stop publishing, and wait until the broker has acknowledged everything, or the ingester confirmed it."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for publisher in self.publishers:
            wanted = set(range(self.published[publisher.mac]))
            deadline, again = time.monotonic() + patience, time.monotonic() + 3
            while wanted - self._done(publisher):
                assert time.monotonic() < deadline, (
                    f"{publisher.mac}: {len(wanted - self._done(publisher))} messages never came through"
                )
                if self.confirmed and time.monotonic() > again:
                    for number in sorted(wanted - self._done(publisher)):
                        publisher.publish(self._message(publisher.mac, number), number)
                    again = time.monotonic() + 3
                time.sleep(0.05)

    def check(self, patience: float = 60) -> int:
        """Wait until everything published is stored, then compare value by value; gives the number of readings."""
        expected = {
            (mac, self.start + timedelta(seconds=number)): Decimal(number)
            for mac, count in self.published.items()
            for number in range(count)
        }
        wait_for(lambda: len(stored(self.cell.database)) >= len(expected), patience, self._missing)
        found = [((mac, at), value) for mac, _, at, value in stored(self.cell.database)]
        assert len(found) == len(expected)
        assert dict(found) == expected
        return len(found)

    def reconcile(self) -> None:
        """Hold the books against what is stored, to the last reading."""
        ledger.drain(self.cell.database.owner)
        assert ledger.verify(self.cell.database.owner) == []

    def _missing(self) -> str:
        return f"stored {len(stored(self.cell.database))} of {sum(self.published.values())}"

    def _done(self, publisher: Publisher) -> set[int]:
        return set(publisher.confirmed) if self.confirmed else publisher.acknowledged

    def _publish(self, publisher: Publisher) -> None:
        number = 0
        while not self._stop.wait(self._pause):
            if number - len(publisher.acknowledged) < UNDER_WAY:
                publisher.publish(self._message(publisher.mac, number), number)
                number += 1
        self.published[publisher.mac] = number

    def _message(self, mac: str, number: int) -> bytes:
        more = {"seq": number} if self.confirmed else {}
        return payload([("D04", number, "°C")], self.start + timedelta(seconds=number), mac, **more)
