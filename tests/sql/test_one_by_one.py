"""Meters that are nearly all events, their readings arriving one by one in any order: the ledger is right after every single one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sql import ledger
from tests.conftest import Database
from tests.sql import meters, test_ledger
from tests.sql.meters import Meter, Reading


def nasty(seed: int, size: int) -> Meter:
    """Make a meter whose values fall, return and jump at every second reading, on a grid, off it, or around slot edges."""
    dice = random.Random(seed)
    interval = dice.choice([300, 900, 3600])
    modulus = dice.choice([None, Decimal(100)])
    at = datetime(2026, 5, 1, dice.randrange(24), tzinfo=UTC)
    readings, level = [], dice.randrange(60)
    for _ in range(size):
        at += timedelta(
            seconds=dice.choice([interval, interval, interval, interval + 1, interval // 2, 900, 4 * interval, 7200, 7201])
        )
        if dice.random() < 0.2:
            at = meters.slot_of(at) + timedelta(microseconds=dice.choice([0, 0, 1, -1]))
        level += dice.choice([0, 0, 1, 2, 5])
        value = dice.choice([level, level, level, 0, 0, 1, level // 2, level + 300, level - 1, 99, 2])
        readings.append(Reading(at, Decimal(max(0, value)) + dice.choice([Decimal(0), Decimal("0.3")])))
    unique = {reading.time: reading for reading in readings}
    return Meter(
        "counter",
        interval,
        Decimal(dice.choice([5, 20, 200])),
        Decimal(dice.choice(["0.001", "1", "2"])),
        modulus,
        sorted(unique.values()),
    )


def run(database: Database, seeds: range, size: int) -> None:
    database.account("Account UTC", "UTC")
    made = []
    for seed in seeds:
        meter = nasty(seed, size)
        order = list(meter.readings)
        random.Random(seed).shuffle(order)
        if seed % 3 == 0:
            order.sort()
        made.append((seed, meter, test_ledger.add_meter(database, "Account UTC", meter), order))
    for i in range(size):
        for _, _, device, order in made:
            test_ledger.store(database, device, order[i : i + 1])
        while ledger.process_one_batch(database.owner):
            pass
        if i % 5 and i < size - 1:
            continue
        for seed, meter, device, order in made:
            so_far = replace(meter, readings=sorted(order[: i + 1]))
            assert test_ledger.ledger_of(database, device) == test_ledger.expected(so_far), (seed, i)
            assert test_ledger.events_of(database, device) == meters.ledger(so_far)[1], (seed, i)
    assert ledger.verify(database.owner) == []


def test_the_ledger_is_right_after_every_reading(plain_database: Database) -> None:
    run(plain_database, range(12), 20)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(5))
def test_the_ledger_is_right_after_every_reading_of_500_meters(database: Database, block: int) -> None:
    run(database, range(100 + block * 100, 200 + block * 100), 60)
