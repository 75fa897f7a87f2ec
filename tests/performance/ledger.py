"""How fast the ledger is: steady state, backlog, charts, late slots, bytes. `python -m tests.performance.ledger --help`.

Every number is taken in one run on one machine, so that the ratios between them mean something anywhere.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from simulator import history
from simulator.world import SEED, build_world
from sql import fleet, ledger, rollups
from sql.consumption import consumption
from sql.engine import Store
from sql.refresh import refresh
from tests.performance.chart import chart
from tests.performance.machine import hand_over, machine
from tests.performance.places import database

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


def refresh_all(store: Store) -> None:
    """Refresh the rollups until there is nothing left to refresh: of the packed quarter-hours one round makes a month."""
    while refresh(store, datetime.now(UTC)):
        pass


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
    refreshed = seconds(lambda: refresh_all(store))
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
    parser.add_argument(
        "--keep",
        type=Path,
        help="a folder: what `chart` fills stays there, to be measured again; tests.performance.pages takes it too",
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    scale = given.scale

    def much(n: int) -> int:
        return max(1, round(n * scale))

    cases: dict[str, Callable[[Store], dict[str, float]]] = {
        "steady": lambda s: steady(s, max(1000, much(10_000)), 8),
        "backlog": lambda s: backlog(s, max(4, much(100)), 395),
        "late": late,
        "chart": lambda s: chart(s, max(20, much(1000)), 24, given.keep),
    }
    if given.engine == "timescaledb":
        cases["size"] = lambda s: size(s, max(1, much(42)))  # about a thousand meters
    results: dict[str, Any] = {"engine": given.engine, "scale": scale, **machine()}
    for name, case in cases.items():
        if not given.only or name in given.only:
            with database(given.engine, given.keep if name == "chart" else None) as store:
                results[name] = {key: round(value, 3) for key, value in case(store).items()}
            print(f"{name}: {results[name]}", file=sys.stderr)
    return hand_over(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
