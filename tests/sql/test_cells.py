"""Cells of a CSV file: no formula in whichever spreadsheet, and what was guarded comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.cells import guarded, unguarded


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("＝1", "'＝1"),
        ("\tx", "'\tx"),
        ("\r\n=1", "'\r\n'=1"),
        ("a;=1", "a;'=1"),  # a spreadsheet in Portuguese parts a file with commas here
        ("a,=1", "a,'=1"),
        ('a;"=1"', 'a;"\'=1"'),
        ("a;;@b", "a;;'@b"),
        ("Cold room, -18 °C", "Cold room, -18 °C"),
        ("a-b=c", "a-b=c"),
        ("D01", "D01"),
        ("", ""),
    ],
)
def test_what_would_begin_a_formula_does_not(text: str, written: str) -> None:
    assert guarded(text) == written


@given(st.text(st.sampled_from("=+-@;,\"' \txé1＝"), max_size=12))
def test_it_comes_back(text: str) -> None:
    if "'" not in text and not text.startswith("\t"):
        assert unguarded(guarded(text)) == text
