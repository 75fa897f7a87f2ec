"""Revoking: the journal, the revocation list, and seeing to it that the broker acts on it while the gateway is connected."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from certs import registry
from certs.authority import serial_text
from certs.enforcement import Canaries, Effect, enforce, enforce_first_boot
from certs.issuing import actor, warn
from certs.journal import Journal, Record
from certs.lists import pending, with_valid, write_bootstrap_crl, write_crl, write_denied
from certs.store import BOOTSTRAP, BROKER, INGESTER, INTERMEDIATE, ROOT, CertificateFolder
from settings import Settings
from sql.audit import Actor
from sql.errors import NotFound, Refused

REASON_LENGTH = 200
REVOKED_ALREADY = "revoked_already"


@dataclass(frozen=True)
class Outcome:
    """What became of a revocation: the certificate, and what the broker does about it."""

    record: Record
    effect: Effect


def revoke(settings: Settings, serial: str, reason: str, by: str = "", who: Actor | None = None) -> Outcome:
    """Revoke a certificate now: new list, broker reloaded, live connection closed; raises NotFound or Refused."""
    return revoke_all(settings, [serial], reason, by, who)[0]


def revoke_all(settings: Settings, serials: Sequence[str], reason: str, by: str = "", who: Actor | None = None) -> list[Outcome]:
    """Revoke several certificates with one list and one reload; `who`: who `by` is, for the audit."""
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
        # Before anything is noted: without the key that signs it there will be no list.
        canaries = Canaries.make(folder, [records[serial] for serial in wanted], now)
        for serial in wanted:
            if records[serial].revoked_at is None:
                journal.revoked(serial, now, text, by or actor())
        warn(registry.sync(settings, journal, who))
        records = journal.records()
        write_lists(folder, records.values(), now, canaries)
    return cut(settings, journal, [records[serial] for serial in wanted], canaries)


def see_through(settings: Settings) -> list[Outcome]:
    """Cut off what was revoked and no broker was seen to refuse yet: one list, one reload; nothing where nothing is left to do."""
    folder = CertificateFolder(settings)
    with folder.writing():
        now, journal = datetime.now(UTC), Journal(folder.path)
        records = journal.records()
        waiting = left_undone(folder, records.values(), now)
        if not waiting:
            return []
        canaries = Canaries.make(folder, waiting, now)
        write_lists(folder, records.values(), now, canaries)
    return cut(settings, journal, waiting, canaries)


def left_undone(folder: CertificateFolder, records: Collection[Record], now: datetime) -> list[Record]:
    """Give the revoked certificates that brokers may still take; without first boot's key its own wait, and no other for them."""
    waiting = pending(records, now)
    return waiting if folder.key(BOOTSTRAP) is not None else [record for record in waiting if record.purpose != BOOTSTRAP]


def write_lists(folder: CertificateFolder, records: Collection[Record], now: datetime, canaries: Canaries) -> None:
    """Write every list that a broker reads, with the canaries on those that are waited for."""
    write_denied(folder, records, now)
    write_crl(folder, records, now, [canaries.regular.serial] if canaries.regular else [])
    write_bootstrap_crl(folder, records, now, [canaries.bootstrap.serial] if canaries.bootstrap else [])


def cut(settings: Settings, journal: Journal, records: Sequence[Record], canaries: Canaries) -> list[Outcome]:
    """Have the brokers refuse the revoked certificates and close what they opened; noted where it is so."""
    folder = CertificateFolder(settings)
    valid = with_valid(journal.records().values(), datetime.now(UTC))
    effects: dict[bool, Effect] = {}
    if canaries.regular:
        targets = {r.common_name: r.common_name in valid for r in records if r.purpose not in (BROKER, BOOTSTRAP)}
        effects[False] = enforce(settings, folder, targets, canaries.regular)
    if canaries.bootstrap:
        effects[True] = enforce_first_boot(settings, folder, canaries.bootstrap)
    outcomes = [Outcome(record, effects[record.purpose == BOOTSTRAP]) for record in records]
    felt = [o.record.serial for o in outcomes if o.effect.done and o.record.cut_at is None]
    if felt:
        with folder.writing():
            journal.cut(felt, datetime.now(UTC))
            write_denied(folder, journal.records().values(), datetime.now(UTC))
    return outcomes


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
        raise Refused(f"{serial} was revoked already, on {record.revoked_at:%Y-%m-%d} ({record.reason})", REVOKED_ALREADY)
    if record.not_after <= now:
        said = f"{serial} expired on {record.not_after:%Y-%m-%d}: the broker refuses it without being told"
        raise Refused(said, "expired_already")


def _serial(text: str) -> str:
    digits = re.sub(r"[\s:]", "", text.strip().lower()).removeprefix("0x")
    if not re.fullmatch(r"[0-9a-f]{1,40}", digits):
        raise Refused(f"{text[:60]!r} is not a serial: take it from `tds certs list`")
    return serial_text(int(digits, 16))
