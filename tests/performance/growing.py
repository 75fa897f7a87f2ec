"""What an installation does as it grows: `python -m tests.performance.growing --help`.

Two cells against one, pages asked of one, two and four workers, pages while gateways publish half of what intake can take, ten years of
a small account. Everything is real and on one machine, so that whatever is added shares its cores with what was there.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

import settings as settings_module
from settings import ROOT
from simulator.load import Plan, Run
from sql.engine import Store, open_store
from tests.conftest import Database
from tests.faults.cell import Cell, Pair, wait_for
from tests.performance import site
from tests.performance.browsing import served
from tests.performance.decade import ten_years
from tests.performance.intake import DEVICES, broker_of, drain, stations
from tests.performance.machine import hand_over, machine
from tests.performance.pages import timed
from tests.performance.places import database
from tests.performance.visitors import PAGES, Visitor

VISITORS = 8


def two_cells(engine: str, messages: int) -> dict[str, float]:
    """Drain a backlog by one cell, as much by two that share it on the same database, and by one again; messages a second, and their ratio."""
    rates = []
    for count in (1, 2, 1):
        with place(engine) as made, tempfile.TemporaryDirectory() as folder:
            pair = Pair(made, Path(folder) / "second")
            try:
                rates.append(drained(pair.cells[:count], messages))
            finally:
                pair.close()
    one, two = (rates[0] + rates[2]) / 2, rates[1]
    return {"one_per_s": one, "two_per_s": two, "ratio": two / one}


def drained(cells: Sequence[Cell], messages: int) -> float:
    """Fill the brokers of cells while no ingester runs, start the ingesters, and give how many messages a second they store."""
    fleet = stations(cells[0], 100, 1000)
    shares = [fleet[number :: len(cells)] for number in range(len(cells))]
    runs = []
    for cell, share in zip(cells, shares, strict=True):
        ingester_of(cell).wait_until_subscribed().stop()  # its session stays at the broker
        run = Run(cell.database.owner, Plan(1_000_000, 1_000_000, False), io.StringIO())
        run.connect(share, [cells[0].identity(station.mac) for station in share], broker_of(cell))
        while run.published < messages // len(cells):
            for log in run.logs[: messages // len(cells) - run.published]:
                run._send(log)
            while run.published - run._acknowledged() > 500:
                run.board.step(0.01)
        while run._acknowledged() < messages // len(cells):
            run.board.step(0.01)
        runs.append(run)
    started = [ingester_of(cell) for cell in cells]
    ingesters = [one.wait_until_subscribed() for one in started]
    began, before = time.monotonic(), sum(one.metric("tds_messages_total") for one in ingesters)
    whole = messages // len(cells) * len(cells)
    while (done := sum(one.metric("tds_messages_total") for one in ingesters)) < whole:
        assert time.monotonic() < began + 600, [one.log.read_text()[-1000:] for one in ingesters]
        time.sleep(0.1)
    seconds = time.monotonic() - began
    for run in runs:
        run.board.close()
    with cells[0].database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.reading")).scalar_one() == whole * DEVICES
    return (done - before) / seconds


def ingester_of(cell: Cell) -> Any:
    """Start the ingester of a cell under the cell's own client id."""
    return cell.ingester(TDS_MQTT_CLIENT_ID=cell.settings.mqtt_client_id)


@contextmanager
def place(engine: str, keep: Path | None = None) -> Iterator[Database]:
    """Give a database with a store for each login."""
    with database(engine, keep) as owner, tempfile.TemporaryDirectory(prefix="tds-growing-") as folder, ExitStack() as stack:
        given = settings_module.load({"TDS_STATE_DIR": folder, "TDS_DATABASE_URL": owner.url})
        stores = {role: stack.enter_context(_closing(open_store(given, role))) for role in ("ingest", "web")}  # type: ignore[arg-type]
        yield Database(engine, given, owner, **stores)


@contextmanager
def _closing(store: Store) -> Iterator[Store]:
    yield store
    store.close()


def workers(url: str, seconds: float) -> dict[str, float]:
    """Ask `tds web` with one, two and four workers, eight visitors at once; answers a second, and the ratio to one."""
    found = {}
    for count in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder, served(url, Path(folder), count) as address:
            found[f"workers_{count}_per_s"] = _asked(address, count, seconds)
    return {**found, **{f"ratio_{count}": found[f"workers_{count}_per_s"] / found["workers_1_per_s"] for count in (2, 4)}}


