"""The certificate authority as pure X.509: names, keys, certificates and revocation lists. No files, no database."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Purpose = Literal["root", "intermediate", "broker", "ingester", "gateway", "bootstrap"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

ROOT_NAME = "TDS-New-CA"
INTERMEDIATE_NAME = "TDS-New-CA Intermediate"
BOOTSTRAP_NAME = "TDS-New-CA Bootstrap"
BROKER_NAME = "tds-broker"
# Broker and ingester are renewed by the running system a year ahead; a gateway is visited once in ten years.
YEARS: dict[Purpose, int] = {"root": 30, "intermediate": 20, "broker": 5, "ingester": 5, "gateway": 10, "bootstrap": 2}
# A gateway without a battery-backed clock may be a little behind ours when it first connects.
BACKDATE = timedelta(hours=1)
GATEWAY_NAME = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
# No +, # or /: a common name becomes a part of a topic. No space or quote: it stands in the broker's access list.
SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
DIGEST = hashes.SHA256()
REASONS = {
    flag.value.lower(): flag
    for flag in x509.ReasonFlags
    if flag.name not in ("remove_from_crl", "certificate_hold", "unspecified")
}


class AuthorityError(ValueError):
    """A certificate that must not exist was asked for; the text says why, in one line, `key` and `values` in any language."""

    def __init__(self, message: str, key: str = "", **values: object) -> None:
        super().__init__(message)
        self.key = key
        self.values = values


@dataclass(frozen=True)
class Issuer:
    """A certificate that may sign others, with its key."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True)
class Revocation:
    """One line of a revocation list."""

    serial: int
    at: datetime
    reason: str = ""


def new_key(use_rsa: bool = False) -> PrivateKey:
    """Make a key: ECDSA on P-256, or RSA of 2048 bits for equipment that knows nothing else."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048) if use_rsa else ec.generate_private_key(ec.SECP256R1())


def make_root(key: PrivateKey, now: datetime) -> x509.Certificate:
    """Sign the root with its own key."""
    return _self_signed(ROOT_NAME, key, now, path_length=1)


def make_intermediate(key: PrivateKey, root: Issuer, now: datetime) -> x509.Certificate:
    """Sign the certificate that signs all others, so that the root's key can be put away."""
    builder = _issued(named(INTERMEDIATE_NAME), key.public_key(), root, now, YEARS["intermediate"])
    return _as_authority(builder, path_length=0).sign(root.key, DIGEST)


def make_bootstrap_root(key: PrivateKey, now: datetime) -> x509.Certificate:
    """Sign, with its own key, the authority of first boot: a root of its own, so that neither broker takes the other's clients."""
    return _self_signed(BOOTSTRAP_NAME, key, now, path_length=0)


def issue_broker(public: PublicKey, hosts: Sequence[str], issuer: Issuer, now: datetime) -> x509.Certificate:
    """Sign the broker's certificate, good for the host names and addresses given and for nothing but serving."""
    if not hosts:
        raise AuthorityError("the broker's certificate needs at least one host name")
    names = x509.SubjectAlternativeName([_host(host) for host in dict.fromkeys(hosts)])
    builder = _issued(named(BROKER_NAME), public, issuer, now, YEARS["broker"])
    return _as_leaf(builder, public, ExtendedKeyUsageOID.SERVER_AUTH, names).sign(issuer.key, DIGEST)


def issue_client(
    public: PublicKey, purpose: Purpose, name: str, issuer: Issuer, now: datetime, lifetime: timedelta | None = None
) -> x509.Certificate:
    """Sign a certificate that may only connect as a client, under the common name that the broker makes its identity."""
    check_name(purpose, name)
    check_key(public)
    builder = _issued(named(name), public, issuer, now, YEARS[purpose], lifetime)
    alternative = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"tds:{purpose}:{name}")])
    return _as_leaf(builder, public, ExtendedKeyUsageOID.CLIENT_AUTH, alternative).sign(issuer.key, DIGEST)


