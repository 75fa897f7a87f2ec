"""What a device may be: its settings, and what is wrong with them, field by field."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from sql.errors import Refused

KINDS = ("counter", "interval", "gauge")
RESOURCES = ("electricity", "water", "gas", "temperature", "other")
MAX_RATE = {
    "electricity": Decimal(1000),
    "water": Decimal(100),
    "gas": Decimal(100),
    "temperature": Decimal(1000),
    "other": Decimal(1000),
}
LONGEST_STILL = 8784  # hours of a year
LARGEST = Decimal("1e15")
_CODE = re.compile(r"[^\x00-\x20/\x7f](?:[^\x00-\x1f/\x7f]{0,62}[^\x00-\x20/\x7f])?")
_QUANTITIES = (("max_rate", "largest rate", False), ("resolution", "resolution", True), ("jitter", "jitter", True))


class DeviceSettings(NamedTuple):
    """What a device is and what its figures go by."""

    kind: str
    resource: str
    unit: str
    name: str | None = None
    interval: int = 900
    max_rate: Decimal | None = None
    resolution: Decimal = Decimal(1)
    jitter: Decimal | None = None
    modulus: Decimal | None = None
    stuck_after: int | None = None


def check_device(code: str, device: DeviceSettings) -> None:
    """Refuse settings that no device can have, with the first reason."""
    for fault in faults(code, device).values():
        raise fault


def faults(code: str, device: DeviceSettings) -> dict[str, Refused]:
    """Give what is wrong with a device, by field, in the order in which a person reads them."""
    found: dict[str, Refused] = {}
    if not _CODE.fullmatch(code):
        said = f"{shown(code)} is not a device code: use 1 to 64 characters without slashes, such as D01"
        found["code"] = Refused(said, "device_code", code=shown(code))
    if device.kind not in KINDS:
        found["kind"] = Refused(
            f"the kind must be {_listed(KINDS)}, not {shown(device.kind)}", "device_kind", given=shown(device.kind)
        )
    if device.resource not in RESOURCES:
        found["resource"] = Refused(
            f"the resource must be {_listed(RESOURCES)}, not {shown(device.resource)}",
            "device_resource",
            given=shown(device.resource),
        )
    if not 1 <= len(device.unit.strip()) <= 16 or not device.unit.isprintable():
        found["unit"] = Refused(f"{shown(device.unit)} is not a unit: use 1 to 16 characters, such as kWh", "device_unit")
    if not 1 <= device.interval <= 31_622_400:
        found["interval"] = Refused("the interval is between 1 second and 366 days", "device_interval")
    found |= _number_faults(device)
    if device.name is not None and (fault := name_fault(device.name, "a device's name")):
        found["name"] = fault
    return found


def name_fault(given: str, what: str) -> Refused | None:
    """Say what is wrong with a name; None where nothing is."""
    if 1 <= len(given.strip()) <= 200 and given.strip().isprintable():
        return None
    return Refused(f"{what} has 1 to 200 printable characters", "name")


def checked_name(given: str, what: str) -> str:
    """Give a name as it is kept; raises Refused."""
    if fault := name_fault(given, what):
        raise fault
    return given.strip()


def shown(given: str) -> str:
    """Show a value from outside in a message: short, and without characters that a terminal obeys."""
    text = "".join(c if c.isprintable() else "?" for c in given)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _number_faults(device: DeviceSettings) -> dict[str, Refused]:
    found: dict[str, Refused] = {}
    for field, what, zero in _QUANTITIES:
        value: Decimal | None = getattr(device, field)
        if value is not None and not (value.is_finite() and (value >= 0 if zero else value > 0) and value < LARGEST):
            said = f"the {what} must be {'at least' if zero else 'greater than'} 0 and below 10^15, not {value}"
            found[field] = Refused(said, "from_nought" if zero else "above_nought")
    if device.modulus is not None and not (device.modulus.is_finite() and 0 < device.modulus <= LARGEST):
        said = f"the modulus must be greater than 0 and at most 10^15, not {device.modulus}"
        found["modulus"] = Refused(said, "above_nought")
    if device.stuck_after is not None and not 0 <= device.stuck_after <= LONGEST_STILL:
        said = f"a device is stuck after at most {LONGEST_STILL} hours; 0: never"
        found["stuck_after"] = Refused(said, "device_still", most=LONGEST_STILL)
    return found


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
