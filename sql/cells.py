"""Text in the cells of a CSV file: nothing in it may become a formula, in whichever spreadsheet, and all of it comes back as it was."""

from __future__ import annotations

import re

# Where a cell begins for a spreadsheet that takes another mark for the separator than the file does, or for this one's own.
_FORMULA = re.compile(r'((?:^|[;,\t\r\n])"*)(?=[=+\-@＝＋－＠])')
_GUARDED = re.compile(r"((?:^|[;,\t\r\n])\"*)'(?=[=+\-@＝＋－＠])")
_BLANK = ("\t", "\r", "\n")


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for the beginning of a formula."""
    if text.startswith(_BLANK):
        text = f"'{text}"
    return _FORMULA.sub(r"\1'", text) if _FORMULA.search(text) else text


def unguarded(text: str) -> str:
    """Take such apostrophes off again."""
    return _GUARDED.sub(r"\1", text)
