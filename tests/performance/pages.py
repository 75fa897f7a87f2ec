"""How long pages take with a thousand meters and two years: `python -m tests.performance.pages --help`.

A site is made in a database of its own on the chosen engine, and asked through the real WSGI application, in this process:
what is measured is the server, from the request to the last byte of its answer, without a network. Every change is one
callback as the browser sends it; its size is that of the answer before any compression. Files are measured to their first
byte, to their last, and by what the process grew meanwhile. What somebody waits for is measured in Chromium against `tds web`.
"""

from __future__ import annotations

import argparse
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
from tests.performance.browsing import browse
from tests.performance.machine import hand_over, machine
from tests.performance.places import database
from tests.web.dash import callbacks, post

WARM_UP = 2
OVERVIEW = (
    "overview-cards.children",
    "overview-attention.children",
    "overview-budgets.children",
    "overview-electricity.figure",
    "overview-latest.children",
)
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
PEAKS = {
    "months_13": {"resource": "electricity", "months": "13"},
    "months_25": {"resource": "electricity", "months": "25"},
    "months_25_of_water": {"resource": "water", "months": "25"},
    "months_3": {"resource": "electricity", "months": "3"},
}
PARTS = {"a_gateway": 6, "half": 350}  # peaks of so many devices
COSTS = (
    "costs-cards.children",
    "costs-chart.figure",
    "bills-table.children",
    "reports-months.children",
    "overview-budgets.children",
)
LISTS = ("devices-table.children", "gateways-table.children", "consumption-devices.options", "peaks-devices.options")
DEVICE = {
    "two_years": {"period": "two_years"},
    "zoomed_to_a_day": {"period": "two_years", "zoom": "a day"},
    "year": {"period": "year"},
    "month": {"period": "month"},
    "day": {"period": "day"},
}
CSV_ROWS = 1_000_000


@contextmanager
def served(url: str, email: str = site.EMAIL) -> Iterator[tuple[FlaskClient, Path]]:
    """Give somebody signed in to the application, which reads a database as the web login does, and its state folder."""
    with tempfile.TemporaryDirectory(prefix="tds-performance-") as folder:
        server = create_server(settings_module.load({"TDS_DATABASE_URL": url, "TDS_STATE_DIR": folder}))
        client = server.test_client()
        response = client.post("/login", data={"email": email, "password": site.PASSWORD})
        assert response.status_code == 302, response.text
        yield client, Path(folder)


def pages(client: FlaskClient, visits: int) -> dict[str, Any]:
    """Measure the overview, changes of the explorer, peaks, costs and invoices, a device's load and its history."""
    found: dict[str, Any] = {short(name): timed(asking(client, name), visits) for name in OVERVIEW}
    ids = device_ids(client)
    for name, controls in (EXPLORER | SMALL).items():
        found[f"explorer_{name}"] = timed(explorer(client, controls, ids), visits)
    for name, controls in PEAKS.items():
        found[f"peaks_{name}"] = timed(asking(client, "peaks-chart.figure", "peaks", controls), visits)
    for name, count in PARTS.items():
        controls = {**PEAKS["months_13"], "devices": ids[:count]}
        found[f"peaks_of_{name}"] = timed(asking(client, "peaks-chart.figure", "peaks", controls), visits)
    priced = {"costs-resource.value": "electricity", "costs-per.value": "day"}
    found |= {short(name): timed(asking(client, name, more=priced), visits) for name in COSTS}
    load = {**device_controls(DEVICE["month"], ids), "profile": "year"}
    for name in ("device-week.figure", "device-degrees.figure"):
        found[short(name)] = timed(asking(client, name, "device", load), visits)
    last_month = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    found["report"] = timed(lambda: client.get(f"/report/{last_month:%Y-%m}.pdf"), visits)
    for name, controls in DEVICE.items():
        found[f"device_{name}"] = timed(asking(client, "device-history.figure", "device", device_controls(controls, ids)), visits)
    return found


