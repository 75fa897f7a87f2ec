"""Late readings in long gaps, whose shares are worked off a few devices at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from sql import ledger
from tests.conftest import Database
from tests.sql.plant import account, feed, meter_of, put, series, sound


def test_late_readings_in_long_gaps_do_not_keep_the_others_waiting(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    name, number = account(database)
    sparse = [meter_of(database, name, number) for _ in range(3)]
    other = meter_of(database, name, number)
    for device in sparse:
        put(database, device, [("2026-01-01T00:00", 0), ("2026-01-07T00:00", 60)])
    feed(database, other, series("2026-01-01T00:00", 15, [0, 1, 3]))
    monkeypatch.setattr(ledger, "GAPS_PER_BATCH", timedelta(days=10))
    for device in sparse:
        put(database, device, [("2026-01-02T00:00", 40)])
    put(database, other, [("2026-01-01T00:20", 2)])

    assert ledger.process_one_batch(database.owner)
    with database.owner.transaction() as connection:
        waiting = connection.execute(text("SELECT device_id FROM tds.dirty ORDER BY id")).scalars().all()
    assert waiting == [device.id for device in sparse[1:]], "they keep their places, and the one that waited longest was taken"
    sound(database, other)

    ledger.drain(database.owner)
    sound(database, *sparse)
