"""A demo as people start it: a process of its own, with what it printed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from settings import ROOT
from simulator.ports import next_free_port


class Started:
    """A demo of its own process with its output."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        # Below the ports that the system hands out to connections: ours must still be free when the pages open.
        self.port = next_free_port("127.0.0.1", random.randrange(20_000, 30_000))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TDS_")}
        environment |= {"TDS_STATE_DIR": str(folder / "a state"), "PYTHONPATH": str(ROOT), **more}
        self.out = folder / f"{self.port}.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "demo", "--port", str(self.port), *arguments],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )

    def text(self) -> str:
        """What it said so far."""
        return self.out.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait for its last line."""
        deadline = time.monotonic() + 300
        while "Ctrl-C stops everything." not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def printed(self, pattern: str) -> str:
        """The first group of a pattern in what it said."""
        found = re.search(pattern, self.text())
        assert found, self.text()
        return found.group(1)

    @property
    def login(self) -> tuple[str, str]:
        """The e-mail and the password that it printed."""
        return self.printed(r"e-mail +(\S+)"), self.printed(r"password +(\S+)")

    @property
    def history(self) -> int:
        """How many readings it added."""
        return int(self.printed(r"history: ([\d,]+) readings").replace(",", ""))

    def family(self) -> dict[psutil.Process, list[str]]:
        """Every process below it, with its command line; the database's helpers come and go."""
        found = {}
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                found[process] = process.cmdline()
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        """Signal it and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # nothing of it may stand in the way of other tests
            raise AssertionError(self.text()) from None


def ended(number: int) -> bool:
    """Tell whether a process is over, or nobody's but its parent's to take note of."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
