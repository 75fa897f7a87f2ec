"""How fast the ledger is: steady state, backlog, charts, late slots, bytes. `python -m tests.performance.ledger --help`.

Every number is taken in one run on one machine, so that the ratios between them mean something anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

import settings as settings_module
from simulator import history
from simulator.world import SEED, build_world
from sql import fleet, ledger, rollups
from sql.calendar import bucket_start
from sql.consumption import consumption, grouped
from sql.embedded import EmbeddedServer
from sql.engine import Store, open_store
from sql.migrate import migrate
from sql.ranked import Member, ranked
from sql.refresh import refresh
from tests.conftest import create_database, drop_database
from tests.performance.machine import machine

ZONE = "America/Sao_Paulo"
FLEET = """
INSERT INTO tds.gateway (account_id, mac, name, capacity)
SELECT :account, '02:00:' || lpad(to_hex(:account), 2, '0') || ':' || substr(h, 1, 2) || ':' || substr(h, 3, 2) || ':' || substr(h, 5, 2), 'g', 32
  FROM (SELECT lpad(to_hex(g), 6, '0') AS h FROM generate_series(0, (:devices - 1) / 32) g) x;
"""
DEVICES = """
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution)
SELECT :account, (SELECT min(id) FROM tds.gateway WHERE account_id = :account) + g / 32, 'D' || g, 'd', 'counter', 'electricity', 'kWh', :interval, 1000, 0.001
  FROM generate_series(0, :devices - 1) g RETURNING id
"""
# A register that only rises: a base load and a daily curve, to three decimals.
READINGS = """
INSERT INTO tds.reading
SELECT d, t + :jitter * (hashint8(extract(epoch FROM t)::bigint + d) & 3) * interval '1 second',
       round((extract(epoch FROM t)::numeric - 1600000000) / 3600 * (1 + d % 7)
             + 3 * (sin(extract(epoch FROM t)::float8 / 43200 * pi()) + 1)::numeric, 3)
  FROM unnest(CAST(:ids AS integer[])) d, generate_series(CAST(:start AS timestamptz), :end, make_interval(secs => :interval)) t ORDER BY 1, 2
"""


@contextmanager
def database(engine: str) -> Iterator[Store]:
    """Give the owner's store of a fresh database on an engine."""
    with tempfile.TemporaryDirectory(prefix="tds-performance-") as folder:
        os.chmod(folder, 0o755)
        base = settings_module.load({"TDS_STATE_DIR": folder})
        server = None
        if engine == "plain":
            server = EmbeddedServer(base)
            server.join()
            admin = server.superuser_url()
        else:
            admin = os.environ["TDS_TEST_DATABASE_URL"]
        name = f"perf{uuid.uuid4().hex[:8]}"
        given = replace(base, database_url=create_database(admin, name))
        migrate(given)
        store = open_store(given, "owner", pool_size=4)
        try:
            yield store
        finally:
            store.close()
            drop_database(admin, name)
            if server is not None:
                server.leave()


def add_devices(store: Store, account: str, devices: int, interval: int) -> list[int]:
    """Add an account with devices; gives their ids."""
    with store.transaction() as connection:
        account_id = fleet.add_account(connection, account, timezone=ZONE, locale="en")
        connection.execute(text(FLEET), {"account": account_id, "devices": devices})
        ids = connection.execute(text(DEVICES), {"account": account_id, "devices": devices, "interval": interval}).scalars().all()
    rollups.add_missing_zones(store)
    return list(ids)


