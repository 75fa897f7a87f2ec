"""Clocks that jump: a gateway's makes rejections and heals, the ingester's own makes nothing at all."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from sql.queries.devices import devices
from sql.queries.gateways import gateways
from tests.faults.cell import Cell, wait_for
from tests.faults.load import Load
from tests.faults.record import recorded
from tests.ingest.cast import MAC, payload, query, rejected, stored

DAY = 86_400
RANDOM = random.Random(9)


@pytest.mark.parametrize("jumps", [(-3600,), (30 * DAY, 0), (-400 * DAY, 800 * DAY, 0)], ids=["back", "ahead and back", "wildly"])
def test_the_ingesters_own_clock_may_jump(plain_cell: Cell, jumps: tuple[int, ...]) -> None:
    let_jump(plain_cell, jumps)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_jumps_of_the_clock_lose_and_double_nothing(cell: Cell) -> None:
    jumps = [RANDOM.choice((-1, 1)) * RANDOM.choice((60, 3600, 30 * DAY, 400 * DAY, 3000 * DAY)) for _ in range(19)]
    with recorded(cell, "clock of the ingester jumps", 20):
        let_jump(cell, [*jumps, 0])


def let_jump(cell: Cell, jumps: Sequence[int]) -> None:
    """It judges by the database's clock: nothing is refused, lost or doubled, and nobody is seen in the future or the past."""
    file = cell.folder / "skew"
    ingester = cell.ingester("tests.faults.skewed", SKEW_FILE=str(file)).wait_until_subscribed()
    load = Load(cell).begin()
    for jump in jumps:
        time.sleep(1)
        file.write_text(str(jump), encoding="ascii")
        time.sleep(1)
    load.end()
    load.check()
    load.reconcile()
    assert rejected(cell.database) == []
    assert ingester.ask("/healthz")[0] == 200
    assert "Traceback" not in ingester.log.read_text()
    now = datetime.now(UTC)
    for (seen,) in query(cell.database, "SELECT last_seen_at FROM tds.gateway_seen"):
        assert abs(seen - now) < timedelta(minutes=2)
    with cell.database.owner.transaction() as connection:
        assert {gateway.state for gateway in gateways(connection, now)} == {"online"}


def test_a_clock_that_is_wrong_from_the_start_is_not_gone_by_either(plain_cell: Cell) -> None:
    file = plain_cell.folder / "skew"
    file.write_text(str(-7200), encoding="ascii")
    plain_cell.ingester("tests.faults.skewed", SKEW_FILE=str(file)).wait_until_subscribed()
    publisher = plain_cell.publisher(MAC)
    publisher.publish(payload([("D01", 1, "kWh")], datetime.now(UTC), seq=1))
    wait_for(lambda: publisher.confirmed == [1])
    assert rejected(plain_cell.database) == []


def test_a_gateways_clock_that_jumps_makes_rejections_and_heals(plain_cell: Cell) -> None:
    plain_cell.ingester().wait_until_subscribed()
    publisher = plain_cell.publisher(MAC)
    now = datetime.now(UTC).replace(microsecond=0)
    for number, at in enumerate((now, now + timedelta(hours=1), now + timedelta(days=4000), now - timedelta(days=4000), now)):
        publisher.publish(payload([("D01", 100 + number, "kWh")], at + timedelta(seconds=number), seq=number))
    wait_for(lambda: sorted(publisher.confirmed) == [0, 1, 2, 3, 4])
    assert sorted(reason for *_, reason in rejected(plain_cell.database)) == ["future_timestamp", "future_timestamp", "too_old"]
    assert [at for *_, at, _ in stored(plain_cell.database)] == [now, now + timedelta(seconds=4)]
    with plain_cell.database.owner.transaction() as connection:
        (device,) = (one for one in devices(connection, datetime.now(UTC)) if (one.gateway_mac, one.code) == (MAC, "D01"))
    assert (device.state, device.last_time, device.last_value) == ("reporting", now + timedelta(seconds=4), 104)
