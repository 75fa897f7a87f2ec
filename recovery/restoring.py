"""Restoring a backup: everything that could refuse it is asked first; only then is anything written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker import queue as queues
from certs import copies
from certs.store import write_private
from recovery import manifest
from recovery.manifest import CERTIFICATES, QUEUE, SESSION_KEY, Manifest
from recovery.taking import session_key_path
from settings import Settings
from sql import dump, refill
from sql.errors import Refused


@dataclass(frozen=True)
class Checked:
    """A backup that fits this program and this machine, and where its database will go."""

    folder: Path
    manifest: Manifest
    target: refill.Target | None


def check_whole(settings: Settings, folder: Path) -> Manifest:
    """Raise Refused with one line unless a backup is whole and the passphrase opens its keys; asks nothing of what is here."""
    made = manifest.read(folder)
    manifest.check(folder, made)
    if made.certificates is not None:
        copies.check_copy(settings, folder / CERTIFICATES)
    return made


def check(settings: Settings, folder: Path, replace: bool, made: Manifest | None = None) -> Checked:
    """Raise Refused with one line unless a backup can be restored here; changes nothing. `made`: the manifest, already checked."""
    folder = folder.absolute()
    made = made or check_whole(settings, folder)
    if made.certificates is not None:
        copies.check_target(settings, folder / CERTIFICATES, replace)
    if made.queue:
        queues.check_target(settings)
    if made.database is None and made.certificates is None:
        raise Refused(f"the backup in {folder} holds neither a database nor an authority")
    return Checked(folder, made, refill.check_target(settings, made.database, replace) if made.database else None)


def restore(settings: Settings, checked: Checked) -> list[str]:
    """Bring back the database, then the authority, whose journal may know more; gives what the operator should know."""
    told: list[str] = []
    made, folder = checked.manifest, checked.folder
    if made.certificates is not None:
        copies.make_room(settings)
    if made.database is not None and checked.target is not None:
        logins = dump.read_logins(folder / dump.LOGINS)
        told += refill.refill(settings, checked.target, made.database, logins, folder)
    if made.certificates is not None:
        told += copies.put_back(settings, folder / CERTIFICATES)
    if made.queue and not queues.put_back(settings, folder / QUEUE):
        told.append("this machine's broker has a queue, which stays as it is: move it away to have the one in the backup")
    if (folder / SESSION_KEY).exists():
        if settings.secret_key is None:
            path = session_key_path(settings)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, (folder / SESSION_KEY).read_bytes())
        else:
            told.append("TDS_SECRET_KEY is set here, and was not where the backup was made: second factors are asked for anew")
    elif made.secret_key_set and settings.secret_key is None:
        told.append("the backup was made with TDS_SECRET_KEY set: set the same again, or people get in by recovery code alone")
    return told
