"""What `tds doctor`, `/readyz` and the metrics ask of the authority."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

from broker import material
from broker.material import Files, MaterialError
from broker.probe import CertificateRefused, NotReached, handshake
from certs.store import BROKER, INGESTER, INTERMEDIATE, ROOT, CertificateFolder
from settings import Settings
from sql.errors import TdsError
from sql.findings import Finding

# Half the life of a list: by then the daily renewal has failed fifteen times.
CRL_WARNING = timedelta(days=15)
WARNING = {ROOT: timedelta(days=365), INTERMEDIATE: timedelta(days=365), BROKER: timedelta(days=90), INGESTER: timedelta(days=90)}


def health(settings: Settings) -> list[Finding]:
    """Look at the folder, the certificates and the revocation list."""
    folder = CertificateFolder(settings)
    try:
        folder.require()
    except TdsError as error:
        return [Finding("certificates", False, str(error))]
    now = datetime.now(UTC)
    return [
        _keys(folder),
        *(_certificate(folder, name, now) for name in WARNING),
        _crl("crl", folder, material.REGULAR, now),
        *_first_boot(settings, folder, now),
    ]


def crl_expires(settings: Settings) -> datetime | None:
    """Give the instant from which the revocation list shuts everybody out; None where there is no list that could be used."""
    return material.crl_expires(settings.pki_dir)


def _keys(folder: CertificateFolder) -> Finding:
    try:
        folder.check_permissions()
        root, signer = folder.key(ROOT), folder.key(INTERMEDIATE)
    except TdsError as error:
        return Finding("authority", False, str(error))
    where = "the root key is put away" if root is None else "the root key lies here"
    if signer is None:
        return Finding("authority", True, f"{where}; the signing key is not here: this machine issues nothing and renews no list")
    return Finding("authority", True, f"keys closed to others; {where}")


def _certificate(folder: CertificateFolder, name: str, now: datetime) -> Finding:
    title = f"{name} cert" if name in (BROKER, INGESTER) else name
    try:
        certificate = folder.certificate(name)
    except TdsError as error:
        return Finding(title, False, str(error))
    if certificate is None:
        return Finding(title, False, f"{name}.crt is missing in {folder.path}: run `tds certs init`")
    left = certificate.not_valid_after_utc - now
    if certificate.not_valid_before_utc > now:
        return Finding(title, False, f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d}: check the clock")
    if left < timedelta(0):
        return Finding(title, False, f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}: run `tds certs init`")
    advice = "" if left > WARNING[name] else ": run `tds certs init`" if name in (BROKER, INGESTER) else ": plan its successor"
    return Finding(title, not advice, f"valid until {certificate.not_valid_after_utc:%Y-%m-%d}, {left.days} days{advice}")


def _first_boot(settings: Settings, folder: CertificateFolder, now: datetime) -> list[Finding]:
    """Look at first boot where a batch was ever issued; its broker need not run all the time."""
    if not (folder.path / material.BOOTSTRAP_AUTHORITY).exists():
        return []
    found = _crl("first boot", folder, material.FIRST_BOOT, now)
    if not found.ok:
        return [found]
    where = f"{settings.mqtt_host}:{settings.bootstrap_port}"
    try:
        context = ssl.create_default_context(cafile=str(folder.path / material.AUTHORITY))
        handshake(settings.mqtt_host, settings.bootstrap_port, context)
    except CertificateRefused:  # we show none
        return [found._replace(detail=f"{where} answers; its list {found.detail}")]
    except NotReached as error:
        return [found._replace(detail=f"not running ({error}); its list {found.detail}")]
    return [Finding("first boot", False, f"{where} takes clients without a certificate: is it run by `tds broker --bootstrap`?")]


def _crl(name: str, folder: CertificateFolder, names: Files, now: datetime) -> Finding:
    path = folder.path / names.crl
    try:
        expires = material.check_crl(path.read_bytes(), (folder.path / names.clients).read_bytes(), now, path)
    except OSError:
        return Finding(name, False, f"{path} is missing: write it with `tds certs crl`")
    except MaterialError as error:
        return Finding(name, False, str(error))
    left = expires - now
    if left < CRL_WARNING:
        return Finding(
            name,
            False,
            f"holds {left.days} days more and is not being renewed: run `tds broker`, or `tds certs crl` daily",
        )
    return Finding(name, True, f"holds until {expires:%Y-%m-%d}, renewed daily")
