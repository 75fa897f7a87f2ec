"""The program Mosquitto: where it is, which version, and how it is told to reload or to stop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from broker.configuration import Version
from sql.errors import TdsError

# Debian puts it where an ordinary user's PATH does not look.
FOLDERS = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/sbin",
    "/opt/homebrew/opt/mosquitto/sbin",
    r"C:\Program Files\mosquitto",
)
OLDEST: Version = (2, 0, 11)
_VERSION = re.compile(r"mosquitto version (\d+)\.(\d+)\.(\d+)")


class BrokerError(TdsError):
    """The broker cannot run; the text says why and what to do."""


def find_mosquitto() -> Path:
    """Give the path of the program; raises BrokerError where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(FOLDERS))
    if found is None:
        raise BrokerError("mosquitto is not installed: `apt-get install mosquitto`, or see https://mosquitto.org/download")
    return Path(found)


def version_of(program: Path) -> Version:
    """Give the version that the program names in its help; raises BrokerError for one that is too old."""
    try:
        said = subprocess.run([str(program), "-h"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerError(f"{program} cannot be run: {error}") from error
    match = _VERSION.search(said)
    if match is None:
        raise BrokerError(f"{program} does not say its version: is it Mosquitto?")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        raise BrokerError(f"{program} is version {match[1]}.{match[2]}.{match[3]}: 2.0.11 or newer is needed")
    return version


def reload(process: subprocess.Popen[bytes]) -> None:
    """Tell the running broker to read its configuration, access list and certificates again; nobody is disconnected."""
    if sys.platform == "win32":
        _set_event(f"mosq{process.pid}_reload")
    else:
        process.send_signal(signal.SIGHUP)


def stop(process: subprocess.Popen[bytes], patience: float = 60) -> None:
    """Stop the broker cleanly: it writes its queues to disk first, which may take a while."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        _set_event(f"mosq{process.pid}_shutdown")
    else:
        process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


if sys.platform == "win32":

    def _set_event(name: str) -> None:
        """Signal one of the named events that Mosquitto waits for on Windows, which has no SIGHUP."""
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenEventW(0x0002, False, name)  # EVENT_MODIFY_STATE
        if not handle:
            raise BrokerError(f"mosquitto cannot be signalled: Windows error {ctypes.get_last_error()}")
        kernel.SetEvent(handle)
        kernel.CloseHandle(handle)
