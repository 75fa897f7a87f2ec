"""Why a handshake failed: what the broker's log says of it, and what the gateway is told; and that nothing goes round it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.probe import CertificateRefused, handshake
from certs import authority
from certs.authority import Issuer
from certs.bootstrap import issue_bootstrap
from certs.issuing import issue_bundle
from certs.revocation import revoke
from certs.store import certificate_pem, key_pem
from settings import ROOT
from tests.broker.lab import Lab, forge, wait_until
from tests.broker.test_handshakes import stranger

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PAGE = (ROOT / "broker" / "README.md").read_text(encoding="utf-8")


def revoked(lab: Lab) -> tuple[bytes, bytes]:
    bundle = issue_bundle(lab.settings, "aa:bb:cc:00:04:01")
    assert revoke(lab.settings, bundle.serial, "stolen").effect.done
    assert bundle.key is not None
    return bundle.certificate, bundle.key


def of_first_boot(lab: Lab) -> tuple[bytes, bytes]:
    made = issue_bootstrap(lab.settings, "x")
    return made.certificate, made.key


def of_another() -> tuple[bytes, bytes]:
    key = authority.new_key()
    return forge(Issuer(authority._self_signed("Somebody", key, NOW, 0), key), "x")


def self_signed() -> tuple[bytes, bytes]:
    key = authority.new_key()
    return certificate_pem(authority._self_signed("x", key, NOW, 0)), key_pem(key)


# What OpenSSL on the gateway's side calls the alert that it receives.
TOLD: dict[str, tuple[Callable[[Lab], tuple[bytes, bytes]], str]] = {
    "expired": (lambda lab: forge(lab.issuer(), "x", NOW - 9 * DAY, NOW - DAY), "certificate expired"),
    "not yet valid": (lambda lab: forge(lab.issuer(), "x", NOW + DAY, NOW + 9 * DAY), "bad certificate"),
    "revoked": (revoked, "certificate revoked"),
    "another authority's": (lambda lab: of_another(), "unknown ca"),
    "another authority's that bears our names": (lambda lab: forge(stranger(), "x"), "decrypt error"),
    "self-signed": (lambda lab: self_signed(), "unknown ca"),
    "a bootstrap certificate": (of_first_boot, "unknown ca"),
    "a server's": (lambda lab: forge(lab.issuer(), "x", usage=ExtendedKeyUsageOID.SERVER_AUTH), "unsupported certificate"),
}


@pytest.mark.parametrize("fault", TOLD)
def test_the_log_says_that_and_the_gateway_is_told_why(lab: Lab, fault: str) -> None:
    make, said = TOLD[fault]
    context, before = lab.context(*make(lab)), len(lab.log())

    with pytest.raises(CertificateRefused) as refused:
        handshake("127.0.0.1", lab.broker.port, context)

    assert str(refused.value) == said
    assert f"| {fault} | `{said}` |" in PAGE
    assert wait_until(lambda: "certificate verify failed" in lab.log()[before:])


def test_a_session_from_before_the_revocation_is_not_resumed(lab: Lab) -> None:
    """A resumed session shows no certificate: it must not be taken for one that is still good."""
    bundle = issue_bundle(lab.settings, "aa:bb:cc:00:04:02")
    assert bundle.key is not None
    contexts = [lab.context(bundle.certificate, bundle.key) for _ in range(2)]
    for context, version in zip(contexts, (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), strict=True):
        context.minimum_version = context.maximum_version = version
    sessions = [speak(lab, context) for context in contexts]
    assert revoke(lab.settings, bundle.serial, "stolen").effect.done

    for context, session in zip(contexts, sessions, strict=True):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            speak(lab, context, session)


def speak(lab: Lab, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSession | None:
    """Connect by TLS and MQTT, resuming a session where one is given; gives the session. Raises where it is not answered."""
    with (
        socket.create_connection(("127.0.0.1", lab.broker.port), 5) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as tls,
    ):
        tls.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01x")
        if tls.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("not accepted")
        return tls.session
