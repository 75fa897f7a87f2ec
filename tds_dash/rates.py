"""What a quantity within an hour is called."""

from __future__ import annotations

PER_HOUR = {"mWh": "mW", "Wh": "W", "kWh": "kW", "MWh": "MW", "GWh": "GW", "varh": "var", "kvarh": "kvar", "Mvarh": "Mvar"}


def per_hour(unit: str) -> str:
    """Give the unit of a quantity per hour: kW of kWh, m³/h of m³."""
    return PER_HOUR.get(unit, f"{unit}/h")
