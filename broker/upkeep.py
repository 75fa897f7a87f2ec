"""Keeping the revocation list and the certificates in date while the broker runs, where the authority's key is at hand."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from broker.material import CERTIFICATE, REGULAR, Files, crl_age
from settings import ROOT, Settings

log = logging.getLogger("tds.broker")
# Written anew every day, good for a month: a month of faults may pass before the list shuts everybody out.
RENEW_AFTER = timedelta(days=1)
CHECK_SECONDS = 600
# A revocation waits for it, and is to be felt within ten seconds.
HOLD_SECONDS = 6.0


class Upkeep:
    """Runs `tds certs crl` when the list is a day old. A command, since this room knows no authority, only its files."""

    def __init__(self, settings: Settings, command: list[str] | None = None, names: Files = REGULAR) -> None:
        self.settings = settings
        self.names = names
        self.command = command if command is not None else [sys.executable, "-m", "cli", "certs", "crl"]
        self.patience = HOLD_SECONDS
        self._next_check = 0.0
        self._running: subprocess.Popen[str] | None = None

    def run_if_due(self, wait: bool = False) -> None:
        """Start the command where it is time; with `wait`, see it through."""
        self._collect()
        if self._running is not None or time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_SECONDS
        if not self.is_due(datetime.now(UTC)):
            return
        self._running = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=command_environment(self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if wait:
            self._collect(60)

    def is_due(self, now: datetime) -> bool:
        """Tell whether the list here is a day old or unreadable, and the key to write another lies beside it."""
        folder = self.settings.pki_dir
        if not (folder / CERTIFICATE).exists():
            return False
        try:
            sealed = b"ENCRYPTED" in (folder / self.names.signing_key).read_bytes()
        except OSError:
            return False
        if sealed and not self.settings.pki_passphrase and self.names != REGULAR:
            return False  # the first broker renews both lists; its own passphrase, forgotten, is to be complained of
        try:
            return crl_age((folder / self.names.crl).read_bytes(), now) > RENEW_AFTER
        except (OSError, ValueError):
            return True

    def hold(self, names: Collection[str]) -> None:
        """Have the sessions of gateways that are away taken over once, where the key is here to make certificates of their names."""
        command = [sys.executable, "-m", "cli", "certs", "hold", *names]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=command_environment(self.settings),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=self.patience,
            )
        except subprocess.TimeoutExpired:
            log.warning("the sessions of %d gateways that are away could not be held within %.0f s", len(names), self.patience)
            return
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            log.warning("the sessions of gateways that are away are not held: %s", lines[-1] if lines else "no reason given")

    def stop(self) -> None:
        """End the command if it runs; what it writes, it writes whole or not at all."""
        if self._running is not None:
            self._running.terminate()
            self._collect(10)

    def _collect(self, seconds: float = 0) -> None:
        if self._running is None:
            return
        try:
            said = self._running.communicate(timeout=seconds or 0.001)[1]
        except subprocess.TimeoutExpired:
            return
        if self._running.returncode:
            lines = said.strip().splitlines()
            log.error("the revocation list could not be renewed: %s", lines[-1] if lines else "no reason given")
        self._running = None


def command_environment(settings: Settings) -> dict[str, str]:
    """Give the command the settings that this process was given, whatever its own environment says."""
    values = {name: value for name, value in os.environ.items() if not name.startswith("TDS_PKI_")}
    values |= {"TDS_STATE_DIR": str(settings.state_dir), "TDS_PKI_DIR": str(settings.pki_dir)}
    values |= {"TDS_BOOTSTRAP_PORT": str(settings.bootstrap_port), "TDS_BROKER_BIND": settings.broker_bind}
    values |= {"TDS_MQTT_HOST": settings.mqtt_host, "TDS_MQTT_PORT": str(settings.mqtt_port)}
    values["TDS_MORE_BROKERS"] = " ".join(f"{host}:{port}" for host, port in settings.more_brokers)
    if settings.database_url:
        values.pop("TDS_DATABASE_URL_FILE", None)
        values["TDS_DATABASE_URL"] = settings.database_url
    if settings.pki_passphrase:
        values["TDS_PKI_PASSPHRASE"] = settings.pki_passphrase
    return values
