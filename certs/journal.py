"""What the authority has done, one JSON line after another: issued, revoked, cut off. Never a key, never rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from certs.authority import Purpose, common_name, fingerprint, key_mark, serial_text
from sql.errors import TdsError

JOURNAL = "issued.jsonl"


@dataclass(frozen=True)
class Record:
    """One certificate that was issued, and what became of it."""

    serial: str
    purpose: Purpose
    common_name: str
    fingerprint: str
    key: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    issued_by: str
    revoked_at: datetime | None = None
    reason: str | None = None
    revoked_by: str | None = None
    cut_at: datetime | None = None

    def status(self, now: datetime) -> str:
        """Give `revoked`, `expired` or `valid`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.not_after <= now else "valid"


def record_of(certificate: x509.Certificate, purpose: Purpose, now: datetime, by: str) -> Record:
    """Make the record of a certificate just signed."""
    return Record(
        serial=serial_text(certificate.serial_number),
        purpose=purpose,
        common_name=common_name(certificate),
        fingerprint=fingerprint(certificate),
        key=key_mark(certificate.public_key()),  # type: ignore[arg-type]
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issued_at=now,
        issued_by=by,
    )


class Journal:
    """The file `issued.jsonl`; whoever appends holds the folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self._forget(0)

    def records(self) -> dict[str, Record]:
        """Give every certificate by serial, in order of issue; raises TdsError for a damaged line.

        What was read is not read again: with a hundred thousand gateways that takes a second, and a revocation asks several times.
        """
        for line in self._new_lines():
            self._lines_known += 1
            try:
                _apply(self._known, json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                number = self._lines_known
                self._forget(0)
                raise TdsError(f"{self.path} is damaged in line {number}: restore it from its backup") from error
        return dict(self._known)

    def issued(self, records: Iterable[Record]) -> None:
        """Note certificates, before anybody receives them."""
        self._append([{"event": "issued"} | {k: v for k, v in asdict(record).items() if v is not None} for record in records])

    def revoked(self, serial: str, at: datetime, reason: str, by: str) -> None:
        """Note that a certificate is revoked."""
        self._append([{"event": "revoked", "serial": serial, "revoked_at": at, "reason": reason, "revoked_by": by}])

    def cut(self, serials: Iterable[str], at: datetime) -> None:
        """Note that the broker refuses these, and that no connection made with them is left."""
        self._append([{"event": "cut", "serial": serial, "cut_at": at} for serial in serials])

    def _append(self, entries: list[dict[str, Any]]) -> None:
        content = "".join(json.dumps(entry, default=_written) + "\n" for entry in entries).encode()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            whole = file.read().rfind(b"\n") + 1
            file.seek(whole)  # a line cut short by a crash or a full disk was never answered for: it goes
            file.truncate()
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), whole)
                raise

    def _new_lines(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                here = os.fstat(file.fileno())
                if here.st_ino != self._file or here.st_size < self._read:  # another one was put in its place
                    self._forget(here.st_ino)
                file.seek(self._read)
                content = file.read()
            whole = content.rfind(b"\n") + 1
            lines = content[:whole].decode("utf-8").split("\n")[:-1]
        except FileNotFoundError:
            self._forget(0)
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise TdsError(f"{self.path} cannot be read: restore it from its backup") from error
        self._read += whole
        return lines

    def _forget(self, file: int) -> None:
        self._file, self._read, self._lines_known = file, 0, 0
        self._known: dict[str, Record] = {}


def _apply(found: dict[str, Record], entry: dict[str, Any]) -> None:
    event = entry.pop("event")
    values: dict[str, Any] = {
        k: datetime.fromisoformat(v) if k.endswith("_at") or k.startswith("not_") else v for k, v in entry.items()
    }
    if event == "issued":
        found[entry["serial"]] = Record(**values)
    else:
        serial = values.pop("serial")
        found[serial] = replace(found[serial], **values)


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} has no place in the journal")