def wide(client: FlaskClient, visits: int) -> dict[str, Any]:
    """Measure pages of an account with ten times the meters, and a permalink that names all of them."""
    resources = {"consumption-resource.value": "electricity", "peaks-resource.value": "electricity"}
    found: dict[str, Any] = {short(name): timed(asking(client, name, more=resources), visits) for name in (*LISTS, *OVERVIEW)}
    for name in ("months", "days"):
        found[f"explorer_{name}"] = timed(explorer(client, EXPLORER[name], []), visits)
    many = ",".join(map(str, device_ids(client)))
    found["permalink"] = timed(lambda: client.get(f"/consumption?devices={many}"), visits)
    found["permalink_shown"] = timed(explorer(client, {**EXPLORER["months"], "devices": many}, []), visits)
    return found


def short(output: str) -> str:
    """Name an output as results are named."""
    return output.partition(".")[0].replace("-", "_")


def device_controls(controls: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    """Give a device's controls, its number, and where a drag left the chart."""
    low = datetime.now(UTC).date() - timedelta(days=100)
    zoom = {"zoom": f"{low}T00:00~{low + timedelta(days=1)}T00:00"} if controls.get("zoom") else {}
    return {"step": "auto", **controls, **zoom, "id": ids[0]}


def device_ids(client: FlaskClient) -> list[int]:
    """Give the electricity meters' ids, the largest site's first."""
    return [one["id"] for one in client.get("/api/v1/devices?resource=electricity").json]


def asking(
    client: FlaskClient, output: str, room: str = "", controls: dict[str, Any] | None = None, more: dict[str, Any] | None = None
) -> Callable[[], Any]:
    """Give what asks for an output with a page's controls; the callback is looked up before, as the browser knows it already."""
    values = {f"{room}-{name}.{property_of(name)}": value for name, value in (controls or {}).items()} | (more or {})
    dependency = next(one for one in callbacks(client) if output in one["output"].strip(".").split("..."))
    return lambda: post(client, dependency, values)


def property_of(control: str) -> str:
    """Give the property that holds a control's value: stores keep data."""
    return "data" if control in ("id", "zoom") else "value"


def explorer(client: FlaskClient, controls: dict[str, Any], ids: list[int]) -> Callable[[], Any]:
    """Give what asks the explorer for a view."""
    given = {"resource": "electricity", "group": "device", **controls}
    if isinstance(count := given.get("devices"), int):
        given["devices"] = ids[:count]
    if given.get("compare") == "device":
        given["with"] = ids[-1]
    return asking(client, "consumption-chart.figure", "consumption", given)


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


def measured(url: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure what is wanted of a site."""
    results: dict[str, Any] = {}
    with served(url) as (client, folder):
        if not given.only or "pages" in given.only:
            found = pages(client, given.visits)
            results["pages"] = {**found, "largest": {"kilobytes": max(one["kilobytes"] for one in found.values())}}
        if not given.only or "csv" in given.only:
            results["csv"] = files(client, given.devices, given.rows)
        if not given.only or "browser" in given.only:
            results["browser"] = browse(url, folder, device_ids(client)[0], given.visits)
    if not given.only or "wide" in given.only:
        with served(url, site.WIDE_EMAIL) as (client, _):
            results["wide"] = wide(client, given.visits)
    return results


def main() -> int:
    """Measure one engine and print a JSON document."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.pages", description=__doc__)
    parser.add_argument("--engine", choices=("plain", "timescaledb"), default="plain")
    parser.add_argument("--devices", type=int, default=1000, help="meters of the account")
    parser.add_argument("--months", type=int, default=24, help="months of quarter-hours")
    parser.add_argument("--visits", type=int, default=30, help="how often each page is asked for")
    parser.add_argument("--rows", type=int, default=CSV_ROWS, help="rows of the file")
    parser.add_argument("--only", nargs="*", choices=("pages", "wide", "csv", "browser"))
    parser.add_argument("--keep", type=Path, help="a folder: the site stays there, to be measured again")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results: dict[str, Any] = {"engine": given.engine, "scale": given.devices / 1000, "python": platform.python_version()}
    with database(given.engine, given.keep) as store:
        results["site"] = site.made(store, given.devices, given.months, given.keep)
        results |= machine()
        results |= measured(store.url, given)
    return hand_over(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
