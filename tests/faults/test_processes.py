"""Processes die under load; what was acknowledged is in the database once."""

import os
import random
import signal
import time

import pytest

from tests.faults.cell import SESSIONS, Cell, wait_for
from tests.faults.load import Load
from tests.faults.record import recorded
from tests.ingest.cast import MAC, payload, query, rejected, stored

RANDOM = random.Random(4)


def kill_ingester(cell: Cell, times: int) -> None:
    """Kill the ingester at random moments, each time with another in its place."""
    ingester = cell.ingester().wait_until_subscribed()  # from here on the broker keeps what comes
    load = Load(cell).begin()
    for _ in range(times):
        time.sleep(RANDOM.uniform(0.05, 2))
        ingester.kill()
        ingester = cell.ingester().wait_until_subscribed()
    load.end()
    assert load.check() > 100
    assert ingester.stop() == 0
    load.reconcile()


def test_an_ingester_killed_under_load_loses_and_doubles_nothing(cell: Cell) -> None:
    kill_ingester(cell, 2)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fifty_kills_of_the_ingester_lose_and_double_nothing(cell: Cell) -> None:
    with recorded(cell, "ingester killed", 50):
        kill_ingester(cell, 50)


def restart_broker(cell: Cell, times: int) -> None:
    """Stop the broker and start it again, under load."""
    ingester = cell.ingester().wait_until_subscribed()
    load = Load(cell).begin()
    for _ in range(times):
        time.sleep(RANDOM.uniform(0.5, 2))
        cell.broker.stop()
        cell.restart_broker()
    load.end()
    load.check()
    load.reconcile()
    assert ingester.process.poll() is None
    assert ingester.metric("tds_reconnects_total") > times / 2  # one may come too quickly to be noticed as two


def test_a_broker_stopped_and_started_loses_and_doubles_nothing(plain_cell: Cell) -> None:
    restart_broker(plain_cell, 1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_restarts_of_the_broker_lose_and_double_nothing(cell: Cell) -> None:
    with recorded(cell, "broker stopped and started", 10):
        restart_broker(cell, 10)


def kill_broker(cell: Cell, times: int) -> None:
    """Kill the broker, with gateways that keep everything until it is confirmed."""
    cell.ingester().wait_until_subscribed()
    load = Load(cell, confirmed=True).begin()
    for _ in range(times):
        time.sleep(RANDOM.uniform(0.5, 3))
        cell.kill_broker()
        cell.restart_broker()
    load.end()
    load.check()
    load.reconcile()


def test_a_broker_killed_loses_nothing_of_gateways_that_wait_for_confirmation(plain_cell: Cell) -> None:
    kill_broker(plain_cell, 1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_kills_of_the_broker_lose_nothing_of_gateways_that_wait_for_confirmation(cell: Cell) -> None:
    with recorded(cell, "broker killed", 10):
        kill_broker(cell, 10)


def test_asked_to_stop_it_acknowledges_what_it_holds_and_leaves_the_rest_to_the_broker(plain_cell: Cell) -> None:
    ingester = plain_cell.ingester().wait_until_subscribed()
    load = Load(plain_cell).begin()
    for _ in range(2):
        time.sleep(1)
        assert ingester.stop() == 0
        assert "Traceback" not in ingester.log.read_text()
        ingester = plain_cell.ingester().wait_until_subscribed()
    load.end()
    load.check()


def test_a_standby_takes_over_when_the_first_is_killed(plain_cell: Cell) -> None:
    first = plain_cell.ingester().wait_until_subscribed()
    second = plain_cell.ingester()
    wait_for(lambda: "standing by" in second.log.read_text())
    assert second.ask("/readyz")[0] == 200
    load = Load(plain_cell).begin()
    time.sleep(1)
    assert second.metric("tds_messages_total") == 0
    first.kill()
    second.wait_until_subscribed()
    third = plain_cell.ingester()
    wait_for(lambda: "standing by" in third.log.read_text())
    assert second.stop() == 0
    third.wait_until_subscribed()
    load.end()
    load.check()
    assert "another" not in first.log.read_text()


def test_a_stopped_process_that_comes_back_does_no_harm(plain_cell: Cell) -> None:
    """The first is frozen, its session at the database ends, the second takes over, the first wakes up: two turns, one truth."""
    first = plain_cell.ingester().wait_until_subscribed()
    second = plain_cell.ingester()
    wait_for(lambda: "standing by" in second.log.read_text())
    load = Load(plain_cell).begin()
    time.sleep(0.5)
    first.process.send_signal(signal.SIGSTOP)
    with plain_cell.database.ingest.transaction() as connection:  # what the server's own timeout does after a minute
        connection.exec_driver_sql(SESSIONS)
    second.wait_until_subscribed()
    time.sleep(0.5)
    first.process.send_signal(signal.SIGCONT)
    wait_for(lambda: "standing by" in first.log.read_text(), what=first.log.read_text)
    load.end()
    load.check()
    assert second.metric("tds_active") == 1
    assert first.metric("tds_active") == 0


def test_messages_wait_at_the_broker_while_no_ingester_runs(plain_cell: Cell) -> None:
    plain_cell.ingester().wait_until_subscribed().stop()
    publisher = plain_cell.publisher(MAC)
    load = Load(plain_cell)
    for number in range(200):
        publisher.publish(load._message(MAC, number), number)
    wait_for(lambda: len(publisher.acknowledged) == 200)
    assert not stored(plain_cell.database)
    plain_cell.ingester().wait_until_subscribed()
    load.published = {MAC: 200}
    load.check()


def test_a_gateway_that_vanishes_is_offline_by_its_last_will(plain_cell: Cell) -> None:
    plain_cell.ingester().wait_until_subscribed()
    publisher = plain_cell.publisher(MAC, will=b"offline")
    publisher.publish(payload([("D01", 1, "kWh")], Load(plain_cell).start))
    online = "SELECT online FROM tds.gateway_seen"
    wait_for(lambda: query(plain_cell.database, online) == [(True,)])
    publisher.vanish()
    wait_for(lambda: query(plain_cell.database, online) == [(False,)])


def test_hostile_messages_do_not_stop_it(plain_cell: Cell) -> None:
    ingester = plain_cell.ingester().wait_until_subscribed()
    publisher = plain_cell.publisher(MAC)
    hostile = [
        b"",
        b"\x00" * 100,
        b"\xff" * 1000,
        b"[" * 60_000,
        b"{" * 60_000,
        b"9" * 65_536,
        b'{"a":1}',
        os.urandom(65_537),
        os.urandom(200_000),
    ]
    for number, message in enumerate(hostile):
        publisher.publish(message, number)
        publisher.publish(message, number, sort="status")
    publisher.publish(payload([("D01", 1, "kWh")], Load(plain_cell).start, seq=1), 99)
    wait_for(lambda: publisher.confirmed == [1])
    assert len(stored(plain_cell.database)) == 1
    reasons = {reason for *_, reason in rejected(plain_cell.database)}
    assert reasons == {"not_json", "schema", "too_large"}
    assert "Traceback" not in ingester.log.read_text()
    assert ingester.stop() == 0
