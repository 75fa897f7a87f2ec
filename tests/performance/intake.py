"""How fast intake is: a broker's backlog, latency, the cost of a reading as the table grows. `python -m tests.performance.intake --help`.

Everything is real and on one machine: Mosquitto with mutual TLS, `tds ingest` as its own process with its ledger worker,
gateways in one more process. Ratios to the ceiling of COPY, taken in the same run, mean something anywhere.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

import settings as settings_module
from ingest.writer import prepare
from simulator.gateway import Broker
from simulator.load import Plan, Run
from simulator.load_fleet import Station, register_stations
from sql.embedded import EmbeddedServer
from sql.engine import Store, open_store
from sql.migrate import migrate
from sql.statements import raw_statements
from tests.conftest import Database, create_database, drop_database
from tests.faults.cell import Cell, wait_for
from tests.performance.machine import hand_over, machine

DEVICES = 8
BATCH = 16_000


@contextmanager
def cell(engine: str) -> Iterator[Cell]:
    """Give a broker with a fresh database on an engine behind it; ingesters are started by who measures."""
    with tempfile.TemporaryDirectory(prefix="tds-performance-") as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)
        base = settings_module.load({"TDS_STATE_DIR": folder})
        if engine == "plain":
            server = EmbeddedServer(base)
            server.join()
            stack.callback(server.leave)
            admin = server.superuser_url()
        else:
            admin = os.environ["TDS_TEST_DATABASE_URL"]
        name = f"perf{os.getpid()}_{time.monotonic_ns() % 1_000_000}"
        given = replace(base, database_url=create_database(admin, name))
        stack.callback(drop_database, admin, name)
        migrate(given)
        stores = {role: open_store(given, role) for role in ("owner", "ingest", "web")}
        for store in stores.values():
            stack.callback(store.close)
        made = Cell(Database(engine, given, **stores))
        stack.callback(made.close)
        yield made


def stations(made: Cell, gateways: int, rate: float) -> list[Station]:
    """Register gateways of eight devices each."""
    settings = made.settings
    return register_stations(made.database.owner, gateways, DEVICES, rate, settings.timezone, settings.locale, lambda _: None)


def broker_of(made: Cell) -> Broker:
    return Broker("127.0.0.1", made.settings.mqtt_port, made.settings.mqtt_root)


def drain(made: Cell, gateways: int, messages: int, confirmed: bool) -> dict[str, float]:
    """Fill the broker while no ingester runs, start one, and time how fast it empties the queue; its ledger worker runs."""
    fleet = stations(made, gateways, 1000)
    made.ingester().wait_until_subscribed().stop()  # its session stays at the broker: that is the backlog
    run = Run(made.database.owner, Plan(1_000_000, 1_000_000, confirmed), io.StringIO())
    run.connect(fleet, [made.identity(station.mac) for station in fleet], broker_of(made))
    while run.published < messages:
        for log in run.logs[: messages - run.published]:
            run._send(log)
        while run.published - run._acknowledged() > 500:
            run.board.step(0.01)
    while run._acknowledged() < messages:
        run.board.step(0.01)
    ingester = made.ingester().wait_until_subscribed()
    began = time.monotonic()
    before = ingester.metric("tds_messages_total")
    deadline = began + 600
    while (done := ingester.metric("tds_messages_total")) < messages:
        assert time.monotonic() < deadline, ingester.log.read_text()[-2000:]
        run.board.step(0.2)
    seconds = time.monotonic() - began
    lag = ingester.metric("tds_ledger_lag_seconds")
    run.board.close()
    settled = time.monotonic()
    wait_for(lambda: _waiting(made.database.owner) == 0, 600)
    with made.database.owner.transaction() as connection:
        stored = connection.execute(text("SELECT count(*) FROM tds.reading")).scalar_one()
    ingester.stop()
    rate = (done - before) / seconds
    return {
        "messages": messages,
        "messages_per_s": rate,
        "readings_per_s": rate * DEVICES,
        "ledger_lag_s": lag,
        "ledger_done_s": time.monotonic() - settled,
        "lost_readings": messages * DEVICES - stored,
    }


def _waiting(store: Store) -> int:
    with store.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM tds.dirty")).scalar_one())


def ceiling(made: Cell, readings: int) -> dict[str, float]:
    """COPY into staging and INSERT … ON CONFLICT DO NOTHING, nothing else: rows per second of one session."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    texts = [
        "".join(f"{i}\t{1 + i % 800}\t{start + timedelta(seconds=first + i // 800)}\t{i}.125\n" for i in range(BATCH))
        for first in range(0, readings // 800, BATCH // 800)
    ]
    connection = made.database.owner.engine.raw_connection()
    try:
        cursor: Any = connection.cursor()
        cursor.execute(raw_statements("intake.sql")["make_staging"])
        connection.commit()
        began = time.perf_counter()
        for lines in texts:
            cursor.copy_expert(raw_statements("intake.sql")["copy_staging"], io.StringIO(lines))
            cursor.execute(
                "INSERT INTO tds.reading SELECT device_id, time, value FROM pg_temp.staging ORDER BY 1, 2 ON CONFLICT DO NOTHING"
            )
            connection.commit()
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE pg_temp.staging")
        connection.commit()
    finally:
        connection.close()
    return {"rows_per_s": len(texts) * BATCH / seconds}


