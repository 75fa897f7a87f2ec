"""What somebody in front of Chromium waits for: the overview's first chart, and a device's history from two years to a day."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from settings import ROOT
from simulator.visibility import percentiles
from tests.chromium import ARGUMENTS, PROGRAM
from tests.performance import site

PATIENCE_MS = 60_000
# Notes when the first bars of any chart have been painted: seen in one frame, they are on the screen in the next.
PAINTED = """(() => {
    const look = () => document.querySelector(".js-plotly-plot .barlayer .point path")
        ? requestAnimationFrame(() => { window.painted = performance.now(); }) : requestAnimationFrame(look);
    requestAnimationFrame(look);
})()"""
# Zooms as a drag does, and gives how long it takes until what the server answered is drawn.
ZOOMED = """([low, high]) => new Promise((done) => {
    const graph = document.querySelector("#device-history .js-plotly-plot"), before = graph.data, began = performance.now();
    const look = () => graph.data !== before ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
    Plotly.relayout(graph, { "xaxis.range[0]": low, "xaxis.range[1]": high }).then(look);
})"""
CHOSEN = """() => new Promise((done) => {
    const graph = document.querySelector("#device-history .js-plotly-plot"), before = graph.data, began = performance.now();
    const look = () => graph.data !== before ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
    document.querySelector("#device-period input[value=two_years]").click();
    look();
})"""


def browse(url: str, folder: Path, device: int, visits: int) -> dict[str, Any]:
    """Measure both against `tds web`, warm; milliseconds."""
    with served(url, folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        try:
            page = signed_in(browser, address)
            return {**overview(page, address, visits), **zooms(page, address, device, visits)}
        finally:
            browser.close()


@contextmanager
def served(url: str, folder: Path, workers: int = 2) -> Iterator[str]:
    """Run `tds web` on a free port against a database; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"TDS_DATABASE_URL": url, "TDS_STATE_DIR": str(folder), "TDS_WEB_PORT": str(port), "TDS_WEB_WORKERS": str(workers)}
    process = subprocess.Popen([sys.executable, "-m", "cli", "web"], cwd=ROOT, env={**os.environ, **given})
    try:
        _wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def signed_in(browser: Browser, address: str) -> Page:
    """Sign in. The policy that forbids scripts of strings is put aside: the driver waits by them."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en", bypass_csp=True).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/login")
    page.fill("#email", site.EMAIL)
    page.fill("#password", site.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("h1")
    return page


def overview(page: Page, address: str, visits: int) -> dict[str, float]:
    """Give the time from navigation until the first chart is painted."""
    page.add_init_script(PAINTED)
    taken = []
    for _ in range(visits + 2):
        page.goto(f"{address}/")
        page.wait_for_function("window.painted")
        taken.append(page.evaluate("window.painted"))
        page.wait_for_load_state("networkidle")
    ranks = percentiles(taken[2:])
    return {"painted_p50_ms": round(ranks["p50"]), "painted_p95_ms": round(ranks["p95"])}


def zooms(page: Page, address: str, device: int, visits: int) -> dict[str, float]:
    """Give the time from choosing two years, and from zooming to one of their days, until it is drawn."""
    whole, day = [], []
    moment = datetime.now(UTC).replace(hour=3, minute=0) - timedelta(days=100)
    for number in range(visits + 2):
        page.goto(f"{address}/device/{device}?period=week")
        page.wait_for_selector("#device-history .js-plotly-plot .barlayer .point path")
        page.wait_for_load_state("networkidle")
        whole.append(page.evaluate(CHOSEN))
        page.wait_for_load_state("networkidle")
        low = moment - timedelta(days=3 * number)
        day.append(page.evaluate(ZOOMED, [f"{low:%Y-%m-%d %H:%M}", f"{low + timedelta(days=1):%Y-%m-%d %H:%M}"]))
    found = {"two_years": percentiles(whole[2:]), "to_a_day": percentiles(day[2:])}
    return {f"{name}_{rank}_ms": round(ranks[rank]) for name, ranks in found.items() for rank in ("p50", "p95")}
