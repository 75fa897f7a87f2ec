"""The profile of each certificate, and what the authority does not sign."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from certs import authority
from certs.authority import AuthorityError, Issuer, Revocation
from certs.requests import LARGEST, read_request

NOW = datetime(2026, 2, 18, 14, 30, tzinfo=UTC)
MAC = "aa:bb:cc:dd:ee:ff"
ROOT_KEY, MIDDLE_KEY = authority.new_key(), authority.new_key()
ROOT = Issuer(authority.make_root(ROOT_KEY, NOW), ROOT_KEY)
MIDDLE = Issuer(authority.make_intermediate(MIDDLE_KEY, ROOT, NOW), MIDDLE_KEY)


def gateway(key: object = None, now: datetime = NOW) -> x509.Certificate:
    return authority.issue_client((key or authority.new_key()).public_key(), "gateway", MAC, MIDDLE, now)  # type: ignore[attr-defined]


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension:  # type: ignore[type-arg]
    return certificate.extensions.get_extension_for_class(kind)


def usages(certificate: x509.Certificate) -> set[str]:
    usage = extension(certificate, x509.KeyUsage).value
    names = (
        "digital_signature",
        "key_encipherment",
        "key_cert_sign",
        "crl_sign",
        "content_commitment",
        "data_encipherment",
        "key_agreement",
    )
    return {name for name in names if getattr(usage, name)}


def test_the_root_lives_30_years_and_signs_authorities_only() -> None:
    assert authority.common_name(ROOT.certificate) == "TDS-New-CA"
    assert ROOT.certificate.not_valid_after_utc == NOW.replace(year=2056)
    assert authority.signed_by(ROOT.certificate, ROOT.certificate)
    assert usages(ROOT.certificate) == {"key_cert_sign", "crl_sign"}
    limits = extension(ROOT.certificate, x509.BasicConstraints)
    assert (limits.critical, limits.value.ca, limits.value.path_length) == (True, True, 1)


def test_the_intermediate_lives_20_years_and_signs_no_further_authority() -> None:
    limits = extension(MIDDLE.certificate, x509.BasicConstraints)

    assert MIDDLE.certificate.not_valid_after_utc == NOW.replace(year=2046)
    assert authority.signed_by(MIDDLE.certificate, ROOT.certificate)
    assert (limits.critical, limits.value.ca, limits.value.path_length) == (True, True, 0)
    assert usages(MIDDLE.certificate) == {"key_cert_sign", "crl_sign"}


def test_a_gateway_lives_10_years_and_may_be_a_client_and_nothing_else() -> None:
    certificate = gateway()

    assert certificate.subject.rfc4514_string() == f"CN={MAC}"
    assert certificate.not_valid_after_utc == NOW.replace(year=2036)
    assert authority.signed_by(certificate, MIDDLE.certificate)
    assert extension(certificate, x509.BasicConstraints).value == x509.BasicConstraints(False, None)
    assert usages(certificate) == {"digital_signature"}
    assert list(extension(certificate, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert [name.value for name in extension(certificate, x509.SubjectAlternativeName).value] == [f"tds:gateway:{MAC}"]


def test_the_broker_may_serve_its_hosts_and_nothing_else() -> None:
    hosts = ["MQTT.example.org", "10.0.0.1", "::1", "mqtt.example.org"]
    certificate = authority.issue_broker(authority.new_key().public_key(), hosts, MIDDLE, NOW)

    assert list(extension(certificate, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = extension(certificate, x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"mqtt.example.org"}
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1")]


def test_identifiers_tie_every_certificate_to_its_signer() -> None:
    for child, parent in ((gateway(), MIDDLE), (MIDDLE.certificate, ROOT), (ROOT.certificate, ROOT)):
        own = extension(parent.certificate, x509.SubjectKeyIdentifier).value.digest
        assert extension(child, x509.AuthorityKeyIdentifier).value.key_identifier == own
        assert not extension(child, x509.AuthorityKeyIdentifier).critical


def test_serials_are_128_random_bits() -> None:
    serials = [gateway(ROOT_KEY).serial_number for _ in range(200)]

    assert len(set(serials)) == 200
    assert max(serials).bit_length() > 120
    assert max(serials).bit_length() <= 128
    assert all(len(authority.serial_text(serial)) == 32 for serial in serials)


@pytest.mark.parametrize("years", [9, 12, 19])
def test_no_certificate_outlives_its_issuer(years: int) -> None:
    later = NOW.replace(year=NOW.year + years)
    certificate = gateway(now=later)

    assert certificate.not_valid_after_utc == min(later.replace(year=later.year + 10), MIDDLE.certificate.not_valid_after_utc)


def test_an_authority_that_expired_signs_nothing() -> None:
    with pytest.raises(AuthorityError, match="TDS-New-CA Intermediate expired on 2046-02-18"):
        gateway(now=NOW.replace(year=2046, month=3))


def test_a_certificate_made_on_29_february_ends_on_the_28th() -> None:
    certificate = gateway(now=datetime(2028, 2, 29, tzinfo=UTC))

    assert certificate.not_valid_after_utc == datetime(2038, 2, 28, tzinfo=UTC)


def test_no_certificate_is_older_than_its_issuer() -> None:
    assert gateway().not_valid_before_utc >= MIDDLE.certificate.not_valid_before_utc


def test_rsa_is_2048_bits_for_those_who_need_it() -> None:
    key = authority.new_key(use_rsa=True)
    assert key.key_size == 2048
    assert usages(gateway(key)) == {"digital_signature", "key_encipherment"}


@pytest.mark.parametrize(
    "name",
    [
        "+",
        "#",
        "a/b",
        "",
        "AA:BB:CC:DD:EE:FF",
        f"{MAC}\n",
        f"{MAC}/x",
        "aa-bb-cc-dd-ee-ff",
        "tds-ingest",
        f" {MAC}",
        "aa:bb:cc:dd:ee:f٣",
    ],
)
def test_a_gateways_name_is_a_mac_address_and_nothing_else(name: str) -> None:
    with pytest.raises(AuthorityError) as caught:
        authority.issue_client(ROOT_KEY.public_key(), "gateway", name, MIDDLE, NOW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "a b", "tds-ingest\n", "x" * 65, "%u", "-x", "tds-broker", "ñ"])
def test_an_ingesters_name_holds_no_character_with_a_meaning(name: str) -> None:
    with pytest.raises(AuthorityError):
        authority.issue_client(ROOT_KEY.public_key(), "ingester", name, MIDDLE, NOW)


@given(st.text())
def test_whatever_is_signed_is_safe_in_a_topic(name: str) -> None:
    for purpose in ("gateway", "ingester", "bootstrap"):
        try:
            authority.check_name(purpose, name)  # type: ignore[arg-type]
        except AuthorityError:
            continue
        assert name.isascii()
        assert not set(name) & set("+#/$% \n\0\"'")


@pytest.mark.parametrize(
    "host", ["", "a b", "*.example.org", "exa_mple", "http://x", "-x.org", "a..b", "x" * 254, "1.2.3.4.5:1", "é.org"]
)
def test_what_is_no_host_name_is_refused(host: str) -> None:
    with pytest.raises(AuthorityError):
        authority.issue_broker(ROOT_KEY.public_key(), [host], MIDDLE, NOW)


def request(key: object, *names: str, digest: hashes.HashAlgorithm | None = None) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [MAC, MAC.upper(), MAC.replace(":", "-")])
@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        partial(authority.new_key, True),
    ],
    ids=["P-256", "P-384", "RSA"],
)
def test_a_sound_request_is_read(name: str, make: Callable[[], authority.PrivateKey]) -> None:
    key = make()
    assert read_request(request(key, name), MAC) == key.public_key()


KEY = authority.new_key()


SHA256_WITH_RSA, SHA1_WITH_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"


def changed(key: authority.PrivateKey, old: bytes, new: bytes) -> bytes:
    """Make a request in which some bytes are others, as no library would make it."""
    der = x509.load_pem_x509_csr(request(key, MAC)).public_bytes(Encoding.DER)
    assert old in der
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n" % base64.encodebytes(
        der.replace(old, new, 1)
    )


REQUESTS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "another name": (request(KEY, "aa:bb:cc:dd:ee:00"), "for aa:bb:cc:dd:ee:00, not for"),
    "no name": (request(KEY), "no name"),
    "two names": (request(KEY, MAC, "x"), "not for"),
    "a name with a line break": (request(KEY, "x\ny"), r"x\?y"),
    "RSA 1024": (
        lambda: request(rsa.generate_private_key(65537, 1024), MAC),
        "1024 bits",
    ),  # made when it is its turn: that takes long
    "RSA with exponent 3": (lambda: request(rsa.generate_private_key(3, 2048), MAC), "exponent 3"),
    "P-224": (request(ec.generate_private_key(ec.SECP224R1()), MAC), "secp224r1"),
    "Ed25519": (request(ed25519.Ed25519PrivateKey.generate(), MAC), "kind of key"),
    "a broken digest": (
        lambda: changed(authority.new_key(use_rsa=True), SHA256_WITH_RSA, SHA1_WITH_RSA),
        "sha1, which is broken",
    ),
    "a version that there is not": (changed(KEY, b"\x02\x01\x00", b"\x02\x01\x07"), "not a certificate signing request"),
    "more than any request": (request(KEY, MAC) + b"\n" * LARGEST, "larger than"),
    "not a request": (b"hello", "not a certificate signing request"),
    "nothing": (b"", "not a certificate signing request"),
    "a certificate": (MIDDLE.certificate.public_bytes(Encoding.PEM), "not a certificate signing request"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_unsound_request_is_refused_in_one_line(name: str) -> None:
    pem, words = REQUESTS[name]

    with pytest.raises(AuthorityError, match=words) as caught:
        read_request(pem() if callable(pem) else pem, MAC)
    assert "\n" not in str(caught.value)


def test_a_request_that_was_changed_after_signing_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(request(KEY, MAC)).public_bytes(Encoding.DER))
    der[der.index(MAC.encode())] = ord("b")
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)

    with pytest.raises(AuthorityError, match="signature does not fit"):
        read_request(pem, "ba:bb:cc:dd:ee:ff")


def test_a_list_names_what_is_revoked_since_when_and_why() -> None:
    entries = [Revocation(5, NOW, "Key compromise"), Revocation(6, NOW, "fell off a lorry"), Revocation(7, NOW)]
    made = authority.make_crl(MIDDLE, entries, 42, NOW, timedelta(days=30))

    assert made.is_signature_valid(MIDDLE.certificate.public_key())  # type: ignore[arg-type]
    assert made.next_update_utc == NOW + timedelta(days=30)
    assert made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 42
    assert {entry.serial_number for entry in made} == {5, 6, 7}
    first = made.get_revoked_certificate_by_serial_number(5)
    assert first is not None
    assert first.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert len(made.get_revoked_certificate_by_serial_number(6).extensions) == 0  # type: ignore[union-attr]


def test_a_list_does_not_outlive_its_authority() -> None:
    late = NOW.replace(year=2046) - timedelta(days=3)

    assert authority.make_crl(MIDDLE, [], 1, late, timedelta(days=30)).next_update_utc == MIDDLE.certificate.not_valid_after_utc
