"""What a backup consists of: `backup.json`, written last, names every file with its size and checksum."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sql.dump import DatabaseFacts
from sql.errors import Refused

MANIFEST = "backup.json"
FORMAT = 1
CERTIFICATES, QUEUE, SESSION_KEY, SETTINGS = "certificates", "mosquitto.db", "session-key", "settings.env"
BLOCK = 1 << 20
LONGEST = 255  # letters of a file's name


@dataclass(frozen=True)
class Manifest:
    """A backup: when it was made, by which program, of what. `certificates`: the authority's facts, where it lay here;
    `queue`: whether a broker's queue is in it; `secret_key_set`: whether sessions were signed with a key from the settings.
    """

    made_at: str
    program: str
    database: DatabaseFacts | None
    certificates: dict[str, Any] | None
    queue: bool
    secret_key_set: bool
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write it into the backup's folder."""
        content = json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(content, encoding="utf-8")
        (folder / MANIFEST).chmod(0o600)


def read(folder: Path) -> Manifest:
    """Read a backup's manifest; raises Refused where there is none, or it is of another make."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind = found["format"]
        if kind == FORMAT:
            database = found.pop("database")
            made = Manifest(**found, database=DatabaseFacts(**database) if database else None)
            _check_shape(made)
            return made
    except FileNotFoundError as error:
        raise Refused(f"there is no backup in {folder}: {MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} is damaged: take another backup") from error
    raise Refused(
        f"the backup in {folder} is of format {kind}, this program reads {FORMAT}: restore it with the program that made it"
    )


def content(folder: Path) -> dict[str, dict[str, Any]]:
    """Give name, size and checksum of every file in a backup's folder but the manifest."""
    return {name: _of(folder / name) for name in _names(folder)}


def check(folder: Path, manifest: Manifest) -> None:
    """Raise Refused unless every file is there and is what was written, and no other is."""
    for name, wanted in manifest.files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Refused(f"{folder / MANIFEST} names a file outside of the backup: {name}")
        try:
            whole = path.stat().st_size == wanted["bytes"] and _of(path) == wanted
        except FileNotFoundError as error:
            raise Refused(f"{path} is missing: take another backup") from error
        if not whole:
            raise Refused(f"{path} is damaged, its checksum is another: take another backup")
    unnamed = sorted(set(_names(folder)) - set(manifest.files))
    if unnamed:
        raise Refused(f"{folder / unnamed[0]} is not of the backup, {MANIFEST} does not name it: move it away")


def sync_to_disk(folder: Path) -> None:
    """Have everything in a folder on the disk before it is called whole."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file() or os.name == "posix":
            descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _names(folder: Path) -> list[str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name != MANIFEST and not name.startswith(".")]


def _check_shape(made: Manifest) -> None:
    """Raise ValueError or TypeError where something is of another kind than what is written: somebody edited it."""
    for name, one in made.files.items() if isinstance(made.files, dict) else [("", None)]:
        if not (isinstance(one, dict) and set(one) == {"bytes", "sha256"}) or not name.isprintable() or len(name) > LONGEST:
            raise ValueError("no list of files")
    if made.certificates is not None and set(made.certificates) != {"certificates", "encrypted"}:
        raise ValueError("no facts of an authority")
    if made.database is not None and not (isinstance(made.database.server, int) and isinstance(made.database.holds, dict)):
        raise ValueError("no facts of a database")


def _of(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
