"""What waits at the broker, in a backup: the file that Mosquitto writes its sessions and queues to, as new as the backup."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import fasteners

from broker.configuration import AUTOSAVE, DATA, DATABASE
from broker.mosquitto import BrokerError
from broker.place import LOCK, prepare
from settings import Settings

FOLDER = "broker"
# Mosquitto writes this seldom when much waits; past that, it does not write any more.
PATIENCE = AUTOSAVE[-1][1] + 30


def copy_out(settings: Settings, target: Path) -> bool:
    """Copy the file, written after this was called where the broker runs; tells whether a broker of this state folder has one.

    What the broker had acknowledged by then is in it, unless the database has it.
    """
    path = settings.state_dir / FOLDER / DATA / DATABASE
    asked, deadline = time.time(), time.monotonic() + PATIENCE
    while is_running(settings) and not (path.exists() and path.stat().st_mtime > asked):
        if time.monotonic() > deadline:
            raise BrokerError(f"the broker has not written {path} for {PATIENCE} s: is its disk full?")
        time.sleep(0.1)
    if not path.exists():
        return False
    shutil.copyfile(path, target)  # Mosquitto replaces the file and never writes into it
    return True


def check_target(settings: Settings) -> None:
    """Raise BrokerError while the broker runs, which would overwrite what is put back."""
    if is_running(settings):
        raise BrokerError(f"the broker of {settings.state_dir} runs: stop `tds broker` first")


def put_back(settings: Settings, source: Path) -> bool:
    """Put a copy where the broker will read it; tells whether it did. One that is there holds what came later: it stays."""
    place = prepare(settings, FOLDER)
    path = place.folder / DATA / DATABASE
    if path.exists():
        return False
    fresh = path.with_name(f"{DATABASE}.new")
    shutil.copyfile(source, fresh)
    fresh.rename(path)
    prepare(settings, FOLDER)  # hands it to the broker's user
    return True


def is_running(settings: Settings) -> bool:
    """Tell whether `tds broker` holds its folder."""
    path = settings.state_dir / FOLDER / LOCK
    if not path.exists():
        return False
    lock = fasteners.InterProcessLock(str(path))
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False
