"""From what a gateway said to what is stored: ids for names, the device's unit, the account's zone, the rules of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from ingest.directory import Device, Directory, Gateway
from ingest.message import LIMIT, LOWEST, Message, Reading
from ingest.rejection import Rejection, Unusable
from sql import units

AHEAD = timedelta(minutes=10)
RETENTION = timedelta(days=730)
_EXACT = Context(prec=units.PRECISION, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal(0)


class Row(msgspec.Struct, frozen=True, gc=False):
    """One reading as it is stored, and where it came from."""

    device_id: int
    time: datetime
    value: Decimal
    message: Message
    reading: Reading


class Resolved(msgspec.Struct):
    """What one message comes to; `missed` where a name was not found, so that it is worth asking the database.

    `oldest` and `newest`: the times of its rows lie between; None where there is none.
    """

    message: Message
    gateway: Gateway | None
    rows: list[Row]
    rejections: list[Rejection]
    missed: bool
    oldest: datetime | None = None
    newest: datetime | None = None


def resolve(message: Message, directory: Directory, now: datetime) -> Resolved:
    """Turn the readings of a message into rows, and those that cannot be stored into rejections. Touches nothing."""
    gateway = directory.gateways.get(message.mac)
    resolved = Resolved(message, gateway, [], list(message.rejections), gateway is None)
    if gateway is None:
        if message.readings:
            detail = f"no gateway {message.mac[:40]} is registered"
            resolved.rejections = [Rejection("unknown_gateway", detail, message.topic, message.payload)]
        return resolved
    rows, devices = resolved.rows, gateway.devices
    said, time, oldest, newest = None, now, now + AHEAD, now - RETENTION
    for reading in message.readings if gateway.others_until is None else _own_readings(resolved, gateway):
        device = devices.get(reading.code)
        try:
            if device is None or not device.active:
                resolved.missed = True
                raise _not_in_use(device, reading)
            if reading.time is not said:  # most readings of a message share its time
                time = instant(reading.time, gateway, now)
                said, oldest, newest = reading.time, min(oldest, time), max(newest, time)
            rows.append(Row(device.id, time, stored_value(reading, device), message, reading))
        except Unusable as error:
            resolved.rejections.append(message.reject(reading, error.reason, error.detail))
    if rows:
        resolved.oldest, resolved.newest = oldest, newest
    return resolved


def instant(time: datetime, gateway: Gateway, now: datetime) -> datetime:
    """Give the UTC instant, where it is neither ahead nor too old; a time without an offset is the account's.

    An hour that comes twice is taken as its first, one that a clock skips as if the clock had not been put forward.
    """
    try:
        found = (time if time.tzinfo is not None else time.replace(tzinfo=gateway.zone)).astimezone(UTC)
    except OverflowError:
        raise Unusable("bad_timestamp", "timestamp is outside the calendar") from None
    if found > now + AHEAD:
        raise Unusable("future_timestamp", f"{found.isoformat()} is more than 10 minutes ahead")
    if found < now - RETENTION:
        raise Unusable("too_old", f"{found.isoformat()} is older than readings are kept")
    return found


def stored_value(reading: Reading, device: Device) -> Decimal:
    """Convert to the device's unit and round half-even to 6 places; raise Unusable where that is not possible."""
    value = reading.value
    if reading.unit != device.unit:
        if not units.convertible(reading.unit, device.unit):
            raise Unusable("unit_mismatch", f"{reading.unit[:40]} cannot be converted to {device.unit}")
        value = units.convert(value, reading.unit, device.unit)
    else:
        value = _EXACT.quantize(value, units.PLACES)
    if not LOWEST < value < LIMIT:
        raise Unusable("bad_value", f"valor is not below 10^15 in size in {device.unit}")
    if value < _ZERO and device.kind != "gauge":
        raise Unusable("negative_value", f"{value} of a {device.kind}")
    return value


def _own_readings(resolved: Resolved, gateway: Gateway) -> list[Reading]:
    """Leave out what was taken when another account had the gateway: a buffer or a queue may outlive its retirement there."""
    own = []
    for reading in resolved.message.readings:
        time = reading.time if reading.time.tzinfo is not None else reading.time.replace(tzinfo=gateway.zone)
        if gateway.others_until is not None and time <= gateway.others_until:
            detail = "taken before the gateway was registered here, when another account had it"
            resolved.rejections.append(resolved.message.reject(reading, "unknown_gateway", detail))
        else:
            own.append(reading)
    return own


def _not_in_use(device: Device | None, reading: Reading) -> Unusable:
    if device is None:
        return Unusable("unknown_device", f"the gateway has no device {reading.code[:64]}")
    return Unusable("inactive_device", f"device {reading.code[:64]} is switched off or retired")
