"""The commands `tds certs …`."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker import material
from broker.probe import CertificateRefused, NotReached
from broker.signals import STOP, event_of
from certs import registry
from certs.batch import issue_batch, read_macs
from certs.bundle import Bundle, check_target, folder_name, write_target, zip_bytes
from certs.checks import crl_expires
from certs.enforcement import hold as hold_sessions
from certs.issuing import issue_bundle, renew_bundle, sign_request, warn
from certs.journal import Journal, Record
from certs.registrar import Registrar
from certs.requests import LARGEST
from certs.revocation import revoke as revoke_certificate
from certs.setup import ensure_authority, keep, renew_service
from certs.store import BROKER, INGESTER, CertificateFolder
from certs.worker import AuthorityWorker
from logs import log_to_stderr
from settings import Settings
from sql.errors import Refused, TdsError
from sql.fleet import normalize_mac


def init(settings: Settings, args: argparse.Namespace) -> None:
    """Make root, intermediate, broker, ingester and an empty revocation list, or what is missing of them."""
    made = ensure_authority(settings, getattr(args, "host", None) or (), use_rsa=getattr(args, "rsa", False))
    for sentence in made or ["nothing to do: the authority is complete and in date"]:
        print(sentence)
    print(f"in {settings.pki_dir}: back this folder up, it cannot be made again")


def issue(settings: Settings, args: argparse.Namespace) -> None:
    """Make a gateway's key and certificate, as a ZIP."""
    out = _target(args, args.mac)
    _deliver(issue_bundle(settings, args.mac, use_rsa=getattr(args, "rsa", False)), out)


def renew(settings: Settings, args: argparse.Namespace) -> None:
    """Make a new key and certificate beside the old one, for a gateway, or for the broker or the ingester themselves."""
    if args.mac in (BROKER, INGESTER):
        certificate = renew_service(settings, args.mac)
        print(
            f"{args.mac}: new certificate, valid until {certificate.not_valid_after_utc:%Y-%m-%d}; `tds broker` loads it by itself"
        )
        return
    out = _target(args, args.mac)
    bundle, valid = renew_bundle(settings, args.mac, use_rsa=getattr(args, "rsa", False))
    _deliver(bundle, out)
    for record in valid:
        print(
            f"{record.serial} goes on working until {record.not_after:%Y-%m-%d}; when the gateway has the new one: `tds certs revoke` it"
        )


def sign(settings: Settings, args: argparse.Namespace) -> None:
    """Sign a gateway's own request; the certificate goes to standard output, or with --out into a file or a ZIP."""
    out = Path(args.out) if getattr(args, "out", None) else None
    if out is not None:
        check_target(out)
    try:
        with Path(args.csr).open("rb") as file:
            request = file.read(LARGEST + 1)  # /dev/zero is a file too
    except OSError as error:
        raise Refused(f"{args.csr} cannot be read: {error.strerror}") from error
    bundle = sign_request(settings, args.mac, request)
    if out is None:
        print(bundle.certificate.decode(), end="")
    elif out.suffix.lower() == ".zip":
        _deliver(bundle, out)
    else:
        write_target(out, bundle.certificate)
        print(f"{out}: certificate of {bundle.mac}, serial {bundle.serial}, valid until {bundle.not_after:%Y-%m-%d}")


def batch(settings: Settings, args: argparse.Namespace) -> None:
    """Make keys and certificates for every gateway of a CSV, as one ZIP."""
    out = Path(args.out)
    use_rsa = getattr(args, "rsa", False)
    macs = read_macs(Path(args.file))
    shown = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shown:
            print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    made = issue_batch(settings, macs, out, use_rsa, progress=progress)
    kept = len(macs) - made
    print(f"{out}: {len(macs)} gateways" + (f", {kept} of them made by a run before that was cut short" if kept else ""))


def revoke(settings: Settings, args: argparse.Namespace) -> None:
    """Revoke a certificate, now."""
    outcome = revoke_certificate(settings, args.serial, args.reason)
    name = f"{outcome.record.serial} of {outcome.record.common_name} is revoked"
    if not outcome.effect.done and not outcome.effect.broker_absent:
        raise TdsError(f"{name}, but is not refused yet: {outcome.effect.sentence}")
    print(f"{name}: {outcome.effect.sentence}")


def crl(settings: Settings, args: argparse.Namespace) -> None:
    """Write a new revocation list now, and renew what nears its end; the running system does so every day."""
    CertificateFolder(settings).require()
    for sentence in keep(settings):
        print(sentence)
    expires = crl_expires(settings)
    print(f"{settings.pki_dir / material.CRL}: holds until {expires:%Y-%m-%d}" if expires else "no list was written")


def hold(settings: Settings, args: argparse.Namespace) -> None:
    """Take over the sessions of gateways that are away, once: their queues stay."""
    folder, macs = CertificateFolder(settings), [normalize_mac(mac) for mac in args.mac]
    folder.require()
    try:
        hold_sessions(settings, folder, macs)
    except (NotReached, CertificateRefused) as error:
        raise Refused(str(error)) from error


def work(settings: Settings, args: argparse.Namespace) -> None:
    """Carry out what people order in the pages, and hear gateways at their first boot, until told to stop."""
    log_to_stderr(settings.log_format)
    stop = event_of(*STOP)
    registrar = threading.Thread(target=Registrar(settings, stop).run_or_stop)
    registrar.start()
    try:
        AuthorityWorker(settings, stop).run()
    finally:
        stop.set()
        registrar.join()


def list_certificates(settings: Settings, args: argparse.Namespace) -> None:
    """List what was issued."""
    folder = CertificateFolder(settings)
    with folder.writing():
        journal = Journal(folder.path)
        warn(registry.sync(settings, journal))
        records = [*journal.records().values()]
    now = datetime.now(UTC)
    if args.json:
        print(json.dumps([as_json(record, now) for record in records], indent=1))
        return
    for record in records:
        fate = f"revoked {record.revoked_at:%Y-%m-%d} ({record.reason})" if record.revoked_at else record.status(now)
        print(f"{record.serial}  {record.purpose:<12}  {record.common_name:<24}  until {record.not_after:%Y-%m-%d}  {fate}")


def as_json(record: Record, now: datetime) -> dict[str, Any]:
    """Describe a certificate for other programs."""
    return {
        "serial": record.serial,
        "purpose": record.purpose,
        "common_name": record.common_name,
        "status": record.status(now),
        "not_before": record.not_before.isoformat(),
        "not_after": record.not_after.isoformat(),
        "days_left": (record.not_after - now).days,
        "issued_at": record.issued_at.isoformat(),
        "issued_by": record.issued_by,
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
        "reason": record.reason,
        "fingerprint": record.fingerprint,
    }


def _target(args: argparse.Namespace, mac: str) -> Path:
    out = Path(args.out) if getattr(args, "out", None) else Path(f"{folder_name(normalize_mac(mac))}.zip")
    check_target(out)
    return out


def _deliver(bundle: Bundle, out: Path) -> None:
    write_target(out, zip_bytes(bundle))
    print(f"{out}: certificate of {bundle.mac}, serial {bundle.serial}, valid until {bundle.not_after:%Y-%m-%d}")


list = list_certificates  # the name of the command, which is a word of Python too
