"""Accounts, gateways and devices: registering them, finding them, changing what a device's figures go by."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from settings import LOCALES, is_zone
from sql import ledger, rollups
from sql.device_rules import KINDS as KINDS
from sql.device_rules import LONGEST_STILL, MAX_RATE, check_device, checked_name, shown
from sql.device_rules import RESOURCES as RESOURCES
from sql.device_rules import DeviceSettings as DeviceSettings
from sql.errors import NotFound, Refused
from sql.units import canonical

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
    if connection.execute(text("SELECT 1 FROM tds.account WHERE name = :name"), {"name": name}).scalar():
        raise Refused(f"there is already an account named {name}")
    _note_zone(connection, timezone)
    return int(
        connection.execute(
            text(
                "INSERT INTO tds.account (name, timezone, locale, currency) VALUES (:name, :timezone, :locale, :currency) RETURNING id"
            ),
            {"name": name, "timezone": timezone, "locale": locale, "currency": currency},
        ).scalar_one()
    )


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
    connection.execute(
        text(
            "UPDATE tds.account SET silent_intervals = coalesce(:silent, silent_intervals), stuck_hours = coalesce(:stuck, stuck_hours),"
            " second_factor = coalesce(:factor, second_factor) WHERE id = :id"
        ),
        {"silent": silent_after, "stuck": stuck_after, "factor": second_factor, "id": account.id},
    )


def check_zone(connection: Connection, zone: str) -> None:
    """Refuse a time zone that this machine or the database does not know."""
    known = connection.execute(text("SELECT 1 FROM pg_timezone_names WHERE name = :zone"), {"zone": zone}).scalar()
    if not is_zone(zone) or not known:
        raise Refused(f"{shown(zone)} is not a time zone: write one such as America/Sao_Paulo")


def find_account(connection: Connection, name: str) -> Account:
    """Find an account by its name; raises NotFound."""
    row = connection.execute(
        text("SELECT id, name, timezone, locale, currency FROM tds.account WHERE name = :name"), {"name": name}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no account named {shown(name)}: `tds account list` shows them")
    return Account(*row)


def list_accounts(connection: Connection) -> list[Account]:
    """List the accounts by name."""
    return [
        Account(*row)
        for row in connection.execute(text("SELECT id, name, timezone, locale, currency FROM tds.account ORDER BY name"))
    ]


def add_gateway(connection: Connection, mac: str, account: str, name: str | None = None, capacity: int = 8) -> int:
    """Register a gateway in an account; a MAC that another gateway still uses is refused."""
    mac = normalize_mac(mac)
    owner = find_account(connection, account)
    if not 1 <= capacity <= 32:
        raise Refused(f"a gateway's capacity is between 1 and 32 devices, not {capacity}")
    if connection.execute(text("SELECT 1 FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL"), {"mac": mac}).scalar():
        raise Refused(f"the gateway {mac} is registered already")
    return int(
        connection.execute(
            text(
                "INSERT INTO tds.gateway (account_id, mac, name, capacity) VALUES (:account, :mac, :name, :capacity) RETURNING id"
            ),
            {"account": owner.id, "mac": mac, "name": checked_name(name or mac, "a gateway's name"), "capacity": capacity},
        ).scalar_one()
    )


def list_gateways(connection: Connection) -> list[Gateway]:
    """List the gateways with their account, number of devices and last message."""
    rows = connection.execute(
        text(
            "SELECT g.id, a.name, g.mac, g.name, g.capacity, (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL),"
            " s.last_seen_at, g.retired_at FROM tds.gateway g JOIN tds.account a ON a.id = g.account_id"
            " LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id ORDER BY a.name, g.mac, g.id"
        )
    )
    return [Gateway(*row) for row in rows]


def find_device(connection: Connection, mac: str, code: str) -> int:
    """Find a device by its gateway's MAC and its code; raises NotFound."""
    mac = normalize_mac(mac)
    found = connection.execute(
        text(
            "SELECT d.id FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id"
            " WHERE g.mac = :mac AND d.code = :code AND g.retired_at IS NULL AND d.retired_at IS NULL"
        ),
        {"mac": mac, "code": code},
    ).scalar()
    if found is None:
        raise NotFound(f"the gateway {mac} has no device {shown(code)}")
    return int(found)