def make_crl(
    issuer: Issuer, revoked: Iterable[Revocation], number: int, now: datetime, lifetime: timedelta
) -> x509.CertificateRevocationList:
    """Sign a revocation list that holds until now + lifetime."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - BACKDATE)
        .next_update(min(now + lifetime, issuer.certificate.not_valid_after_utc))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority_identifier(issuer.certificate), critical=False)
    )
    for entry in revoked:
        line = x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(entry.at)
        flag = REASONS.get(reason_key(entry.reason))
        if flag is not None:
            line = line.add_extension(x509.CRLReason(flag), critical=False)
        builder = builder.add_revoked_certificate(line.build())
    return builder.sign(issuer.key, DIGEST)


def check_name(purpose: Purpose, name: str) -> None:
    """Refuse a common name that could mean another topic, another client or nothing at all."""
    if purpose == "gateway" and not GATEWAY_NAME.fullmatch(name):
        raise AuthorityError(f"{shown(name)} is not a MAC address such as aa:bb:cc:dd:ee:ff")
    if purpose in ("ingester", "bootstrap") and (not SERVICE_NAME.fullmatch(name) or name == BROKER_NAME):
        raise AuthorityError(f"{shown(name)} cannot be a common name: use up to 64 letters, digits, dots and dashes")


def check_key(key: object) -> PublicKey:
    """Give the key back if it is strong enough and of a kind that every broker accepts."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            return key
        said = f"a key on the curve {key.curve.name} is not accepted: use P-256 or P-384"
        raise AuthorityError(said, "curve", curve=key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 4096:
            said = f"an RSA key of {key.key_size} bits is not accepted: use 2048 to 4096"
            raise AuthorityError(said, "rsa_bits", bits=key.key_size)
        if key.public_numbers().e < 65537:
            said = f"an RSA key with the exponent {key.public_numbers().e} is not accepted: use 65537"
            raise AuthorityError(said, "kind_of_key")
        return key
    raise AuthorityError("this kind of key is not accepted: use ECDSA on P-256, or RSA of 2048 bits", "kind_of_key")


def serial_text(serial: int) -> str:
    """Write a serial number as everywhere here: 32 lower-case hexadecimal digits."""
    return f"{serial:032x}"


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 of the certificate as lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_mark(key: PublicKey) -> str:
    """Give what tells one public key from another: the SHA-256 of its description."""
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def common_name(certificate: x509.Certificate) -> str:
    """Give the common name of a certificate of ours."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether one certificate was signed by another."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def reason_key(reason: str) -> str:
    """Give `key_compromise`, `Key compromise` and `keyCompromise` the one spelling that REASONS knows."""
    return re.sub(r"[\s_-]", "", reason).lower()


def named(name: str) -> x509.Name:
    """Give a common name as certificates write it."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def shown(text: str) -> str:
    """Make hostile text printable in one short line."""
    return "".join(c if c.isprintable() else "?" for c in text)[:80]


def _self_signed(title: str, key: PrivateKey, now: datetime, path_length: int) -> x509.Certificate:
    name = named(title)
    builder = _builder(name, name, key.public_key(), now - BACKDATE, _years_after(now, YEARS["root"]))
    builder = _as_authority(builder, path_length)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    return builder.sign(key, DIGEST)


def _years_after(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year + years)
    except ValueError:  # 29 February
        return now.replace(year=now.year + years, day=28)


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        # 128 random bits: no serial can be guessed, and none is ever given twice. Zero is not a serial.
        .serial_number(secrets.randbits(128) or 1)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued(
    subject: x509.Name, key: PublicKey, issuer: Issuer, now: datetime, years: int, lifetime: timedelta | None = None
) -> x509.CertificateBuilder:
    parent = issuer.certificate
    # No certificate outlives its issuer, and none is older than it: a chain with holes is valid nowhere.
    start = max(now - BACKDATE, parent.not_valid_before_utc)
    end = min(now + lifetime if lifetime else _years_after(now, years), parent.not_valid_after_utc)
    if end <= now.astimezone(UTC):
        raise AuthorityError(f"{common_name(parent)} expired on {parent.not_valid_after_utc:%Y-%m-%d} and can sign nothing")
    builder = _builder(subject, parent.subject, key, start, end)
    return builder.add_extension(_authority_identifier(parent), critical=False)


def _authority_identifier(parent: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    usage = _usage(key_cert_sign=True, crl_sign=True)
    return builder.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(usage, critical=True)


def _as_leaf(
    builder: x509.CertificateBuilder, key: PublicKey, purpose: x509.ObjectIdentifier, names: x509.SubjectAlternativeName
) -> x509.CertificateBuilder:
    # key_encipherment: only RSA servers of TLS 1.2 without forward secrecy would need it, and the broker offers none of
    # those; some gateways' libraries insist on it all the same for RSA.
    usage = _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPublicKey))
    return (
        builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(names, critical=False)
    )


def _usage(
    digital_signature: bool = False, key_encipherment: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not HOST_NAME.fullmatch(host):
        raise AuthorityError(f"{shown(host)} is not a host name or an address")
    return x509.DNSName(host.lower())
