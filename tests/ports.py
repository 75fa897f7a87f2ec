"""Ports for what tests start: such as the system hands out to no connection, and no other worker of the run is given."""

from __future__ import annotations

import os
import random
from itertools import cycle

from simulator.ports import is_free

# Linux gives 32768 and above to whoever asks for any: one that was only tried could be somebody's a moment later.
FIRST, OF_A_WORKER, WORKERS = 10_000, 1_000, 10
_place = FIRST + OF_A_WORKER * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS)
_own = list(range(_place, _place + OF_A_WORKER))
_start = random.randrange(OF_A_WORKER)  # two runs on one machine begin at different places
_next = cycle(_own[_start:] + _own[:_start])


def free_port() -> int:
    """Give a port that nobody uses; none twice before all others were given."""
    return next(port for port in _next if is_free("127.0.0.1", port))