def _asked(address: str, count: int, seconds: float) -> float:
    """Have visitors ask in turn for so long; gives answers a second."""
    first = Visitor(address)
    answers = [0] * VISITORS
    faults: list[BaseException] = []
    stop = threading.Event()

    def ask(number: int) -> None:
        try:
            for one in itertools.cycle(Visitor(address, first).asks().values()):
                assert one().status_code == 200
                if stop.is_set():
                    return
                answers[number] += 1
        except BaseException as fault:
            faults.append(fault)
            raise

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(VISITORS)]
    for thread in threads:
        thread.start()
    wait_for(lambda: faults or min(answers) >= 3 * len(PAGES) * count, 120)  # every worker has answered everything, and is warm
    before, began = sum(answers), time.monotonic()
    time.sleep(seconds)
    rate = (sum(answers) - before) / (time.monotonic() - began)
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    return rate


def beside_intake(made: Database, visits: int, limit: float) -> dict[str, float]:
    """Ask for pages while nothing arrives and while gateways publish half of what intake can take; p95 in ms, messages a second seen."""
    cell = Cell(made)
    try:
        with served(made.settings.database_url or "", made.settings.state_dir) as address:
            ingester = cell.ingester().wait_until_subscribed()
            asks = Visitor(address).asks()
            alone = {name: timed(ask, visits)["p95_ms"] for name, ask in asks.items()}
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("TDS_")},
                "TDS_DATABASE_URL": made.settings.database_url or "",
                "TDS_STATE_DIR": str(made.settings.state_dir),
                "TDS_MQTT_PORT": str(cell.settings.mqtt_port),
            }
            seconds = 20 + visits  # long enough for every page
            command = [
                "simulate",
                "--gateways",
                "100",
                "--devices",
                str(DEVICES),
                "--rate",
                f"{limit / 2:.0f}",
                "--duration",
                str(seconds),
            ]
            gateways = subprocess.Popen(
                [sys.executable, "-m", "cli", *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
            )
            try:
                wait_for(lambda: ingester.metric("tds_messages_total") > 1000, 120)
                began, before = time.monotonic(), ingester.metric("tds_messages_total")
                beside = {name: timed(ask, visits)["p95_ms"] for name, ask in asks.items()}
                rate = (ingester.metric("tds_messages_total") - before) / (time.monotonic() - began)
                assert gateways.poll() is None, "the gateways had ended before the last page was asked for"
            finally:
                gateways.terminate()
                gateways.wait(60)
    finally:
        cell.close()
    found = {"wanted_per_s": limit / 2, "messages_per_s": rate}
    return (
        found
        | {f"{name}_alone_p95_ms": value for name, value in alone.items()}
        | {f"{name}_p95_ms": value for name, value in beside.items()}
    )


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.growing", description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--scale", type=float, default=1.0, help="1: the sizes of the published numbers; 0.05: a look")
    parser.add_argument("--only", nargs="*", choices=("cells", "workers", "beside_intake", "ten_years"))
    parser.add_argument(
        "--keep", type=Path, help="a folder with a kept site, as of tests.performance.pages; its pages are asked for"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results: dict[str, Any] = {"engine": given.engine, "scale": given.scale, **machine()}

    def much(n: int) -> int:
        return max(1, round(n * given.scale))

    def of_site(measure: Callable[[Database], dict[str, float]]) -> dict[str, float]:
        with place(given.engine, given.keep) as made:
            site.made(made.owner, max(20, much(1000)), 24 if given.scale >= 1 else 3, given.keep)
            return measure(made)

    def beside() -> dict[str, float]:
        with place(given.engine) as made:
            cell = Cell(made)
            limit = drain(cell, 100, max(2000, much(50_000)), False)["messages_per_s"]
            cell.close()
        return of_site(lambda made: beside_intake(made, max(5, much(20)), limit))

    def ten() -> dict[str, float]:
        with place(given.engine) as made:
            return ten_years(made, max(4, much(20)), max(1, 10 * given.scale), 10)

    cases: dict[str, Callable[[], dict[str, float]]] = {
        "cells": lambda: two_cells(given.engine, max(2000, much(100_000))),
        "workers": lambda: of_site(lambda made: workers(made.settings.database_url or "", max(3, 20 * given.scale))),
        "beside_intake": beside,
        "ten_years": ten,
    }
    for name, case in cases.items():
        if not given.only or name in given.only:
            results[name] = {key: round(value, 3) for key, value in case().items()}
            print(f"{name}: {results[name]}", file=sys.stderr)
    return hand_over(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
