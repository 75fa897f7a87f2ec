"""Holidays that tariffs go by: an account's own, and Brazil's national ones, proposed year by year."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from sql.device_rules import checked_name
from sql.errors import Refused
from sql.statements import statements

FILE = "tariffs.sql"
OLDEST, NEWEST = date(1970, 1, 1), date(2100, 12, 31)
BRAZIL = frozenset(
    f"America/{place}"
    for place in (
        "Araguaina",
        "Bahia",
        "Belem",
        "Boa_Vista",
        "Campo_Grande",
        "Cuiaba",
        "Eirunepe",
        "Fortaleza",
        "Maceio",
        "Manaus",
        "Noronha",
        "Porto_Velho",
        "Recife",
        "Rio_Branco",
        "Santarem",
        "Sao_Paulo",
    )
)
# The electricity regulator counts three more days than the law: Carnival's Tuesday, Good Friday and Corpus Christi.
_FIXED = (
    (1, 1, "Confraternização Universal", "New Year's Day"),
    (4, 21, "Tiradentes", "Tiradentes"),
    (5, 1, "Dia do Trabalho", "Labour Day"),
    (9, 7, "Independência do Brasil", "Independence Day"),
    (10, 12, "Nossa Senhora Aparecida", "Our Lady of Aparecida"),
    (11, 2, "Finados", "All Souls' Day"),
    (11, 15, "Proclamação da República", "Republic Day"),
    (12, 25, "Natal", "Christmas Day"),
)
_MOVABLE = ((-47, "Carnaval", "Carnival"), (-2, "Paixão de Cristo", "Good Friday"), (60, "Corpus Christi", "Corpus Christi"))
_CONSCIOUSNESS_SINCE = 2024


class Holiday(NamedTuple):
    """A local day that tariffs take for a holiday."""

    day: date
    name: str


def easter(year: int) -> date:
    """Give Easter Sunday of the Gregorian calendar."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    el = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * el) // 433
    month, _day = divmod(h + el - 7 * m + 90, 25)
    return date(year, month, (h + el - 7 * m + 33 * month + 19) % 32)


def brazilian(year: int, locale: str = "pt-BR") -> list[Holiday]:
    """Give the days of a year that Brazil's electricity tariffs take for holidays, by date."""
    which = 0 if locale == "pt-BR" else 1
    found = [Holiday(date(year, month, day), names[which]) for month, day, *names in _FIXED]
    found += [Holiday(easter(year) + timedelta(days=days), names[which]) for days, *names in _MOVABLE]
    if year >= _CONSCIOUSNESS_SINCE:
        found.append(Holiday(date(year, 11, 20), ("Consciência Negra", "Black Consciousness Day")[which]))
    return sorted(found)


def holidays(connection: Connection, account_id: int) -> list[Holiday]:
    """List an account's holidays by date."""
    return [Holiday(*row) for row in connection.execute(statements(FILE)["holidays"], {"account": account_id})]


def add_holidays(connection: Connection, account_id: int, wanted: Mapping[date, str]) -> list[Holiday]:
    """Add holidays that an account does not have yet; gives those that were added. Raises Refused."""
    rows = {day: checked_name(name, "a holiday's name") for day, name in wanted.items()}
    if any(not OLDEST <= day <= NEWEST for day in rows):
        raise Refused("a holiday lies between 1970 and 2100", "tariff_day")
    binds = {"account": account_id, "days": list(rows), "names": list(rows.values())}
    return sorted(Holiday(*row) for row in connection.execute(statements(FILE)["add_holidays"], binds))


def remove_holiday(connection: Connection, account_id: int, day: date) -> Holiday | None:
    """Take a holiday back; gives it, None where it was none."""
    row = connection.execute(statements(FILE)["remove_holiday"], {"account": account_id, "day": day}).one_or_none()
    return None if row is None else Holiday(*row)
