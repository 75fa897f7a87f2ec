"""What the running day and month hold so far is the ledger's, with what came since, late, or was taken back; nothing lost or doubled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import consumption as consumption_module
from sql import ledger, running
from sql.consumption import Reach, Step, consumption, rollups_of
from sql.queries.peaks import Group, alone
from sql.refresh import refresh
from tests.conftest import Database
from tests.sql.plant import Meter, at, meter, meter_of, put, sound

ZONE = "America/Sao_Paulo"
D = Decimal
HOUR = timedelta(hours=1)
BEGIN, NOW = at("2026-09-28T06:00", ZONE), at("2026-10-15T14:35", ZONE)
PARTS = {"day": ("2026-10-15T00:00", "2026-10-15T14:00"), "month": ("2026-10-01T00:00", "2026-10-15T00:00")}


def work_off(database: Database) -> None:
    """Do what a worker does before it refreshes."""
    while ledger.process_one_batch(database.owner):
        pass


def direct(database: Database, device: int, step: Step) -> dict[datetime, tuple[Decimal, Decimal, Decimal]]:
    """Add the ledger up by local bucket: quantity, covered, readings."""
    wanted = text(
        f"SELECT date_trunc('{step}', middle, '{ZONE}'), sum(quantity), sum(covered), sum(readings) FROM tds.ledger WHERE device_id = :d GROUP BY 1"
    )
    with database.owner.transaction() as conn:
        return {row[0]: tuple(row)[1:] for row in conn.execute(wanted, {"d": device})}


def exact(database: Database, meters: list[Meter], peaks: bool = True) -> None:
    """Hold that days, months and single maxima are those of the ledger, for the web login too."""
    ids = [one.id for one in meters]
    for step in ("day", "month"):
        with database.web.transaction(account_id=meters[0].account_id) as conn:
            rows = consumption(conn, ids, step, BEGIN, NOW + 2 * HOUR, ZONE)
        for device in ids:
            found = {row.bucket: (row.consumption, row.readings) for row in rows if row.device_id == device}
            assert found == {bucket: (one[0], one[2]) for bucket, one in direct(database, device, step).items()}, step
    if peaks:
        group = Group(ids, [D(1)] * len(ids), ZONE)
        with database.web.transaction(account_id=meters[0].account_id) as conn:
            found_peaks = alone(conn, group, at("2026-10-01T00:00", ZONE), at("2026-11-01T00:00", ZONE))
        largest = text("SELECT max(quantity) FROM tds.ledger WHERE device_id = :d AND estimated = 0 AND middle >= :s")
        with database.owner.transaction() as conn:
            for one in found_peaks.devices:
                right = conn.execute(largest, {"d": one.device_id, "s": at("2026-10-01T00:00", ZONE)}).scalar_one()
                assert one.quantity == right


def reaches(database: Database) -> Mapping[str, Reach]:
    with database.owner.transaction() as conn:
        return rollups_of(conn, ZONE)


def test_a_part_that_cannot_be_brought_up_any_further_is_not_read(timescale: Database) -> None:
    """First in its file: it is the year's spring, and the clock of Lord Howe goes back by half an hour."""
    zone = "Australia/Lord_Howe"
    begin, turn, later = at("2026-04-04T22:00", zone), at("2026-04-05T01:31", zone), at("2026-04-05T09:00", zone)
    device = meter(timescale, zone)
    day = (at("2026-04-05T00:00", zone), at("2026-04-06T00:00", zone))

    def told() -> list[int]:
        work_off(timescale)
        with timescale.web.transaction(account_id=device.account_id) as conn:
            return [row.readings for row in consumption(conn, [device.id], "day", *day, zone)]

    put(timescale, device, [(begin + n * HOUR / 4, D(n)) for n in range(15)])
    work_off(timescale)
    refresh(timescale.owner, turn, wait=True)
    with timescale.owner.transaction() as conn:
        assert rollups_of(conn, zone)["day"].running is not None
    assert told() == [7]
    put(timescale, device, [(later, D(20)), (day[0] + timedelta(minutes=20), D("9.3"))])
    work_off(timescale)
    refresh(timescale.owner, later + HOUR / 2, wait=True)
    assert told() == [9]


def test_what_runs_is_kept_and_never_lost_or_doubled(timescale: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = meter(timescale, ZONE)
    meters = [first, meter_of(timescale, first.account, first.account_id, ZONE)]
    hours = int((NOW - BEGIN) / HOUR)
    for place, device in enumerate(meters):
        put(
            timescale,
            device,
            [(BEGIN + n * HOUR + timedelta(minutes=7 * place), D(n * (place + 1)) / 10) for n in range(hours + 1)],
        )
    work_off(timescale)
    exact(timescale, meters)
    refresh(timescale.owner, NOW, wait=True)
    for step, (_, until) in PARTS.items():
        assert reaches(timescale)[step].running == reaches(timescale)[step].running is not None
        assert datetime.fromisoformat(reaches(timescale)[step].running or "") == at(until, ZONE)
    exact(timescale, meters)

    # What is committed shows at once, what is late with the next refresh.
    put(timescale, meters[0], [(NOW - timedelta(minutes=5), D(hours + 1) / 10)])
    work_off(timescale)
    exact(timescale, meters)
    put(timescale, meters[1], [(BEGIN + (hours - 8) * HOUR + timedelta(minutes=n), D(hours - 8) / 5) for n in (20, 40)])
    put(timescale, meters[1], [(BEGIN + (hours - 80) * HOUR + timedelta(minutes=n), D(hours - 80) / 5) for n in (20, 40)])
    work_off(timescale)
    refresh(timescale.owner, NOW, wait=True)
    exact(timescale, meters)

    # Somebody who asked how far it reaches before an hour has closed finds that part still there afterwards.
    before = reaches(timescale)
    refresh(timescale.owner, NOW + HOUR, wait=True)
    assert reaches(timescale)["day"].running != before["day"].running
    exact(timescale, meters)
    with monkeypatch.context() as patch:
        patch.setattr(consumption_module, "rollups_of", lambda *_: before)
        exact(timescale, meters, peaks=False)

    # A day later the parts are of other buckets; what is wrong is found, and mended.
    refresh(timescale.owner, NOW + timedelta(days=1), wait=True)
    exact(timescale, meters)
    with timescale.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.consumption_running SET quantity = quantity + 1 WHERE device_id = :d"), {"d": meters[0].id})
        found = running.differences(conn, [one.id for one in meters])
        assert [one for one in found if "sao_paulo" in one[0]] == [
            ("consumption_month_america_sao_paulo so far", meters[0].id, 2)
        ]
        conn.execute(
            text("INSERT INTO tds.refresh_pending (low, high, forced) VALUES (:at, :at, true)"), {"at": NOW - timedelta(days=2)}
        )
    refresh(timescale.owner, NOW + timedelta(days=1), wait=True)
    exact(timescale, meters)
    sound(timescale, *meters)
