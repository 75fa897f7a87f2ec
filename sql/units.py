"""Units of measurement and the exact factors between them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import NamedTuple

PLACES = Decimal("0.000001")
# Values stay below 1e15 with 6 places; the rest is room for factors and for digits a sender added.
PRECISION = 60


class Unit(NamedTuple):
    """A unit: what it measures, and the factor and offset that bring it to the first unit of its family."""

    family: str
    factor: Decimal
    offset: Decimal = Decimal(0)


UNITS = {
    # Milli and mega differ by their case alone, so both are known: neither is ever taken for the other.
    "mWh": Unit("energy", Decimal("0.000001")),
    "Wh": Unit("energy", Decimal("0.001")),
    "kWh": Unit("energy", Decimal(1)),
    "MWh": Unit("energy", Decimal(1000)),
    "GWh": Unit("energy", Decimal(1_000_000)),
    "kvarh": Unit("reactive energy", Decimal(1)),
    "varh": Unit("reactive energy", Decimal("0.001")),
    "Mvarh": Unit("reactive energy", Decimal(1000)),
    "W": Unit("power", Decimal("0.001")),
    "kW": Unit("power", Decimal(1)),
    "MW": Unit("power", Decimal(1000)),
    "L": Unit("volume", Decimal("0.001")),
    "dL": Unit("volume", Decimal("0.0001")),
    "mL": Unit("volume", Decimal("0.000001")),
    "hL": Unit("volume", Decimal("0.1")),
    "dm³": Unit("volume", Decimal("0.001")),
    "m³": Unit("volume", Decimal(1)),
    "ML": Unit("volume", Decimal(1000)),
    "°C": Unit("temperature", Decimal(1)),
    "K": Unit("temperature", Decimal(1), Decimal("-273.15")),
    # (F - 32) * 5/9 is no finite factor: `convert` multiplies by 5 and divides by 9.
    "°F": Unit("temperature", Decimal(5) / Decimal(9), Decimal(-32)),
    "bar": Unit("pressure", Decimal(1)),
    "mbar": Unit("pressure", Decimal("0.001")),
    "kPa": Unit("pressure", Decimal("0.01")),
    "Pa": Unit("pressure", Decimal("0.00001")),
    "%": Unit("share", Decimal(1)),
    "V": Unit("voltage", Decimal(1)),
    "A": Unit("current", Decimal(1)),
    "Hz": Unit("frequency", Decimal(1)),
    "h": Unit("time", Decimal(1)),
    "kg": Unit("mass", Decimal(1)),
    "t": Unit("mass", Decimal(1000)),
    "pulse": Unit("count", Decimal(1)),
}
SPELLINGS = {
    "wh": "Wh", "kwh": "kWh", "mwh": "MWh", "gwh": "GWh", "varh": "varh", "kvarh": "kvarh", "l": "L", "litro": "L", "litros": "L", "liter": "L",
    "litre": "L", "lt": "L", "m3": "m³", "m^3": "m³", "m³": "m³", "dm3": "dm³", "c": "°C", "ºc": "°C", "°c": "°C", "℃": "°C", "celsius": "°C",
    "f": "°F", "ºf": "°F", "°f": "°F", "℉": "°F", "fahrenheit": "°F", "k": "K", "kelvin": "K", "kw": "kW", "w": "W", "ml": "mL", "hl": "hL",
    "pulso": "pulse", "pulsos": "pulse", "pulses": "pulse", "hz": "Hz", "v": "V", "a": "A", "kpa": "kPa", "pa": "Pa",
}  # fmt: skip


def canonical(unit: str) -> str:
    """Give the one spelling of a unit that is known under several; an unknown unit stays as it is."""
    trimmed = unit.strip()
    return trimmed if trimmed in UNITS else SPELLINGS.get(trimmed.lower(), trimmed)


def convertible(source: str, target: str) -> bool:
    """Tell whether values of one unit can be had in the other."""
    source, target = canonical(source), canonical(target)
    return source == target or (source in UNITS and target in UNITS and UNITS[source].family == UNITS[target].family)


def convert(value: Decimal, source: str, target: str) -> Decimal:
    """Convert a value and round it half-even to 6 places, once; raises ValueError where no factor is known."""
    source, target = canonical(source), canonical(target)
    with localcontext(Context(prec=max(PRECISION, len(value.as_tuple().digits) + 20))):
        if source != target:
            if not convertible(source, target):
                raise ValueError(f"no factor from {source} to {target}")
            value = _from_base(_to_base(value, source), target)
        return value.quantize(PLACES, rounding=ROUND_HALF_EVEN)


def ratio(source: str, target: str) -> Decimal:
    """Give the exact factor from one unit of amounts to another; raises ValueError where there is none."""
    source, target = canonical(source), canonical(target)
    if source == target:
        return Decimal(1)
    if not convertible(source, target) or UNITS[source].offset or UNITS[target].offset or "°F" in (source, target):
        raise ValueError(f"no factor from {source} to {target}")
    return UNITS[source].factor / UNITS[target].factor  # of powers of ten, so exact


def _to_base(value: Decimal, unit: str) -> Decimal:
    if unit == "°F":
        return (value - 32) * 5 / 9
    return value * UNITS[unit].factor + UNITS[unit].offset


def _from_base(value: Decimal, unit: str) -> Decimal:
    if unit == "°F":
        return value * 9 / 5 + 32
    return (value - UNITS[unit].offset) / UNITS[unit].factor
