"""The folder that Mosquitto runs in: its files, and the user that it runs as."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.configuration import DATA, DATABASE
from broker.material import Material
from broker.mosquitto import BrokerError
from settings import Settings

USERS = ("mosquitto", "nobody")
LOCK = "broker.lock"


@dataclass(frozen=True)
class Place:
    """A folder, and the unprivileged user it belongs to; uid is None unless we are root."""

    folder: Path
    uid: int | None = None
    gid: int | None = None

    def as_user(self) -> dict[str, Any]:
        """Give the arguments that start a process as that user, in that folder.

        The folder is entered before the user is changed, and every path in the configuration is relative: so an
        unprivileged broker runs in a state folder below /root, which it could not reach by name.
        """
        if self.uid is None:
            return {"cwd": self.folder}
        return {"cwd": self.folder, "user": self.uid, "group": self.gid, "extra_groups": []}


def prepare(settings: Settings, name: str) -> Place:
    """Make a folder for Mosquitto in the state folder; raises BrokerError where that is not possible."""
    uid, gid = _unprivileged()
    place = Place(settings.state_dir / name, uid, gid)
    try:
        for folder in (place.folder, place.folder / DATA):
            folder.mkdir(parents=True, exist_ok=True)
            _give(place, folder, 0o700)
        for name in (f"{DATA}/{DATABASE}", f"{DATA}/{DATABASE}.new"):
            if (place.folder / name).exists():  # left by a broker that ran as somebody else
                _give(place, place.folder / name, 0o600)
    except OSError as error:
        raise BrokerError(
            f"the folder {place.folder} cannot be used ({error.strerror}): does it belong to another user?"
        ) from error
    return place


def backlog(place: Place) -> Path:
    """Give the file that Mosquitto writes its sessions and queues to."""
    return place.folder / DATA / DATABASE


def backlog_size(place: Place) -> int:
    """Give the size of what Mosquitto wrote to disk last, in bytes."""
    try:
        return backlog(place).stat().st_size
    except OSError:
        return 0


def write_material(place: Place, material: Material) -> None:
    """Put checked certificate files where the broker reads them."""
    for name, content in material.files():
        write(place, name, content)


def write(place: Place, name: str, content: bytes) -> None:
    """Replace a file whole or not at all, readable by the broker's user alone; raises BrokerError."""
    path = place.folder / name
    fresh = path.with_name(f".{name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _give(place, fresh, 0o600)
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BrokerError(f"{path} cannot be written: {error.strerror}") from error


def _give(place: Place, path: Path, mode: int) -> None:
    if place.uid is not None and place.gid is not None:
        os.chown(path, place.uid, place.gid)
    os.chmod(path, mode)


def _unprivileged() -> tuple[int | None, int | None]:
    if os.name != "posix" or os.geteuid() != 0:
        return None, None
    import pwd

    for name in USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise BrokerError("as root the broker needs an unprivileged user to run as: `adduser --system --group mosquitto`")
