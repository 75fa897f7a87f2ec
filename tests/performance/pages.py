"""How long pages take with a thousand meters and two years: `python -m tests.performance.pages --help`.

A site is made in a database of its own on the chosen engine, and asked through the real WSGI application, in this process:
what is measured is the server, from the request to the last byte of its answer, without a network. Every change is one
callback as the browser sends it; its size is that of the answer before any compression. Files are measured to their first
byte, to their last, and by what the process grew meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

import settings as settings_module
from simulator.visibility import percentiles
from tds_dash.factory import create_server
from tests.performance import site
from tests.performance.ledger import database
from tests.web.dash import call, callbacks, post

WARM_UP = 2
OVERVIEW = ("overview-cards.children", "overview-attention.children", "overview-electricity.figure", "overview-latest.children")
EXPLORER = {
    "months": {"period": "year", "step": "month"},
    "months_by_gateway": {"period": "year", "step": "month", "group": "gateway"},
    "months_by_resource": {"period": "year", "step": "month", "group": "resource"},
    "months_beside_last_year": {"period": "year", "step": "month", "compare": "last_year"},
    "days": {"period": "month", "step": "day"},
    "days_by_gateway": {"period": "month", "step": "day", "group": "gateway"},
    "days_beside_before": {"period": "this_month", "step": "day", "compare": "previous"},
    "billing": {"period": "billing", "day": "15", "step": "day"},
    "hours_of_a_week": {"period": "week", "step": "hour"},
    "quarters_of_a_day": {"period": "day", "step": "15min"},
    "too_fine": {"period": "this_year", "step": "15min"},
}
SMALL = {
    "twelve_hours_of_a_month": {"period": "month", "step": "hour", "devices": 12},
    "one_quarters_of_a_week": {"period": "week", "step": "15min", "devices": 1},
    "one_beside_another": {"period": "month", "step": "hour", "devices": 1, "compare": "device"},
}
DEVICE = {"year": {"period": "year"}, "month": {"period": "month"}, "day": {"period": "day"}}
CSV_ROWS = 1_000_000


@contextmanager
def served(url: str) -> Iterator[FlaskClient]:
    """Give somebody signed in to the application, which reads a database as the web login does."""
    with tempfile.TemporaryDirectory(prefix="tds-performance-") as folder:
        server = create_server(settings_module.load({"TDS_DATABASE_URL": url, "TDS_STATE_DIR": folder}))
        client = server.test_client()
        response = client.post("/login", data={"email": site.EMAIL, "password": site.PASSWORD})
        assert response.status_code == 302, response.text
        yield client


def pages(client: FlaskClient, visits: int) -> dict[str, Any]:
    """Measure the overview, changes of the explorer, and a device's history."""
    found: dict[str, Any] = {name.partition(".")[0]: timed(lambda name=name: call(client, name), visits) for name in OVERVIEW}
    ids = device_ids(client)
    for name, controls in (EXPLORER | SMALL).items():
        found[f"explorer_{name}"] = timed(explorer(client, controls, ids), visits)
    found["explorer_devices"] = timed(
        lambda: call(client, "consumption-devices.options", consumption_resource="electricity"), visits
    )
    for name, controls in DEVICE.items():
        given = {f"device_{key}": value for key, value in controls.items()}
        found[f"device_{name}"] = timed(
            lambda given=given: call(client, "device-history.figure", device_id=ids[0], device_step="auto", **given), visits
        )
    return found


def device_ids(client: FlaskClient) -> list[int]:
    """Give the electricity meters' ids, the largest site's first."""
    return [one["id"] for one in client.get("/api/v1/devices?resource=electricity").json]


def explorer(client: FlaskClient, controls: dict[str, Any], ids: list[int]) -> Callable[[], Any]:
    """Give what asks the explorer for a view; the callback is looked up before, as the browser knows it already."""
    given = {"resource": "electricity", "group": "device", **controls}
    if count := given.pop("devices", 0):
        given["devices"] = ids[:count]
    if given.get("compare") == "device":
        given["with"] = ids[-1]
    values = {f"consumption-{name}.value": value for name, value in given.items()}
    dependency = next(one for one in callbacks(client) if "consumption-chart.figure" in one["output"].strip(".").split("..."))
    return lambda: post(client, dependency, values)


def timed(ask: Callable[[], Any], visits: int) -> dict[str, float]:
    """Ask again and again; gives p50 and p95 in milliseconds, and the answer's kilobytes."""
    taken, size = [], 0
    for number in range(WARM_UP + visits):
        began = time.perf_counter()
        response = ask()
        size = len(response.data)
        if number >= WARM_UP:
            taken.append(1000 * (time.perf_counter() - began))
        assert response.status_code == 200, response.text
    ranks = percentiles(taken)
    return {"p50_ms": round(ranks["p50"], 1), "p95_ms": round(ranks["p95"], 1), "kilobytes": round(size / 1000, 1)}


def files(client: FlaskClient, devices: int, rows: int) -> dict[str, Any]:
    """Measure a file of so many rows: consumption by hour as CSV."""
    hours = max(24, rows // devices)
    end = datetime.now(UTC).date()
    start = end - timedelta(days=-(-hours // 24))
    path = f"/api/v1/export/consumption.csv?step=hour&from={start}&to={end}"
    client.get(f"/api/v1/export/consumption.csv?step=hour&from={end - timedelta(days=1)}&to={end}", buffered=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    response = client.get(path, buffered=False)
    parts = response.iter_encoded()
    first = next(parts)
    first_byte = time.perf_counter() - began
    lines, size = first.count(b"\n"), len(first)
    for part in parts:
        lines += part.count(b"\n")
        size += len(part)
    whole = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "rows": lines - 1,
        "megabytes": round(size / 1e6, 1),
        "first_byte_ms": round(1000 * first_byte, 1),
        "seconds": round(whole, 1),
        "grown_megabytes": round(grown / 1024, 1),
    }


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.pages", description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--devices", type=int, default=1000, help="meters of the account")
    parser.add_argument("--months", type=int, default=24, help="months of quarter-hours")
    parser.add_argument("--visits", type=int, default=30, help="how often each page is asked for")
    parser.add_argument("--rows", type=int, default=CSV_ROWS, help="rows of the file")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 2)}
    results: dict[str, Any] = {"engine": given.engine, "scale": given.devices / 1000, **machine}
    with database(given.engine) as store:
        results["site"] = site.build(store, given.devices, given.months)
        with served(store.url) as client:
            results["pages"] = pages(client, given.visits)
            results["csv"] = files(client, given.devices, given.rows)
    document = json.dumps(results, indent=1)
    print(document)
    if given.out:
        given.out.write_text(document + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
