"""What a quantity within an hour is called, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from sql.queries.devices import Device

PER_HOUR = {"mWh": "mW", "Wh": "W", "kWh": "kW", "MWh": "MW", "GWh": "GW", "varh": "var", "kvarh": "kvar", "Mvarh": "Mvar"}


class Money(NamedTuple):
    """An amount in a currency."""

    amount: Decimal
    currency: str


def per_hour(unit: str) -> str:
    """Give the unit of a quantity per hour: kW of kWh, m³/h of m³."""
    return PER_HOUR.get(unit, f"{unit}/h")


def money_of(device: Device, quantity: Decimal | None) -> Money | None:
    """Give what a quantity costs where a price of the device's resource is known; none is yet."""
    del device, quantity
    return None
