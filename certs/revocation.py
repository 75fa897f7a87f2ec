"""Revoking: the journal, the revocation list, and seeing to it that the broker acts on it while the gateway is connected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from certs import registry
from certs.authority import serial_text
from certs.enforcement import Canary, Effect, enforce
from certs.issuing import actor, warn
from certs.journal import Journal, Record
from certs.lists import has_valid, write_crl, write_denied
from certs.store import BROKER, INGESTER, INTERMEDIATE, ROOT, CertificateFolder
from settings import Settings
from sql.errors import NotFound, Refused

REASON_LENGTH = 200


@dataclass(frozen=True)
class Outcome:
    """What became of a revocation: the certificate, and what the broker does about it."""

    record: Record
    effect: Effect


def revoke(settings: Settings, serial: str, reason: str, by: str = "") -> Outcome:
    """Revoke a certificate now: new list, broker reloaded, live connection closed; raises NotFound or Refused."""
    return revoke_all(settings, [serial], reason, by)[0]


def revoke_all(settings: Settings, serials: Sequence[str], reason: str, by: str = "") -> list[Outcome]:
    """Revoke several certificates with one list and one reload."""
    text = " ".join(reason.split())
    if not text or len(text) > REASON_LENGTH or not text.isprintable():
        raise Refused(f"a revocation needs a reason, in one line of at most {REASON_LENGTH} characters")
    wanted = [_serial(serial) for serial in serials]
    folder = CertificateFolder(settings)
    with folder.writing():
        journal, now = Journal(folder.path), datetime.now(UTC)
        records = journal.records()
        for serial in wanted:
            _check(folder, records.get(serial), serial, now)
        folder.issuer()  # before anything is noted: without its key there will be no list
        for serial in wanted:
            if records[serial].revoked_at is None:
                journal.revoked(serial, now, text, by or actor())
        warn(registry.sync(settings, journal))
        canary = Canary.make(folder.issuer(), now)
        records = journal.records()
        write_denied(folder, records.values(), now)
        write_crl(folder, records.values(), now, [canary.serial])
    effect = cut(settings, [records[serial] for serial in wanted], canary)
    return [Outcome(records[serial], effect) for serial in wanted]


def cut(settings: Settings, records: Sequence[Record], canary: Canary) -> Effect:
    """Have the broker refuse the revoked certificates and close what they opened; noted where it is so."""
    folder = CertificateFolder(settings)
    journal, now = Journal(folder.path), datetime.now(UTC)
    everything = journal.records().values()
    targets = {
        record.common_name: has_valid(everything, record.common_name, now) for record in records if record.purpose != "broker"
    }
    effect = enforce(settings, folder, targets, canary)
    if effect.done:
        with folder.writing():
            journal.cut([record.serial for record in records if record.cut_at is None], datetime.now(UTC))
            write_denied(folder, journal.records().values(), datetime.now(UTC))
    return effect


def _check(folder: CertificateFolder, record: Record | None, serial: str, now: datetime) -> None:
    if record is None:
        raise NotFound(f"no certificate with the serial {serial} was issued here: see `tds certs list`")
    if record.purpose in (ROOT, INTERMEDIATE):
        raise Refused(f"{serial} is the {record.purpose} itself: revoking it ends every certificate; see certs/README.md")
    if record.purpose in (BROKER, INGESTER):
        current = folder.certificate(record.purpose)
        if current is not None and serial_text(current.serial_number) == serial:
            raise Refused(
                f"{serial} is the {record.purpose}'s own and in use: replace it first with `tds certs renew {record.purpose}`"
            )
    if record.revoked_at is not None and record.cut_at is not None:
        raise Refused(f"{serial} was revoked already, on {record.revoked_at:%Y-%m-%d} ({record.reason})")
    if record.not_after <= now:
        raise Refused(f"{serial} expired on {record.not_after:%Y-%m-%d}: the broker refuses it without being told")


def _serial(text: str) -> str:
    digits = re.sub(r"[\s:]", "", text.strip().lower()).removeprefix("0x")
    if not re.fullmatch(r"[0-9a-f]{1,40}", digits):
        raise Refused(f"{text[:60]!r} is not a serial: take it from `tds certs list`")
    return serial_text(int(digits, 16))
