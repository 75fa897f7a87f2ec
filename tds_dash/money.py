"""Money as it is written: `R$ 1.234,56` in Portuguese of Brazil, `R$1,234.56` in English."""

from __future__ import annotations

from decimal import Decimal

from sql.bills import places, rounded
from tds_dash.wording import MINUS, NOTHING, SPACE, known, number

SYMBOLS = {"BRL": "R$", "EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
ABROAD = {"USD": "US$", "JPY": "JP¥"}  # as Portuguese tells them from its own


def money(amount: Decimal | None, currency: str, locale: str, *, cents: bool = True, sign: bool = False) -> str:
    """Write an amount with its currency, to the smallest unit or, on cards, without it; a dash for None."""
    if amount is None:
        return NOTHING
    portuguese = known(locale) == "pt-BR"
    exact = rounded(amount, currency)
    digits = places(currency) if cents else 0
    figures = number(abs(exact), locale, digits=digits, fixed=True)
    symbol = (ABROAD.get(currency) if portuguese else None) or SYMBOLS.get(currency, currency)
    space = SPACE if portuguese or symbol.isalpha() else ""
    mark = MINUS if exact < 0 else "+" if sign and exact > 0 else ""
    return f"{mark}{symbol}{space}{figures}"


def price(amount: Decimal, currency: str, locale: str) -> str:
    """Write a price with as many decimals as it has, two at least."""
    digits = max(places(currency), -int(amount.normalize().as_tuple().exponent)) if amount else places(currency)
    symbol = (ABROAD.get(currency) if known(locale) == "pt-BR" else None) or SYMBOLS.get(currency, currency)
    space = SPACE if known(locale) == "pt-BR" or symbol.isalpha() else ""
    return f"{symbol}{space}{number(amount, locale, digits=digits, fixed=True)}"
