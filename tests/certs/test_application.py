"""What a gateway says of itself at first boot: decoded or refused with a reason; and how much is listened to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certs import application
from certs.application import SIZE_LIMIT, Allowance, read_application
from certs.authority import AuthorityError, key_mark
from sql.errors import Refused

MAC = "aa:bb:cc:00:06:01"


def request(name: str = MAC, key: Any = None) -> str:
    """Give a signing request in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def payload(**more: object) -> bytes:
    """Give a message in which one thing may be wrong."""
    told = {"mac": MAC, "serial": "TDS-000123", "model": "G8", "firmware": "1.0", "csr": request()} | more
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def test_a_sound_one_is_decoded() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    found = read_application(MAC, payload(mac=MAC.upper(), serial=" TDS-000123 ", csr=request(key=key), model=None))
    assert (found.mac, found.serial_number, found.model, found.firmware) == (MAC, "TDS-000123", "", "1.0")
    assert found.key == key_mark(key.public_key())


def test_rsa_of_2048_bits_is_good_enough() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert read_application(MAC, payload(csr=request(key=key))).key == key_mark(key.public_key())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"x" * (SIZE_LIMIT + 1), "larger than"),
        (payload(mac=None), "mac is not a MAC"),
        (payload(mac="aa:bb:cc"), "mac is not a MAC"),
        (payload(mac=7), "mac is not a text"),
        (payload(mac="aa:bb:cc:00:06:02"), "not that of the topic"),
        (payload(serial=None), "serial is missing"),
        (payload(serial="  "), "serial is missing"),
        (payload(serial="x" * 65), "serial is not a text"),
        (payload(serial="a\nb"), "serial is not a text"),
        (payload(serial="\ud800"), "serial is not a text"),
        (payload(model="\x1b[31m"), "model is not a text"),
        (payload(firmware=["1"]), "firmware is not a text"),
        (payload(csr=None), "csr is missing"),
        (payload(csr={"pem": ""}), "csr is missing"),
        (payload(csr="é" + request()), "csr is missing"),
        (payload(csr="\0" + request()), "csr is missing"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read_application(MAC, content)


@pytest.mark.parametrize(
    ("csr", "reason"),
    [
        ("nothing", "not a certificate signing request"),
        (request("aa:bb:cc:00:06:02"), "the request is for"),
        (request("+"), "the request is for"),
        # Made when it is its turn: that takes long.
        (lambda: request(key=rsa.generate_private_key(public_exponent=65537, key_size=1024)), "1024 bits is not accepted"),
        (request(key=ec.generate_private_key(ec.SECP521R1())), "secp521r1 is not accepted"),
    ],
)
def test_a_request_that_cannot_be_signed_is_refused(csr: str | Callable[[], str], reason: str) -> None:
    content = payload(csr=csr() if callable(csr) else csr)
    with pytest.raises(AuthorityError, match=reason):
        read_application(MAC, content)


def test_the_same_words_are_heard_once_a_second_and_other_words_at_once() -> None:
    allowance = Allowance(at=0)
    assert allowance.admits(MAC, b"one", 0)
    assert not allowance.admits(MAC, b"one", 0.5)
    assert allowance.admits(MAC, b"two", 0.5), "or whoever sends rubbish in its name would silence it"
    assert allowance.admits(MAC, b"one", 1.1)


def test_a_flood_is_cut_to_its_allowance_and_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "REMEMBERED", 100)
    allowance = Allowance(at=0)
    heard = sum(allowance.admits(MAC, b"%d" % number, number / 1_000) for number in range(10_000))
    assert heard == pytest.approx((application.BURST + 10 * application.PER_SECOND) / 2, abs=2)
    assert len(allowance.last) == 100
    for number in range(200):
        allowance.admits(f"{MAC}{number}", b"", 1_000 + number)
    assert len(allowance.heard) == 100
    assert allowance.admits(MAC, b"later", 2_000)


def test_whoever_floods_does_not_keep_others_from_being_heard() -> None:
    allowance, heard = Allowance(at=0), list[int]()
    for number in range(60_000):  # thirty gateways that never stop, a thousand times a second; once a second another one asks
        now = number / 1_000
        allowance.admits(f"flood {number % 30}", b"%d" % number, now)
        if number % 1_000 == 999 and allowance.admits(f"honest {number}", b"me", now):
            heard.append(number)
    assert len(heard) >= 50


def test_a_thousand_gateways_switched_on_at_once_are_heard_within_two_minutes() -> None:
    allowance, waiting = Allowance(at=0), set(range(1_000))
    for second in range(0, 120, 5):  # each asks again after five seconds until it is answered
        waiting -= {number for number in waiting if allowance.admits(f"{number}", b"me", second)}
    assert not waiting
