"""Taking a backup: under a temporary name, renamed when it is whole; what was there stays until then.

First what waits at the broker, then the database, as of one instant, then the authority's folder. A message that the broker had
acknowledged when the backup began is in the one or the other: it leaves the broker only when the database has it. The authority's journal is written before the database learns of a
certificate, so the later copy knows whatever the database knows, and more: certificates issued while the dump ran are kept, and
the database is told of them after a restore. The other way round, it would know certificates that the authority had never issued.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

import fasteners

from broker import queue as queues
from certs import copies
from recovery import manifest
from recovery.manifest import CERTIFICATES, MANIFEST, QUEUE, SESSION_KEY, SETTINGS, Manifest
from settings import SECRETS, Settings, names
from sql import dump
from sql.errors import Refused, TdsError

LOCK = ".lock"


def take(settings: Settings, folder: Path, environment: Mapping[str, str], database: bool = True) -> Manifest:
    """Back everything up into a folder that is new, or holds the backup to be replaced."""
    folder = folder.resolve()  # where a link leads to, so that the new one lies on the same disk as the old
    _check(folder)
    if not database and not copies.is_here(settings):
        raise Refused(f"there is nothing to back up: no certificate authority is in {settings.pki_dir}")
    with _beside(folder) as fresh:
        facts, queue = None, queues.copy_out(settings, fresh / QUEUE)
        if database:
            facts, logins = dump.dump(settings, fresh)
            dump.write_logins(fresh / dump.LOGINS, logins)
        authority = copies.copy_out(settings, fresh / CERTIFICATES)
        key = session_key_path(settings)
        if settings.secret_key is None and key.exists():
            shutil.copyfile(key, fresh / SESSION_KEY)
        (fresh / SETTINGS).write_text(written_settings(environment), encoding="utf-8")
        for path in fresh.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        made = Manifest(
            made_at=datetime.now(UTC).isoformat(),
            program=program(),
            database=facts,
            certificates=authority,
            queue=queue,
            secret_key_set=settings.secret_key is not None,
            files=manifest.content(fresh),
        )
        made.write(fresh)
    return made


def session_key_path(settings: Settings) -> Path:
    """Give where the key lies that signs sessions and seals second factors, where none is set."""
    return settings.state_dir / "secrets" / "session-key"


def program() -> str:
    """Give the version of this program."""
    try:
        return version("tds")
    except PackageNotFoundError:
        return "unknown"


def written_settings(environment: Mapping[str, str]) -> str:
    """Write the settings as they are; of a secret only that it is one."""
    lines = ["# The settings at the time of the backup. Secrets are named, not kept: have them elsewhere."]
    known = names()
    for name in sorted(name for name in environment if name.startswith("TDS_")):
        value = environment[name]
        if name not in known:  # a slip of the pen, perhaps in a secret's name
            lines.append(f"# {name}=(no setting)")
        elif name not in SECRETS:
            lines.append(f"{name}={value}")
        elif "://" in value:
            parts = urlsplit(value)
            host = parts.netloc.rpartition("@")[2]
            user = (parts.netloc.rpartition("@")[0]).partition(":")[0]
            lines.append(f"# {name}={parts.scheme}://{user}{':(secret)@' if user else ''}{host}{parts.path}")
        else:
            lines.append(f"# {name}=(secret)")
    return "\n".join(lines) + "\n"


def _check(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise Refused(f"there is no folder {folder.parent} for the backup")
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is no folder: name a new one for the backup")
    if folder.is_mount():
        raise Refused(f"{folder} is a disk of its own, which cannot be replaced as a whole: name a new folder in it")
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise Refused(f"{folder} holds something else than a backup: name a new folder")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Give a folder beside the wanted one, which takes its place when all went well, and is gone otherwise."""
    _clear(folder.parent)
    fresh = folder.with_name(f".{folder.name}.partial-{secrets.token_hex(4)}")
    try:
        fresh.mkdir(mode=0o700)
        with _held(fresh):
            yield fresh
            manifest.sync_to_disk(fresh)
            _put_in_place(fresh, folder)
        (folder / LOCK).unlink(missing_ok=True)
    except OSError as error:
        said = error.strerror or error
        raise TdsError(f"the backup was not made: {said}{f': {error.filename}' if error.filename else ''}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _clear(parent: Path) -> None:
    """Tidy up after backups whose process was killed, whatever they were called: what was half made, and what was being replaced."""
    for left in parent.glob(".*.partial-????????"):
        if _is_left(left):
            shutil.rmtree(left, ignore_errors=True)
    for old in parent.glob(".*.replaced-????????"):
        if not _is_left(old):
            continue
        place = old.with_name(old.name[1:].rpartition(".replaced-")[0])
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:  # killed when the old one had made room and the new one was not there yet
            with suppress(OSError):
                old.rename(place)
                (place / LOCK).unlink()


def _is_left(folder: Path) -> bool:
    """Tell whether a folder is a backup's whose process is gone."""
    with suppress(OSError):
        lock = fasteners.InterProcessLock(str(folder / LOCK))
        if (folder / LOCK).exists() and lock.acquire(blocking=False):
            lock.release()
            return True
    return False


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Mark a folder as this process's for as long as it lives, under whatever name."""
    lock = fasteners.InterProcessLock(str(folder / LOCK))
    lock.acquire()
    if os.name != "posix":  # where no folder can be renamed in which a file is open
        lock.release()
    try:
        yield
    finally:
        if lock.acquired:
            lock.release()


def _put_in_place(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        _sync(folder.parent)
        return
    old = folder.with_name(f".{folder.name}.replaced-{secrets.token_hex(4)}")
    with _held(folder):
        folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            old.rename(folder)
            (folder / LOCK).unlink(missing_ok=True)
            raise
        _sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
