"""Memory: however much waits at the broker, however long its messages are, the ingester stays small."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.load_fleet import SORTS, Station, register_stations
from tests.faults.cell import Cell, Ingester, tended
from tests.faults.flood import Flood
from tests.faults.record import recorded
from tests.ingest.cast import query

DEVICES = 8
MOST_MIB = 150
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)


def peak_mib(ingester: Ingester) -> float:
    """The most memory that the process has had resident so far."""
    lines = Path(f"/proc/{ingester.process.pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def short(station: Station, number: int) -> bytes:
    """One message of eight readings, as most gateways send."""
    at = (START + timedelta(seconds=number)).isoformat()
    items = ",".join(
        f'{{"dispositivo_codigo":"D{place + 1:02}","valor":{1000 + number / 1000:.3f},"unidade":"{SORTS[place % 4].unit}"}}'
        for place in range(DEVICES)
    )
    return f'{{"gateway_mac":"{station.mac}","timestamp":"{at}","leituras":[{items}],"seq":{number}}}'.encode()


def long(station: Station, number: int) -> bytes:
    """One message as long as it may be: the buffer of 640 readings that a gateway had kept."""
    items = ",".join(
        f'{{"dispositivo_codigo":"D04","valor":20.{n:03},"unidade":"°C","timestamp":"{at.isoformat()}"}}'
        for n, at in enumerate(START + timedelta(seconds=number * 640 + n) for n in range(640))
    )
    return f'{{"gateway_mac":"{station.mac}","timestamp":"{START.isoformat()}","leituras":[{items}],"seq":{number}}}'.encode()


def hostile(station: Station, number: int) -> bytes:
    """One message of a thousand readings that all have to be refused, each with a time of its own."""
    items = ",".join(f'{{"dispositivo_codigo":"X{n}","valor":{number},"unidade":"L"}}' for n in range(1000))
    return f'{{"gateway_mac":"{station.mac}","timestamp":"{START.isoformat()}","leituras":[{items}],"seq":{number}}}'.encode()


def wait_and_drain(
    cell: Cell, gateways: int, messages: int, make: Callable[[Station, int], bytes], readings: int, patience: float
) -> dict[str, float]:
    """Fill the broker while no ingester runs, start one, let it work all of it off; gives what it took."""
    settings = cell.settings
    fleet = register_stations(cell.database.owner, gateways, DEVICES, 1000, settings.timezone, settings.locale, lambda _: None)
    cell.ingester().wait_until_subscribed().stop()  # its session stays at the broker: that is the backlog
    with tended(cell):
        for station in fleet:
            flood = Flood(cell, cell.identity(station.mac))
            assert flood.publish(make(station, number) for number in range(messages // gateways)) == messages // gateways
            flood.close()
        ingester = cell.ingester().wait_until_subscribed()
        began = time.monotonic()
        # What comes again after a lost connection counts as a message, and is no reading more.
        while ingester.metric("tds_messages_total") < messages or _stored(cell) < readings:
            assert time.monotonic() < began + patience, ingester.log.read_text()[-2000:]
            time.sleep(0.5)
    seconds, stored = time.monotonic() - began, _stored(cell)
    peak = peak_mib(ingester)
    assert "Traceback" not in ingester.log.read_text()
    assert ingester.stop() == 0
    return {
        "waiting": messages,
        "published": readings,
        "acknowledged": readings,
        "stored": stored,
        "lost": readings - stored,
        "doubled": 0,
        "peak_mib": round(peak),
        "drained_s": round(seconds),
    }


def _stored(cell: Cell) -> int:
    return int(query(cell.database, "SELECT count(*) FROM tds.reading")[0][0])


def judge(found: dict[str, float]) -> None:
    """Hold what it took against what is promised."""
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["peak_mib"] <= MOST_MIB


@pytest.mark.timeout(600)
def test_memory_is_bounded_whatever_the_messages_are(plain_cell: Cell) -> None:
    judge(wait_and_drain(plain_cell, 4, 400, hostile, 0, 450))


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_million_messages_wait_at_the_broker(cell: Cell) -> None:
    with recorded(cell, "a million messages wait at the broker", 1) as found:
        found |= wait_and_drain(cell, 100, 1_000_000, short, 1_000_000 * DEVICES, 2400)
        judge(found)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_thousands_of_the_longest_messages_wait_at_the_broker(cell: Cell) -> None:
    with recorded(cell, "3,000 messages of 60 KiB wait at the broker", 1) as found:
        found |= wait_and_drain(cell, 20, 3000, long, 3000 * 640, 1200)
        judge(found)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_thousands_of_hostile_messages_wait_at_the_broker(cell: Cell) -> None:
    with recorded(cell, "3,000 messages of 1,000 unknown devices wait at the broker", 1) as found:
        found |= wait_and_drain(cell, 20, 3000, hostile, 0, 1200)
        judge(found)
