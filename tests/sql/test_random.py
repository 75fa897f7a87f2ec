"""Random interval devices, gauges and replaced meters against the second opinion, in whatever order their readings come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import ledger
from tests.conftest import Database
from tests.sql import meters, test_ledger
from tests.sql.meters import Meter
from tests.sql.plant import ledger_text


def drawn(seed: int) -> Meter:
    plain = meters.random_meter(seed, days=2)
    kind = ("interval", "gauge", "replaced")[seed % 3]
    return meters.with_replacements(plain, seed) if kind == "replaced" else meters.of_kind(plain, kind, seed)


def gauge_rows(database: Database, device: int) -> dict[Any, meters.GaugeSlot]:
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT middle - interval '450 seconds', covered * interval '1 microsecond', readings, value_seconds, minimum, maximum, last"
                 " FROM tds.ledger WHERE device_id = :d ORDER BY 1"), {"d": device}
        ).all()  # fmt: skip
    return {row[0]: meters.GaugeSlot(*row[1:]) for row in rows}


def check(database: Database, device: int, meter: Meter) -> None:
    if meter.kind == "gauge":
        assert gauge_rows(database, device) == meters.gauge_ledger(meter)
        return
    assert test_ledger.ledger_of(database, device) == test_ledger.expected(meter)
    _, corrections = meters.ledger(meter)
    assert test_ledger.events_of(database, device) == corrections
    total = sum((row[0] or Decimal(0) for row in test_ledger.ledger_of(database, device).values()), Decimal(0))
    if meter.kind == "interval":
        assert total == sum(reading.value for reading in meter.readings[1:])
    else:
        kept, _ = meters.accepted(meter)
        assert total == kept[-1].value - kept[0].value + sum(amount for *_, amount in corrections)


def run(database: Database, seeds: range) -> None:
    for zone in test_ledger.ZONES[:2]:
        database.account(f"Account {zone}", zone)
    made = []
    for seed in seeds:
        meter = drawn(seed)
        device = test_ledger.add_meter(database, f"Account {test_ledger.ZONES[seed % 2]}", meter)
        made.append((seed, meter, device, test_ledger.batches(meter, seed // 3)))
    for i in range(max(len(parts) for *_, parts in made)):
        for _, _, device, parts in made:
            if i < len(parts):
                test_ledger.store(database, device, parts[i])
        while ledger.process_one_batch(database.owner):
            pass
    ledger.drain(database.owner)
    for seed, meter, device, _ in made:
        try:
            check(database, device, meter)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {meter.kind}") from error
    assert ledger.verify(database.owner) == []
    before = ledger_text(database)
    with database.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device for *_, device, _ in made])
    ledger.drain(database.owner)
    assert ledger_text(database) == before


def test_every_kind_is_the_same_in_any_order_of_arrival(database: Database) -> None:
    run(database, range(18))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(6))
def test_every_kind_is_the_same_in_any_order_of_arrival_for_300_meters(database: Database, block: int) -> None:
    run(database, range(5000 + block * 50, 5050 + block * 50))
