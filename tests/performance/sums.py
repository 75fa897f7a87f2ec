"""Whether local days and local months add up to the registers, to the last decimal, on random hostile meters."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import settings as settings_module
from sql import ledger
from sql.consumption import Step, consumption
from tests.conftest import Database
from tests.performance.places import database
from tests.sql import meters
from tests.sql.test_ledger import ZONES, add_meter, store


def differences(count: int, days: int) -> dict[str, Any]:
    """Give the largest difference between a register and its days, and its months, over random meters in five zones.

    What a register moved is worked out in plain Python from its readings: last less first, and each correction.
    """
    largest: dict[Step, Decimal] = {"day": Decimal(0), "month": Decimal(0)}
    readings = 0
    with database("plain") as owner:
        bench = Database("plain", settings_module.load({}), owner, owner, owner)
        for zone in ZONES:
            bench.account(zone, timezone=zone)
        made = [(seed, ZONES[seed % len(ZONES)], meters.random_meter(seed, days)) for seed in range(count)]
        ids = [add_meter(bench, zone, meter) for _, zone, meter in made]
        for device, (_, _, meter) in zip(ids, made, strict=True):
            store(bench, device, meter.readings)
            readings += len(meter.readings)
        ledger.drain(owner)
        for device, (_, zone, meter) in zip(ids, made, strict=True):
            moved = _moved(meter)
            start, end = meter.readings[0].time - timedelta(days=40), meter.readings[-1].time + timedelta(days=40)
            for step in largest:
                with owner.transaction() as connection:
                    rows = consumption(connection, [device], step, start, end, zone)
                total = sum((row.consumption or Decimal(0) for row in rows), Decimal(0))
                largest[step] = max(largest[step], abs(total - moved))
    return {
        "meters": count,
        "readings": readings,
        **{f"{step}s_difference": str(value.normalize()) for step, value in largest.items()},
    }


def _moved(meter: meters.Meter) -> Decimal:
    kept, _ = meters.accepted(meter)
    _, corrections = meters.ledger(meter)
    return kept[-1].value - kept[0].value + sum((amount for _, _, amount in corrections), Decimal(0))
