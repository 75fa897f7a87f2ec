"""Ports of this machine: is one free, does somebody listen, is a process of ours ready."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Collection

from broker.probe import EVERYWHERE
from sql.errors import Refused


def is_free(host: str, port: int) -> bool:
    """Tell whether a port can be listened on."""
    try:
        with _bound(host, port):
            return True
    except OSError:
        return False


def free_port(host: str) -> int:
    """Give a port that nobody uses now; to be used at once."""
    with _bound(host, 0) as trial:
        return int(trial.getsockname()[1])


def next_free_port(host: str, taken: int, promised: Collection[int] = ()) -> int:
    """Give the first free port above one that is taken: near it, since the system hands far ones out to connections.

    What is `promised` to somebody who does not listen yet is not free.
    """
    for port in range(taken + 1, min(taken + 100, 65_536)):
        if port not in promised and is_free(host, port):
            return port
    raise Refused(f"ports {taken} to {taken + 99} are all in use: stop what uses them, or set other ports")


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
    return _get(host, port, "/readyz") is not None


def is_subscribed(host: str, port: int) -> bool:
    """Tell whether the ingester behind a port is ready, is the active one, and hears the broker."""
    lines = (_get(host, port, "/metrics") or "").splitlines()
    return is_ready(host, port) and {"tds_active 1.0", "tds_broker_connected 1.0"} <= set(lines)


def _get(host: str, port: int, path: str) -> str | None:
    """Give what is answered with status 200, or None."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode("utf-8") if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
