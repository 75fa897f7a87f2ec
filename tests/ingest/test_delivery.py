"""What intake keeps beside the readings: since when a device shows its value, and what came late or twice."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingest.delivery import quarter
from tests.conftest import Database
from tests.ingest.cast import MAC, payload, query, topic
from tests.ingest.test_writer import NOW, Desk

OTHER = "02:00:00:00:00:02"
START = NOW - timedelta(hours=40)


@pytest.fixture
def desk(emptied: Database) -> Iterator[Desk]:
    """A desk on an empty database of each engine."""
    desk = Desk(emptied)
    yield desk
    desk.session.close()


def moved_at(desk: Desk, code: str = "D01") -> datetime:
    """Since when the device of a code shows its value, by what is kept."""
    sql = "SELECT s.moved_at FROM tds.device_seen s JOIN tds.device d ON d.id = s.device_id WHERE d.code = :code"
    return query(desk.database, sql, code=code)[0][0]


def delivery(desk: Desk) -> list[tuple[str, datetime, int, int, timedelta]]:
    """What came late or twice, by MAC and quarter-hour."""
    sql = "SELECT g.mac, s.slot, s.late, s.duplicated, s.longest FROM tds.delivery s JOIN tds.gateway g ON g.id = s.gateway_id ORDER BY 1, 2"
    return [tuple(row) for row in query(desk.database, sql)]  # type: ignore[misc]


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def tell(desk: Desk, *told: tuple[float, float]) -> None:
    """Store (hour, value) pairs of D01 by one commit."""
    desk.say(*(("D01", value, "kWh", hour(at)) for at, value in told), time=NOW.isoformat())


def test_a_device_moved_when_it_first_showed_its_value(desk: Desk) -> None:
    tell(desk, (0, 5))
    assert moved_at(desk) == hour(0)
    tell(desk, (1, 5), (2, 5))
    assert moved_at(desk) == hour(0)
    tell(desk, (3, 6))
    assert moved_at(desk) == hour(3)
    tell(desk, (4, 6), (5, 7), (6, 8), (7, 8), (8, 8))
    assert moved_at(desk) == hour(6)
    tell(desk, (8, 8))
    assert moved_at(desk) == hour(6)


def test_what_comes_late_from_before_does_not_make_it_move(desk: Desk) -> None:
    tell(desk, (10, 5))
    tell(desk, (20, 5))
    tell(desk, (1, 1), (2, 2), (21, 5))
    tell(desk, (3, 3))
    assert moved_at(desk) == hour(10)


def test_what_comes_late_from_between_and_differs_ends_the_stillness(desk: Desk) -> None:
    tell(desk, (10, 5), (20, 5))
    tell(desk, (15, 4))
    assert moved_at(desk) == hour(20)


def test_a_buffer_that_is_sent_newest_first_makes_nobody_stuck(desk: Desk) -> None:
    tell(desk, (0, 5))
    tell(desk, (39, 9))
    for at in range(38, 0, -1):
        tell(desk, (at, 5 + at // 10))
        assert moved_at(desk) >= hour(30)


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_readings_come_it_is_never_too_early_and_exact_when_they_come_in_order(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    values = [Decimal(0)]
    for _ in range(60):
        values.append(values[-1] + chance.choice([0, 0, 0, 0, 1]))
    order = list(range(60))
    if seed % 3 == 1:
        for first in range(0, 60, 6):  # a little out of order
            order[first : first + 6] = chance.sample(order[first : first + 6], 6)
    elif seed % 3 == 2:
        chance.shuffle(order)
    sent: list[int] = []
    while len(sent) < 60:
        size = chance.randint(1, 9)
        batch = order[len(sent) : len(sent) + size]
        tell(desk, *((at / 2, float(values[at])) for at in batch + sent[: chance.randint(0, 2)]))
        sent += batch
        newest = max(sent)
        same = [at for at in sent if at > max((at for at in sent if values[at] != values[newest]), default=-1)]
        assert hour(min(same) / 2) <= moved_at(desk) <= hour(newest / 2)
        if seed % 3 == 0:
            assert moved_at(desk) == hour(min(same) / 2)


def test_late_and_repeated_readings_are_counted_by_gateway_and_quarter_hour(desk: Desk) -> None:
    late, just, slot = NOW - timedelta(minutes=46), NOW - timedelta(minutes=45), quarter(NOW - timedelta(minutes=46))
    stored = desk.say(("D01", 1, "kWh", late), ("D02", 1, "m³", late), ("D04", 20, "°C", just), time=NOW.isoformat())
    assert (stored.readings, stored.late) == (3, 2)
    assert delivery(desk) == [(MAC, slot, 2, 0, timedelta(minutes=46))]
    stored = desk.say(("D01", 1, "kWh", late), ("D02", 2, "m³", late), ("D04", 20, "°C", just), time=NOW.isoformat())
    assert (stored.readings, stored.late, stored.duplicates) == (0, 0, 3)
    assert delivery(desk) == [(MAC, slot, 2, 1, timedelta(minutes=46)), (MAC, quarter(just), 0, 1, timedelta(0))]
    desk.say(("D03", 1, "m³", late - timedelta(minutes=1)), time=NOW.isoformat())
    assert delivery(desk)[0] == (MAC, slot, 3, 1, timedelta(minutes=47))


def test_a_reading_twice_in_a_batch_is_counted_once_as_stored_and_once_as_repeated(desk: Desk) -> None:
    message = (topic(), payload([("D01", 1, "kWh")], NOW))
    other = (topic(OTHER), payload([("D01", 1, "kWh")], NOW, OTHER))
    assert desk.store(message, other, message, other, other).duplicates == 3
    assert delivery(desk) == [(MAC, NOW, 0, 1, timedelta(0)), (OTHER, NOW, 0, 2, timedelta(0))]


def test_what_comes_in_time_and_once_leaves_no_trace(desk: Desk) -> None:
    desk.store(*((topic(), payload([("D01", n, "kWh")], NOW - timedelta(minutes=n))) for n in range(40)))
    assert delivery(desk) == []


def test_an_account_says_after_how_many_intervals_something_is_late(desk: Desk) -> None:
    with desk.database.owner.transaction() as connection:
        connection.exec_driver_sql("UPDATE tds.account SET silent_intervals = 8")
        connection.exec_driver_sql("UPDATE tds.device SET interval_seconds = 60 WHERE code = 'D02'")
    desk.directory.load(desk.session.connection)
    at = NOW - timedelta(minutes=100)
    assert desk.say(("D01", 1, "kWh", at), ("D02", 1, "m³", at), time=NOW.isoformat()).late == 1


def test_a_quarter_hour_begins_on_the_quarter() -> None:
    assert quarter(datetime(2026, 2, 18, 14, 59, 59, 999, tzinfo=UTC)) == datetime(2026, 2, 18, 14, 45, tzinfo=UTC)
