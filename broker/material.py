"""The certificate files that a broker needs, by name, and whether they can be used; who makes them is not known here."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sql.errors import TdsError

AUTHORITY, CERTIFICATE, KEY, CRL = "ca.crt", "broker.crt", "broker.key", "crl.pem"
BOOTSTRAP_AUTHORITY, BOOTSTRAP_CRL = "bootstrap.crt", "bootstrap.crl"
CLIENT_CERTIFICATE, CLIENT_KEY = "ingester.crt", "ingester.key"
# Names whose every certificate is revoked, one a line, until their connection is closed. That takes a second; only where it
# takes longer does the access list step in. (Not at once: it would swallow, acknowledged, the first messages of a gateway
# that was given a new certificate in the same moment.)
DENIED = "denied"
DENY_AFTER_SECONDS = 5.0
# A list holds for 30 days and is renewed daily: this late, three weeks of renewals have failed.
ALARM_AHEAD = timedelta(days=7)


class Files(NamedTuple):
    """The files of one listener: by which authority it knows its clients, which list it goes by, and the key that signs the list."""

    clients: str = AUTHORITY
    crl: str = CRL
    signing_key: str = "intermediate.key"

    @property
    def watched(self) -> tuple[str, ...]:
        """Give the files that Mosquitto reads."""
        return (self.clients, CERTIFICATE, KEY, self.crl)


REGULAR = Files()
FIRST_BOOT = Files(BOOTSTRAP_AUTHORITY, BOOTSTRAP_CRL, "bootstrap.key")


class MaterialError(TdsError):
    """The certificate files cannot be used; the text says which, why, and what to do."""


@dataclass(frozen=True)
class Material:
    """The content of the files, read together and found to fit each other."""

    names: Files
    clients: bytes
    certificate: bytes
    key: bytes
    crl: bytes
    expires: datetime
    crl_expires: datetime

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Give name and content of each file that Mosquitto reads."""
        yield from zip(self.names.watched, (self.clients, self.certificate, self.key, self.crl), strict=True)

    def revoked(self) -> set[int]:
        """Give the serials on the list."""
        return {entry.serial_number for block in crl_blocks(self.crl) for entry in x509.load_pem_x509_crl(block)}


def read_material(folder: Path, now: datetime, names: Files = REGULAR) -> Material:
    """Read and check the files; raises MaterialError with one line for the first fault."""
    if not (folder / AUTHORITY).exists():
        raise MaterialError(f"there are no certificates in {folder}: make them with `tds certs init`")
    if not (folder / names.clients).exists():
        raise MaterialError("no bootstrap certificate was issued yet: make one with `tds certs bootstrap BATCH`")
    authority, (clients, certificate, key, crl) = _read(folder / AUTHORITY), (_read(folder / name) for name in names.watched)
    expires = _check_certificate(folder, authority, certificate, key, now)
    crl_expires = check_crl(crl, clients, now, folder / names.crl)
    return Material(names, clients, certificate, key, crl, expires, crl_expires)


def read_denied(folder: Path, already: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """Give the names to refuse everything: those that wait too long for their connection to be closed, or were refused before."""
    try:
        age = now.timestamp() - (folder / DENIED).stat().st_mtime
        names = (folder / DENIED).read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return ()
    return tuple(name for name in names if age > DENY_AFTER_SECONDS or name in already)


def check_crl(crl: bytes, authority: bytes, now: datetime, path: Path) -> datetime:
    """Check a revocation file against the authorities and give the instant from which it shuts everybody out.

    Mosquitto 2.0 answers a reload of a damaged list by accepting revoked certificates, and 2.1 by ending: so nothing
    reaches it unread. It asks for the list of the authority that signed the client, which is the last one of ca.crt.
    """
    try:
        authorities = x509.load_pem_x509_certificates(authority)
        lists = [x509.load_pem_x509_crl(block) for block in crl_blocks(crl)]
    except ValueError as error:
        raise MaterialError(f"{path} is damaged: write it anew with `tds certs crl`") from error
    ends: dict[x509.Name, datetime] = {}
    for entry in lists:
        signer = next((a for a in authorities if a.subject == entry.issuer), None)
        if signer is None or not _signed(entry, signer):
            raise MaterialError(f"{path} holds a list that none of our authorities signed: write it anew with `tds certs crl`")
        if entry.last_update_utc > now:
            raise MaterialError(
                f"{path} is dated {entry.last_update_utc:%Y-%m-%d %H:%M}, which is in the future: check the clock"
            )
        ends[entry.issuer] = entry.next_update_utc or now
    issuing = authorities[-1].subject
    if issuing not in ends:
        raise MaterialError(f"{path} lacks the list of {issuing.rfc4514_string()}: write it anew with `tds certs crl`")
    if ends[issuing] <= now:
        raise MaterialError(
            f"{path} expired on {ends[issuing]:%Y-%m-%d %H:%M} UTC and would shut out every gateway: write it anew with `tds certs crl`"
        )
    return ends[issuing]


def client_context(folder: Path) -> ssl.SSLContext:
    """Make the TLS side of a client of the broker from the ingester's files; raises MaterialError."""
    try:
        context = ssl.create_default_context(cafile=str(folder / AUTHORITY))
        context.load_cert_chain(folder / CLIENT_CERTIFICATE, folder / CLIENT_KEY)
    except (OSError, ssl.SSLError) as error:
        raise MaterialError(f"the ingester's certificate in {folder} cannot be used ({error}): see `tds certs init`") from error
    return context


def stamps(folder: Path, names: Files = REGULAR) -> tuple[tuple[int, int, int], ...]:
    """Give what changes when one of the watched files changes: inode, size and time of modification of each."""
    found = []
    for name in names.watched:
        try:
            status = os.stat(folder / name)
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)


