"""A message, or a part of one, that is not stored: its reason, its bytes, and a digest that makes it count once."""

from __future__ import annotations

import hashlib
import re

import msgspec

from sql.rejections import REASONS as REASONS

_UNSTORABLE = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]")


class Unusable(Exception):
    """Why a message or a reading cannot be used: one of the contract's reasons, and a short text for a person."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Rejection(msgspec.Struct, frozen=True):
    """What is kept of something that was not stored; `code` is the device's where only its reading is meant."""

    reason: str
    detail: str
    topic: str
    payload: bytes
    code: str | None = None

    def digest(self) -> bytes:
        """Give the SHA-256 of topic, reason, device code and bytes: a redelivered message is rejected once."""
        parts = (storable(self.topic), self.reason, storable(self.code or ""))
        head = "\0".join(parts).encode() + b"\0"
        return hashlib.sha256(head + self.payload).digest()


def storable(text: str, length: int = 500) -> str:
    """Give text that a database takes and a log shows as one line: no control characters, no lone surrogates, not endless."""
    return _UNSTORABLE.sub("\ufffd", text)[:length]
