"""Readings as tables show them: with the names of their device and gateway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from sql.queries.devices import Device, devices
from sql.queries.readings import Reading
from tds_dash.components import ReadingLine


def reading_lines(conn: Connection, readings: Sequence[Reading], now: datetime) -> list[ReadingLine]:
    """Name the device and gateway of each reading, with one query for all of them."""
    return named(readings, devices(conn, now, sorted({reading.device_id for reading in readings})))


def named(readings: Iterable[Reading], known: Iterable[Device]) -> list[ReadingLine]:
    """Name the device and gateway of each reading from devices already at hand."""
    found = {device.id: device for device in known}
    lines = []
    for reading in readings:
        device = found[reading.device_id]
        lines.append(
            ReadingLine(reading.time, device.gateway_name, device.name, device.id, device.resource, reading.value, device.unit)
        )
    return lines
