"""The authority's folder in a backup: copied while nobody writes in it, checked with its passphrase, put back whole."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker import material
from certs import registry
from certs.authority import signed_by
from certs.journal import JOURNAL, Journal
from certs.store import ENCRYPTED, CertificateFolder, write_private
from settings import Settings
from sql.errors import Refused


def is_here(settings: Settings) -> bool:
    """Tell whether an authority lies in this machine's folder."""
    return CertificateFolder(settings).is_complete


def copy_out(settings: Settings, target: Path) -> dict[str, Any] | None:
    """Copy the folder while nobody writes in it; gives what is known of it, None where no authority lies here."""
    folder = CertificateFolder(settings)
    if not folder.is_complete:
        return None
    with folder.writing():
        found, records = _files(folder.path), Journal(folder.path).records()
    target.mkdir(mode=0o700)  # out of there: a full disk here is not that folder's fault
    for name, content in found:
        write_private(target / name, content)
    return {"certificates": len(records), "encrypted": any(_is_encrypted(target / f"{name}.key") for name in ENCRYPTED)}


def check_copy(settings: Settings, source: Path) -> None:
    """Raise Refused unless a copy is of one authority, its journal can be read and the passphrase in the settings opens its keys."""
    copied = CertificateFolder(changed(settings, pki_dir=source))
    for name in ENCRYPTED:
        copied.key(name)
    root, intermediate = copied.authorities()
    if not signed_by(intermediate, root):
        raise Refused(f"intermediate.crt in {source} was not signed by root.crt: take another backup")
    Journal(source).records()


def check_target(settings: Settings, source: Path, replace: bool) -> None:
    """Raise Refused where another authority, or other certificates of the same one, would be lost; changes nothing."""
    folder = CertificateFolder(settings)
    if folder.path.exists() and any(folder.path.iterdir()):
        folder.check_permissions()
    if folder.is_complete and not replace and not _goes_on(folder.path, source):
        raise Refused(
            f"{folder.path} holds another authority, or certificates that the backup does not know: "
            "move it away, or say with --replace that it is to be set aside"
        )


def make_room(settings: Settings) -> None:
    """Make the folder where there is none, or raise TdsError: before a database is filled whose authority could not follow."""
    with CertificateFolder(settings).writing(create=True):
        pass


def put_back(settings: Settings, source: Path) -> list[str]:
    """Put a copy into the folder, its own file by which it counts as an authority last, and tell the database what the journal knows."""
    folder, told = CertificateFolder(settings), []
    with folder.writing(create=True):
        if folder.is_complete and _goes_on(folder.path, source):
            told.append(f"the authority in {folder.path} is the same and as new or newer: it stays as it is")
        else:
            if folder.is_complete:
                aside = folder.path / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S}"
                aside.mkdir(mode=0o700)
                (folder.path / material.AUTHORITY).rename(aside / material.AUTHORITY)
                for name, _ in _files(folder.path):
                    (folder.path / name).rename(aside / name)
                told.append(f"the authority that was in {folder.path} is in {aside.name}")
            for name, content in sorted(_files(source), key=lambda file: file[0] == material.AUTHORITY):
                write_private(folder.path / name, content)
        fault = registry.sync(settings, Journal(folder.path))
        if fault:
            told.append(f"the database was not told of the certificates yet ({fault}): `tds certs crl` does it")
    return told


def _goes_on(here: Path, source: Path) -> bool:
    """Tell whether a folder is of the same authority as a copy, and knows all that the copy knows."""
    try:
        same = (here / "root.crt").read_bytes() == (source / "root.crt").read_bytes()
        return same and (here / JOURNAL).read_bytes().startswith((source / JOURNAL).read_bytes())
    except OSError:
        return False


def _files(folder: Path) -> list[tuple[str, bytes]]:
    return [
        (path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")
    ]


def _is_encrypted(path: Path) -> bool:
    return path.exists() and b"ENCRYPTED" in path.read_bytes()
