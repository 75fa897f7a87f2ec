"""When retention has taken readings, the figures made of them are closed: nothing may change them any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sql import fleet, ledger, upkeep
from sql.decisions import correct, ignore, replace, undo
from sql.errors import Refused
from tests.conftest import Database
from tests.sql.plant import (
    Meter,
    at,
    buckets,
    event_id,
    events,
    feed,
    ledger_text,
    meter,
    page,
    put,
    refused,
    series,
    slots,
    sound,
    tds,
)

D = Decimal


def forget(database: Database, device: Meter, before: str | datetime) -> None:
    """Take readings out as retention does."""
    with database.owner.transaction() as connection:
        connection.execute(text("DELETE FROM tds.reading WHERE device_id = :d AND time < :t"), {"d": device.id, "t": before})


def recompute_all(database: Database, device: Meter) -> None:
    with database.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id])
    ledger.drain(database.owner)


def rows_before(rows: list[tuple[Any, ...]], moment: str) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[1] < at(moment)]


def steady(database: Database, **given: Any) -> Meter:
    """Make a meter with ten days of readings off the grid."""
    device = meter(database, **given)
    feed(database, device, series("2026-01-01T00:07", 15, range(960)))
    return device


def test_recomputing_leaves_closed_months_alone_however_often(bench: Database) -> None:
    device = steady(bench)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-05T12:00"))
    for _ in range(3):
        recompute_all(bench, device)
        assert ledger_text(bench, [device.id]) == before
        sound(bench, device)


def test_a_late_reading_after_the_cut_changes_only_what_follows(bench: Database) -> None:
    device = steady(bench)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-05T12:00"))
    feed(bench, device, [(at("2026-01-05T13:00"), "435.9")])
    after = ledger_text(bench, [device.id])
    assert rows_before(after, "2026-01-05T12:45") == rows_before(before, "2026-01-05T12:45")
    assert after != before
    sound(bench, device)
    recompute_all(bench, device)
    assert ledger_text(bench, [device.id]) == after


def test_appending_goes_on_after_the_cut(bench: Database) -> None:
    device = steady(bench)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-10T23:00"))
    feed(bench, device, series("2026-01-11T00:07", 15, range(960, 970)))
    recompute_all(bench, device)
    after = ledger_text(bench, [device.id])
    assert after[: len(before) - 1] == before[:-1]
    assert sum(row[2] or 0 for row in after) == 969
    sound(bench, device)


def test_a_device_whose_readings_are_all_gone_keeps_its_figures(bench: Database) -> None:
    device = steady(bench)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2027-01-01"))
    for _ in range(2):
        recompute_all(bench, device)
        assert ledger_text(bench, [device.id]) == before
        sound(bench, device)
    # It reports again, much later: its old figures stay, the new ones follow.
    feed(bench, device, series("2026-06-01T00:00", 15, [2000, 2001, 2002]))
    recompute_all(bench, device)
    after = ledger_text(bench, [device.id])
    assert rows_before(after, "2026-01-10T23:45") == rows_before(before, "2026-01-10T23:45")
    assert [row[2] for row in after if row[1] > at("2026-06-01")] == [1, 1, None]
    sound(bench, device)


def test_a_changed_setting_reaches_back_to_the_cut_only(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 50, 51, 101, 102, 152]))
    before = slots(bench, device)
    assert [slot.quantity for slot in before.values()] == [0, 1, 0, 1, 0, None]
    forget(bench, device, at("2026-01-01T00:30"))
    with bench.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, max_rate=D(1000))
    ledger.drain(bench.owner)
    # The first remaining reading is of 00:30: the slot after the one it lies in is the first that is rewritten.
    assert [slot.quantity for slot in slots(bench, device).values()] == [0, 1, 0, 1, 50, None]
    assert [kind for kind, *_ in events(bench, device)] == ["unresolved", "unresolved"]
    sound(bench, device)


def test_a_cut_through_a_glitch_changes_nothing(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 101, 0, 0, 0, 105, 106]))
    before, seen = ledger_text(bench, [device.id]), events(bench, device)
    forget(bench, device, at("2026-01-01T00:40"))
    recompute_all(bench, device)
    assert ledger_text(bench, [device.id]) == before
    assert events(bench, device) == seen
    sound(bench, device)


@pytest.mark.parametrize("kind", ["interval", "gauge"])
def test_other_kinds_keep_their_closed_figures(bench: Database, kind: str) -> None:
    device = steady(bench, kind=kind)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-05T12:00"))
    for _ in range(2):
        recompute_all(bench, device)
        assert ledger_text(bench, [device.id]) == before
        sound(bench, device)


def test_decisions_over_closed_ground_are_refused(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [*series("2026-01-01T00:00", 15, [10, 11, 500, 501]), *series("2026-01-03T00:00", 15, [600, 601])])
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-02"))
    number = event_id(bench, device, "unresolved")
    for decide in (
        lambda c: correct(c, number, D(20), D(400), "test"),
        lambda c: ignore(c, number, "test"),
        lambda c: replace(c, device.id, at("2026-01-01T00:30"), D(20), D(400), "test"),
        lambda c: replace(c, device.id, at("2026-01-03T00:00"), D(700), D(400), "test"),
    ):
        with pytest.raises(Refused), bench.owner.transaction() as connection:
            decide(connection)
    ledger.drain(bench.owner)
    assert ledger_text(bench, [device.id]) == before
    with bench.owner.transaction() as connection:
        assert not connection.execute(
            text("SELECT count(*) FROM tds.decision WHERE device_id = :d"), {"d": device.id}
        ).scalar_one()


def test_a_decision_over_ground_that_closed_since_is_not_undone(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [*series("2026-01-01T00:00", 15, [10, 11, 500, 501]), *series("2026-01-03T00:00", 15, [600, 601])])
    number = event_id(bench, device, "unresolved")
    with bench.owner.transaction() as connection:
        correct(connection, number, D(20), D(480), "test")
    ledger.drain(bench.owner)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-02"))
    with pytest.raises(Refused), bench.owner.transaction() as connection:
        undo(connection, event_id(bench, device, "unresolved"), "test")
    ledger.drain(bench.owner)
    assert ledger_text(bench, [device.id]) == before


def test_an_import_into_closed_ground_is_refused(bench: Database, tmp_path: Path) -> None:
    device = steady(bench)
    before = ledger_text(bench, [device.id])
    forget(bench, device, at("2026-01-05T12:00"))
    file = tmp_path / "late.csv"
    file.write_text(
        "gateway_mac,device_code,timestamp,value,unit\n"
        f"{device.mac},{device.code},2026-01-06T00:01:00Z,459.7,kWh\n"
        f"{device.mac},{device.code},2026-01-03T00:01:00Z,200,kWh\n"
    )
    line = refused(tds(bench, "reading", "import", file, "--account", device.account))
    assert "line 3" in line
    assert "closed" in line
    ledger.drain(bench.owner)
    assert ledger_text(bench, [device.id]) == before


def test_books_of_closed_ground_say_so(bench: Database) -> None:
    device = steady(bench)
    forget(bench, device, at("2026-01-05T12:00"))
    assert page(bench, device, "2026-01-05T12:15", "2026-01-08").balanced
    with pytest.raises(Refused, match="retention"):
        page(bench, device, "2026-01-03", "2026-01-08")


def test_the_nightly_round_takes_readings_of_more_than_two_years_ago(bench: Database) -> None:
    device = meter(bench)
    now = datetime.now(UTC)
    old = (now - timedelta(days=760)).replace(minute=0, second=0, microsecond=0)
    feed(bench, device, [(old + timedelta(minutes=15 * i), i) for i in range(10)])
    feed(bench, device, [(now - timedelta(minutes=15 * (10 - i)), 100 + i) for i in range(10)])
    before = ledger_text(bench, [device.id])
    upkeep.expire(bench.owner, now)
    if bench.engine == "timescaledb":
        with bench.owner.transaction() as connection:
            connection.execute(text("SELECT drop_chunks('tds.reading', now() - interval '730 days')"))
    with bench.owner.transaction() as connection:
        left = connection.execute(text("SELECT count(*) FROM tds.reading WHERE device_id = :d"), {"d": device.id}).scalar_one()
    assert left == 10
    recompute_all(bench, device)
    assert ledger_text(bench, [device.id]) == before
    (month,) = list(buckets(bench, device, "month", old.isoformat(), (old + timedelta(days=1)).isoformat()).values())[:1]
    assert month.consumption is not None
    sound(bench, device)


def test_readings_that_wait_for_the_ledger_are_not_taken(plain_database: Database) -> None:
    plain_database.account("Aurora", "UTC")
    device = meter(plain_database)
    old = datetime.now(UTC) - timedelta(days=760)
    put(plain_database, device, [(old, 1), (old + timedelta(minutes=15), 2)])
    upkeep.expire(plain_database.owner, datetime.now(UTC))
    ledger.drain(plain_database.owner)
    assert sum(slot.quantity or 0 for slot in slots(plain_database, device).values()) == 1