def seconds(action: Callable[[], Any]) -> float:
    """Give the time that an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def steady(store: Store, devices: int, rounds: int) -> dict[str, float]:
    """One reading for each device and round, drained at once; gives devices per second from the second round on."""
    ids = add_devices(store, "Steady", devices, 300)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(minutes=5 * rounds)
    taken = []
    for i in range(rounds):
        put(store, ids, start + timedelta(minutes=5 * i), str(100 + i))
        taken.append(seconds(lambda: ledger.drain(store)))
    best = sorted(taken[1:])[: max(1, (rounds - 1) // 2)]
    return {"devices_per_s": devices / statistics.median(taken[1:]), "devices_per_s_best": devices / best[0]}


def put(store: Store, ids: list[int], at: datetime, value: Any) -> None:
    """Store one reading for each device, and mark it dirty, as the ingester does."""
    with store.transaction() as connection:
        connection.execute(
            text("INSERT INTO tds.reading SELECT unnest(CAST(:ids AS integer[])), :at, :value"),
            {"ids": ids, "at": at, "value": value},
        )
        connection.execute(
            text("INSERT INTO tds.dirty (device_id, low, high) SELECT unnest(CAST(:ids AS integer[])), :at, :at"),
            {"ids": ids, "at": at},
        )


def backlog(store: Store, devices: int, days: int) -> dict[str, float]:
    """A bulk import of days of 5-minute readings, drained in one go by two sessions; gives readings per second."""
    ids = add_devices(store, "Backlog", devices, 300)
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    count = fill(store, ids, end - timedelta(days=days), end, 300)
    with store.transaction() as connection:
        connection.execute(
            text("INSERT INTO tds.dirty (device_id, low, high) SELECT unnest(CAST(:ids AS integer[])), :low, :high"),
            {"ids": ids, "low": end - timedelta(days=days), "high": end},
        )
    ledger_only = seconds(lambda: _two_sessions(store))
    refreshed = seconds(lambda: refresh(store, datetime.now(UTC)))
    return {
        "readings": count,
        "readings_per_s": count / ledger_only,
        "readings_per_s_with_rollups": count / (ledger_only + refreshed),
        "refresh_s": refreshed,
    }


def _two_sessions(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ledger._drain_alone, [store, store], [2**62, 2**62]))


def fill(store: Store, ids: list[int], start: datetime, end: datetime, interval: int, jitter: int = 0) -> int:
    """Store readings on a grid for devices, some devices at a time; gives how many."""
    count = 0
    for first in range(0, len(ids), 20):
        with store.transaction() as connection:
            values = {"ids": ids[first : first + 20], "start": start, "end": end, "interval": interval, "jitter": jitter}
            count += connection.execute(text(READINGS), values).rowcount
    return count


def chart(store: Store, own: int, others: int, months: int) -> dict[str, float]:
    """The monthly chart of an account in a large installation, and the same answer from a tenth of the ledger and from readings."""
    ids = add_devices(store, "Large", own, 900)
    strangers = add_devices(store, "Others", others, 900)
    now = datetime.now(UTC)
    start = bucket_start("month", now - timedelta(days=30 * months), ZONE)
    _fill_ledger(store, ids, start, now, "1 day")
    refresh(store, now)
    few, _ = _chart_ms(store, ids, start, now)
    _fill_ledger(store, ids, start, now, "15 minutes")
    _fill_ledger(store, strangers, start, now, "1 day")
    with store.transaction() as connection:
        connection.execute(text("INSERT INTO tds.refresh_pending (low, high) VALUES (:low, :high)"), {"low": start, "high": now})
        if rollups.engine_of(connection) == "plain":
            connection.execute(
                text(
                    "CREATE TEMPORARY TABLE IF NOT EXISTS touched (device_id integer PRIMARY KEY, low timestamptz, high timestamptz)"
                )
            )
            connection.execute(text("INSERT INTO touched SELECT id, :low, :high FROM tds.device"), {"low": start, "high": now})
            rollups.rewrite_touched(connection)
    refresh(store, now)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    many, whole = _chart_ms(store, ids, start, now)
    twelve = _twelve_ms(store, ids, start, now)
    sample = ids[: max(1, own // 100)]
    fill(store, sample, start, now, 900)
    raw = seconds(lambda: _from_readings(store, sample, start, now)) * 1000 * own / len(sample)
    return {
        "devices": own,
        "chart_p50_ms": many,
        "with_rows_ms": whole,
        "twelve_and_others_ms": twelve,
        "growth": many / few,
        "from_readings_ms": raw,
        "faster_than_readings": raw / many,
    }


def _fill_ledger(store: Store, ids: list[int], start: datetime, end: datetime, step: str) -> None:
    for first in range(0, len(ids), 100):
        with store.transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO tds.ledger (device_id, middle, quantity, estimated, covered, readings)"
                    " SELECT d, t, round(((d * 7919 + extract(epoch FROM t)::bigint) % 1000) * 0.001, 6), 0, 900000000, 1 FROM unnest(CAST(:ids AS integer[])) d,"
                    " generate_series(CAST(:start AS timestamptz) + interval '450 seconds', :end, CAST(:step AS interval)) t ON CONFLICT DO NOTHING"
                ),
                {"ids": ids[first : first + 100], "start": start, "end": end, "step": step},
            )


def _chart_ms(store: Store, ids: list[int], start: datetime, end: datetime) -> tuple[float, float]:
    """Give the median time of the overview's chart, all devices added up: in the database, and with its rows made, in ms."""
    inside, whole = [], []
    spent = [0.0]

    def before(connection: Any, *_: Any) -> None:
        connection.info["began"] = time.perf_counter()

    def after(connection: Any, *_: Any) -> None:
        spent[0] += time.perf_counter() - connection.info["began"]

    event.listen(store.engine, "before_cursor_execute", before)
    event.listen(store.engine, "after_cursor_execute", after)
    for _ in range(15):
        spent[0] = 0.0
        with store.transaction() as connection:
            whole.append(seconds(lambda: grouped(connection, dict.fromkeys(ids, 1), "month", start, end, ZONE)) * 1000)
        inside.append(spent[0] * 1000)
    event.remove(store.engine, "before_cursor_execute", before)
    event.remove(store.engine, "after_cursor_execute", after)
    return statistics.median(inside[3:]), statistics.median(whole[3:])


