"""Consumption of several devices together: in one unit, over a period, and fairly compared with another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from sql.units import convert, convertible
from tds_dash.figures import ChartDevice, axes

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

MAIN_UNIT = {"electricity": "kWh", "water": "m³", "gas": "m³"}
FAIR = 0.95  # the share that must be measured on both sides of a comparison


class Amount(NamedTuple):
    """What devices consumed over a period, None where nothing is known, and the share of the period that was measured."""

    quantity: Decimal | None
    coverage: float


def stand_ins(devices: Iterable[ChartDevice]) -> tuple[list[ChartDevice], dict[int, int]]:
    """Give one device that stands for all of a resource and unit, for each, and the number of the one that stands for each device."""
    numbers: dict[tuple[str, str], int] = {}
    groups = {device.id: numbers.setdefault((device.resource, device.unit), len(numbers) + 1) for device in devices}
    return [ChartDevice(number, "", resource, unit) for (resource, unit), number in numbers.items()], groups


def members(standing: Iterable[ChartDevice], stands_for: Mapping[int, int]) -> list[int]:
    """Give the devices that some stand for."""
    numbers = {one.id for one in standing}
    return [device for device, number in stands_for.items() if number in numbers]


def in_main_unit(
    devices: Iterable[ChartDevice], rows: Iterable[ConsumptionRow]
) -> tuple[list[ChartDevice], list[ConsumptionRow]]:
    """Bring meters of one resource that count in Wh and MWh, or L and m³, to the resource's one unit."""
    converted, units = [], {}
    for device in devices:
        unit = MAIN_UNIT.get(device.resource, device.unit)
        if device.kind != "gauge" and unit != device.unit and convertible(device.unit, unit):
            units[device.id] = (device.unit, unit)
            device = device._replace(unit=unit)
        converted.append(device)
    return converted, [scaled(row, *units[row.device_id]) if row.device_id in units else row for row in rows]


def scaled(row: ConsumptionRow, source: str, target: str) -> ConsumptionRow:
    """Convert a row's consumption."""
    if row.consumption is None:
        return row
    estimated = None if row.estimated is None else convert(row.estimated, source, target)
    return row._replace(consumption=convert(row.consumption, source, target), estimated=estimated)


def amount(rows: Iterable[ConsumptionRow], step: Step, zone: tzinfo, length: timedelta, devices: int) -> Amount:
    """Add up rows of some devices over a period of a given length."""
    quantity: Decimal | None = None
    measured = timedelta(0)
    for row in rows:
        if row.consumption is not None:
            quantity = row.consumption if quantity is None else quantity + row.consumption
        if row.coverage:
            measured += row.coverage * row.devices * (axes.bucket_end(row.bucket, step, zone) - row.bucket)
    whole = length * devices
    return Amount(quantity, min(measured / whole, 1.0) if whole else 0.0)


def daily(rows: Sequence[ConsumptionRow], days: Sequence[datetime]) -> list[Decimal | None]:
    """Give what was consumed on each of some days, None where nothing is known."""
    found: dict[datetime, Decimal] = {}
    for row in rows:
        if row.consumption is not None:
            found[row.bucket] = found.get(row.bucket, Decimal(0)) + row.consumption
    return [found.get(day) for day in days]
