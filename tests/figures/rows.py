"""Rows and devices for figures: a small deterministic world with a gap, an estimated stretch and a running bucket."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sql.consumption import ConsumptionRow, Step
from tds_dash.figures import ChartDevice, axes

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)

NAMES = (
    "Entrada geral", "Bomba 1", "Bomba 2", "Compressor", "Climatização bloco A", "Climatização bloco B", "Iluminação externa",
    "Elevadores", "Câmara fria", "Refeitório", "Data center", "Oficina", "Caldeira", "Portaria", "Estacionamento",
    "Torre de resfriamento",
)  # fmt: skip


def row(device: int, bucket: datetime, consumption: Any, estimated: Any = 0, coverage: float = 1.0) -> ConsumptionRow:
    """Give one row of a register; None for a bucket that nothing covers."""
    used = None if consumption is None else Decimal(str(consumption))
    doubtful = None if consumption is None else Decimal(str(estimated))
    return ConsumptionRow(device, bucket, used, doubtful, coverage if used is not None else 0.0, None, None, None, 4)


def level(device: int, bucket: datetime, mean: Any, spread: float = 1.5) -> ConsumptionRow:
    """Give one row of a gauge; None for a gap."""
    if mean is None:
        return ConsumptionRow(device, bucket, None, None, 0.0, None, None, None, 0)
    middle = Decimal(str(round(mean, 3)))
    width = Decimal(str(spread))
    return ConsumptionRow(device, bucket, None, None, 1.0, middle, middle - width, middle + width, 4)


def meters(n: int, resource: str = "electricity", unit: str = "kWh", kind: str = "counter") -> list[ChartDevice]:
    """Give n devices of one resource in their places."""
    return [ChartDevice(index + 1, NAMES[index % len(NAMES)], resource, unit, kind, index) for index in range(n)]


def starts(step: Step, first: datetime, last: datetime, zone: ZoneInfo) -> list[datetime]:
    """Give the starts of all buckets from `first` up to, without, `last`."""
    found = [first]
    while (following := axes.bucket_end(found[-1], step, zone)) < last:
        found.append(following.astimezone(UTC))
    return found


def months(n: int, now: datetime = NOW, zone: ZoneInfo = SAO_PAULO) -> list[datetime]:
    """Give the starts of the last n months, the running one included."""
    local = now.astimezone(zone)
    index = local.year * 12 + local.month - 1
    return [
        datetime((index - back) // 12, (index - back) % 12 + 1, 1, tzinfo=zone).astimezone(UTC) for back in range(n - 1, -1, -1)
    ]


def monthly(device: ChartDevice, base: float = 9000) -> list[ConsumptionRow]:
    """Give 13 months: winter and summer, one month half estimated, the running one three quarters through."""
    rows = []
    for index, start in enumerate(months(13)):
        used = base * (1 + 0.22 * math.cos(index / 12 * 2 * math.pi)) * (1 + device.position * 0.17)
        used *= 0.74 if index == 12 else 1
        estimated, coverage = (used * 0.34, 0.66) if index == 5 else (used * 0.015, 0.98)
        rows.append(row(device.id, start, round(used, 3), round(estimated, 3), 0.75 if index == 12 else coverage))
    return rows


def daily(device: ChartDevice, first: datetime, days: int, zone: ZoneInfo = SAO_PAULO) -> list[ConsumptionRow]:
    """Give days with weekends, three days of nothing for the third device, an estimated stretch for the first."""
    rows: list[ConsumptionRow] = []
    for index, start in enumerate(starts("day", first, first + timedelta(days=days), zone)):
        weekday = start.astimezone(zone).weekday()
        used = (260 if weekday < 5 else 110) * (1 + 0.09 * math.sin(index)) / (1 + 0.35 * device.position)
        doubtful = used * 0.6 if device.position == 0 and index in (8, 9) else 0
        missing = 14 <= index < 17
        rows.append(row(device.id, start, None if missing else round(used, 3), round(doubtful, 3), 0.4 if doubtful else 1.0))
    return rows


def hourly(device: ChartDevice, first: datetime, hours: int, zone: ZoneInfo = SAO_PAULO) -> list[ConsumptionRow]:
    """Give hours with a load curve."""
    rows = []
    for start in starts("hour", first, first + timedelta(hours=hours), zone):
        hour = start.astimezone(zone).hour
        used = (4 + 12 * math.exp(-(((hour - 14) / 5) ** 2))) / (1 + 0.35 * device.position)
        rows.append(row(device.id, start, round(used, 3)))
    return rows


def temperatures(device: ChartDevice, first: datetime, hours: int, zone: ZoneInfo = SAO_PAULO) -> list[ConsumptionRow]:
    """Give hours of a cold room, with a gap of nine hours."""
    rows = []
    for index, start in enumerate(starts("hour", first, first + timedelta(hours=hours), zone)):
        mean = 22 + 5 * math.sin((start.astimezone(zone).hour - 9) / 24 * 2 * math.pi) + 0.6 * math.sin(index * 1.7)
        rows.append(level(device.id, start, None if 70 <= index < 79 else mean))
    return rows
