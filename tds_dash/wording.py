"""What the reader reads: sentences, numbers, dates and times in Portuguese of Brazil and in English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date as Date
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from settings import LOCALES as LOCALES
from writing import MINUS as MINUS
from writing import NOTHING as NOTHING
from writing import SPACE as SPACE
from writing import clock as clock
from writing import known as known
from writing import local as local
from writing import number as number

WORDS = Path(__file__).parent / "words"
DASH = "\u2013"
LEAST_PORTION = Decimal("0.001")

type_of_word = str | Mapping[str, str]


def t(key: str, locale: str, **values: object) -> str:
    """Give the sentence of a key, its `{placeholders}` filled; where `n` is given, in its singular or plural form.

    Whole numbers are written the locale's way. An unknown key is a KeyError: tests hold the keys that the code uses.
    """
    return template_of(key, locale, values).replace("*", "").format(**shown(values, locale))


def template_of(key: str, locale: str, values: Mapping[str, object]) -> str:
    """Give the unfilled sentence of a key, with the asterisks that mark what to stress."""
    word = words(known(locale))[key]
    if isinstance(word, str):
        return word
    return word[plural(values.get("n"), locale)]


def shown(values: Mapping[str, object], locale: str) -> dict[str, object]:
    """Write the whole numbers among the values the locale's way."""
    return {name: number(value, locale) if type(value) is int else value for name, value in values.items()}


def plural(n: object, locale: str) -> str:
    """Say which form a count takes: in Portuguese nought is singular, in English plural."""
    one = n in (0, 1) if known(locale) == "pt-BR" else n == 1
    return "one" if one else "other"


@cache
def words(locale: str) -> dict[str, type_of_word]:
    """Read a language's table: keys joined by dots; a word with `one` and `other` has two forms."""
    table: dict[str, type_of_word] = {}
    for path in sorted((WORDS / locale).glob("*.toml")):
        table.update(flat(tomllib.loads(path.read_text(encoding="utf-8")), ""))
    return table


def flat(tree: Mapping[str, Any], prefix: str) -> dict[str, type_of_word]:
    """Join nested tables into dotted keys."""
    table: dict[str, type_of_word] = {}
    for name, value in tree.items():
        if isinstance(value, str) or (isinstance(value, dict) and set(value) == {"one", "other"}):
            table[prefix + name] = value
        else:
            table.update(flat(value, f"{prefix}{name}."))
    return table


def card_number(value: Decimal | float | None, locale: str, unit: str | None = None) -> str:
    """Write a number for a card: at most 4 significant digits."""
    return number(value, locale, unit, significant=4)


def percent(share: Decimal | float | None, locale: str, digits: int = 0, *, sign: bool = False) -> str:
    """Write a share of 1 as percent: 0.084 is `8 %`, with sign `+8 %`."""
    if share is None:
        return NOTHING
    return number(Decimal(str(share)) * 100, locale, "%", digits, sign=sign)


def portion(share: Decimal | float | None, locale: str, digits: int = 0) -> str:
    """Write a part of a whole as percent: what is not nothing or all does not become so by rounding, `99.7 %`, `< 0.1 %`."""
    if share is None or share in (0, 1):
        return percent(share, locale)
    exact = Decimal(str(share))
    if abs(exact) < LEAST_PORTION:
        return f"< {percent(LEAST_PORTION, locale, 1)}"
    return percent(exact, locale, 1 if round(exact * 100) in (0, 100) else digits)


def date(day: Date, locale: str, zone: tzinfo | None = None) -> str:
    """Write a day: `23/11/2026`, `23 Nov 2026`."""
    day = local(day, zone) if isinstance(day, datetime) else day
    if known(locale) == "pt-BR":
        return f"{day.day:02}/{day.month:02}/{day.year:04}"
    return f"{day.day} {month_name(day.month, locale)} {day.year}"


def date_clock(moment: datetime, locale: str, zone: tzinfo | None = None) -> str:
    """Write an instant: `23/11/2026 14h30`, `23 Nov 2026 14:30`."""
    return f"{date(moment, locale, zone)} {clock(moment, locale, zone)}"


def month_name(month: int, locale: str) -> str:
    """Give the short name of a month, 1 to 12: `nov.`, `Nov`."""
    return t(f"calendar.month_{month}", locale)


def weekday_name(day: Date, locale: str) -> str:
    """Give the short name of a day's weekday: `seg.`, `Mon`."""
    return t(f"calendar.weekday_{day.isoweekday()}", locale)


def month(day: Date, locale: str) -> str:
    """Write a month: `nov. 2026`, `Nov 2026`."""
    return f"{month_name(day.month, locale)} {day.year}"


def days(first: Date, last: Date, locale: str) -> str:
    """Write a run of days, both included, without the year: `1–23 out.`, `28 Oct–3 Nov`."""
    if (first.year, first.month) == (last.year, last.month):
        run = str(first.day) if first.day == last.day else f"{first.day}{DASH}{last.day}"
        return f"{run} {month_name(last.month, locale)}"
    return f"{first.day} {month_name(first.month, locale)}{DASH}{last.day} {month_name(last.month, locale)}"


def since(then: datetime | None, now: datetime, locale: str) -> str:
    """Write how long ago an instant was: `há 5 min`, `5 min ago`; `nunca`, `never` for None."""
    if then is None:
        return t("ago.never", locale)
    seconds = int((now - then).total_seconds())
    if seconds < 60:
        return t("ago.now", locale)
    for name, size, most in (("minutes", 60, 60), ("hours", 3600, 48), ("days", 86400, 60)):
        if seconds < size * most:
            return t(f"ago.{name}", locale, n=seconds // size)
    return t("ago.months", locale, n=seconds // (30 * 86400))


def lasting(seconds: float, locale: str) -> str:
    """Write a duration in its largest sensible unit: `15 min`, `3 h`, `2 dias`."""
    for name, size, least in (("days", 86400, 2 * 86400), ("hours", 3600, 2 * 3600), ("minutes", 60, 120)):
        if seconds >= least:
            return t(f"lasting.{name}", locale, n=int(seconds // size))
    return t("lasting.seconds", locale, n=int(seconds))


def separators(locale: str) -> str:
    """Give plotly's `separators`: the decimal mark, then the thousands mark."""
    return ",." if known(locale) == "pt-BR" else ".,"


def plotly_name(locale: str) -> str:
    """Give the name under which a locale's plotly table is registered."""
    return "pt-BR" if known(locale) == "pt-BR" else "en"


def plotly_locale(locale: str) -> dict[str, Any]:
    """Give plotly's own words for a locale: its one toolbar button and the names of days and months."""
    months = [month_name(index, locale) for index in range(1, 13)]
    weekdays = [t(f"calendar.weekday_{index or 7}", locale) for index in range(7)]
    return {
        "dictionary": {
            "Download plot as a PNG": t("chart.png", locale),
            "Double-click to zoom back out": t("chart.zoom_out", locale),
        },
        "format": {
            "days": weekdays,
            "shortDays": weekdays,
            "months": months,
            "shortMonths": months,
            "date": "%d/%m/%Y" if known(locale) == "pt-BR" else "%-d %b %Y",
            "decimal": separators(locale)[0],
            "thousands": separators(locale)[1],
        },
    }