def _twelve_ms(store: Store, ids: list[int], start: datetime, end: datetime) -> float:
    """Give the median time of the explorer's chart, the twelve largest devices and the rest together, in milliseconds."""
    taken = []
    members = [Member(number, number) for number in ids]
    for _ in range(10):
        with store.transaction() as connection:
            taken.append(seconds(lambda: ranked(connection, members, "month", start, end, ZONE, 12)) * 1000)
    return statistics.median(taken[2:])


def _from_readings(store: Store, ids: list[int], start: datetime, end: datetime) -> None:
    with store.transaction() as connection:
        connection.execute(
            text(
                "SELECT device_id, date_trunc('month', time, :zone), sum(d) FROM (SELECT device_id, time, value - lag(value) OVER"
                " (PARTITION BY device_id ORDER BY time) AS d FROM tds.reading WHERE device_id = any(:ids) AND time >= :start AND time < :end) x GROUP BY 1, 2"
            ),
            {"zone": ZONE, "ids": ids, "start": start, "end": end},
        ).all()


def late(store: Store) -> dict[str, float]:
    """One late reading two months ago, and one just now: seconds until the month shows each."""
    ids = add_devices(store, "Late", 50, 900)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    fill(store, ids, now - timedelta(days=100), now - timedelta(hours=1), 900)
    with store.transaction() as connection:
        ledger.mark_dirty(connection, ids)
    ledger.drain(store)
    put(store, ids[:1], now - timedelta(days=62, minutes=3), _between(store, ids[0], now - timedelta(days=62, minutes=3)))
    healed = seconds(lambda: ledger.drain(store))
    put(store, ids[1:2], now, _between(store, ids[1], now))
    with store.transaction() as connection:
        shown = seconds(lambda: ledger.process_one_batch(store)) + seconds(
            lambda: consumption(connection, ids, "month", now - timedelta(days=2), now, ZONE)
        )
    return {"late_slot_s": healed, "new_reading_s": shown}


