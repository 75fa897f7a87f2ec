"""The demo's gateway at its first boot: asks in a thread of its own until somebody takes it, and is a gateway like any other then."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from settings import Settings
from simulator.first_boot import Batch, BatchFiles, Label, Newcomer, kept_key
from simulator.gateway import Identity
from simulator.identities import keep_identities, read_identities

log = logging.getLogger("tds.simulator")
BATCH, KEY = "batch.json", "first-boot.pem"
LABEL = Label("02:7d:50:00:01:01", "TDS-2026-000123")


def keep_batch(folder: Path, settings: Settings, issue: Callable[[Settings], BatchFiles]) -> None:
    """Have a batch of the present authority in the folder; has one issued where there is none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    trusted = (settings.pki_dir / "ca.crt").read_bytes()
    kept = _read_batch(folder)
    if kept is None or kept.authority != trusted or not (settings.pki_dir / "bootstrap.crt").exists():
        path = folder / BATCH
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({name: value.decode("ascii") for name, value in issue(settings)._asdict().items()}, file)


class Arrival:
    """Asks from `start` on; `identity` is there once somebody took it, at once where that was in an earlier run."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.identity: Identity | None = next(iter(read_identities(folder / "identity")), None)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to ask, unless there is a certificate already."""
        batch = _read_batch(self.folder)
        if self.identity is None and batch is not None:
            where = (self.settings.mqtt_host, self.settings.bootstrap_port, self.settings.bootstrap_root())
            newcomer = Newcomer(LABEL, Batch(*batch, *where), kept_key(self.folder / KEY))
            threading.Thread(target=self._ask, args=[newcomer], daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def _ask(self, newcomer: Newcomer) -> None:
        identity = newcomer.ask(self._stopping.is_set)
        if identity is not None:
            keep_identities(self.folder / "identity", [identity.mac], self.settings, lambda _, macs: [identity] if macs else [])
            self.identity = identity


def _read_batch(folder: Path) -> BatchFiles | None:
    try:
        facts = json.loads((folder / BATCH).read_text(encoding="ascii"))
        return BatchFiles(*(facts[name].encode("ascii") for name in BatchFiles._fields))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
