"""Setting the authority up, and keeping its own certificates in date: safe to run at every start."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509

from broker import material
from broker.probe import EVERYWHERE
from certs import authority, registry
from certs.authority import Issuer, Purpose, common_name, signed_by
from certs.enforcement import Canaries
from certs.issuing import LOCAL_HOSTS, actor, broker_hosts, warn
from certs.journal import Journal, record_of
from certs.lists import write_crl
from certs.revocation import cut, left_undone, write_lists
from certs.store import BROKER, INGESTER, INTERMEDIATE, ROOT, CertificateFolder, certificate_pem
from settings import Settings
from sql.errors import Refused

RENEW_AHEAD = timedelta(days=365)
CRL_AGE = timedelta(hours=20)


def ensure_authority(settings: Settings, hosts: Sequence[str] = (), use_rsa: bool = False, by: str = "") -> list[str]:
    """Make what is missing and renew what nears its end; gives a sentence for each thing made.

    `hosts`: names and addresses the broker is reached under, added to those its certificate has.
    """
    folder = CertificateFolder(settings)
    with folder.writing(create=True):
        workshop = Workshop(settings, folder, by or actor(), use_rsa)
        workshop.made += [f"{name} is encrypted with the passphrase from now on" for name in folder.seal_keys()]
        workshop.ensure_root()
        workshop.ensure_intermediate()
        workshop.check_chain()
        workshop.ensure_broker(hosts)
        workshop.ensure_ingester()
        workshop.finish()
    return workshop.made


def renew_service(settings: Settings, name: str) -> x509.Certificate:
    """Give the broker or the ingester a new key and certificate now; the old one stays valid until it is revoked."""
    folder = CertificateFolder(settings)
    with folder.writing():
        workshop = Workshop(settings, folder, actor())
        old = folder.certificate(BROKER)
        made = (
            workshop.make_broker(broker_hosts(old) if old else default_hosts(settings))
            if name == BROKER
            else workshop.make_ingester()
        )
        warn(registry.sync(settings, workshop.journal))
    return made


def keep(settings: Settings, by: str = "") -> list[str]:
    """Write a new revocation list, renew what nears its end, and see through revocations the broker has not felt yet.

    The running system does this every day, `tds certs crl` does it now.
    """
    made = ensure_authority(settings, by=by)
    folder = CertificateFolder(settings)
    with folder.writing():
        now, journal = datetime.now(UTC), Journal(folder.path)
        records = journal.records()
        waiting = left_undone(folder, records.values(), now)
        canaries = Canaries.make(folder, waiting, now)
        write_lists(folder, records.values(), now, canaries)
    effects = [outcome.effect.sentence for outcome in cut(settings, journal, waiting, canaries)]
    return made + [f"{effects.count(sentence)} revoked: {sentence}" for sentence in dict.fromkeys(effects)]


def default_hosts(settings: Settings) -> list[str]:
    """Give the names every broker certificate is good for: this machine's own, and those in the settings."""
    bind = [settings.broker_bind] if settings.broker_bind not in EVERYWHERE else []
    found = [*LOCAL_HOSTS, settings.mqtt_host, *bind, socket.gethostname()]
    return list(dict.fromkeys(canonical(host) for host in found if authority.HOST_NAME.fullmatch(host) or ":" in host))


