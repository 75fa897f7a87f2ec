"""How long the server works on one visit to the overview, and whether the page asks anybody else.

Chromium opens the page once, to see which requests a visit is made of. The document and every callback that fills it
are then sent again, one after the other, from a plain HTTP client: what is measured is the server, not the browser.
"""

from __future__ import annotations

import http.client
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, sync_playwright

from simulator.visibility import percentiles
from tests.chromium import ARGUMENTS, PROGRAM

WARM_UP = 3
NOT_SENT_AGAIN = {"content-length", "accept-encoding", "connection", "host"}


class Sent(NamedTuple):
    """One request of a visit."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


def measure(address: str, email: str, password: str, visits: int) -> dict[str, Any]:
    """Give p50 and p95 of the server's milliseconds for a visit, and the number of requests to other hosts."""
    host = urlsplit(address).netloc
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        try:
            requests = _visit(browser, address, email, password)
            outside = {request.url for request in requests if urlsplit(request.url).netloc not in (host, "")}
            parts = [_sent(request) for request in requests if request.method == "POST" or request.resource_type == "document"]
        finally:
            browser.close()
    taken = [_replay(host, parts) for _ in range(WARM_UP + visits)][WARM_UP:]
    ranks = percentiles([1000 * seconds for seconds in taken])
    return {
        "p50_ms": ranks["p50"],
        "p95_ms": ranks["p95"],
        "visits": visits,
        "requests": len(parts),
        "outside_requests": len(outside),
    }


def _visit(browser: Browser, address: str, email: str, password: str) -> list[Request]:
    """Sign in, choose the first account, and give every request of the overview until it is quiet."""
    page = browser.new_context().new_page()
    sign_in(page, address, email, password)
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    page.goto(f"{address}/")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    return requests


def sign_in(page: Page, address: str, email: str, password: str) -> None:
    """Sign in, choose the first account, and wait for the overview."""
    page.goto(f"{address}/login")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.locator("button[name=account]").first.click()
    page.wait_for_url(f"{address}/")
    page.wait_for_load_state("networkidle")


def _sent(request: Request) -> Sent:
    headers = {name: value for name, value in request.all_headers().items() if name[0] != ":" and name not in NOT_SENT_AGAIN}
    parts = urlsplit(request.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Sent(request.method, path, headers, request.post_data_buffer)


def _replay(host: str, parts: list[Sent]) -> float:
    """Send the requests of one visit and give the seconds until each was answered whole, added up."""
    connection = http.client.HTTPConnection(host, timeout=30)
    total = 0.0
    for part in parts:
        began = time.perf_counter()
        connection.request(part.method, part.path, part.body, part.headers)
        answer = connection.getresponse()
        answer.read()
        total += time.perf_counter() - began
        assert answer.status in (200, 204), f"{part.path}: {answer.status}"
    connection.close()
    return total
