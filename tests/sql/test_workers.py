"""Several workers at once, and the check that finds what no worker would have written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy import event, text

from sql import ledger, rollups, upkeep
from sql.engine import open_store
from sql.refresh import refresh
from tests.conftest import TIMESCALEDB, Database
from tests.faults.cell import wait_for
from tests.sql import meters, test_ledger
from tests.sql.plant import (
    Meter,
    account,
    at,
    buckets,
    feed,
    json_of,
    ledger_text,
    meter,
    meter_of,
    put,
    quantities,
    series,
    sound,
    tds,
)

D = Decimal


def at_once(*works: Callable[[], object]) -> None:
    """Run functions at the same time; raises what any of them raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_two_workers_and_two_ingesters_at_once_give_the_same_ledger(database: Database) -> None:
    database.account("Account UTC", "UTC")
    drawn = [meters.random_meter(seed, days=1.5) for seed in range(9000, 9012)]
    devices = [test_ledger.add_meter(database, "Account UTC", one) for one in drawn]
    parts = [(device, part) for device, one in zip(devices, drawn, strict=True) for part in test_ledger.batches(one, device)]
    busy = threading.Event()

    def ingest(share: list[tuple[int, list[meters.Reading]]]) -> None:
        for device, part in share:
            test_ledger.store(database, device, part)

    def work() -> None:
        store = open_store(database.settings, "owner", pool_size=2)
        while not busy.is_set() or ledger.process_one_batch(store):
            ledger.process_one_batch(store)
            refresh(store, datetime.now(UTC))
        store.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    at_once(lambda: ingest(parts[::2]), lambda: ingest(parts[1::2]))
    busy.set()
    for worker in workers:
        worker.join(120)
    ledger.drain(database.owner)
    for device, one in zip(devices, drawn, strict=True):
        test_ledger.check_meter(database, device, one)
    assert ledger.verify(database.owner) == []


def test_two_drains_at_once_leave_nothing_undone(bench: Database) -> None:
    name, number = account(bench)
    devices = [meter_of(bench, name, number) for _ in range(20)]
    for device in devices:
        put(bench, device, series("2026-01-01T00:00", 15, range(50)))
    at_once(lambda: ledger.drain(bench.owner, sessions=2), lambda: ledger.drain(bench.owner))
    assert {sum(quantity or 0 for quantity in quantities(bench, device).values()) for device in devices} == {49}
    sound(bench, *devices)


def test_a_drain_waits_for_what_another_worker_holds(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, range(4)))
    put(bench, device, series("2026-01-01T01:00", 15, range(4, 8)))
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with bench.owner.transaction() as connection:
            connection.execute(text("SELECT 1 FROM tds.ledger_state WHERE device_id = :d FOR UPDATE"), {"d": device.id})
            held.set()
            let_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    threading.Timer(0.5, let_go.set).start()
    ledger.drain(bench.owner)
    holder.join()
    assert sum(quantity or 0 for quantity in quantities(bench, device).values()) == 7


def test_readings_stored_while_a_batch_runs_are_not_lost(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1]))
    with bench.ingest.transaction() as connection:  # stored, and not yet committed
        connection.execute(text("INSERT INTO tds.reading VALUES (:d, '2026-01-01 00:30Z', 2)"), {"d": device.id})
        connection.execute(
            text("INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, '2026-01-01 00:30Z', '2026-01-01 00:30Z')"),
            {"d": device.id},
        )
        feed(bench, device, [("2026-01-01T00:45", 3)])
        assert quantities(bench, device)["01-01 00:30"] == 1
    ledger.drain(bench.owner)
    assert quantities(bench, device) == {"01-01 00:00": 1, "01-01 00:15": 1, "01-01 00:30": 1, "01-01 00:45": None}
    sound(bench, device)


