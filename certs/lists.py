"""The two lists that a broker reads: revoked serials, signed; and names refused until their connection is closed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker import material
from certs.authority import Revocation, make_crl
from certs.journal import Record
from certs.store import BOOTSTRAP, INTERMEDIATE, ROOT, CertificateFolder

log = logging.getLogger("tds.certs")
# The running system writes a new list every day; a month without it passes before anybody is shut out.
LIFETIME = timedelta(days=30)
# The root may be away for long, and its list names intermediates only; Mosquitto does not ask for it.
ROOT_LIFETIME = timedelta(days=730)
# As long as a canary lives: whoever revokes at the same moment waits for the broker to refuse his own, and would wait in vain.
CANARIES_STAY = timedelta(minutes=2)


def write_crl(folder: CertificateFolder, records: Iterable[Record], now: datetime, also: Iterable[int] = ()) -> None:
    """Write the intermediate's list and the root's, in this order, into one file; checked before it is put in place."""
    issuer = folder.issuer()
    old = {one.issuer: one for one in _present(folder, material.CRL)}
    before = old.get(issuer.certificate.subject)
    entries = _entries((r for r in records if r.purpose != BOOTSTRAP), now, also, before)
    fresh = make_crl(issuer, entries, _number(before, now), now, LIFETIME)
    lists = [fresh, *_root_list(folder, old, now)]
    content = b"".join(one.public_bytes(Encoding.PEM) for one in lists)
    path = folder.path / material.CRL
    material.check_crl(content, b"".join(c.public_bytes(Encoding.PEM) for c in folder.authorities()), now, path)
    folder.write(material.CRL, content)


def write_bootstrap_crl(folder: CertificateFolder, records: Iterable[Record], now: datetime, also: Iterable[int] = ()) -> None:
    """Write the list of revoked batches, where first boot is in use and the key to sign it is here."""
    certificate = folder.certificate(BOOTSTRAP)
    if certificate is None:
        return
    if folder.key(BOOTSTRAP) is None:
        log.warning("the list of revoked bootstrap certificates needs bootstrap.key to be renewed: see certs/README.md")
        return
    old = next(iter(_present(folder, material.BOOTSTRAP_CRL)), None)
    entries = _entries((r for r in records if r.purpose == BOOTSTRAP), now, also, old)
    content = make_crl(folder.issuer(BOOTSTRAP), entries, _number(old, now), now, LIFETIME).public_bytes(Encoding.PEM)
    material.check_crl(content, certificate.public_bytes(Encoding.PEM), now, folder.path / material.BOOTSTRAP_CRL)
    folder.write(material.BOOTSTRAP_CRL, content)


def write_denied(folder: CertificateFolder, records: Iterable[Record], now: datetime) -> None:
    """Name those whose every certificate is revoked and whose connection may still be open, for the access list."""
    known = list(records)
    waiting = {r.common_name for r in known if r.revoked_at and not r.cut_at and r.not_after > now and r.purpose == "gateway"}
    names = sorted(waiting - with_valid(known, now))
    path = folder.path / material.DENIED
    content = "".join(f"{name}\n" for name in names).encode()
    if content or path.exists():
        folder.write(material.DENIED, content)


def pending(records: Iterable[Record], now: datetime) -> list[Record]:
    """Give the revoked certificates of which it is not known yet that the broker refuses them."""
    return [r for r in records if r.revoked_at and not r.cut_at and r.not_after > now and r.purpose not in (ROOT, INTERMEDIATE)]


def with_valid(records: Iterable[Record], now: datetime) -> set[str]:
    """Give the names that have a certificate that is neither revoked nor expired."""
    return {r.common_name for r in records if r.status(now) == "valid"}


def _entries(
    records: Iterable[Record], now: datetime, also: Iterable[int], old: x509.CertificateRevocationList | None
) -> list[Revocation]:
    known = {int(r.serial, 16): r for r in records}
    revoked = [Revocation(s, r.revoked_at, r.reason or "") for s, r in known.items() if r.revoked_at and r.not_after > now]
    others = [Revocation(e.serial_number, e.revocation_date_utc) for e in old or () if e.serial_number not in known]
    return revoked + [one for one in others if one.at > now - CANARIES_STAY] + [Revocation(serial, now) for serial in also]


def _present(folder: CertificateFolder, name: str) -> list[x509.CertificateRevocationList]:
    try:
        return [x509.load_pem_x509_crl(block) for block in material.crl_blocks((folder.path / name).read_bytes())]
    except (OSError, ValueError):
        return []


def _number(old: x509.CertificateRevocationList | None, now: datetime) -> int:
    before = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number if old else 0
    return max(before + 1, int(now.timestamp()))  # never lower than before, even where the file was lost


def _root_list(
    folder: CertificateFolder, old: dict[x509.Name, x509.CertificateRevocationList], now: datetime
) -> list[x509.CertificateRevocationList]:
    root = folder.certificate(ROOT)
    present = old.get(root.subject) if root else None
    if present is not None and (present.next_update_utc or now) - now > ROOT_LIFETIME / 2:
        return [present]
    if folder.key(ROOT) is None:
        log.warning("the root's own revocation list needs the root key to be renewed: see certs/README.md")
        return [present] if present else []
    issuer = folder.issuer(ROOT)
    return [make_crl(issuer, [], _number(present, now), now, ROOT_LIFETIME)]
