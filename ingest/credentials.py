"""What the ingester shows to the broker, and by what it knows the broker: files of the PKI folder."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from sql.errors import TdsError

CERTIFICATES = ("root", "intermediate", "broker", "ingester")


def tls_context(folder: Path) -> ssl.SSLContext:
    """Build the TLS side of the connection from ca.crt, ingester.crt and ingester.key; raises TdsError with one line."""
    authority, certificate, key = (folder / name for name in ("ca.crt", "ingester.crt", "ingester.key"))
    for path in (authority, certificate, key):
        if not path.is_file():
            raise TdsError(f"{path} is missing: make the certificates with `tds certs init`")
    try:
        expires = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
        if expires <= datetime.now(UTC):
            raise TdsError(
                f"the ingester's certificate {certificate} expired on {expires:%Y-%m-%d}: renew it with `tds certs init`"
            )
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TdsError(f"the certificates in {folder} cannot be used: {error}") from error
    return context


def expiries(folder: Path) -> dict[str, datetime]:
    """Give when each of the authority's own certificates ends, of those whose file is on this machine and can be read."""
    found = {}
    for name in CERTIFICATES:
        try:
            found[name] = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).not_valid_after_utc
        except (OSError, ValueError):
            continue
    return found
