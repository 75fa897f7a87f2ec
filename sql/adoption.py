"""Adopting an unknown device: what its kept messages tell of it, and its way into the register."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql import fleet
from sql.errors import Refused
from sql.rejections import FILE, Rejection, Replay, newest_replay, try_again
from sql.statements import statements
from sql.units import UNITS, canonical

SAMPLE = 200
FEWEST = 3  # readings that make an interval
USUAL = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
# What is measured, and how, by the family of a unit; of volumes the likelier is taken, and a person sees it before it counts.
FAMILIES = {
    "energy": ("electricity", "counter"),
    "reactive energy": ("electricity", "counter"),
    "power": ("electricity", "gauge"),
    "voltage": ("electricity", "gauge"),
    "volume": ("water", "counter"),
    "temperature": ("temperature", "gauge"),
}


class Sent(NamedTuple):
    """One reading of an unknown device, as far as it can be understood without knowing it."""

    time: datetime | None
    value: Decimal | None
    unit: str


class Guess(NamedTuple):
    """What a device seems to be; `interval` in seconds, None where too little was sent to tell."""

    kind: str
    resource: str
    unit: str
    interval: int | None


def guess(connection: Connection, rejection: Rejection) -> Guess:
    """Guess what the device of a rejection is, by what it sent last."""
    binds = {"gateway": rejection.gateway_id, "code": rejection.device_code, "limit": SAMPLE}
    return guessed([sent(bytes(payload)) for payload in connection.execute(statements(FILE)["sent_before"], binds).scalars()])


def guessed(readings: Sequence[Sent]) -> Guess:
    """Guess from readings: the unit that comes most often, what such a unit measures, the usual step nearest to their own."""
    units = Counter(canonical(reading.unit) for reading in readings if reading.unit)
    unit = units.most_common(1)[0][0] if units else ""
    family = UNITS[unit].family if unit in UNITS else ""
    resource, kind = FAMILIES.get(family, ("other", "gauge"))
    known = sorted((reading.time, reading.value) for reading in readings if reading.time and reading.value is not None)
    if kind == "counter" and _falls([value for _, value in known]):
        kind = "interval"
    return Guess(kind, resource, unit, interval([time for time, _ in known]))


def interval(times: Sequence[datetime]) -> int | None:
    """Give the step between readings in seconds: a usual one where one is near, else their own."""
    moments = sorted(set(times))
    if len(moments) < FEWEST:
        return None
    step = median((later - earlier).total_seconds() for earlier, later in pairwise(moments))
    near = min(USUAL, key=lambda usual: abs(usual - step))
    return near if abs(near - step) <= near / 5 else min(max(1, round(step)), 31_622_400)


def sent(payload: bytes) -> Sent:
    """Read a kept one-reading message; what cannot be understood is left out."""
    try:
        message = json.loads(payload)
        reading = message["leituras"][0]
        unit = reading["unidade"]
        return Sent(_time(reading.get("timestamp") or message.get("timestamp")), _value(reading.get("valor")), str(unit)[:16])
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return Sent(None, None, "")


def adopt(connection: Connection, rejection: Rejection, **given: Any) -> Replay:
    """Register the unknown device of a rejection; what it had sent is tried again. `given` are the fields of DeviceSettings.

    Raises Refused where there is nothing to adopt, or the register takes no such device.
    """
    if rejection.reason == "unknown_gateway":
        said = f"the gateway {rejection.gateway_mac} is not registered: add it first with `tds gateway add`"
        raise Refused(said, "unregistered", mac=rejection.gateway_mac)
    if rejection.reason != "unknown_device" or not rejection.device_code or rejection.gateway_id is None:
        raise Refused("only an unknown device can be adopted, and that is not what this rejection is about", "not_adoptable")
    given.setdefault("interval", guess(connection, rejection).interval or fleet.DeviceSettings._field_defaults["interval"])
    fleet.add_device(connection, rejection.gateway_mac, rejection.device_code, **given)
    # The register itself has asked for it, as it does for every new device.
    asked = newest_replay(connection, rejection.gateway_id, rejection.device_code, ["unknown_device"])
    return asked or try_again(connection, rejection)


def _falls(values: Sequence[Decimal]) -> bool:
    """Tell whether values go down too often for a register: more than once in ten."""
    falls = [later < earlier for earlier, later in pairwise(values)]
    return 10 * sum(falls) > len(falls)


def _time(given: object) -> datetime | None:
    if not isinstance(given, str):
        return None
    moment = datetime.fromisoformat(given)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # only steps between them count


def _value(given: object) -> Decimal | None:
    try:
        value = Decimal(str(given))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
