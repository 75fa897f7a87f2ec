"""The worker of monthly reports by mail: one thread that looks whether any is due, and has it sent by a process of its own.

A command, since this room knows nothing of figures and pages: `tds mail-reports` (tds_dash/report/sending.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

from broker.machine import die_with_parent
from ingest.turns import take_turns
from settings import ROOT, Settings
from sql import engine, report_post
from sql.report_post import LEASE

LOOK_SECONDS, PAUSE_SECONDS = 60.0, 1.0
# A process that hangs is ended before anybody else may take what it holds.
LONGEST_SECONDS = LEASE.total_seconds() * 2 / 3


class ReportWorker:
    """Looks once a minute until it is told to stop; where no mail server is set it does nothing."""

    def __init__(self, settings: Settings, command: list[str] | None = None, *, every: float = LOOK_SECONDS) -> None:
        self._settings, self._every = settings, every
        self._command = command if command is not None else [sys.executable, "-m", "cli", "mail-reports"]
        self._store = engine.open_store(settings, "owner", pool_size=1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Start looking in the background."""
        if self._settings.smtp_url is not None:
            self._thread.start()

    def stop(self, timeout: float = 20) -> None:
        """Stop; what is being sent is ended, and sent again by whoever comes next unless its mail server had taken it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._store.close()

    def is_due(self, now: datetime) -> bool:
        """Tell whether a report is to be sent."""
        with self._store.transaction() as connection:
            report_post.note_due(connection, now)
            return report_post.waits(connection, now)

    def send(self) -> None:
        """Have what is due sent; waits for the end of it."""
        process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=os.environ.copy(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone: we stop it, once
            preexec_fn=die_with_parent(),
        )
        waited = 0.0
        while process.poll() is None and waited < LONGEST_SECONDS and not self._stop.wait(0.5):
            waited += 0.5
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self) -> None:
        take_turns(self._stop, self._turn, "reports by mail", PAUSE_SECONDS, PAUSE_SECONDS)

    def _turn(self) -> None:
        if not self._stop.wait(self._every) and self.is_due(datetime.now(UTC)):
            self.send()
