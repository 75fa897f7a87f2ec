"""`tds web`: the web application in the foreground, with one clear line for what keeps it from starting."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial

from flask import Flask
from sqlalchemy.exc import DBAPIError

from logs import log_to_stderr
from settings import Settings
from sql import engine
from sql.errors import StoreUnavailable, TdsError
from sql.health import usable
from tds_dash.tracing import name_record

THREADS = 4  # as many transactions at once as a worker's pool has connections


def web(settings: Settings, args: argparse.Namespace | None = None) -> int:
    """Serve until a signal says to stop."""
    check_port(settings.web_host, settings.web_port)
    check_store(settings)
    log_to_stderr(settings.log_format, name_record)
    with tempfile.TemporaryDirectory(prefix="tds-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # before prometheus_client is first imported
        from tds_dash.factory import create_server  # imported once, for all workers; each opens its own store

        serve = serve_with_waitress if sys.platform == "win32" else serve_with_gunicorn
        serve(partial(create_server, settings), settings)
    return 0


def check_port(host: str, port: int) -> None:
    """Refuse in one line where the address cannot be listened on; gunicorn would try five times."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"{error.strerror or error}: stop what uses it, or set TDS_WEB_PORT (and TDS_WEB_HOST) to another"
            raise TdsError(f"cannot listen on {host}:{port}: {reason}") from error


def check_store(settings: Settings) -> None:
    """Refuse in one line where the database cannot be reached or has no usable schema."""
    store = engine.open_store(settings, "web", pool_size=1)
    try:
        with store.transaction() as conn:
            problem = usable(conn)
    except DBAPIError as error:
        raise StoreUnavailable(f"the database cannot be used (has `tds migrate` been run?): {engine.reason(error)}") from error
    finally:
        store.close()
    if problem:
        raise StoreUnavailable(problem)


def serve_with_gunicorn(build: Callable[[], Flask], settings: Settings) -> None:
    """Run gunicorn's master and its workers."""
    from tds_dash.serving import Gunicorn, Log, Worker

    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    options = {
        "bind": [f"{host}:{settings.web_port}"],
        "worker_class": Worker,
        "workers": settings.web_workers,
        "threads": THREADS,
        # Longer than proxies and browsers keep a connection: who sends on one that is just being closed loses what was sent.
        "keepalive": 125,
        "timeout": 60,
        "graceful_timeout": 10,
        "max_requests": 20_000,
        "max_requests_jitter": 2_000,
        # Nobody's word on scheme or path is taken: "SCRIPT_NAME: /x" would have /x/metrics be /metrics, past a proxy that keeps that shut.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "control_socket_disable": True,
        "proc_name": "tds-web",
        "loglevel": "warning",
        "logger_class": Log,
    }
    Gunicorn(build, options).run()


def serve_with_waitress(build: Callable[[], Flask], settings: Settings) -> None:
    """Run waitress, one process of threads."""
    from waitress import serve

    # Ours to judge, not waitress's: it would take X-Forwarded-For away before the application saw who sent it.
    own = {"clear_untrusted_proxy_headers": False, "ident": None}
    serve(build(), host=settings.web_host, port=settings.web_port, threads=2 * THREADS, **own)
