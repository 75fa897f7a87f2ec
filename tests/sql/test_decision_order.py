"""Decisions among readings that arrive in any order: what was booked step by step is what a full recomputation books."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import decisions, ledger
from sql.books import books
from sql.errors import Refused
from tests.conftest import Database
from tests.sql import test_ledger
from tests.sql.meters import Reading
from tests.sql.test_one_by_one import nasty

HALF_HOUR = timedelta(minutes=30)


def booked(database: Database) -> None:
    while ledger.process_one_batch(database.owner):
        pass


def decide(database: Database, device: int, arrived: list[Reading], dice: random.Random) -> str | None:
    """Decide anything at all of anything at hand; gives what was decided, None where it was refused."""
    with database.owner.transaction() as connection:
        events = decisions.select_events(connection, decisions.Wanted(None, device=device), 1_000)
    action = dice.choice(["ignore", "correct", "accept", "undo", "undo", "replace"])
    with suppress(Refused), database.owner.transaction() as connection:
        if action == "replace":
            moment = dice.choice(arrived).time + timedelta(seconds=dice.choice([0, 60, -60, 1000]))
            decisions.replace(connection, device, moment, Decimal(400), Decimal(0), "test")
        elif events and action == "correct":
            event = dice.choice(events)
            decisions.correct(connection, event.id, event.value_before + 3, Decimal(0), "test")
        elif events:
            getattr(decisions, action)(connection, dice.choice(events).id, "test")
        return action
    return None


def detected(database: Database) -> list[Any]:
    with database.owner.transaction() as connection:
        return list(
            connection.execute(
                text(
                    "SELECT device_id, kind, at, since, value_before, value_after, correction, readings FROM tds.event ORDER BY 1, 3, 2"
                )
            )
        )


def hold_books(database: Database, device: int, readings: list[Reading], dice: random.Random) -> None:
    """Hold that the books of any period balance."""
    low, high = min(readings).time - HALF_HOUR, max(readings).time + HALF_HOUR
    for _ in range(5):
        start = low + (high - low) * dice.random()
        with database.owner.transaction() as connection:
            page = books(connection, device, start, start + HALF_HOUR + (high - start) * dice.random())
        assert page.balanced, page


def run(database: Database, seeds: range, size: int) -> None:
    database.account("Account UTC", "UTC")
    made, taken = [], set()
    for seed in seeds:
        meter, dice = nasty(seed, size), random.Random(seed)
        order = list(meter.readings)
        dice.shuffle(order)
        made.append((test_ledger.add_meter(database, "Account UTC", meter), order, dice))
    for i in range(2, size + 1, 2):
        for device, order, _ in made:
            test_ledger.store(database, device, order[i - 2 : i])
        booked(database)
        for device, order, dice in made:
            if dice.random() < 0.5:
                taken.add(decide(database, device, order[:i], dice))
        if i % 4:  # now and then a decision and the next readings are booked in one batch
            booked(database)
    booked(database)
    devices = [device for device, _, _ in made]
    assert ledger.verify_ledger(database.owner, devices) == []
    for device, order, dice in made:
        hold_books(database, device, order, dice)
    before = detected(database)
    with database.owner.transaction() as connection:
        ledger.mark_dirty(connection, devices)
    booked(database)
    assert detected(database) == before
    assert taken >= {"ignore", "correct", "accept", "undo", "replace"}


def test_decisions_among_late_readings_book_what_a_full_recomputation_books(plain_database: Database) -> None:
    run(plain_database, range(15), 20)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_decisions_among_late_readings_of_200_meters(database: Database) -> None:
    run(database, range(1_000, 1_200), 60)