def _between(store: Store, device: int, at: datetime) -> object:
    with store.transaction() as connection:
        return connection.execute(
            text("SELECT value + 0.001 FROM tds.reading WHERE device_id = :d AND time <= :at ORDER BY time DESC LIMIT 1"),
            {"d": device, "at": at},
        ).scalar_one()


def size(store: Store, worlds: int) -> dict[str, float]:
    """Bytes per reading on a grid and with seconds of jitter, and per ledger row, after compression (TimescaleDB only).

    The meters are those of so many demo worlds: electricity, water, gas and temperature, every quarter-hour for two
    months. Jitter moves each reading by 0 to 3 s.
    """
    until = datetime.now(UTC) - timedelta(days=14)
    meters = [device for n in range(worlds) for _, _, device in build_world(until, 2, SEED + n).devices()]
    ids = add_devices(store, "Size", len(meters), 900)
    with store.transaction() as connection:
        kinds = "UPDATE tds.device SET kind = :kind, resource = :resource, unit = :unit, resolution = :resolution WHERE id = :id"
        for number, device in zip(ids, meters, strict=True):
            part = device.part
            facts = {"id": number, "kind": device.kind, "resource": part.resource, "unit": part.unit}
            connection.execute(text(kinds), {**facts, "resolution": part.resolution})
    since = int((until - timedelta(days=56)).timestamp())
    wanted = [history.Wanted(device, number, since) for number, device in zip(ids, meters, strict=True)]
    count = history.fill(store, wanted, int(until.timestamp()))
    found = {}
    with store.transaction() as connection:
        ledger.mark_dirty(connection, ids)
        connection.execute(text("CREATE TABLE public.moved AS SELECT * FROM tds.reading"))
    ledger.drain(store)
    with store.transaction() as connection:
        rows = connection.execute(text("SELECT count(*) FROM tds.ledger")).scalar_one()
    found["bytes_per_ledger_row"] = _compressed(store, "ledger") / rows
    found["bytes_per_reading_grid"] = _compressed(store, "reading") / count
    with store.transaction() as connection:
        connection.execute(text("SELECT drop_chunks('tds.reading', now() + interval '1 day')"))
        jittered = "time + make_interval(secs => hashint8(extract(epoch FROM time)::bigint + device_id) & 3)"
        connection.execute(text(f"INSERT INTO tds.reading SELECT device_id, {jittered}, value FROM public.moved ORDER BY 1, 2"))
        connection.execute(text("DROP TABLE public.moved"))
    found["bytes_per_reading_jitter"] = _compressed(store, "reading") / count
    return {"readings": count, **found}


def _compressed(store: Store, table: str) -> float:
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('tds.{table}') c"))
        return float(
            connection.execute(
                text(f"SELECT sum(after_compression_total_bytes) FROM chunk_compression_stats('tds.{table}')")
            ).scalar_one()
        )


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--scale", type=float, default=1.0, help="1: the sizes of the published numbers; 0.05: a look")
    parser.add_argument("--only", nargs="*", choices=("steady", "backlog", "late", "size", "chart"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    scale = given.scale

    def much(n: int) -> int:
        return max(1, round(n * scale))

    cases: dict[str, Callable[[Store], dict[str, float]]] = {
        "steady": lambda s: steady(s, max(1000, much(10_000)), 8),
        "backlog": lambda s: backlog(s, max(4, much(100)), 395),
        "late": late,
        "chart": lambda s: chart(s, max(20, much(1000)), max(180, much(9000)), 24),
    }
    if given.engine == "timescaledb":
        cases["size"] = lambda s: size(s, max(1, much(10)))
    results: dict[str, Any] = {"engine": given.engine, "scale": scale, **machine()}
    for name, case in cases.items():
        if not given.only or name in given.only:
            with database(given.engine) as store:
                results[name] = {key: round(value, 3) for key, value in case(store).items()}
            print(f"{name}: {results[name]}", file=sys.stderr)
    document = json.dumps(results, indent=1)
    print(document)
    if given.out:
        given.out.write_text(document + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