def test_a_drain_ends_although_readings_keep_coming(bench: Database) -> None:
    device = meter(bench, interval=60)
    start, drained = datetime(2026, 1, 1, tzinfo=UTC), threading.Event()
    feed(bench, device, [(start, 0)])

    def publish() -> None:
        minute = 0
        while not drained.is_set() and minute < 5000:
            minute += 1
            put(bench, device, [(start + timedelta(minutes=minute), minute)])

    publisher = threading.Thread(target=publish)
    publisher.start()
    drainer = threading.Thread(target=lambda: (ledger.drain(bench.owner), drained.set()))
    drainer.start()
    drainer.join(150)
    ended = drained.is_set()
    drained.set()
    publisher.join()
    drainer.join()
    assert ended
    ledger.drain(bench.owner)
    sound(bench, device)


def test_a_drain_waits_for_a_refresh_that_runs_elsewhere(timescale: Database) -> None:
    device = meter(timescale)
    feed(timescale, device, series("2026-01-01T00:00", 60, [0, 60]))
    put(timescale, device, [("2026-01-01T00:30", 60)])
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with timescale.owner.transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": rollups.ELECTION_LOCK})
            held.set()
            let_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    threading.Timer(0.5, let_go.set).start()
    ledger.drain(timescale.owner)
    holder.join()
    with timescale.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.refresh_pending")).scalar() == 0
    sound(timescale, device)


def test_readings_that_come_during_the_check_are_no_fault(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1, 2]))
    real = ledger.compute

    def compute(*given: Any, **more: Any) -> None:
        put(bench, device, [("2026-01-01T00:20", "1.9")])
        real(*given, **more)

    monkeypatch.setattr("sql.ledger.compute", compute)
    assert ledger.verify(bench.owner, [device.id]) == []


def test_a_late_write_of_a_worker_during_the_check_is_no_fault(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1, 2]))
    real = rollups.differences
    late = [("2026-01-01T00:20", "1.9")]

    def differences(*given: Any) -> Any:
        if late:
            put(bench, device, [late.pop()])
            while ledger.process_one_batch(bench.owner):
                pass
        return real(*given)

    monkeypatch.setattr("sql.rollups.differences", differences)
    assert ledger.verify(bench.owner, [device.id]) == []


def test_dirt_of_a_deleted_device_is_swept_away(bench: Database) -> None:
    device = meter(bench)
    put(bench, device, series("2026-01-01T00:00", 15, [0, 1]))
    with bench.owner.transaction() as connection:
        connection.execute(text("DELETE FROM tds.device WHERE id = :d"), {"d": device.id})
    ledger.drain(bench.owner)
    with bench.owner.transaction() as connection:
        assert ledger.lag_seconds(connection) == 0


