"""Several brokers, each with its ingester, write to one database: also the same gateway's readings, at the same time."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sql import ledger
from tests.conftest import Database
from tests.faults.cell import Pair, Publisher, wait_for
from tests.faults.load import Load
from tests.faults.record import recorded
from tests.ingest.cast import MAC, payload, query, stored

RANDOM = random.Random(10)


@pytest.fixture
def pair(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two cells, on each engine."""
    pair = Pair(database, tmp_path_factory.mktemp("second"))
    yield pair
    pair.close()


def publish_to_both(pair: Pair, kills: int) -> None:
    """Let the same readings come by both ways, and kill one ingester or the other meanwhile."""
    ingesters = [pair.start(0), pair.start(1)]
    loads = [Load(cell) for cell in pair.cells]
    loads[1].start = loads[0].start
    for load in loads:
        load.begin()
    time.sleep(1)
    for kill in range(kills):
        ingesters[kill % 2].kill()
        time.sleep(RANDOM.uniform(0, 1))
        ingesters[kill % 2] = pair.start(kill % 2)
    for load in loads:
        load.end()
    each = [dict(load.published) for load in loads]
    for load in loads:
        load.published = {mac: max(counts[mac] for counts in each) for mac in each[0]}
    assert loads[0].check() > 100
    loads[0].reconcile()
    assert all(one.process.poll() is None and "Traceback" not in one.log.read_text() for one in ingesters)
    assert all(wait_for(one.is_subscribed) for one in ingesters)
    assert query(pair.cells[0].database, "SELECT count(*) FROM tds.rejection") == [(0,)]


def test_the_same_readings_by_two_ways_are_stored_once(pair: Pair) -> None:
    publish_to_both(pair, 1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_kills_of_two_ingesters_with_the_same_readings_lose_and_double_nothing(pair: Pair) -> None:
    with recorded(pair.cells[0], "one of two cells' ingesters killed, same readings by both"):
        publish_to_both(pair)


def test_two_values_for_one_instant_by_two_ways_are_one_reading_and_one_rejection(pair: Pair) -> None:
    publishers = [cell.publisher(MAC) for cell in pair.cells if pair.start(pair.cells.index(cell))]
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for number in range(50):
        for publisher, value in zip(publishers, (number, number + 1000), strict=True):
            publisher.publish(payload([("D04", value, "°C")], start + timedelta(seconds=number), seq=number), number)
    for publisher in publishers:
        wait_for(lambda: sorted(publisher.confirmed) == list(range(50)), what=lambda: str(publisher.confirmed))  # noqa: B023
    values = {at: value for *_, at, value in stored(pair.cells[0].database)}
    refused = query(pair.cells[0].database, "SELECT reason, detail FROM tds.rejection")
    assert [values[start + timedelta(seconds=number)] % 1000 for number in range(50)] == list(range(50))
    assert len(refused) == len(values) == 50
    for at, value in values.items():
        other = value + 1000 if value < 1000 else value - 1000
        assert ("conflicting_duplicate", f"{at.isoformat()} is stored as {value}, not {other}.000000") in refused


def test_a_gateway_that_moves_from_one_cell_to_the_other_loses_nothing(pair: Pair) -> None:
    """It leaves while the cell it leaves cannot store, and what it had published there waits at the broker."""
    left, joined = pair.start(0), pair.start(1)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)

    def publish(publisher: Publisher, numbers: range) -> None:
        for number in numbers:
            readings = [("D01", f"{number * 0.125}", "kWh"), ("D04", number, "°C")]
            publisher.publish(payload(readings, start + timedelta(seconds=number), seq=number), number)
        wait_for(lambda: set(numbers) <= publisher.acknowledged)

    before = pair.cells[0].publisher(MAC)
    publish(before, range(100))
    wait_for(lambda: sorted(before.confirmed) == list(range(100)))
    left.kill()
    publish(before, range(100, 200))
    before.vanish()
    after = pair.cells[1].publisher(MAC)
    # Acknowledged and not confirmed: a gateway that keeps messages until then sends some of them again.
    publish(after, range(150, 300))
    wait_for(lambda: sorted(set(after.confirmed)) == list(range(150, 300)))
    assert len(stored(pair.cells[0].database)) == 2 * (100 + 150)
    pair.start(0)
    wait_for(lambda: len(stored(pair.cells[0].database)) == 2 * 300)
    values = {(code, at): value for _, code, at, value in stored(pair.cells[0].database)}
    assert values == {
        (code, start + timedelta(seconds=number)): number * each
        for number in range(300)
        for code, each in (("D01", Decimal("0.125")), ("D04", Decimal(1)))
    }
    ledger.drain(pair.cells[0].database.owner)
    assert ledger.verify(pair.cells[0].database.owner) == []
    booked = query(
        pair.cells[0].database,
        "SELECT sum(l.quantity) FROM tds.ledger l JOIN tds.device d ON d.id = l.device_id AND d.code = 'D01'",
    )
    assert booked == [(299 * Decimal("0.125"),)]
    assert query(pair.cells[0].database, "SELECT count(*) FROM tds.rejection") == [(0,)]
    assert joined.process.poll() is None
