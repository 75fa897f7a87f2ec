"""TimescaleDB's columnstore: late readings, vanished slots and whole recomputations reach into compressed chunks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import fleet, ledger
from tests.conftest import Database
from tests.sql.plant import (
    account,
    at,
    buckets,
    events,
    feed,
    ledger_text,
    meter,
    meter_of,
    page,
    put,
    series,
    slots,
    sound,
)

D = Decimal


def compress(database: Database) -> int:
    """Compress every chunk by hand, as the policy does after a week; gives how many there are."""
    done = 0
    with database.owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("tds.reading", "tds.ledger"):
            for chunk in connection.execute(text(f"SELECT show_chunks('{table}')::text")).scalars().all():
                connection.execute(text(f"SELECT compress_chunk('{chunk}', if_not_compressed => true)"))
                done += 1
    return done


def test_late_readings_into_compressed_chunks_heal_everything(timescale: Database) -> None:
    late, same = meter(timescale, "America/Sao_Paulo"), meter(timescale, "America/Sao_Paulo")
    whole = series("2026-01-25T00:00", 15, range(21 * 96))
    feed(timescale, same, whole)
    feed(timescale, late, whole[: 5 * 96] + whole[12 * 96 :])
    assert compress(timescale) >= 6
    feed(timescale, late, whole[5 * 96 : 12 * 96 : 2])
    compress(timescale)
    feed(timescale, late, whole[5 * 96 - 3 : 12 * 96 + 3])
    assert [row[1:] for row in ledger_text(timescale, [late.id])] == [row[1:] for row in ledger_text(timescale, [same.id])]
    for step in ("hour", "day", "month"):
        rows = [buckets(timescale, device, step, "2026-01-01", "2026-03-01") for device in (late, same)]  # type: ignore[arg-type]
        assert [row[1:] for row in rows[0].values()] == [row[1:] for row in rows[1].values()]
    assert page(timescale, late, "2026-01-28", "2026-02-09").balanced
    sound(timescale, late, same)


def test_redelivered_readings_in_compressed_chunks_change_nothing(timescale: Database) -> None:
    device = meter(timescale)
    whole = series("2026-01-05T00:00", 15, range(9 * 96))
    feed(timescale, device, whole)
    compress(timescale)
    before = ledger_text(timescale, [device.id])
    feed(timescale, device, [(moment, value + 1) for moment, value in whole])
    assert ledger_text(timescale, [device.id]) == before
    with timescale.owner.transaction() as connection:
        count = connection.execute(text("SELECT count(*) FROM tds.reading WHERE device_id = :d"), {"d": device.id}).scalar_one()
    assert count == len(whole)


def test_slots_vanish_from_a_compressed_ledger(timescale: Database) -> None:
    device = meter(timescale, kind="gauge", resource="temperature", unit="°C")
    feed(timescale, device, series("2026-01-05T00:00", 45, [i % 20 for i in range(15 * 32)]))
    compress(timescale)
    with timescale.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, interval=300)
    ledger.drain(timescale.owner)
    assert len(slots(timescale, device)) == 15 * 32
    sound(timescale, device)


def test_a_glitch_found_late_reaches_into_compressed_chunks(timescale: Database) -> None:
    device = meter(timescale)
    feed(timescale, device, series("2026-01-05T00:00", 15, [100, 0]) + series("2026-01-14T00:00", 15, [300, 301]))
    compress(timescale)
    feed(timescale, device, [(at("2026-01-05T00:30"), 102)])
    assert events(timescale, device) == [("glitch", "01-05 00:30", D(0))]
    assert page(timescale, device, "2026-01-05", "2026-01-15").consumption == 201
    sound(timescale, device)


def test_a_setting_changed_recomputes_compressed_history(timescale: Database) -> None:
    device = meter(timescale, resolution=D(1))
    values = [9990 + i if i < 10 else i - 10 for i in range(20 * 96)]
    feed(timescale, device, series("2026-01-05T00:00", 15, values))
    compress(timescale)
    with timescale.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, modulus=D(10_000), interval=600)
    ledger.drain(timescale.owner)
    assert [kind for kind, *_ in events(timescale, device)] == ["rollover"]
    sound(timescale, device)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_late_batch_touches_more_compressed_rows_than_the_database_allows_by_default(timescale: Database) -> None:
    name, number = account(timescale)
    devices = [meter_of(timescale, name, number) for _ in range(50)]
    whole = series("2026-03-02T00:00", 15, range(28 * 96))
    for device in devices:
        put(timescale, device, whole)
    ledger.drain(timescale.owner)
    compress(timescale)
    for device in devices:
        put(timescale, device, [(moment + timedelta(minutes=7), value + D("0.4")) for moment, value in whole[:-1]])
    ledger.drain(timescale.owner)
    sound(timescale, *devices[:5])
