"""Gateways that publish without pause, and a checker that knows what was acknowledged to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sql import ledger
from tests.faults.cell import Cell, Publisher, wait_for
from tests.ingest.cast import fixture, payload, query, stored

UNDER_WAY = 300


# What a register adds with each message, in a second: below what the fleet's meters are believed to do.
EACH = Decimal("0.125")


class Load:
    """Every gateway of the small fleet publishes numbered messages: number n is of the n-th second, a level n and a register n × 0.125.

    With `confirmed`, a gateway keeps a message until the ingester confirms its storage, and sends it again where it does not.
    `found` is what the checker knows, in readings: those published, acknowledged (or confirmed), stored, lost, doubled.
    """

    def __init__(self, cell: Cell, confirmed: bool = False, rate: float = 200) -> None:
        self.cell, self.confirmed = cell, confirmed
        self.start = (datetime.now(UTC) - timedelta(days=20)).replace(microsecond=0)
        self.published: dict[str, int] = {}
        self.publishers: list[Publisher] = []
        self.found: dict[str, int] = {}
        cell.loads.append(self)
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
        expected = {key: value for mac, count in self.published.items() for key, value in _readings(mac, self.start, count)}
        try:
            wait_for(lambda: self._count() >= len(expected), patience, self._missing)
        finally:
            rows = stored(self.cell.database)
            found = {(mac, code, at): value for mac, code, at, value in rows}
            right = sum(found.get(key) == value for key, value in expected.items())
            self.found = {
                "published": len(expected),
                "acknowledged": 2 * sum(len(self._done(publisher)) for publisher in self.publishers),
                "stored": len(rows),
                "lost": len(expected) - right,
                "doubled": len(rows) - right,
            }
        assert (self.found["lost"], self.found["doubled"]) == (0, 0), self.found
        return len(rows)

    def reconcile(self) -> None:
        """Hold the books against what is stored, to the last reading, and each register's consumption against the register."""
        ledger.drain(self.cell.database.owner)
        differences = ledger.verify(self.cell.database.owner)
        self.found["differences"] = sum(difference.rows for difference in differences)
        assert differences == []
        booked = query(
            self.cell.database,
            "SELECT g.mac, sum(l.quantity) FROM tds.ledger l JOIN tds.device d ON d.id = l.device_id AND d.code = 'D01'"
            " JOIN tds.gateway g ON g.id = d.gateway_id GROUP BY g.mac",
        )
        assert dict(booked) == {mac: EACH * (count - 1) for mac, count in self.published.items()}

    def _count(self) -> int:
        return int(query(self.cell.database, "SELECT count(*) FROM tds.reading")[0][0])

    def _missing(self) -> str:
        return f"stored {self._count()} of {2 * sum(self.published.values())}"

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
        readings = [("D01", str(EACH * number), "kWh"), ("D04", number, "°C")]
        return payload(readings, self.start + timedelta(seconds=number), mac, **more)


def _readings(mac: str, start: datetime, count: int) -> Iterator[tuple[tuple[str, str, datetime], Decimal]]:
    """Give what `count` messages of a gateway say."""
    for number in range(count):
        at = start + timedelta(seconds=number)
        yield (mac, "D01", at), EACH * number
        yield (mac, "D04", at), Decimal(number)
