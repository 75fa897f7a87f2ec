"""Late readings, decisions and changed devices in any order: the figures are those of the rules in plain Python, taken from the start."""

from __future__ import annotations

import random
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import fleet, ledger
from sql.errors import Refused
from tests.conftest import Database
from tests.sql import meters, test_ledger
from tests.sql.meters import Meter, Reading
from tests.sql.test_decision_order import booked, decide, hold_books
from tests.sql.test_one_by_one import nasty
from tests.sql.test_random import gauge_rows

D = Decimal
CHANGES: list[tuple[str, list[Any]]] = [
    ("max_rate", [D(5), D(20), D(200), D(1000)]),
    ("resolution", [D("0.001"), D(1), D(2)]),
    ("jitter", [None, D(0), D(3)]),
    ("modulus", [None, D(100), D(400), D(1000)]),
    ("interval", [300, 900, 3600]),
    ("kind", ["counter", "counter", "interval", "gauge"]),
]


def as_it_is(database: Database, device: int, arrived: list[Reading]) -> Meter:
    """Give the device as the rules have to see it now: its settings, what arrived, and the decisions that stand."""
    with database.owner.transaction() as connection:
        row = connection.execute(
            text("SELECT kind, interval_seconds, max_rate, resolution, modulus, jitter FROM tds.device WHERE id = :d"),
            {"d": device},
        ).one()
        decisions = connection.execute(
            text("SELECT kind, at, final, initial FROM tds.decision WHERE device_id = :d AND undone_at IS NULL"), {"d": device}
        ).all()
    given: dict[str, list[Any]] = {kind: [tuple(d[1:]) for d in decisions if d[0] == kind] for kind in ("replacement", "correct")}
    return Meter(
        *row[:5],
        readings=sorted(arrived),
        replacements=given["replacement"],
        corrections=given["correct"],
        ignored=frozenset(d[1] for d in decisions if d[0] == "ignore"),
        jitter=row[5],
    )


def hold(database: Database, device: int, arrived: list[Reading]) -> None:
    """Hold ledger and events of a device against the second opinion."""
    meter = as_it_is(database, device, arrived)
    if meter.kind == "gauge":
        same_gauge(gauge_rows(database, device), meters.gauge_ledger(meter))
        return
    assert test_ledger.ledger_of(database, device) == test_ledger.expected(meter)
    # The event of a reading that was ignored stays on record, so that it can be undone.
    found = [event for event in test_ledger.events_of(database, device) if event[1] not in meter.ignored]
    assert sorted(found) == sorted(meters.ledger(meter)[1])


def same_gauge(found: dict[Any, meters.GaugeSlot], wanted: dict[Any, meters.GaugeSlot]) -> None:
    """Hold two ledgers of a gauge equal, integrals to two in the last place.

    A microsecond beside the grid an integral may end in a 5 that the digits of a division do not tell from a little less.
    """
    assert found.keys() == wanted.keys()
    for slot, row in found.items():
        assert row._replace(value_seconds=None) == wanted[slot]._replace(value_seconds=None), slot
        areas = row.value_seconds, wanted[slot].value_seconds
        assert areas == (None, None) or abs(areas[0] - areas[1]) <= D("0.000002"), slot  # type: ignore[operator]


def change(database: Database, device: int, dice: random.Random) -> str | None:
    """Change one setting; gives which, None where it was refused."""
    name, values = dice.choice(CHANGES)
    with suppress(Refused), database.owner.transaction() as connection:
        before = fleet.device_settings(connection, device)
        fleet.change_device(connection, device, "D01", before, before._replace(**{name: dice.choice(values)}))
        return name
    return None


def run(database: Database, seeds: range, size: int) -> None:
    database.account("Account UTC", "UTC")
    made, done = [], set()
    for seed in seeds:
        meter, dice = nasty(seed, size), random.Random(seed)
        order = list(meter.readings)
        dice.shuffle(order)
        made.append((seed, test_ledger.add_meter(database, "Account UTC", meter), order, dice))
    for i in range(3, size + 3, 3):
        for _, device, order, dice in made:
            test_ledger.store(database, device, order[i - 3 : i])
            if dice.random() < 0.6:
                done.add(decide(database, device, order[:i], dice))
            if dice.random() < 0.3:
                done.add(change(database, device, dice))
        booked(database)
        for seed, device, order, _ in made:
            try:
                hold(database, device, order[:i])
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, after {i}") from error
    devices = [device for _, device, _, _ in made]
    for _, device, order, dice in made:
        if as_it_is(database, device, order).kind != "gauge":
            hold_books(database, device, order, dice)
    ledger.drain(database.owner)
    assert ledger.verify(database.owner, devices) == []
    assert done >= {"ignore", "correct", "accept", "undo", "replace"} | {name for name, _ in CHANGES}


def test_decisions_and_changed_devices_give_what_the_rules_give(plain_database: Database) -> None:
    run(plain_database, range(20), 24)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(4))
def test_decisions_and_changed_devices_of_200_meters(database: Database, block: int) -> None:
    run(database, range(7000 + block * 50, 7050 + block * 50), 60)
