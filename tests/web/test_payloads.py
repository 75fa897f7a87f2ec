"""Payloads as people read them: laid out with the sender's digits, or byte by byte; never endless, never deceiving."""

from __future__ import annotations

import json

import pytest

from tds_dash.payloads import LISTED, LONGEST, SHOWN, listing, show


def test_json_is_laid_out_with_its_own_digits() -> None:
    payload = b'{"a":1.50,"b":[1e400,"\xc3\xa9"],"a":2}'
    shown = show(payload, len(payload))
    assert shown.kind == "json"
    assert shown.text == '{\n  "a": 1.50,\n  "b": [\n    1e400,\n    "é"\n  ],\n  "a": 2\n}'


@pytest.mark.parametrize(
    "payload", [b"", b"hello", b"\xff\xfe", b'{"a": ', b"{'a': 1}", b'{"a": "\xff"}', b"[" * 4000, b"\x00" * 50]
)
def test_anything_else_is_listed_byte_by_byte(payload: bytes) -> None:
    assert show(payload, len(payload)).kind == "hex"


def test_a_listing_gives_offset_bytes_and_text() -> None:
    assert listing(b"GET / HTTP\r\n\x00\xff<b>z").splitlines() == [
        "0000  47 45 54 20 2f 20 48 54 54 50 0d 0a 00 ff 3c 62  GET / HTTP....<b",
        "0010  3e 7a                                            >z",
    ]


def test_what_was_cut_is_shown_as_far_as_it_goes() -> None:
    whole = json.dumps({"text": "é" * SHOWN}, ensure_ascii=False).encode()
    shown = show(whole[:SHOWN], len(whole))
    assert (shown.kind, shown.size) == ("json", SHOWN)
    assert shown.text.startswith('{"text": "éé')
    assert show(b"\x80" * SHOWN, 2 * SHOWN) == ("hex", listing(b"\x80" * LISTED), LISTED)


def test_deep_nesting_does_not_grow_without_end() -> None:
    for depth in (100, 500, 900, 2000):
        payload = b"[" * depth + b"]" * depth
        assert len(show(payload, len(payload)).text) <= LONGEST


def test_what_is_not_seen_or_turns_the_order_is_marked() -> None:
    payload = json.dumps({"a": "x\u202ey\u200bz"}, ensure_ascii=False).encode()
    assert show(payload, len(payload)).text == '{\n  "a": "x\ufffdy\ufffdz"\n}'
