"""Ports of this machine: is one free, does somebody listen, is a process of ours ready."""

from __future__ import annotations

import http.client
import os
import socket

from broker.probe import EVERYWHERE


def is_free(host: str, port: int) -> bool:
    """Tell whether a port can be listened on."""
    try:
        with _bound(host, port):
            return True
    except OSError:
        return False


def free_port(host: str) -> int:
    """Give a port that nobody uses now."""
    with _bound(host, 0) as trial:
        return int(trial.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    address = "0.0.0.0" if host in EVERYWHERE else host  # noqa: S104  (only tried, never served)
    trial = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        if os.name == "posix":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((address, port))
    except OSError:
        trial.close()
        raise
    return trial


def listens(host: str, port: int) -> bool:
    """Tell whether somebody listens on a port."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def is_ready(host: str, port: int) -> bool:
    """Tell whether the process behind a port answers that it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
