"""Codes of an authenticator app (TOTP, RFC 6238): the secret, sealed for the database; the picture to scan; checking a code."""

from __future__ import annotations

import base64
import hmac
import io
import time

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from tds_dash import theme

ISSUER = "TDS"
STEP_SECONDS = 30
EARLIER_OR_LATER = 1  # steps by which a clock may be wrong


def new_secret() -> str:
    """Make a secret of 160 bits, as apps take it."""
    return pyotp.random_base32()


def sealed(secret: str) -> str:
    """Encrypt a secret with a key that the database does not have."""
    return _key().encrypt(secret.encode()).decode()


def opened(kept: str) -> str | None:
    """Decrypt a secret; None where it was sealed with another TDS_SECRET_KEY."""
    try:
        return _key().decrypt(kept.encode()).decode()
    except (InvalidToken, ValueError):
        return None


def step_of(secret: str, code: str, now: float | None = None) -> int | None:
    """Give the half-minute whose code this is, at most one off the present; None for a wrong code."""
    digits = "".join(filter(str.isalnum, code))
    present = int((time.time() if now is None else now) // STEP_SECONDS)
    generator = pyotp.TOTP(secret)
    found = None
    for step in range(present - EARLIER_OR_LATER, present + EARLIER_OR_LATER + 1):
        if hmac.compare_digest(generator.at(step * STEP_SECONDS).encode(), digits.encode("utf-8", "replace")):
            found = step
    return found


def picture(secret: str, email: str) -> str:
    """Give the QR code that apps scan, as SVG to stand in a page."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
    out = io.BytesIO()
    segno.make(address, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        scale=5,
        border=4,
        dark=theme.QR_DARK,
        light=theme.QR_LIGHT,
        svgclass="tds-qr",
        lineclass=None,
        omitsize=True,
    )
    return out.getvalue().decode()


def grouped(text: str) -> str:
    """Write a secret or a code in groups of four, as people copy them."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def _key() -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"tds second factor").derive(current_app.config["SECRET_KEY"].encode())
    return Fernet(base64.urlsafe_b64encode(derived))
