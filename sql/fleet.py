"""Accounts, gateways and devices: registering them, finding them, changing what a device's figures go by."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from settings import LOCALES, is_zone
from sql import ledger, rollups
from sql.device_rules import KINDS as KINDS
from sql.device_rules import LONGEST_STILL, MAX_RATE, check_device, checked_name, shown
from sql.device_rules import RESOURCES as RESOURCES
from sql.device_rules import DeviceSettings as DeviceSettings
from sql.errors import NotFound, Refused
from sql.statements import statements
from sql.units import canonical

FILE = "fleet.sql"

_SEPARATED = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}|([0-9a-f]{2}-){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}")


class Account(NamedTuple):
    """A tenant."""

    id: int
    name: str
    timezone: str
    locale: str
    currency: str


class Gateway(NamedTuple):
    """A gateway with what was last heard of it."""

    id: int
    account: str
    mac: str
    name: str
    capacity: int
    devices: int
    last_seen_at: datetime | None
    retired_at: datetime | None


class DevicePlace(NamedTuple):
    """Whose a device is, in which time zone, and how it is named."""

    account_id: int
    timezone: str
    mac: str
    code: str


def normalize_mac(text_given: str) -> str:
    """Give a MAC in lower case with colons; raises Refused where it is none."""
    lowered = text_given.strip().lower()
    if not _SEPARATED.fullmatch(lowered):
        raise Refused(
            f"{shown(text_given)} is not a MAC address: write it as aa:bb:cc:dd:ee:ff", "not_a_mac", mac=shown(text_given)
        )
    digits = re.sub(r"[^0-9a-f]", "", lowered)
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def add_account(connection: Connection, name: str, *, timezone: str, locale: str, currency: str = "BRL") -> int:
    """Register an account and note its zone; the rollups of a new zone are made by `rollups.add_missing_zones`."""
    name = checked_name(name, "an account's name")
    check_zone(connection, timezone)
    if locale not in LOCALES:
        raise Refused(f"the locale must be {' or '.join(LOCALES)}, not {shown(locale)}")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Refused(f"{shown(currency)} is not a currency: write three capital letters, such as BRL")
    if connection.execute(statements(FILE)["find_account"], {"name": name}).first():
        raise Refused(f"there is already an account named {name}")
    _note_zone(connection, timezone)
    given = {"name": name, "timezone": timezone, "locale": locale, "currency": currency}
    return int(connection.execute(statements(FILE)["add_account"], given).scalar_one())


def set_account(
    connection: Connection,
    name: str,
    *,
    silent_after: int | None = None,
    stuck_after: int | None = None,
    second_factor: bool | None = None,
) -> None:
    """Change after how many of its intervals anything of an account is silent, after how many hours a device is stuck, and
    whether its members need a second factor.
    """
    account = find_account(connection, name)
    if silent_after is not None and not 1 <= silent_after <= 100:
        raise Refused("a gateway or device is silent after 1 to 100 of its intervals")
    if stuck_after is not None and not 1 <= stuck_after <= LONGEST_STILL:
        raise Refused(f"a device is stuck after 1 to {LONGEST_STILL} hours")
    given = {"silent": silent_after, "stuck": stuck_after, "factor": second_factor, "id": account.id}
    connection.execute(statements(FILE)["set_account"], given)


def check_zone(connection: Connection, zone: str) -> None:
    """Refuse a time zone that this machine or the database does not know."""
    known = connection.execute(statements(FILE)["knows_zone"], {"zone": zone}).scalar_one()
    if not is_zone(zone) or not known:
        raise Refused(f"{shown(zone)} is not a time zone: write one such as America/Sao_Paulo")


def find_account(connection: Connection, name: str) -> Account:
    """Find an account by its name; raises NotFound."""
    row = connection.execute(statements(FILE)["find_account"], {"name": name}).one_or_none()
    if row is None:
        raise NotFound(f"there is no account named {shown(name)}: `tds account list` shows them")
    return Account(*row)


def list_accounts(connection: Connection) -> list[Account]:
    """List the accounts by name."""
    return [Account(*row) for row in connection.execute(statements(FILE)["list_accounts"])]


def add_gateway(connection: Connection, mac: str, account: str, name: str | None = None, capacity: int = 8) -> int:
    """Register a gateway in an account; a MAC that another gateway still uses is refused."""
    mac = normalize_mac(mac)
    owner = find_account(connection, account)
    if not 1 <= capacity <= 32:
        raise Refused(f"a gateway's capacity is between 1 and 32 devices, not {capacity}")
    if connection.execute(statements(FILE)["gateway_in_use"], {"mac": mac}).first():
        raise Refused(f"the gateway {mac} is registered already")
    given = {"account": owner.id, "mac": mac, "name": checked_name(name or mac, "a gateway's name"), "capacity": capacity}
    return int(connection.execute(statements(FILE)["add_gateway"], given).scalar_one())


def list_gateways(connection: Connection) -> list[Gateway]:
    """List the gateways with their account, number of devices and last message."""
    return [Gateway(*row) for row in connection.execute(statements(FILE)["list_gateways"])]


def find_device(connection: Connection, mac: str, code: str) -> int:
    """Find a device by its gateway's MAC and its code; raises NotFound."""
    mac = normalize_mac(mac)
    found = connection.execute(statements(FILE)["device_in_use"], {"mac": mac, "code": code}).scalar()
    if found is None:
        raise NotFound(f"the gateway {mac} has no device {shown(code)}")
    return int(found)


