"""The processes a demo starts: each with its own log, watched, and stopped in the opposite order. Those, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from broker.machine import die_with_parent
from settings import ROOT
from sql.errors import TdsError

STOP_SECONDS = 30
POLL_SECONDS = 0.05


class ChildEnded(TdsError):
    """A process that should go on has ended; the text says which and the last thing it said."""


@dataclass(frozen=True)
class Child:
    """One started process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """Give the last line that it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip().removeprefix("tds: ") if lines else "it said nothing"


class Crew:
    """Starts processes of this program and answers for them."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self.children: list[Child] = []
        self._logs = logs
        # The folder people are in is kept, for the relative paths in their settings; its files are not to be imported.
        self._environment = {**environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._prepare = die_with_parent()

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start a module of this program in a session of its own, so that Ctrl-C reaches us alone."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
                preexec_fn=self._prepare,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def finish(self, child: Child) -> None:
        """Wait until a process has done its work; raises ChildEnded where it, or another meanwhile, failed."""
        self.wait_until(lambda: child.process.poll() is not None, child.name, float("inf"), but=child)
        self.children.remove(child)
        if child.process.returncode:
            raise ChildEnded(f"{child.name} failed: {child.last_words()}")

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float, but: Child | None = None) -> None:
        """Wait until something holds; raises ChildEnded where a process ends before, TdsError where it takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check(but)
            if time.monotonic() > deadline:
                raise TdsError(f"{what} was not ready after {seconds:.0f} s: see {self._logs}")
            time.sleep(POLL_SECONDS)

    def check(self, but: Child | None = None) -> None:
        """Raise ChildEnded where a process has ended that should not."""
        for child in self.children:
            if child is not but and child.process.poll() is not None:
                raise ChildEnded(f"{child.name} ended with status {child.process.returncode}: {child.last_words()}")

    def stop(self) -> None:
        """Stop every process, the last started first; one that does not obey is ended with whatever it started."""
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(STOP_SECONDS)
            self._sweep(child)
        self.children.clear()

    def _sweep(self, child: Child) -> None:
        """End what is left of a process's session."""
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
        elif child.process.poll() is None:
            child.process.kill()
        child.process.wait()
