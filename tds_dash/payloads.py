"""Bytes as a person can read them: JSON laid out with the sender's own digits, anything else as a hexadecimal listing."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

SHOWN = 4096  # bytes of a payload that a page shows
LONGEST = 4 * SHOWN  # characters: what is nested deeply grows by its own indentation
LISTED = 1024  # bytes of a hexadecimal listing
WIDTH = 16
_JSON = msgspec.json.Decoder(msgspec.Raw)
# Characters that are not seen, or turn the order of those around them.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


class Shown(NamedTuple):
    """A payload as it is shown: `json`, or `hex` where it is none; how many of its bytes are in it."""

    kind: str
    text: str
    size: int


def show(payload: bytes, size: int) -> Shown:
    """Lay out the beginning of a payload of `size` bytes."""
    text = _laid_out(payload) if len(payload) == size else _beginning(payload)
    if text is not None:
        return Shown("json", _UNSEEN.sub("\ufffd", text), len(payload))
    return Shown("hex", listing(payload[:LISTED]), min(len(payload), LISTED))


def listing(payload: bytes) -> str:
    """Write bytes as lines of their offset, their values and what they would be as text."""
    lines = []
    for offset in range(0, len(payload), WIDTH):
        part = payload[offset : offset + WIDTH]
        seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{offset:04x}  {part.hex(' '):<{3 * WIDTH - 1}}  {seen}")
    return "\n".join(lines)


def _laid_out(payload: bytes) -> str | None:
    """Give a whole JSON document, indented where that does not make it endless; None where it is none."""
    try:
        payload.decode()
        _JSON.decode(payload)
        text = msgspec.json.format(payload, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return text if len(text) <= LONGEST else payload.decode()


def _beginning(payload: bytes) -> str | None:
    """Give the beginning of what may be a JSON document; the last character may have been cut in two."""
    text = payload.decode(errors="ignore")
    return text if text.lstrip()[:1] in ("{", "[") and len(text.encode()) > len(payload) - 4 else None