def place_of_device(connection: Connection, device_id: int) -> DevicePlace:
    """Say whose a device is and how it is named."""
    return DevicePlace(*connection.execute(statements(FILE)["place_of_device"], {"id": device_id}).one())


def add_device(connection: Connection, mac: str, code: str, **given: Any) -> int:
    """Register a device behind a gateway; `given` are the fields of DeviceSettings."""
    mac = normalize_mac(mac)
    device = DeviceSettings(**given)
    check_device(code, device)
    gateway = connection.execute(statements(FILE)["gateway_in_use"], {"mac": mac}).scalar()
    if gateway is None:
        raise NotFound(f"there is no gateway {mac}: add it first with `tds gateway add`")
    account = hold_place(connection, gateway, code)
    row = {**kept(code, device), "account": account, "gateway": gateway, "code": code}
    return int(connection.execute(statements(FILE)["add_device"], row).scalar_one())


def hold_place(connection: Connection, gateway_id: int, code: str, own: int | None = None) -> int:
    """Hold a gateway until the end of the transaction and see that it has room for a code; gives its account.

    `own`: a device that is there already and counts for nothing. Raises Refused.
    """
    gateway = connection.execute(statements(FILE)["hold_gateway"], {"id": gateway_id}).one_or_none()
    if gateway is None:
        raise NotFound("there is no such gateway")
    if gateway.retired_at is not None:
        raise Refused(f"the gateway {gateway.mac} is retired", "gateway_out_of_use")
    codes = connection.execute(statements(FILE)["codes_held"], {"id": gateway_id, "own": own}).scalars().all()
    if code in codes:
        raise Refused(f"the gateway {gateway.mac} has a device {code} already", "device_exists", code=code)
    if len(codes) >= gateway.capacity:
        said = f"the gateway {gateway.mac} is full: its capacity is {gateway.capacity} devices"
        raise Refused(said, "gateway_full", capacity=gateway.capacity)
    return int(gateway.account_id)


def kept(code: str, device: DeviceSettings) -> dict[str, Any]:
    """Give a device's settings as its row holds them."""
    rate = device.max_rate if device.max_rate is not None else MAX_RATE[device.resource]
    name = checked_name(device.name or code, "a device's name")
    return {**device._asdict(), "name": name, "unit": canonical(device.unit), "max_rate": rate}


def device_settings(connection: Connection, device_id: int) -> DeviceSettings:
    """Give what a device is, and hold it until the end of the transaction."""
    return DeviceSettings(*connection.execute(statements(FILE)["hold_settings"], {"id": device_id}).one())


def set_device(connection: Connection, mac: str, code: str, **given: Any) -> None:
    """Change a device's settings; where its figures go by them, its whole history is recomputed at the next drain."""
    device_id = find_device(connection, mac, code)
    before = device_settings(connection, device_id)
    change_device(connection, device_id, code, before, before._replace(**given))


def change_device(connection: Connection, device_id: int, code: str, before: DeviceSettings, after: DeviceSettings) -> None:
    """Change a device from what it is to what it is to be; raises Refused where readings forbid it."""
    check_device(code, after)
    if canonical(after.unit) != before.unit and has_readings(connection, device_id):
        said = f"{code} has readings in {before.unit}: its unit cannot change any more; retire it and add a new device"
        raise Refused(said, "unit_kept", unit=before.unit)
    if (after.modulus, after.kind) != (before.modulus, before.kind):  # a name is changed whatever the register shows
        check_modulus(connection, device_id, after)
    connection.execute(statements(FILE)["change_device"], {**kept(code, after), "id": device_id})
    same = after._replace(resource=before.resource, unit=before.unit, name=before.name, stuck_after=before.stuck_after)
    if same != before:
        ledger.mark_dirty(connection, [device_id])


def has_readings(connection: Connection, device_id: int) -> bool:
    """Tell whether anything is stored of a device."""
    return bool(connection.execute(statements(FILE)["has_readings"], {"id": device_id}).scalar())


def check_modulus(connection: Connection, device_id: int, device: DeviceSettings) -> None:
    """Refuse a modulus that the register has already passed; a reading that a person ignored is no register."""
    if device.modulus is None or device.kind != "counter":
        return
    last: Decimal | None = connection.execute(statements(FILE)["newest_register"], {"id": device_id}).scalar()
    if last is None or last < device.modulus:
        return
    said = (
        f"the modulus {device.modulus} is smaller than the last reading {last.normalize():f}: a register stays below its modulus"
    )
    raise Refused(said, "modulus_passed", last=last)


def _note_zone(connection: Connection, zone: str) -> None:
    connection.execute(statements(FILE)["note_zone"], {"zone": zone, "slug": rollups.slug(zone)})
