"""Whether the web application lives, can serve, and how it does: /healthz, /readyz, /metrics."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sql.engine import Store, reason
from sql.health import usable
from tds_dash.forwarded import Application
from tds_dash.identity import store

blueprint = Blueprint("health", __name__)
ADDRESSES = ("/healthz", "/readyz", "/metrics")
NEARBY = re.compile(r"([A-Za-z0-9_-]+|[0-9]+(\.[0-9]+){3}|\[[0-9A-Fa-f:]+\])(:[0-9]+)?")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of this application; several workers share theirs through PROMETHEUS_MULTIPROC_DIR."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("tds_http_requests_total", "Requests answered.", ["endpoint", "status"], registry=self.registry)
        self.seconds = Histogram(
            "tds_http_request_seconds", "Time to answer a request.", ["endpoint"], registry=self.registry, buckets=BUCKETS
        )

    def text(self) -> bytes:
        """Give the exposition text, of all workers where they share."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)


def install(server: Flask) -> None:
    """Add the three addresses and count every request, by the time since tracing saw it come."""
    metrics = Metrics()
    server.extensions["tds_metrics"] = metrics
    server.register_blueprint(blueprint)
    server.wsgi_app = Within(server.wsgi_app)  # type: ignore[method-assign]

    @server.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        metrics.requests.labels(endpoint, str(response.status_code)).inc()
        metrics.seconds.labels(endpoint).observe(time.perf_counter() - g.get("began", time.perf_counter()))
        return response


class Within:
    """A WSGI application whose three addresses answer to whatever a machine beside this one calls it: an address, or a name of one word.

    Prometheus, a balancer and the doctor in a container ask for `web:8050`, which is not what people type. A name of several words must be one of its
    own: that of a stranger's page, which has its name lead here, always is.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO") in ADDRESSES and NEARBY.fullmatch(environ.get("HTTP_HOST", "")):
            environ["HTTP_HOST"] = "localhost"
        return self.application(environ, start_response)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Say whether the database and its schema can be used; 503 with the reason where not, which is for inside alone."""
    problem = unusable(store())
    if problem and is_forwarded():
        problem = "not ready"
    if problem:
        return Response(f"{problem}\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give the counters in Prometheus' text format; to nobody outside, whatever a proxy lets through."""
    if is_forwarded():
        abort(404)
    return Response(current_app.extensions["tds_metrics"].text(), content_type=CONTENT_TYPE_LATEST)


def is_forwarded() -> bool:
    """Tell whether a request came through a proxy; who pretends so only shuts themselves out."""
    return "X-Forwarded-For" in request.headers


def unusable(opened: Store) -> str | None:
    """Say in a sentence why the store cannot be used, or None where it can."""
    try:
        with opened.transaction() as conn:
            return usable(conn)
    except DBAPIError as error:
        return f"the database cannot be used: {reason(error)}"
    except SQLAlchemyError as error:
        return f"the database cannot be used: {str(error).splitlines()[0]}"
