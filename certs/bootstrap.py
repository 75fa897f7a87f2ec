"""Bootstrap certificates: one for a whole production batch, good for asking for a certificate at first boot and for nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from certs import authority, registry
from certs.authority import Purpose
from certs.bundle import AUTHORITY, README, pack
from certs.issuing import actor, public_host, valid_records, warn
from certs.journal import Journal, record_of
from certs.lists import write_bootstrap_crl
from certs.store import BOOTSTRAP, CertificateFolder, certificate_pem, key_pem
from settings import Settings
from sql.errors import Refused

PURPOSE: Purpose = "bootstrap"
PREFIX = "bootstrap."
BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
KEY, CERTIFICATE = "bootstrap.key", "bootstrap.crt"
MOST_YEARS = 10


@dataclass(frozen=True)
class BatchIdentity:
    """What is put on every gateway of a batch, in PEM; the key is nowhere else."""

    batch: str
    serial: str
    not_after: datetime
    certificate: bytes
    key: bytes
    authority: bytes
    readme: str

    def zip_bytes(self) -> bytes:
        """Pack it."""
        files = ((KEY, self.key), (CERTIFICATE, self.certificate), (AUTHORITY, self.authority), (README, self.readme.encode()))
        return pack(files)


def issue_bootstrap(
    settings: Settings, batch: str, years: int = authority.YEARS["bootstrap"], use_rsa: bool = False, by: str = ""
) -> BatchIdentity:
    """Make the key and certificate of a batch, and first boot's authority where there is none; raises Refused."""
    if not BATCH.fullmatch(batch):
        raise Refused(f"{batch[:60]!r} cannot name a batch: use up to 40 letters, digits, dots and dashes")
    if not 1 <= years <= MOST_YEARS:
        raise Refused(f"a bootstrap certificate is made for 1 to {MOST_YEARS} years, not {years}")
    folder, now, name = CertificateFolder(settings), datetime.now(UTC), PREFIX + batch
    with folder.writing():
        journal, who = Journal(folder.path), by or actor()
        records = journal.records()
        valid = valid_records(records.values(), name)
        if valid:
            raise Refused(f"the batch {batch} has a certificate already, {valid[0].serial}: name another batch, or revoke it")
        _ensure_root(folder, journal, now, who)
        issuer, key = folder.issuer(BOOTSTRAP), authority.new_key(use_rsa)
        certificate = authority.issue_client(key.public_key(), PURPOSE, name, issuer, now, timedelta(days=365 * years))
        record = record_of(certificate, PURPOSE, now, who)
        journal.issued([record])
        warn(registry.sync(settings, journal))
        host = public_host(settings, folder)
    page = _README.format(
        batch=batch,
        serial=record.serial,
        until=f"{record.not_after:%Y-%m-%d}",
        host=host,
        port=settings.bootstrap_port,
        topic=settings.bootstrap_root(),
    )
    trusted = certificate_pem(*folder.authorities())
    return BatchIdentity(batch, record.serial, record.not_after, certificate_pem(certificate), key_pem(key), trusted, page)


def _ensure_root(folder: CertificateFolder, journal: Journal, now: datetime, who: str) -> None:
    """Have first boot's authority; one that was lost is not silently replaced, as the batches in the field know it."""
    if folder.certificate(BOOTSTRAP) is None:
        if any(record.purpose == BOOTSTRAP for record in journal.records().values()):
            raise Refused(f"bootstrap.crt is missing in {folder.path}, which has issued certificates: restore it from its backup")
        key = folder.key(BOOTSTRAP) or authority.new_key()
        folder.write_key(BOOTSTRAP, key)
        root = authority.make_bootstrap_root(key, now)
        journal.issued([record_of(root, "root", now, who)])
        folder.write(f"{BOOTSTRAP}.crt", certificate_pem(root))
    write_bootstrap_crl(folder, journal.records().values(), now)


_README = """\
TDS: first boot of the batch {batch}
Certificate {serial}, valid until {until}

Files, the same on every gateway of the batch
  bootstrap.key   the private key. There is no other copy.
  bootstrap.crt   the certificate. All it may do is ask for a certificate of the gateway's own.
  ca.crt          the authority. By it the gateway knows the broker, now and later.

At its first boot a gateway
  1. makes a key (ECDSA P-256, or RSA 2048) that never leaves it, and a certificate signing request whose common name
     is its MAC address, lower case with colons;
  2. connects to {host}, port {port}, MQTT 3.1.1 or 5 over TLS with these files, its MAC address as client id;
  3. subscribes with QoS 1 to       {topic}/<mac>/certificate
     publishes with QoS 1 to        {topic}/<mac>/register
       {{"mac": "<mac>", "serial": "<serial number on the label>", "model": "...", "firmware": "...", "csr": "<PEM>"}}
  4. is answered {{"state": "pending"}} until somebody takes it into an account. It stays connected, or comes back, and
     publishes the same again: every few seconds until it is answered, then once a minute;
  5. is answered {{"state": "issued", "certificate": "<PEM>", "authority": "<PEM>", "host": ..., "port": ..., "root": ...}}.
     It checks that the certificate is for its key, keeps it, and from now on connects with it, to that host and port.
  {{"state": "refused", "reason": "..."}}: it asks again after an hour, not sooner.

To try the connection, in this folder (the answer to what is no request is silence):

mosquitto_pub -h {host} -p {port} --cafile ca.crt --cert bootstrap.crt --key bootstrap.key \\
    -i aa:bb:cc:dd:ee:ff -q 1 -t {topic}/aa:bb:cc:dd:ee:ff/register -m '{{}}' -d
"""
