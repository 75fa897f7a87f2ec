"""What the machine has to give a broker: a free port, files enough to open, an end together with its parent."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from broker.mosquitto import BrokerError

DESCRIPTORS = 262_144


def wait_for_port(bind: str, port: int, setting: str, patience: float = 5) -> None:
    """Wait a little for a broker that is just ending; raises BrokerError where the port stays taken or is not ours."""
    deadline = time.monotonic() + patience
    while True:
        try:
            _try_port(bind, port)
            return
        except PermissionError as error:
            raise BrokerError(f"port {port} may not be opened by this user: choose one above 1023 with {setting}") from error
        except socket.gaierror as error:
            raise BrokerError(f"TDS_BROKER_BIND names no address of this machine: {bind}") from error
        except OSError as error:
            if error.errno is not None and "assign" in (error.strerror or ""):
                raise BrokerError(f"TDS_BROKER_BIND names no address of this machine: {bind}") from error
            if time.monotonic() > deadline:
                raise BrokerError(f"port {port} is in use by another program: stop it, or set {setting}") from error
        time.sleep(0.2)


def raise_descriptor_limit(wanted: int = DESCRIPTORS) -> int:
    """Raise the number of files and connections that this process and its children may open; gives the new limit."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    if not unlimited and hard < wanted:
        with suppress(ValueError, OSError):  # only root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    target = wanted if unlimited else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        return target
    return min(soft, wanted) if soft != resource.RLIM_INFINITY else wanted


def _try_port(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as trial:
        if sys.platform != "win32":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)
        trial.listen(1)


def die_with_parent() -> Callable[[], None] | None:
    """Make the function that asks Linux, between fork and exec, to stop the child should we be killed; None elsewhere."""
    if sys.platform != "linux":
        return None
    import ctypes

    library = ctypes.CDLL(None)

    def ask() -> None:
        library.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

    return ask