def test_a_failed_batch_leaves_its_work_to_be_done(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    device = meter(bench)
    put(bench, device, series("2026-01-01T00:00", 15, [0, 1]))
    with monkeypatch.context() as patch:
        patch.setattr("sql.ledger.recompute", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.process_one_batch(bench.owner)
    with bench.owner.transaction() as connection:
        assert ledger.lag_seconds(connection) > 0
    ledger.drain(bench.owner)
    assert quantities(bench, device) == {"01-01 00:00": 1, "01-01 00:15": None}


def spoil(database: Database, device: Meter, statement: str) -> None:
    with database.owner.transaction() as connection:
        connection.execute(text(statement), {"d": device.id})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tds.ledger SET quantity = quantity + 0.000001 WHERE device_id = :d AND middle = '2026-01-01 00:22:30Z'",
        "UPDATE tds.ledger SET covered = covered - 1 WHERE device_id = :d AND middle = '2026-01-01 00:22:30Z'",
        "UPDATE tds.ledger SET readings = 7 WHERE device_id = :d AND middle = '2026-01-01 00:22:30Z'",
        "UPDATE tds.ledger SET estimated = NULL WHERE device_id = :d AND middle = '2026-01-01 00:22:30Z'",
        "DELETE FROM tds.ledger WHERE device_id = :d AND middle = '2026-01-01 00:22:30Z'",
        "INSERT INTO tds.ledger (device_id, middle, quantity, estimated, covered, readings) VALUES (:d, '2026-01-09 00:22:30Z', 1, 0, 1, 1)",
    ],
)
def test_a_wrong_row_of_the_ledger_is_found_and_mended(bench: Database, statement: str) -> None:
    device, other = meter(bench), meter(bench)
    for one in (device, other):
        feed(bench, one, series("2026-01-01T00:00", 15, range(10)))
    before = ledger_text(bench, [device.id])
    spoil(bench, device, statement)
    found = ledger.verify(bench.owner, [device.id, other.id])
    assert ("ledger against readings", device.id, 1) in found
    assert {difference.device_id for difference in found} == {device.id}
    document = tds(bench, "ledger", "verify", "--json")
    assert document.code == 1
    assert '"balanced": false' in document.out
    assert f"{device.mac}  D01" in tds(bench, "ledger", "verify").out
    with bench.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id])
    ledger.drain(bench.owner)
    assert ledger_text(bench, [device.id]) == before
    sound(bench, device, other)
    assert json_of(tds(bench, "ledger", "verify", "--json"))["balanced"] is True


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tds.reading SET value = value + 0.000001 WHERE device_id = :d AND time = '2026-01-01 00:30Z'",
        "DELETE FROM tds.reading WHERE device_id = :d AND time = '2026-01-01 00:30Z'",
        "INSERT INTO tds.reading VALUES (:d, '2026-01-01 00:31Z', 2.5)",
    ],
)
def test_a_reading_changed_behind_the_ledger_is_found_and_named(bench: Database, statement: str) -> None:
    device, other = meter(bench), meter(bench)
    for one in (device, other):
        feed(bench, one, series("2026-01-01T00:00", 15, range(10)))
    spoil(bench, device, statement)
    result = tds(bench, "ledger", "verify", "--json")
    assert result.code == 1
    found = json.loads(result.out)["differences"]
    assert {(row["gateway_mac"], row["device_code"], row["check"]) for row in found} == {
        (device.mac, "D01", "ledger against readings")
    }
    with bench.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id])
    ledger.drain(bench.owner)
    sound(bench, device, other)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *(
            (f"consumption_{step}", change)
            for step in ("hour", "day_utc", "month_utc")
            for change in ("quantity = quantity + 1", "readings = readings + 1", "largest = NULL")
        ),
        ("consumption_quarters", "measured = measured + 1e14"),
    ],
)
def test_a_wrong_row_of_a_rollup_is_found(bench: Database, name: str, change: str) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, range(10)))
    sound(bench, device)
    table = f"tds.{name}"
    if bench.engine == "timescaledb":
        with bench.owner.transaction() as connection:
            table = connection.execute(
                text("SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
                     " FROM timescaledb_information.continuous_aggregates WHERE view_name = :n"), {"n": name}
            ).scalar_one()  # fmt: skip
    spoil(bench, device, f"UPDATE {table} SET {change} WHERE device_id = :d")
    assert f"{name} against ledger" in {difference.check for difference in ledger.verify(bench.owner, [device.id])}
    spoil(bench, device, f"DELETE FROM {table} WHERE device_id = :d")
    assert f"{name} against ledger" in {difference.check for difference in ledger.verify(bench.owner, [device.id])}


def test_the_nightly_round_finds_and_mends_once_a_night(database: Database) -> None:
    device = meter(database, "America/Sao_Paulo")
    now = datetime.now(UTC)
    start = (now - timedelta(days=20)).replace(minute=0, second=0, microsecond=0)
    feed(database, device, [(start + timedelta(minutes=15 * i), i) for i in range(20)])
    before = ledger_text(database, [device.id])
    spoil(database, device, "UPDATE tds.ledger SET quantity = 5 WHERE device_id = :d AND quantity = 1")
    night = next(now + timedelta(days=i) for i in range(30) if (now + timedelta(days=i)).toordinal() % 30 == device.id % 30)
    assert upkeep.nightly(database.owner, night)
    assert not upkeep.nightly(database.owner, night)
    with database.owner.transaction() as connection:
        assert upkeep.last_difference(connection) > 0
    ledger.drain(database.owner)
    assert ledger_text(database, [device.id]) == before
    sound(database, device)
    months = buckets(database, device, "month", start.isoformat(), (start + timedelta(hours=5)).isoformat())
    assert sum(row.consumption or 0 for row in months.values()) == 19
    assert upkeep.nightly(database.owner, night + timedelta(days=30))
    with database.owner.transaction() as connection:
        assert upkeep.last_difference(connection) == 0


