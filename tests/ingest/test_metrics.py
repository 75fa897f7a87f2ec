"""What the ingester's metrics say, each against what was done: on a real database, read as Prometheus reads them."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ingest import batch
from ingest.message import decode
from ingest.metrics import MOST_GATEWAYS, Metrics
from ingest.replayer import Replayer
from ingest.resolve import Resolved, Row
from ingest.writer import Stored
from sql import fleet, ledger
from tests.conftest import Database
from tests.ingest.cast import MAC, payload, query, topic
from tests.ingest.test_service import NOW, OTHER, Room


@pytest.fixture
def room(plain_database: Database) -> Iterator[Room]:
    """A room of its own."""
    room = Room(plain_database)
    yield room
    room.service._lose("the test is over")


def told(metrics: Metrics) -> dict[str, float]:
    """Read the exposition text: name and labels → value."""
    lines = (line.rpartition(" ") for line in metrics.text().decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_messages_readings_repetitions_and_refusals_are_counted(room: Room) -> None:
    room.say(("D01", 1, "kWh"), ("D02", 2, "m³"), ("D77", 3, "kWh"), ("D01", "x", "kWh"), seq=1)
    room.arrive(b"not json")
    room.work()
    room.say(("D01", 1, "kWh"), ("D02", 2, "m³"), seq=1)
    room.say(("D01", 5, "kWh"))
    room.work()
    found = told(room.metrics)
    assert (found["tds_messages_total"], found["tds_readings_total"], found["tds_duplicates_total"]) == (4, 2, 3)
    counted = {name.split('"')[1]: value for name, value in found.items() if name.startswith("tds_rejections_total{") and value}
    assert counted == {"unknown_device": 1, "bad_value": 1, "not_json": 1, "conflicting_duplicate": 1}
    assert found["tds_confirmed_total"] == 2


def test_a_commits_size_and_time_are_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_MESSAGES", 20)
    for number in range(30):
        room.arrive(payload([("D01", number, "kWh")], NOW - timedelta(minutes=number)))
    room.work()
    found = told(room.metrics)
    assert (found["tds_batch_messages_count"], found["tds_batch_messages_sum"]) == (1, 20)
    assert (found['tds_batch_messages_bucket{le="10.0"}'], found['tds_batch_messages_bucket{le="25.0"}']) == (0, 1)
    assert found["tds_commit_seconds_count"] == 1
    assert 0 < found["tds_commit_seconds_sum"] < 60
    assert found["tds_queue_depth"] == 10
    room.work()
    assert told(room.metrics)["tds_queue_depth"] == 0


def test_the_ledgers_lag_and_what_the_night_found_are_told(room: Room) -> None:
    room.say(("D01", 1, "kWh"))
    room.work()
    room.execute("UPDATE tds.dirty SET queued_at = now() - interval '90 seconds'")
    room.execute("INSERT INTO tds.meta (key, value) VALUES ('ledger_difference', '7')")
    room.service._next_look = 0.0
    room.work()
    found = told(room.metrics)
    assert 90 <= found["tds_ledger_lag_seconds"] < 150
    assert found["tds_ledger_difference"] == 7
    ledger.drain(room.database.owner)
    room.service._next_look = 0.0
    room.work()
    assert told(room.metrics)["tds_ledger_lag_seconds"] == 0


def test_how_late_each_gateway_is_and_all_of_them_together(room: Room) -> None:
    for mac, age in ((MAC, 5), (OTHER, 4000)):
        room.arrive(payload([("D01", 1, "kWh")], datetime.now(UTC) - timedelta(seconds=age), mac), topic(mac))
    room.work()
    found = told(room.metrics)
    assert 5 <= found[f'tds_gateway_delay_seconds{{gateway="{MAC}"}}'] < 60
    assert 4000 <= found[f'tds_gateway_delay_seconds{{gateway="{OTHER}"}}'] < 4060
    assert found["tds_delivery_delay_seconds_count"] == 2
    assert found['tds_delivery_delay_seconds_bucket{le="60.0"}'] == 1
    assert found["tds_late_readings_total"] == 1


def test_only_the_slowest_gateways_have_a_series() -> None:
    metrics = Metrics()
    many = [resolved_of(f"02:00:00:00:01:{number:02x}", seconds=number) for number in range(MOST_GATEWAYS + 20)]
    metrics.observe_store(many, Stored(len(many), 0, []), NOW, 0.01)
    told_of = {name: value for name, value in told(metrics).items() if name.startswith("tds_gateway_delay_seconds")}
    assert len(told_of) == MOST_GATEWAYS
    assert min(told_of.values()) == 20
    metrics.observe_store([resolved_of("02:00:00:00:01:45", seconds=0)], Stored(1, 0, []), NOW, 0.01)
    assert 'tds_gateway_delay_seconds{gateway="02:00:00:00:01:45"}' not in told(metrics)


def resolved_of(mac: str, seconds: int) -> Resolved:
    """What a message of a gateway comes to, with one reading so many seconds old."""
    message = decode(topic(mac), payload([("D01", 1, "kWh")], NOW - timedelta(seconds=seconds), mac))
    (reading,) = message.readings
    return Resolved(message, None, [Row(1, reading.time.astimezone(UTC), reading.value, message, reading)], [], False)


def test_what_is_refused_and_not_kept_is_counted(room: Room) -> None:
    room.service._limiter.burst, room.service._limiter.per_hour = 3, 1
    for number in range(10):
        room.arrive(b"x%d" % number)
    room.work()
    found = told(room.metrics)
    assert found['tds_rejections_total{reason="not_json"}'] == 10
    assert found["tds_rejections_suppressed_total"] == 10 - len(query(room.database, "SELECT FROM tds.rejection"))


def test_whether_it_stores_and_how_often_it_could_not(room: Room) -> None:
    assert (told(room.metrics)["tds_active"], told(room.metrics)["tds_broker_connected"]) == (0, 0)
    room.work()
    assert (told(room.metrics)["tds_active"], told(room.metrics)["tds_broker_connected"]) == (1, 1)
    room.service._lose("the test pulled the plug")
    found = told(room.metrics)
    assert (found["tds_active"], found["tds_store_faults_total"]) == (0, 1)


def test_what_was_adopted_is_counted_when_it_is_replayed(room: Room) -> None:
    room.say(("N01", 1, "kWh"))
    room.work()
    with room.database.owner.transaction() as connection:
        fleet.add_device(connection, MAC, "N01", kind="counter", resource="electricity", unit="kWh")
    replayer = Replayer(lambda: room.database.ingest.url, room.metrics)
    while replayer.step():
        pass
    replayer.close()
    assert told(room.metrics)["tds_replayed_readings_total"] == 1


def test_the_revocation_lists_end_is_told_and_is_no_number_without_one() -> None:
    metrics = Metrics()
    metrics.watch_crl(lambda: datetime.now(UTC) + timedelta(days=3))
    assert 3 * 86_400 - 60 < told(metrics)["tds_crl_expires_seconds"] <= 3 * 86_400
    metrics.watch_crl(lambda: None)
    assert math.isnan(told(metrics)["tds_crl_expires_seconds"])
