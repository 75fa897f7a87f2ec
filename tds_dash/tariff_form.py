"""What is typed into the form of a tariff: read field by field, with what is wrong beside each, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from sql.errors import Refused
from sql.tariff_rules import BANDS, DAY_TYPES, QUARTERS, Period, Terms, clock, faults, quarter_of, schedule_of, white_tariff
from tds_dash import typed, view
from tds_dash.event_words import refusal

TIMED = BANDS[1:]
PLACED = ("intermediate", "peak", "special")  # all other hours are off-peak
CELLS = tuple(f"{band}_{day}" for band in PLACED for day in DAY_TYPES)
PLAIN = ("resource", "valid_from", "name", "unit")
MONEY = ("demand", "contracted", "tolerance", "excess", "standing", "tax")
PRICES = BANDS
FIELDS = (*PLAIN, *PRICES, *CELLS, *MONEY)
# Beside which field a fault is said: of the hours, beside the band that they are of.
SAID = (*PLAIN, *PRICES, "periods", *MONEY)
UNITS = {"electricity": "kWh", "water": "m³", "gas": "m³", "other": ""}


class Typed(NamedTuple):
    """A form as it was read: the tariff that it describes, and what is wrong by field."""

    terms: Terms | None
    faults: dict[str, Refused]


def empty(today: date) -> list[Any]:
    """Give the values of a new tariff."""
    usual = {"resource": "electricity", "valid_from": today.replace(day=1).isoformat(), "unit": "kWh"}
    return [usual.get(name, "") for name in FIELDS]


def filled(terms: Terms, locale: str) -> list[Any]:
    """Give the values of a tariff as it is."""
    found: dict[str, Any] = {
        "resource": terms.resource,
        "valid_from": terms.valid_from.isoformat(),
        "name": terms.name,
        "unit": terms.unit,
    }
    found |= {band: typed.shown(price, locale) for band, price in terms.prices.items()}
    found |= hours(terms.schedule) if terms.schedule else {}
    for name in MONEY:
        value: Decimal = getattr(terms, name)
        found[name] = typed.shown(value, locale) if value else ""
    return [found.get(name, "") for name in FIELDS]


def hours(schedule: Sequence[int]) -> dict[str, str]:
    """Write the hours of each band on each kind of day: `17:00-18:00, 21:00-22:00`."""
    found: dict[str, list[str]] = {}
    for number, day in enumerate(DAY_TYPES):
        quarters = schedule[number * QUARTERS : (number + 1) * QUARTERS]
        for band, run in groupby(range(QUARTERS), key=quarters.__getitem__):
            places = list(run)
            if BANDS[band] in PLACED:
                found.setdefault(f"{BANDS[band]}_{day}", []).append(f"{clock(places[0])}-{clock(places[-1] + 1)}")
    return {name: ", ".join(runs) for name, runs in found.items()}


def white_hours() -> list[str]:
    """Give the cells of Brazil's white tariff."""
    found = hours(white_tariff())
    return [found.get(name, "") for name in CELLS]


def read(values: Sequence[Any], locale: str) -> Typed:
    """Read a form."""
    given = dict(zip(FIELDS, values, strict=True))
    found: dict[str, Refused] = {}
    day = view.day_of(given["valid_from"])
    if day is None:
        found["valid_from"] = typed.no_day(given["valid_from"])
    numbers = {name: amount(given[name], locale, name, found) for name in (*PRICES, *MONEY)}
    try:
        schedule = schedule_of(periods(given), "off_peak")
    except Refused as error:
        found["periods"] = error
        schedule = ()
    timed = any(numbers[band] is not None for band in TIMED) or any(text(given[name]) for name in CELLS)
    prices = {band: price for band in (TIMED if timed else BANDS[:1]) if (price := numbers[band]) is not None}
    if not prices:
        found.setdefault("all" if not timed else "off_peak", Refused("a price is missing", "tariff_price"))
    if timed and text(given["all"]):
        found.setdefault("all", Refused("one price, or prices by the time of day", "tariff_both"))
    terms = Terms(
        text(given["resource"]),
        day or date(2000, 1, 1),
        text(given["name"]),
        text(given["unit"]),
        prices,
        schedule if timed and schedule else None,
        numbers["demand"] or Decimal(0),
        numbers["standing"] or Decimal(0),
        numbers["tax"] or Decimal(0),
        numbers["contracted"] or Decimal(0),
        numbers["tolerance"] or Decimal(0),
        numbers["excess"] or Decimal(0),
    )
    for name, fault in faults(terms).items():
        found.setdefault(name, fault)
    return Typed(None if found else terms, found)


def periods(given: Mapping[str, Any]) -> list[Period]:
    """Read the hours of each band on each kind of day; raises Refused."""
    found = []
    for band in PLACED:
        for day in DAY_TYPES:
            for run in filter(None, (part.strip() for part in text(given[f"{band}_{day}"]).replace(";", ",").split(","))):
                ends = run.replace("\u2013", "-").replace(" ", "").split("-")
                if len(ends) != 2:
                    raise Refused(f"{run[:40]!r} says no hours", "tariff_hours", given=run[:40])
                found.append(Period((day,), quarter_of(ends[0]), quarter_of(ends[1]), band))
    return found


def amount(given: object, locale: str, name: str, found: dict[str, Refused]) -> Decimal | None:
    """Read an amount; None where nothing was typed, with the fault noted where it is none."""
    if not text(given):
        return None
    try:
        return typed.amount(given, locale)
    except Refused as error:
        found[name] = error
        return None


def beside(found: Mapping[str, Refused], locale: str) -> list[str | None]:
    """Say beside each field what is wrong with it; nothing beside the others."""
    return [refusal(found[name], locale) if name in found else None for name in SAID]


def text(given: object) -> str:
    """Give what was typed, without the space around it."""
    return typed.line(given, 200)