def latency(made: Cell, gateways: int, rate: float, seconds: float) -> dict[str, float]:
    """Publish at a steady rate; milliseconds from publishing until another connection reads the row."""
    fleet = stations(made, gateways, rate)
    ingester = made.ingester().wait_until_subscribed()
    run = Run(made.database.owner, Plan(rate, seconds), io.StringIO())
    run.connect(fleet, [made.identity(station.mac) for station in fleet], broker_of(made))
    run.publish()
    run.settle()
    found = run.result()
    ingester.stop()
    counted = {name: found[name] for name in ("published", "lost", "duplicated")}
    return {**counted, **{f"{name}_ms": value for name, value in found["latency_ms"].items()}}


def growth(made: Cell, few: int, many: int) -> dict[str, float]:
    """Seconds to store the same batches when the table holds few and many rows (in rows)."""
    ids = [device for station in stations(made, 125, 100) for device in station.device_ids]
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    fast = _fill_and_time(made, ids, few, now)
    slow = _fill_and_time(made, ids, many - few, now + timedelta(minutes=1))
    return {"rows": many, "us_per_reading_few": fast * 1e6, "us_per_reading_many": slow * 1e6, "ratio": slow / fast}


def _fill_and_time(made: Cell, ids: list[int], rows: int, now: datetime) -> float:
    with made.database.owner.transaction() as connection:
        oldest = connection.execute(text("SELECT min(time) FROM tds.reading")).scalar() or now - timedelta(days=1)
    for first in range(0, rows // len(ids), 1000):
        with made.database.owner.transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO tds.reading SELECT d, CAST(:low AS timestamptz) + n * interval '10 seconds', n FROM generate_series(0, 999) n, "
                    "unnest(CAST(:ids AS integer[])) d"
                ),
                {"ids": ids, "low": oldest - timedelta(seconds=10 * (first + 1000))},
            )
    raw = made.database.owner.engine.raw_connection()
    taken = []
    try:
        prepare(raw.driver_connection)  # type: ignore[arg-type]
        cursor: Any = raw.cursor()
        for batch in range(20):
            lines = "".join(
                f"{i}\t{ids[i % len(ids)]}\t{now + timedelta(seconds=batch * 16 + i // len(ids) * 0.001)}\t{i}\n"
                for i in range(BATCH)
            )
            began = time.perf_counter()
            cursor.copy_expert(raw_statements("intake.sql")["copy_staging"], io.StringIO(lines))
            cursor.execute("EXECUTE store_many (%s, %s)", (datetime.now(UTC), BATCH))
            raw.commit()
            taken.append(time.perf_counter() - began)
    finally:
        raw.close()
    return sorted(taken)[len(taken) // 2] / BATCH


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--scale", type=float, default=1.0, help="1: the sizes of the published numbers; 0.05: a look")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()

    def much(n: int) -> int:
        return max(1, round(n * given.scale))

    cases: dict[str, Callable[[Cell], dict[str, float]]] = {
        "ceiling": lambda c: ceiling(c, max(BATCH * 5, much(800_000))),
        "drain": lambda c: drain(c, 100, max(2000, much(100_000)), False),
        "drain_seq": lambda c: drain(c, 100, max(2000, much(100_000)), True),
        "five_a_second": lambda c: latency(c, 10, 5, max(10, much(60))),
        "original": lambda c: latency(c, 100, 10, max(10, much(60))),
        "thousand_a_second": lambda c: latency(c, 100, 1000, max(5, much(60))),
    }
    if given.engine == "timescaledb":
        cases["growth"] = lambda c: growth(c, max(1_000_000, much(1_000_000)), max(2_000_000, much(50_000_000)))
    results: dict[str, Any] = {"engine": given.engine, "scale": given.scale, **machine()}
    for name, case in cases.items():
        if not given.only or name in given.only:
            with cell(given.engine) as made:
                results[name] = {key: round(value, 3) for key, value in case(made).items()}
            print(f"{name}: {results[name]}", file=sys.stderr)
    if "drain" in results and "ceiling" in results:
        results["drain_to_ceiling"] = round(results["drain"]["readings_per_s"] / results["ceiling"]["rows_per_s"], 3)
    return hand_over(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
