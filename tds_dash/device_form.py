"""What is typed into the form of a device: read field by field, with what is wrong beside each, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sql.device_rules import MAX_RATE, DeviceSettings, faults
from sql.errors import Refused
from sql.fleet_editing import DeviceState
from tds_dash import typed

FIELDS = (
    "gateway",
    "code",
    "name",
    "resource",
    "kind",
    "unit",
    "interval",
    "max_rate",
    "resolution",
    "jitter",
    "modulus",
    "stuck_after",
    "active",
)
QUANTITIES = ("max_rate", "resolution", "jitter", "modulus")
FOLDED = (*QUANTITIES, "stuck_after")
USUAL = {"resource": "electricity", "kind": "counter", "interval": "900", "resolution": "1", "active": True}
# Beside which field a refusal of the register is said; what has no field is said above the button.
PLACES = {
    "device_exists": "code",
    "device_code": "code",
    "gateway_full": "gateway",
    "gateway_out_of_use": "gateway",
    "unit_kept": "unit",
    "modulus_passed": "modulus",
    "name": "name",
    "gateway_missing": "gateway",
}


class Typed(NamedTuple):
    """A form as it was read: the device it describes, and what is wrong with it by field."""

    code: str
    settings: DeviceSettings
    active: bool
    faults: dict[str, Refused]


def empty() -> list[Any]:
    """Give the values of a new device."""
    return [USUAL.get(name, "" if name != "gateway" else None) for name in FIELDS]


def filled(state: DeviceState, locale: str) -> list[Any]:
    """Give the values of a device as it is."""
    facts: dict[str, Any] = {"gateway": state.gateway_id, "code": state.code, **state.facts()}
    for name in QUANTITIES:
        facts[name] = typed.shown(facts[name], locale) if facts[name] is not None else ""
    for name in ("interval", "stuck_after"):
        facts[name] = str(facts[name]) if facts[name] is not None else ""
    return [facts[name] for name in FIELDS]


def read(values: Sequence[Any], locale: str, code: str | None = None) -> Typed:
    """Read a form; `code` is given where it is not asked for."""
    given = dict(zip(FIELDS, values, strict=True))
    found: dict[str, Refused] = {}
    numbers: dict[str, Any] = {}
    for name in QUANTITIES:
        numbers[name] = _quantity(name, given, locale, found)
    for name in ("interval", "stuck_after"):
        numbers[name] = _whole(name, given, found)
    text = {name: typed.line(given[name]) for name in ("code", "name", "resource", "kind", "unit")}
    called = code if code is not None else text["code"]
    settings = DeviceSettings(
        kind=text["kind"],
        resource=text["resource"],
        unit=text["unit"],
        name=text["name"] or called,
        interval=numbers["interval"] or 0,
        max_rate=numbers["max_rate"] or MAX_RATE.get(text["resource"]),
        resolution=numbers["resolution"] if numbers["resolution"] is not None else Decimal(1),
        jitter=numbers["jitter"],
        modulus=numbers["modulus"],
        stuck_after=numbers["stuck_after"],
    )
    for name, fault in faults(called, settings).items():
        found.setdefault(name, fault)
    if not called:  # nothing was typed: that is all there is to say, and what it would have been called says nothing
        found["code"] = Refused("type the code as the gateway sends it", "code_missing")
        if not text["name"]:
            del found["name"]
    return Typed(called, settings, given["active"] is True, found)


def _quantity(name: str, given: Mapping[str, Any], locale: str, found: dict[str, Refused]) -> Decimal | None:
    text = typed.line(given[name])
    if not text:
        return None
    try:
        return typed.register(text, locale)
    except Refused as error:
        key = "field_number" if error.key == "not_a_number" else "field_decimals"
        found[name] = Refused(str(error), key)
        return None


def _whole(name: str, given: Mapping[str, Any], found: dict[str, Refused]) -> int | None:
    text = typed.line(given[name]) if isinstance(given[name], str) else str(given[name] if given[name] is not None else "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        found[name] = Refused("that is not a whole number", "field_whole")
        return None
    return int(text)
