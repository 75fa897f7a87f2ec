"""The typeface of a report: Roboto, regular and semibold, with Latin, Greek and Cyrillic letters, made once a process.

A PDF has no `system-ui` to fall back on, so its letters are in the file. Roboto stands in the pages' own list of fonts; it comes
from PyPI as one variable font, which takes seconds to cut to a weight. Cut to the letters first it takes a tenth of one.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files
from typing import NamedTuple

PACKAGE, FILE = "fontpkg_roboto", "files/Roboto[wdth,wght].ttf"
WEIGHTS = {"": 400, "B": 600}  # by the style that fpdf knows them under
# Latin with everything that languages put on it, Greek, Cyrillic, punctuation, currencies, signs, and what stands for a missing one.
REPERTOIRE = ((0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x1E00, 0x1EFF), (0x2010, 0x2044), (0x2070, 0x209F))
SIGNS = "€₽₺₹−≤≥≈"
STANDS_IN = "?"
LAYOUT = ["GPOS", "GSUB", "GDEF"]  # nobody shapes the text; left in, they take most of the time


class Font(NamedTuple):
    """One weight as a TrueType file, and the characters that it has."""

    content: bytes
    characters: frozenset[str]


@cache
def font(style: str) -> Font:
    """Give a weight of the typeface."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    wanted = [chr(code) for first, last in REPERTOIRE for code in range(first, last + 1)] + list(SIGNS)
    with files(PACKAGE).joinpath(FILE).open("rb") as source:
        whole = TTFont(source)
        for table in LAYOUT:
            if table in whole:
                del whole[table]
        subsetter = Subsetter(Options(hinting=False, notdef_outline=True))
        subsetter.populate(text="".join(wanted))
        subsetter.subset(whole)
        cut = instantiateVariableFont(whole, {"wght": WEIGHTS[style], "wdth": 100}, inplace=True)
        out = io.BytesIO()
        cut.save(out)
        return Font(out.getvalue(), frozenset(map(chr, cut.getBestCmap())))
