"""What people type: lines, numbers the way their language writes them, and local times; raises Refused with the reason's key."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from sql.consumption import plain
from sql.errors import Refused
from tds_dash import view
from tds_dash.wording import known

PLACES = 6
LONGEST = 40
NUMBER = re.compile(r"\d+(\.\d*)?")


def line(given: object, most: int | None = None) -> str:
    """Read a line of text, without the space around it, at most so many characters; empty for what is no text."""
    return given.strip()[:most] if isinstance(given, str) else ""


def register(given: object, locale: str) -> Decimal:
    """Read a register: `9.998,5` in Portuguese, `9,998.5` in English; either mark alone where it can only be one thing."""
    digits = _digits(given, locale)
    if digits is None:
        raise Refused("a register is a number, such as 9998.5", "not_a_number")
    if len(digits.partition(".")[2].rstrip("0")) > PLACES:
        raise Refused("a register has at most 6 decimals", "too_many_decimals")
    return Decimal(digits)


def amount(given: object, locale: str) -> Decimal:
    """Read an amount or a price the same way, with as many decimals as it has."""
    digits = _digits(given, locale)
    if digits is None:
        raise Refused("an amount is a number, such as 1234.56", "amount_number")
    return Decimal(digits)


def _digits(given: object, locale: str) -> str | None:
    text = line(given).replace("\u00a0", "").replace(" ", "")
    thousands, mark = (".", ",") if known(locale) == "pt-BR" else (",", ".")
    if re.fullmatch(rf"\d{{1,3}}(\{thousands}\d{{3}})+(\{mark}\d*)?", text):
        text = text.replace(thousands, "")
    digits = text.replace(mark, ".")
    return digits if text.isascii() and len(text) <= LONGEST and NUMBER.fullmatch(digits) else None


def shown(value: Decimal, locale: str) -> str:
    """Write a register as a person would type it: no mark but the decimal one."""
    return plain(value).replace(".", "," if known(locale) == "pt-BR" else ".")


def no_day(given: object) -> Refused:
    """Say what is wrong with a day that was typed: there is none, or it lies beyond the years."""
    if view.calendar_day(given):
        return Refused("a day lies between 1970 and 2100", "tariff_day")
    return Refused("the day is missing", "tariff_date")


def local_moment(given: object, zone: tzinfo) -> datetime:
    """Read what a browser's field of date and time gives, such as `2026-11-20T14:30`, in a zone."""
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) and len(given) <= 19 else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None or not 1970 <= moment.year <= 2200:
        raise Refused("the time of the replacement is missing", "no_time")
    return moment.replace(tzinfo=zone).astimezone(UTC)
