"""Certificates for a whole list of gateways: a CSV in, one ZIP out, and a run that was cut short goes on where it stopped."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from cryptography import x509

from certs.authority import serial_text
from certs.bundle import CERTIFICATE, Bundle, check_target, entry, folder_name
from certs.issuing import Desk, make_bundles, open_desk
from certs.lines import read_lines
from certs.store import write_private
from settings import Settings
from sql.errors import Refused

CHUNK = 200
SHOWN = 5

Progress = Callable[[int, int], None]


def read_macs(path: Path) -> list[str]:
    """Read the column gateway_mac; raises Refused naming the lines that cannot be used. Nothing is issued before all can."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read as CSV: {getattr(error, 'strerror', None) or error}") from error
    try:
        lines = read_lines(text)
    except Refused as error:
        raise Refused(f"{path} {error}") from error
    faults = [f"line {line.number}: {line.fault}" for line in lines if line.fault is not None]
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise Refused(f"{path} was not used, nothing was issued: {'; '.join(faults[:SHOWN])}{more}")
    if not lines:
        raise Refused(f"{path} names no gateway")
    return [line.mac for line in lines]


def issue_batch(
    settings: Settings, macs: Sequence[str], out: Path, use_rsa: bool = False, progress: Progress | None = None
) -> int:
    """Issue a bundle for each MAC into one ZIP, a folder each; gives how many were made now, not by a run before."""
    check_target(out)
    work = _work_folder(out)
    done = 0
    with open_desk(settings) as desk:
        finished = _finished(desk, work)
        todo = iter([mac for mac in macs if mac not in finished])
        while chunk := list(islice(todo, CHUNK)):
            _make(desk, work, chunk, use_rsa)
            done += len(chunk)
            if progress:
                progress(len(finished & set(macs)) + done, len(macs))
    _pack(work, macs, out)
    shutil.rmtree(work, ignore_errors=True)
    return done


def _make(desk: Desk, work: Path, macs: Sequence[str], use_rsa: bool) -> None:
    """Write the bundles beside their final names, note them, then name them: what is named is noted, and the reverse."""
    pending: list[tuple[Path, Path]] = []

    def keep(bundles: Sequence[Bundle]) -> None:
        for bundle in bundles:
            fresh = work / f"{folder_name(bundle.mac)}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            for name, content in bundle.files():
                write_private(fresh / name, content, sync=False)
            pending.append((fresh, work / folder_name(bundle.mac)))

    make_bundles(desk, macs, use_rsa, before=keep)
    for fresh, final in pending:
        fresh.rename(final)


def _finished(desk: Desk, work: Path) -> set[str]:
    """Give the gateways that an earlier run finished; one that was noted and not yet named is finished now."""
    found = set()
    for folder in sorted(work.iterdir()):
        serial = _serial(folder / CERTIFICATE)
        record = desk.records.get(serial) if serial else None
        if record is None or record.status(datetime.now(UTC)) != "valid":
            shutil.rmtree(folder, ignore_errors=True)
            continue
        if folder.name.endswith(".new"):
            folder.rename(work / folder_name(record.common_name))
        found.add(record.common_name)
    return found


def _serial(path: Path) -> str | None:
    try:
        return serial_text(x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number)
    except (OSError, ValueError):
        return None


def _pack(work: Path, macs: Sequence[str], out: Path) -> None:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)  # mode 0600
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for path, content in _contents(work, macs):
                    archive.writestr(entry(path), content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, out)
    except OSError as error:
        raise Refused(f"{out} cannot be written ({error.strerror}): the same command goes on from here") from error


def _contents(work: Path, macs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for mac in macs:
        folder = work / folder_name(mac)
        for path in sorted(folder.iterdir()):
            yield f"{folder.name}/{path.name}", path.read_bytes()


def _work_folder(out: Path) -> Path:
    work = out.with_name(f"{out.name}.part")
    try:
        work.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Refused(f"the folder {work} cannot be made: {error.strerror}") from error
    return work
