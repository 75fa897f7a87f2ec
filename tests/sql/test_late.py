"""Late readings: every bar of their days is right after the next drain, and says that it was revised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import ledger
from tests.conftest import Database
from tests.sql.plant import at, buckets, events, feed, ledger_text, meter, page, put, quantities, series, slots, sound
from tests.sql.test_zones import adds_up

D = Decimal


@pytest.mark.parametrize(
    "zone",
    [
        "America/Sao_Paulo",
        "Europe/Madrid",
        pytest.param("Australia/Lord_Howe", marks=pytest.mark.long),
        pytest.param("America/Santiago", marks=pytest.mark.long),
    ],
)
def test_a_late_batch_whose_newest_reading_lies_exactly_on_a_bucket_start(bench: Database, zone: str) -> None:
    """TimescaleDB #10296: the last bucket of a month or zone aggregate must not be lost."""
    device = meter(bench, zone, interval=3600)
    feed(bench, device, series("2025-08-20T00:00", 60, [0] * 24, zone))
    feed(bench, device, series("2025-12-10T00:00", 60, [5000] * 24, zone))
    for midnight in ("2025-09-01", "2025-10-01", "2025-10-05", "2025-10-26", "2025-11-15", "2025-12-01"):
        last = at(f"{midnight}T00:00", zone)
        feed(bench, device, [(last - timedelta(hours=i), 0) for i in range(6, -1, -1)])
    adds_up(bench, device, "2025-08-20", "2025-12-12")
    months = buckets(bench, device, "month", "2025-08-01", "2026-01-01")
    # Nothing until December began; then 5000 over the nine days to the tenth.
    assert [row.consumption for row in months.values()] == [0, 0, 0, 0, 5000]
    sound(bench, device)


def test_a_gateway_back_after_three_weeks_heals_its_days(bench: Database) -> None:
    device = meter(bench, "America/Sao_Paulo")
    whole = series("2026-01-25T00:00", 15, range(30 * 96), "America/Sao_Paulo")
    gap = slice(3 * 96, 24 * 96)
    feed(bench, device, whole[: gap.start])
    feed(bench, device, whole[gap.stop :])
    day = buckets(bench, device, "day", "2026-02-10", "2026-02-11").popitem()[1]
    assert (day.consumption, day.estimated, day.coverage) == (96, 96, 0.0)
    buffered = whole[gap]
    for i in range(0, len(buffered), 500):
        put(bench, device, buffered[i : i + 500][::-1])
        while ledger.process_one_batch(bench.owner):
            pass
    ledger.drain(bench.owner)
    days = buckets(bench, device, "day", "2026-01-26", "2026-02-23")
    assert {(row.consumption, row.estimated, row.coverage) for row in days.values()} == {(D(96), D(0), 1.0)}
    with bench.owner.transaction() as connection:
        revised = connection.execute(text("SELECT count(*) FROM tds.revised WHERE device_id = :d"), {"d": device.id}).scalar_one()
    assert revised == 21 * 96 + 1
    sound(bench, device)
    assert page(bench, device, "2026-01-25", "2026-02-24").balanced


def test_what_a_change_of_settings_recomputed_is_revised(bench: Database) -> None:
    from sql import fleet

    device = meter(bench, max_rate=D(1000))
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1, 5001, 5002]))
    assert quantities(bench, device)["01-01 00:15"] == 0
    with bench.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, max_rate=D(100_000))
    ledger.drain(bench.owner)
    assert quantities(bench, device)["01-01 00:15"] == D(5000)
    with bench.owner.transaction() as connection:
        marked = connection.execute(text("SELECT middle FROM tds.revised WHERE device_id = :d"), {"d": device.id}).scalars().all()
    assert marked == [datetime(2026, 1, 1, 0, 22, 30, tzinfo=UTC)]
    sound(bench, device)


def test_slots_that_no_pair_covers_any_more_vanish(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, series("2026-01-01T00:00", 45, [10, 20]))
    assert set(slots(bench, device)) == {"01-01 00:00", "01-01 00:15", "01-01 00:30", "01-01 00:45"}
    from sql import fleet

    with bench.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, interval=300)  # the gap limit falls to 30 minutes
    ledger.drain(bench.owner)
    assert set(slots(bench, device)) == {"01-01 00:00", "01-01 00:45"}
    (day,) = buckets(bench, device, "day", "2026-01-01", "2026-01-02").values()
    assert (day.mean, day.coverage) == (None, 0.0)
    sound(bench, device)


def test_an_append_after_a_late_reading_is_no_revision_of_what_was_open(bench: Database) -> None:
    device = meter(bench)
    for reading in series("2026-01-01T00:00", 5, range(12)):
        feed(bench, device, [reading])
    with bench.owner.transaction() as connection:
        assert not connection.execute(
            text("SELECT count(*) FROM tds.revised WHERE device_id = :d"), {"d": device.id}
        ).scalar_one()
    assert quantities(bench, device) == {"01-01 00:00": D(3), "01-01 00:15": D(3), "01-01 00:30": D(3), "01-01 00:45": D(2)}
    sound(bench, device)


def test_readings_of_this_very_minute_show_at_once(bench: Database) -> None:
    """The running hour, day and month follow every drain, also after the rollups were refreshed once."""
    device = meter(bench, "America/Sao_Paulo", interval=60)
    now = datetime.now(UTC).replace(microsecond=0)
    start = now - timedelta(minutes=90)
    period = ((now - timedelta(days=32)).isoformat(), (now + timedelta(days=1)).isoformat())
    for minute in range(0, 91, 15):
        feed(bench, device, [(start + timedelta(minutes=minute), minute)])
        for step in ("15min", "hour", "day", "month"):
            rows = buckets(bench, device, step, *period)  # type: ignore[arg-type]
            assert sum(row.consumption or 0 for row in rows.values()) == minute, step
    sound(bench, device)


def test_late_readings_around_the_newest_bucket_edges_show_at_once(bench: Database) -> None:
    device = meter(bench, "Asia/Kolkata", interval=3600, max_rate=D(1000))
    now = datetime.now(UTC)
    start = (now - timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
    feed(bench, device, [(start, 0), (now - timedelta(minutes=1), 960)])
    before = ledger_text(bench, [device.id])
    for hours in (1, 25, 40 * 24 - 1, 40 * 24 - 30, 20 * 24):
        feed(bench, device, [(start + timedelta(hours=hours), 0)])
        for step in ("hour", "day", "month"):
            rows = buckets(bench, device, step, start.isoformat(), now.isoformat())  # type: ignore[arg-type]
            assert sum(row.consumption or 0 for row in rows.values()) == 960, (step, hours)
    assert ledger_text(bench, [device.id]) != before
    sound(bench, device)


def test_events_follow_late_readings(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [10, 11, 500, 501]))
    assert events(bench, device) == [("unresolved", "01-01 00:30", D(-489))]
    feed(bench, device, [("2026-01-01T00:20", 499)])
    assert events(bench, device) == [("unresolved", "01-01 00:20", D(-488))]
    sound(bench, device)