def add_device(connection: Connection, mac: str, code: str, **given: Any) -> int:
    """Register a device behind a gateway; `given` are the fields of DeviceSettings."""
    mac = normalize_mac(mac)
    device = DeviceSettings(**given)
    check_device(code, device)
    gateway = connection.execute(
        text("SELECT id FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL"), {"mac": mac}
    ).scalar()
    if gateway is None:
        raise NotFound(f"there is no gateway {mac}: add it first with `tds gateway add`")
    account = hold_place(connection, gateway, code)
    return int(
        connection.execute(
            text(
                "INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution,"
                " jitter, modulus, stuck_hours) VALUES (:account, :gateway, :code, :name, :kind, :resource, :unit, :interval, :max_rate,"
                " :resolution, :jitter, :modulus, :stuck_after) RETURNING id"
            ),
            {**kept(code, device), "account": account, "gateway": gateway, "code": code},
        ).scalar_one()
    )


def hold_place(connection: Connection, gateway_id: int, code: str, own: int | None = None) -> int:
    """Hold a gateway until the end of the transaction and see that it has room for a code; gives its account.

    `own`: a device that is there already and counts for nothing. Raises Refused.
    """
    gateway = connection.execute(
        text("SELECT account_id, mac, capacity, retired_at FROM tds.gateway WHERE id = :id FOR UPDATE"), {"id": gateway_id}
    ).one_or_none()
    if gateway is None:
        raise NotFound("there is no such gateway")
    if gateway.retired_at is not None:
        raise Refused(f"the gateway {gateway.mac} is retired", "gateway_out_of_use")
    held = connection.execute(
        text("SELECT id, code FROM tds.device WHERE gateway_id = :id AND retired_at IS NULL"), {"id": gateway_id}
    ).all()
    codes = [one.code for one in held if one.id != own]
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
    row = connection.execute(
        text(
            "SELECT kind, resource, unit, name, interval_seconds AS interval, max_rate, resolution, jitter, modulus, stuck_hours"
            " FROM tds.device WHERE id = :id FOR UPDATE"
        ),
        {"id": device_id},
    ).one()
    return DeviceSettings(*row)


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
    connection.execute(
        text(
            "UPDATE tds.device SET kind = :kind, resource = :resource, unit = :unit, name = :name, interval_seconds = :interval,"
            " max_rate = :max_rate, resolution = :resolution, jitter = :jitter, modulus = :modulus, stuck_hours = :stuck_after WHERE id = :id"
        ),
        {**kept(code, after), "id": device_id},
    )
    same = after._replace(resource=before.resource, unit=before.unit, name=before.name, stuck_after=before.stuck_after)
    if same != before:
        ledger.mark_dirty(connection, [device_id])


def has_readings(connection: Connection, device_id: int) -> bool:
    """Tell whether anything is stored of a device."""
    return bool(connection.execute(text("SELECT tds.has_readings(:id)"), {"id": device_id}).scalar())


def check_modulus(connection: Connection, device_id: int, device: DeviceSettings) -> None:
    """Refuse a modulus that the register has already passed; a reading that a person ignored is no register."""
    if device.modulus is None or device.kind != "counter":
        return
    last: Decimal | None = connection.execute(text("SELECT tds.newest_register(:id)"), {"id": device_id}).scalar()
    if last is None or last < device.modulus:
        return
    said = (
        f"the modulus {device.modulus} is smaller than the last reading {last.normalize():f}: a register stays below its modulus"
    )
    raise Refused(said, "modulus_passed", last=last)


def _note_zone(connection: Connection, zone: str) -> None:
    connection.execute(
        text("INSERT INTO tds.zone (name, slug) VALUES (:zone, :slug) ON CONFLICT DO NOTHING"),
        {"zone": zone, "slug": rollups.slug(zone)},
    )
