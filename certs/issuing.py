"""Issuing, signing and renewing gateways' certificates: noted in the journal before anybody receives them."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509

from certs import authority, registry
from certs.authority import Issuer, PublicKey
from certs.bundle import Bundle, readme
from certs.journal import Journal, Record, record_of
from certs.lists import write_denied
from certs.requests import read_request
from certs.store import BROKER, CertificateFolder, certificate_pem, key_pem
from settings import Settings
from sql.errors import NotFound, Refused
from sql.fleet import normalize_mac

log = logging.getLogger("tds.certs")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Desk:
    """All that issuing needs, read once: the issuer, what goes with each bundle, and what was issued before."""

    settings: Settings
    folder: CertificateFolder
    journal: Journal
    issuer: Issuer
    chain: bytes
    host: str
    records: dict[str, Record]
    by: str

    def certify(self, mac: str, public: PublicKey, key: bytes | None, by: str = "") -> tuple[Bundle, Record]:
        """Sign one gateway's certificate; the caller notes the record before the bundle leaves the house."""
        now = datetime.now(UTC)
        certificate = authority.issue_client(public, "gateway", mac, self.issuer, now)
        record = record_of(certificate, "gateway", now, by or self.by)
        page = readme(self.settings, mac, record.serial, record.not_after, self.host, own_key=key is None)
        chain = certificate_pem(certificate, self.issuer.certificate)
        return Bundle(mac, record.serial, record.not_after, chain, self.chain, key, page), record

    def certify_request(self, mac: str, request: bytes, by: str = "") -> tuple[Bundle, Record]:
        """Sign a gateway's own request; refuses a wrong name, a weak key, a revoked key and the key of another gateway."""
        public = read_request(request, mac)
        known = self.by_key.setdefault(authority.key_mark(public), [])
        other = next((record for record in known if record.common_name != mac), None)
        if other is not None:
            said = f"the request's key belongs to {other.common_name} already: make a new key on each gateway"
            raise Refused(said, "key_of_another")
        revoked = next((record for record in known if record.revoked_at is not None), None)
        if revoked is not None:
            said = f"the request's key was in certificate {revoked.serial}, which is revoked: make a new key on the gateway"
            raise Refused(said, "key_revoked", serial=revoked.serial)
        bundle, record = self.certify(mac, public, None, by)
        known.append(record)
        return bundle, record

    @cached_property
    def by_key(self) -> dict[str, list[Record]]:
        """Give what was issued, by key."""
        found: dict[str, list[Record]] = {}
        for record in self.records.values():
            found.setdefault(record.key, []).append(record)
        return found


@contextmanager
def open_desk(settings: Settings, by: str = "") -> Iterator[Desk]:
    """Hold the folder for issuing; journal and database are brought together before it is given up."""
    folder = CertificateFolder(settings)
    with folder.writing():
        journal = Journal(folder.path)
        yield Desk(
            settings=settings,
            folder=folder,
            journal=journal,
            issuer=folder.issuer(),
            chain=certificate_pem(*folder.authorities()),
            host=public_host(settings, folder),
            records=journal.records(),
            by=by or actor(),
        )
        write_denied(folder, journal.records().values(), datetime.now(UTC))  # whoever has a good certificate again is not refused
        warn(registry.sync(settings, journal))


def issue_bundle(settings: Settings, mac: str, use_rsa: bool = False, by: str = "") -> Bundle:
    """Make a key and a certificate for a gateway; the key is in the bundle and nowhere else."""
    return issue_bundles(settings, [mac], use_rsa, by)[0]


def issue_bundles(settings: Settings, macs: Sequence[str], use_rsa: bool = False, by: str = "") -> list[Bundle]:
    """Make keys and certificates for many gateways at once."""
    names = [normalize_mac(mac) for mac in macs]
    with open_desk(settings, by) as desk:
        return make_bundles(desk, names, use_rsa)


def make_bundles(
    desk: Desk, names: Iterable[str], use_rsa: bool = False, before: Callable[[Sequence[Bundle]], None] | None = None
) -> list[Bundle]:
    """Make and note bundles at an open desk; `before` sees them before they are noted."""
    keys = [(name, authority.new_key(use_rsa)) for name in names]
    made = [desk.certify(name, key.public_key(), key_pem(key)) for name, key in keys]
    bundles = [bundle for bundle, _ in made]
    if before is not None:
        before(bundles)
    desk.journal.issued(record for _, record in made)
    return bundles


def sign_request(settings: Settings, mac: str, request: bytes) -> Bundle:
    """Sign a gateway's own request; refuses a wrong name, a weak key, and the key of another gateway."""
    name = normalize_mac(mac)
    with open_desk(settings) as desk:
        bundle, record = desk.certify_request(name, request)
        desk.journal.issued([record])
        return bundle


def renew_bundle(settings: Settings, mac: str, use_rsa: bool = False) -> tuple[Bundle, list[Record]]:
    """Make a new key and certificate for a gateway that has one; gives also the valid ones, which go on working."""
    name = normalize_mac(mac)
    with open_desk(settings) as desk:
        valid = valid_records(desk.records.values(), name)
        if not any(record.common_name == name for record in desk.records.values()):
            raise NotFound(f"{name} has no certificate to renew: make its first with `tds certs issue`")
        return make_bundles(desk, [name], use_rsa)[0], valid


def valid_records(records: Iterable[Record], name: str) -> list[Record]:
    """Give a name's certificates that are neither revoked nor expired."""
    now = datetime.now(UTC)
    return [record for record in records if record.common_name == name and record.status(now) == "valid"]


def public_host(settings: Settings, folder: CertificateFolder) -> str:
    """Give the name under which gateways reach the broker: the first in its certificate that is not this machine's own."""
    certificate = folder.certificate(BROKER)
    if certificate is None:
        return settings.mqtt_host
    names = broker_hosts(certificate)
    return next((name for name in names if name not in LOCAL_HOSTS), settings.mqtt_host)


def broker_hosts(certificate: x509.Certificate) -> list[str]:
    """Give the host names and addresses a broker's certificate is good for, in their order."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def actor() -> str:
    """Give who is at the keyboard, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def warn(reason: str | None) -> None:
    """Say that the database could not take part; nothing is lost by it."""
    if reason is not None:
        log.warning("noted in the authority's journal only, the database follows with the next `tds certs`: %s", reason)
