"""The ledger against a second opinion: whatever order readings come in, the figures are the same and add up."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import calendar, fleet, ledger
from sql.consumption import consumption
from tests.conftest import Database
from tests.sql import meters
from tests.sql.meters import Meter, Reading

ZONES = ("America/Sao_Paulo", "America/Manaus", "Europe/Madrid", "Asia/Kolkata", "Australia/Lord_Howe")
MACS = (f"02:00:00:00:{a:02x}:{b:02x}" for a, b in itertools.product(range(256), range(256)))


def add_meter(database: Database, account: str, meter: Meter) -> int:
    mac = next(MACS)
    with database.owner.transaction() as connection:
        fleet.add_gateway(connection, mac, account)
        device = fleet.add_device(
            connection,
            mac,
            "D01",
            kind=meter.kind,
            resource="electricity",
            unit="kWh",
            interval=meter.interval,
            max_rate=meter.max_rate,
            resolution=meter.resolution,
            modulus=meter.modulus,
        )
        for at, final, initial in meter.replacements:
            connection.execute(
                text(
                    "INSERT INTO tds.decision (device_id, kind, at, final, initial, decided_by) VALUES (:d, 'replacement', :at, :f, :i, 'test')"
                ),
                {"d": device, "at": at, "f": final, "i": initial},
            )
    return device


def store(database: Database, device: int, readings: list[Reading]) -> None:
    """Store readings as the ingester does: facts and the dirty range in one transaction."""
    if not readings:
        return
    with database.ingest.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO tds.reading SELECT :d, t, v FROM unnest(CAST(:t AS timestamptz[]), CAST(:v AS numeric[])) AS r (t, v)"
                " ON CONFLICT DO NOTHING"
            ),
            {"d": device, "t": [r.time for r in readings], "v": [r.value for r in readings]},
        )
        connection.execute(
            text("INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, :l, :h)"),
            {"d": device, "l": min(r.time for r in readings), "h": max(r.time for r in readings)},
        )


def batches(meter: Meter, seed: int) -> list[list[Reading]]:
    """Cut a meter's readings into batches: in order, late by blocks, or fully shuffled; some readings twice."""
    dice = random.Random(seed)
    readings = list(meter.readings)
    way = seed % 3
    if way == 2:
        dice.shuffle(readings)
    size = max(1, len(readings) // dice.choice([2, 4, 8]))
    parts = [readings[i : i + size] for i in range(0, len(readings), size)]
    if way == 1:
        dice.shuffle(parts)
    return [*parts, dice.sample(readings, min(5, len(readings)))]


def ledger_of(database: Database, device: int) -> dict[datetime, tuple[Any, ...]]:
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT middle - interval '450 seconds', quantity, estimated, covered, readings FROM tds.ledger WHERE device_id = :d ORDER BY 1"
            ),
            {"d": device},
        )
        return {row[0]: tuple(row[1:]) for row in rows}


def events_of(database: Database, device: int) -> list[tuple[str, datetime, Decimal]]:
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT kind, at, correction FROM tds.event WHERE device_id = :d AND kind <> 'glitch' ORDER BY at"),
            {"d": device},
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def expected(meter: Meter) -> dict[datetime, tuple[Any, ...]]:
    slots, _ = meters.ledger(meter)
    return {start: (s.quantity, s.estimated, s.covered // timedelta(microseconds=1), s.readings) for start, s in slots.items()}


def check_meter(database: Database, device: int, meter: Meter) -> None:
    assert ledger_of(database, device) == expected(meter)
    _, corrections = meters.ledger(meter)
    assert events_of(database, device) == corrections
    kept, _ = meters.accepted(meter)
    total = sum((row[0] or Decimal(0) for row in ledger_of(database, device).values()), Decimal(0))
    assert total == kept[-1].value - kept[0].value + sum(c for _, _, c in corrections)


def check_steps(database: Database, device: int, zone: str, start: datetime, end: datetime) -> None:
    """Quarter-hours add up to hours, hours to days, days to months, bucket by bucket."""
    with database.owner.transaction() as connection:
        by_step = {}
        for step in ("15min", "hour", "day", "month"):
            rows = consumption(connection, [device], step, start, end, zone)  # type: ignore[arg-type]
            by_step[step] = {row.bucket: row for row in rows}
    for fine, coarse in (("15min", "hour"), ("hour", "day"), ("day", "month")):
        sums: dict[datetime, Decimal] = {}
        for bucket, row in by_step[fine].items():
            key = calendar.bucket_start(coarse, bucket, zone)
            sums[key] = sums.get(key, Decimal(0)) + (row.consumption or 0)
        low = min(by_step[coarse])
        assert {k: v for k, v in sums.items() if k > low} == {
            k: v.consumption or 0 for k, v in by_step[coarse].items() if k > low
        }, (fine, coarse)


def run_meters(database: Database, seeds: range) -> None:
    accounts = {zone: f"Account {zone}" for zone in ZONES}
    for zone, account in accounts.items():
        database.account(account, zone)
    made = []
    for seed in seeds:
        meter = meters.random_meter(seed)
        made.append((seed, meter, add_meter(database, accounts[ZONES[seed % len(ZONES)]], meter), batches(meter, seed)))
    rounds = max(len(parts) for *_, parts in made)
    for i in range(rounds):
        for seed, _, device, parts in made:
            if i < len(parts):
                store(database, device, parts[i])
            if seed % 5 == 0:
                while ledger.process_one_batch(database.owner):
                    pass
        ledger.drain(database.owner)
    for seed, meter, device, _ in made:
        check_meter(database, device, meter)
        zone = ZONES[seed % len(ZONES)]
        check_steps(database, device, zone, meter.readings[0].time, meter.readings[-1].time)
    assert ledger.verify(database.owner) == []
    with database.owner.transaction() as connection:
        before = connection.execute(
            text("SELECT md5(string_agg(l::text, ',' ORDER BY device_id, middle)) FROM tds.ledger l")
        ).scalar()
        ledger.mark_dirty(connection, [device for *_, device, _ in made])
    ledger.drain(database.owner)
    with database.owner.transaction() as connection:
        after = connection.execute(
            text("SELECT md5(string_agg(l::text, ',' ORDER BY device_id, middle)) FROM tds.ledger l")
        ).scalar()
    assert before == after


@pytest.mark.timeout(900)
def test_it_is_the_same_in_any_order_of_arrival(database: Database) -> None:
    run_meters(database, range(60))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_it_is_the_same_in_any_order_of_arrival_for_500_meters(database: Database, block: int) -> None:
    run_meters(database, range(1000 + block * 50, 1050 + block * 50))
