"""Numbers and times of day as the two languages write them; what needs words for it is above."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from settings import LOCALES

MINUS = "\u2212"
SPACE = "\u00a0"  # a number and its unit stay on one line
NOTHING = "\u2014"
_SWAP = str.maketrans({",": ".", ".": ",", "-": MINUS})
_SIGN = str.maketrans({"-": MINUS})


def known(locale: str) -> str:
    """Give the locale itself where there is a table for it, else Portuguese."""
    return locale if locale in LOCALES else LOCALES[0]


def number(
    value: Decimal | float | None,
    locale: str,
    unit: str | None = None,
    digits: int = 3,
    *,
    fixed: bool = False,
    significant: int | None = None,
    sign: bool = False,
) -> str:
    """Write a number: at most `digits` decimals (exactly, if fixed), or so many significant digits; a dash for None."""
    if value is None:
        return NOTHING
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    if significant is not None and exact:
        digits = significant - 1 - exact.adjusted()
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN) + 0
    text = f"{rounded:+,f}" if sign and rounded else f"{rounded:,f}"
    if "." in text and not fixed:
        text = text.rstrip("0").rstrip(".")
    text = text.translate(_SWAP if known(locale) == "pt-BR" else _SIGN)
    return f"{text}{SPACE}{unit}" if unit else text


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """Give the wall time of a zone, where one is given."""
    return moment if zone is None else moment.astimezone(zone)


def clock(moment: datetime, locale: str, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Write a time of day: `14h30`, `14:30`; with seconds `14h30min05`, `14:30:05`."""
    wall = local(moment, zone)
    if known(locale) == "pt-BR":
        return f"{wall.hour:02}h{wall.minute:02}" + (f"min{wall.second:02}" if seconds else "")
    return f"{wall.hour:02}:{wall.minute:02}" + (f":{wall.second:02}" if seconds else "")