def crl_expires(folder: Path) -> datetime | None:
    """Give the instant from which the revocation file shuts everybody out; None where there is none that could be read."""
    try:
        issuing = x509.load_pem_x509_certificates((folder / AUTHORITY).read_bytes())[-1].subject
        lists = [x509.load_pem_x509_crl(block) for block in crl_blocks((folder / CRL).read_bytes())]
    except (OSError, ValueError):
        return None
    return next((one.next_update_utc for one in lists if one.issuer == issuing), None)


def crl_fault(folder: Path, now: datetime) -> str | None:
    """Give what whoever watches this machine should know of the revocation list, where it has not been renewed for weeks."""
    expires = crl_expires(folder)
    if expires is None or expires - now > ALARM_AHEAD:  # no list at all is the broker's to say: it does not start without
        return None
    when = "has expired" if expires <= now else f"expires on {expires:%Y-%m-%d}"
    return f"the broker's revocation list {when} and then nobody gets in: run `tds broker`, or `tds certs crl`"


def crl_age(crl: bytes, now: datetime) -> timedelta:
    """Give how long ago a revocation file was written."""
    return now - max(x509.load_pem_x509_crl(block).last_update_utc for block in crl_blocks(crl))


def crl_blocks(pem: bytes) -> list[bytes]:
    """Give the lists of a revocation file one by one, in PEM; raises ValueError where there is none."""
    end = b"-----END X509 CRL-----"
    blocks = [block + end for block in pem.split(end)[:-1]]
    if not blocks:
        raise ValueError("no list in PEM format")
    return blocks


def _check_certificate(folder: Path, authority: bytes, certificate: bytes, key: bytes, now: datetime) -> datetime:
    path = folder / CERTIFICATE
    try:
        chain = x509.load_pem_x509_certificates(certificate)
        authorities = x509.load_pem_x509_certificates(authority)
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise MaterialError(f"{path} or its key is damaged: restore {folder} from its backup") from error
    leaf = chain[0]
    if leaf.public_key() != private.public_key():
        raise MaterialError(f"{path} and {KEY} do not belong together: restore {folder} from its backup")
    if not any(leaf.issuer == one.subject and _issued(leaf, one) for one in authorities):
        raise MaterialError(f"{path} was not signed by the authority in {AUTHORITY}: make a new one with `tds certs init`")
    for one in (leaf, *authorities):
        name = one.subject.rfc4514_string()
        if one.not_valid_after_utc <= now:
            raise MaterialError(
                f"the certificate {name} in {folder} expired on {one.not_valid_after_utc:%Y-%m-%d}: run `tds certs init`"
            )
        if one.not_valid_before_utc > now:
            raise MaterialError(
                f"the certificate {name} in {folder} is not valid before {one.not_valid_before_utc:%Y-%m-%d}: check the clock"
            )
    return leaf.not_valid_after_utc


def _signed(entry: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
    try:
        return entry.is_signature_valid(signer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MaterialError(f"{path} cannot be read: {error.strerror}") from error
