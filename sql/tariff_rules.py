"""What a tariff may be: its prices by band, the band of each quarter-hour of the four kinds of days, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from sql.device_rules import name_fault, shown
from sql.errors import Refused
from sql.units import canonical, convertible

# As the database numbers them (sql/schema/017_tariffs.sql).
BANDS = ("all", "off_peak", "intermediate", "peak", "special")
ALL = 0
DAY_TYPES = ("weekday", "saturday", "sunday", "holiday")
RESOURCES = ("electricity", "water", "gas", "other")
# A tariff's unit is one of these kinds; `other` is counted in whatever its meters count in.
MEASURED_IN = {"electricity": ("kWh",), "water": ("m³",), "gas": ("m³", "kWh")}
QUARTERS = 96
LARGEST_PRICE = Decimal("1e9")
PRICE_PLACES, TAX_PLACES = 8, 4
OLDEST, NEWEST = date(1970, 1, 1), date(2100, 1, 1)


class Period(NamedTuple):
    """Quarter-hours from one (included) to another (excluded) of some kinds of days, and the band that they belong to."""

    days: tuple[str, ...]
    start: int
    end: int
    band: str


class Terms(NamedTuple):
    """What an account pays from a day on; `schedule` gives the band of each quarter-hour, weekday first, None: one price at any time.

    Where a month's largest quarter-hour is more than `tolerance` percent above the `contracted` demand, each kW beyond the contracted
    ones costs `excess` times the price of demand on top.
    """

    resource: str
    valid_from: date
    name: str
    unit: str
    prices: Mapping[str, Decimal]
    schedule: tuple[int, ...] | None = None
    demand: Decimal = Decimal(0)
    standing: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    contracted: Decimal = Decimal(0)
    tolerance: Decimal = Decimal(0)
    excess: Decimal = Decimal(0)

    @property
    def bands(self) -> tuple[int, ...]:
        """Give the numbers of its bands, in their order."""
        return tuple(sorted(BANDS.index(band) for band in self.prices))

    @property
    def limit(self) -> Decimal | None:
        """Give the demand in kW above which there is a surcharge; None where there never is."""
        return self.contracted * (1 + self.tolerance / 100) if self.excess else None

    def band_of(self, day_type: str, quarter: int) -> str:
        """Give the band of a quarter-hour of a kind of day."""
        place = DAY_TYPES.index(day_type) * QUARTERS + quarter
        return BANDS[self.schedule[place]] if self.schedule else BANDS[ALL]


def schedule_of(periods: Iterable[Period], rest: str) -> tuple[int, ...]:
    """Give the band of every quarter-hour; what no period names has the band `rest`. Raises Refused where two periods overlap."""
    placed: list[int | None] = [None] * (QUARTERS * len(DAY_TYPES))
    for period in periods:
        if not 0 <= period.start < period.end <= QUARTERS:
            said = f"a period ends after it begins: {clock(period.start)}-{clock(period.end)} does not"
            raise Refused(said, "tariff_order", start=clock(period.start), end=clock(period.end))
        for day in period.days:
            first = DAY_TYPES.index(day) * QUARTERS
            for place in range(first + period.start, first + period.end):
                if placed[place] is not None:
                    at = clock(place - first)
                    raise Refused(f"two periods hold {day} {at}", "tariff_overlap", day=day, at=at)
                placed[place] = BANDS.index(period.band)
    other = BANDS.index(rest)
    return tuple(other if band is None else band for band in placed)


def rest_of(schedule: Sequence[int]) -> str:
    """Give the band that most quarter-hours have: the one that people call the rest."""
    return BANDS[Counter(schedule).most_common(1)[0][0]]


def periods_of(schedule: Sequence[int]) -> list[Period]:
    """Give the periods that a schedule is made of, days of the same hours together; without the rest."""
    rest = BANDS.index(rest_of(schedule))
    found: dict[tuple[int, int, int], list[str]] = {}
    for number, day in enumerate(DAY_TYPES):
        quarters = schedule[number * QUARTERS : (number + 1) * QUARTERS]
        for band, run in groupby(range(QUARTERS), key=quarters.__getitem__):
            places = list(run)
            if band != rest:
                found.setdefault((places[0], places[-1] + 1, band), []).append(day)
    return [Period(tuple(days), start, end, BANDS[band]) for (start, end, band), days in found.items()]


def quarter_of(given: str) -> int:
    """Read a time of day such as 17:30, 17h30 or 24:00 as its quarter-hour; raises Refused for any other."""
    hour, mark, minute = given.strip().lower().replace("h", ":").partition(":")
    minute = minute or "00"
    good = hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit() and len(hour) <= 2 and len(minute) == 2
    if not good or not mark or int(minute) > 59 or int(hour) * 60 + int(minute) > 24 * 60:
        raise Refused(f"{shown(given)} is not a time of day: write 17:30", "tariff_time", given=shown(given))
    if int(minute) % 15:
        raise Refused(f"bands change on quarter-hours: {shown(given)} is none", "tariff_quarter", given=shown(given))
    return int(hour) * 4 + int(minute) // 15


def clock(quarter: int) -> str:
    """Write where a quarter-hour begins: `17:30`; the end of the day is `24:00`."""
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


def white_tariff() -> tuple[int, ...]:
    """Give the hours of Brazil's *tarifa branca*: on weekdays three of peak, one intermediate before and one after, else off-peak.

    Each distributor sets its own three hours of peak; 18:00 to 21:00 is the most frequent choice.
    """
    weekday, peak = ("weekday",), 18 * 4
    periods = (
        Period(weekday, peak - 4, peak, "intermediate"),
        Period(weekday, peak, peak + 12, "peak"),
        Period(weekday, peak + 12, peak + 16, "intermediate"),
    )
    return schedule_of(periods, "off_peak")


def check_terms(terms: Terms) -> None:
    """Refuse what no tariff can be, with the first reason."""
    for fault in faults(terms).values():
        raise fault


def faults(terms: Terms) -> dict[str, Refused]:
    """Give what is wrong with a tariff, by field, in the order in which a person reads them."""
    found: dict[str, Refused] = {}
    if terms.resource not in RESOURCES:
        said = f"a tariff is of {', '.join(RESOURCES[:-1])} or {RESOURCES[-1]}, not {shown(terms.resource)}"
        found["resource"] = Refused(said, "tariff_resource")
    if not OLDEST <= terms.valid_from <= NEWEST:
        found["valid_from"] = Refused("a tariff begins between 1970 and 2100", "tariff_day")
    if fault := name_fault(terms.name, "a tariff's name"):
        found["name"] = fault
    if "resource" not in found and (fault := unit_fault(terms.resource, terms.unit)):
        found["unit"] = fault
    for band, price in terms.prices.items():
        if fault := _amount_fault(price, "a price", PRICE_PLACES):
            found[band] = fault
    if terms.schedule is not None and (fault := _schedule_fault(terms)):
        found["periods"] = fault
    for name, value in (("demand", terms.demand), ("standing", terms.standing), ("contracted", terms.contracted)):
        if fault := _amount_fault(value, f"the {name} charge", PRICE_PLACES):
            found[name] = fault
    if terms.demand and terms.resource != "electricity":
        found["demand"] = Refused("only electricity has a price for demand, which is in kW", "tariff_demand")
    if terms.contracted and terms.resource != "electricity":
        found["contracted"] = Refused("only electricity has a contracted demand, which is in kW", "tariff_demand")
    found |= _excess_faults(terms)
    if not _percentage(terms.tax):
        found["tax"] = Refused(f"the tax is a percentage from 0 to 100 with at most {TAX_PLACES} decimals", "tariff_tax")
    return found


def unit_fault(resource: str, unit: str) -> Refused | None:
    """Say why a resource is not counted in a unit; None where it is."""
    bases = MEASURED_IN.get(resource)
    if bases is None:
        fits = 1 <= len(unit.strip()) <= 16 and unit.isprintable()
    else:
        fits = any(convertible(unit, base) for base in bases) and 1 <= len(canonical(unit)) <= 16
    if fits:
        return None
    example = " or ".join(bases or ("kg",))
    return Refused(f"{shown(unit)} is not a unit of {resource}: write {example}", "tariff_unit", unit=example)


def _amount_fault(value: Decimal, what: str, places: int) -> Refused | None:
    if value.is_finite() and 0 <= value < LARGEST_PRICE and _places(value) <= places:
        return None
    return Refused(f"{what} is from 0 to 10^9 with at most {places} decimals, not {value}", "tariff_amount", places=places)


def _excess_faults(terms: Terms) -> dict[str, Refused]:
    found: dict[str, Refused] = {}
    if not _percentage(terms.tolerance):
        said = f"the tolerance is a percentage from 0 to 100 with at most {TAX_PLACES} decimals"
        found["tolerance"] = Refused(said, "tariff_tax")
    if not _percentage(terms.excess):
        said = f"the surcharge is from 0 to 100 times the price with at most {TAX_PLACES} decimals"
        found["excess"] = Refused(said, "tariff_excess")
    elif terms.excess and not (terms.contracted and terms.demand):
        found["excess"] = Refused("a surcharge needs a contracted demand and a price of demand", "tariff_excess_of")
    return found


def _percentage(value: Decimal) -> bool:
    return value.is_finite() and 0 <= value <= 100 and _places(value) <= TAX_PLACES


def _schedule_fault(terms: Terms) -> Refused | None:
    used = {BANDS[band] for band in terms.schedule or ()}
    for band in sorted(used - set(terms.prices), key=BANDS.index):
        return Refused(f"the band {band} has hours and no price", "tariff_unpriced", band=band)
    for band in sorted(set(terms.prices) - used, key=BANDS.index):
        return Refused(f"the band {band} has a price and no hours", "tariff_unused", band=band)
    return None


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
