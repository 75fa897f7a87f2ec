"""The authority's companion to the broker: `tds certs work`, run beside it where the signing key and the database are at hand."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

from broker.machine import die_with_parent
from broker.material import REGULAR
from broker.upkeep import command_environment
from settings import ROOT, Settings

log = logging.getLogger("tds.broker")
LOOK_SECONDS = 5.0
STOP_SECONDS = 20.0
# Kept from the embedded server's first start on (sql/embedded.py).
EMBEDDED = "secrets/database-owner"


class Companion:
    """Starts the command when it can work, and again should it end. A command, since this room knows no authority."""

    def __init__(self, settings: Settings, command: list[str] | None = None) -> None:
        self.settings = settings
        self.command = command if command is not None else [sys.executable, "-m", "cli", "certs", "work"]
        self.process: subprocess.Popen[bytes] | None = None
        self._next_look = 0.0

    def step(self) -> None:
        """Start the command where it is not running and could; looks every few seconds."""
        if time.monotonic() < self._next_look or (self.process is not None and self.process.poll() is None):
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        if self.process is not None:
            log.error("`tds certs work` ended with status %s and is started again", self.process.returncode)
            self.process = None
        if self.has_work():
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=command_environment(self.settings),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches us alone: we stop it, once
                preexec_fn=die_with_parent(),
            )

    def has_work(self) -> bool:
        """Tell whether the signing key is here, and a database that people could order by."""
        if not (self.settings.pki_dir / REGULAR.signing_key).exists():
            return False
        return self.settings.database_url is not None or (self.settings.state_dir / EMBEDDED).exists()

    def stop(self) -> None:
        """End the command, what it has in hand done."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