def canonical(host: str) -> str:
    """Give the one spelling of a host name or address; [::1] and ::1 are the same."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return host.lower()


@dataclass
class Workshop:
    """The making of the authority's own certificates, in a folder that the caller holds."""

    settings: Settings
    folder: CertificateFolder
    by: str
    use_rsa: bool = False
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = datetime.now(UTC)
        self.journal = Journal(self.folder.path)

    def ensure_root(self) -> None:
        """Have a root; one that was lost is not silently replaced by a stranger."""
        if self._is_missing(ROOT):
            key = self.folder.key(ROOT) or authority.new_key(self.use_rsa)
            self.folder.write_key(ROOT, key)
            self._keep("root", authority.make_root(key, self.now))

    def ensure_intermediate(self) -> None:
        """Have an intermediate signed by the root."""
        if self._is_missing(INTERMEDIATE):
            key = self.folder.key(INTERMEDIATE) or authority.new_key(self.use_rsa)
            self.folder.write_key(INTERMEDIATE, key)
            self._keep("intermediate", authority.make_intermediate(key, self.folder.issuer(ROOT), self.now))

    def check_chain(self) -> None:
        """Refuse a folder put together from two authorities."""
        root, intermediate = self.folder.authorities()
        if not signed_by(intermediate, root):
            raise Refused(f"intermediate.crt in {self.folder.path} was not signed by root.crt: restore both from one backup")

    def ensure_broker(self, hosts: Sequence[str]) -> None:
        """Have a broker certificate in date that is good for all hosts."""
        old = self._usable(BROKER)
        # The name in the settings is the one our own processes use: it may have changed since.
        asked = [canonical(host) for host in (*hosts, self.settings.mqtt_host)]
        wanted = asked[:-1] + (broker_hosts(old) if old else default_hosts(self.settings)) + asked[-1:]
        if old is None or set(wanted) != set(broker_hosts(old)) or old.not_valid_after_utc - self.now < RENEW_AHEAD:
            self.make_broker(list(dict.fromkeys(wanted)))

    def ensure_ingester(self) -> None:
        """Have an ingester certificate in date under the client id in the settings."""
        old = self._usable(INGESTER)
        if old is None or common_name(old) != self.settings.mqtt_client_id or old.not_valid_after_utc - self.now < RENEW_AHEAD:
            self.make_ingester()

    def make_broker(self, hosts: Sequence[str]) -> x509.Certificate:
        """Give the broker a new key and certificate."""
        key = authority.new_key(self.use_rsa)
        certificate = authority.issue_broker(key.public_key(), hosts, self._issuer(), self.now)
        self.folder.write_key(BROKER, key)
        return self._keep("broker", certificate, f"good for {', '.join(hosts)}")

    def make_ingester(self) -> x509.Certificate:
        """Give the ingester a new key and certificate."""
        key = authority.new_key(self.use_rsa)
        certificate = authority.issue_client(key.public_key(), "ingester", self.settings.mqtt_client_id, self._issuer(), self.now)
        self.folder.write_key(INGESTER, key)
        return self._keep("ingester", certificate)

    def finish(self) -> None:
        """Bring journal and database together, write the lists; last the file by which the folder counts as an authority."""
        warn(registry.sync(self.settings, self.journal))
        if self._crl_age() > CRL_AGE:
            write_crl(self.folder, self.journal.records().values(), self.now)
            self.made.append("revocation list")
        bundle = certificate_pem(*self.folder.authorities())
        if not self.folder.is_complete or (self.folder.path / material.AUTHORITY).read_bytes() != bundle:
            self.folder.write(material.AUTHORITY, bundle)

    def _issuer(self) -> Issuer:
        return self.folder.issuer()

    def _is_missing(self, name: str) -> bool:
        if self.folder.certificate(name) is not None:
            return False
        if self.folder.is_complete or any(r.purpose == "gateway" for r in self.journal.records().values()):
            raise Refused(
                f"{name}.crt is missing in {self.folder.path}, which has issued certificates: restore it from its backup"
            )
        return True

    def _usable(self, name: str) -> x509.Certificate | None:
        """Give a service's certificate where it has its key beside it, is in date and is ours."""
        certificate, key = self.folder.certificate(name), self.folder.key(name)
        if certificate is None or key is None or certificate.public_key() != key.public_key():
            return None
        ours = signed_by(certificate, self.folder.authorities()[-1])
        return certificate if ours and certificate.not_valid_after_utc > self.now else None

    def _keep(self, purpose: Purpose, certificate: x509.Certificate, remark: str = "") -> x509.Certificate:
        chain = [] if purpose in (ROOT, INTERMEDIATE) else [self.folder.authorities()[-1]]
        self.journal.issued([record_of(certificate, purpose, self.now, self.by)])
        self.folder.write(f"{purpose}.crt", certificate_pem(certificate, *chain))
        until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        self.made.append(f"{purpose} {common_name(certificate)}, valid until {until}{f', {remark}' if remark else ''}")
        return certificate

    def _crl_age(self) -> timedelta:
        try:
            return material.crl_age((self.folder.path / material.CRL).read_bytes(), self.now)
        except (OSError, ValueError):
            return timedelta.max