def test_a_rollup_that_went_wrong_by_itself_is_mended_by_night(database: Database) -> None:
    device = meter(database, "America/Sao_Paulo")
    now = datetime.now(UTC)
    start = (now - timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    feed(database, device, [(start + timedelta(minutes=15 * i), i) for i in range(20)])
    sound(database, device)
    for name in ("consumption_hour", "consumption_day_america_sao_paulo"):
        table = f"tds.{name}"
        if database.engine == "timescaledb":
            with database.owner.transaction() as connection:
                table = connection.execute(
                    text("SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
                         " FROM timescaledb_information.continuous_aggregates WHERE view_name = :n"), {"n": name}
                ).scalar_one()  # fmt: skip
        spoil(database, device, f"UPDATE {table} SET quantity = quantity + 1 WHERE device_id = :d")
    assert ledger.verify(database.owner, [device.id]) != []
    upkeep.check_share(database.owner, now)
    ledger.drain(database.owner)
    sound(database, device)


def test_zones_asked_for_by_two_at_once_are_made_once(bench: Database) -> None:
    with bench.owner.transaction() as connection:
        connection.execute(text("INSERT INTO tds.zone (name, slug) VALUES ('Africa/Maputo', 'africa_maputo')"))
    added: list[list[str]] = []
    at_once(*[lambda: added.append(rollups.add_missing_zones(bench.owner)) for _ in range(3)])
    assert sorted(added, key=len)[-1] == ["Africa/Maputo"]
    assert [len(one) for one in added].count(0) == 2


def test_what_is_committed_while_a_rollup_closes_is_not_lost_to_it(timescale: Database) -> None:
    """TimescaleDB notes a change below a threshold that it reads as the commit begins; here that commit is held from there on."""
    device = meter(timescale)
    put(timescale, device, series("2026-01-01T01:00", 15, range(6)))
    assert ledger.process_one_batch(timescale.owner)
    assert refresh(timescale.owner, at("2026-01-01T02:25"))
    put(timescale, device, series("2026-01-01T02:30", 15, range(6, 9)))  # of no hour that has closed by then
    slow = open_store(timescale.settings, "owner", pool_size=1)

    @event.listens_for(slow.engine, "connect")
    def emptied_at_each_commit(raw: Any, _: Any) -> None:
        raw.cursor().execute("CREATE TEMPORARY TABLE held () ON COMMIT DELETE ROWS")
        raw.commit()

    with slow.transaction() as connection:
        schema = connection.execute(text("SELECT pg_my_temp_schema()::regnamespace")).scalar_one()
    assert TIMESCALEDB is not None
    with closing(psycopg2.connect(TIMESCALEDB, dbname=urlsplit(timescale.owner.url).path[1:])) as holder:
        holder.cursor().execute(f"LOCK TABLE {schema}.held IN ACCESS SHARE MODE")  # what empties it waits for that

        def waits(kind: str) -> bool:
            query = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() WHERE locktype = %s AND NOT granted)"
            with holder.cursor() as cursor:
                cursor.execute(query, (kind,))
                return bool(cursor.fetchall()[0][0])

        batch = threading.Thread(target=ledger.process_one_batch, args=(slow,))
        batch.start()
        wait_for(lambda: waits("relation"))
        closing_hour = threading.Thread(target=refresh, args=(timescale.owner, at("2026-01-01T03:25")))
        closing_hour.start()
        wait_for(lambda: waits("advisory") or not closing_hour.is_alive())
        assert batch.is_alive()
        holder.rollback()
        batch.join(30)
        closing_hour.join(30)
    slow.close()
    sound(timescale, device)
