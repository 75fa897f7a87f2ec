"""Accounts, gateways and devices: registering them, finding them, changing what a device's figures go by."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from settings import LOCALES, is_zone
from sql import ledger, rollups
from sql.errors import NotFound, Refused
from sql.units import canonical

KINDS = ("counter", "interval", "gauge")
RESOURCES = ("electricity", "water", "gas", "temperature", "other")
MAX_RATE = {
    "electricity": Decimal(1000),
    "water": Decimal(100),
    "gas": Decimal(100),
    "temperature": Decimal(1000),
    "other": Decimal(1000),
}
# Columns whose change makes other figures of the same readings.
FIGURES = {"kind", "interval_seconds", "max_rate", "resolution", "jitter", "modulus"}
LONGEST_STILL = 8784  # hours of a year
_MAC = re.compile(r"[0-9a-f]{12}")
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


def normalize_mac(text_given: str) -> str:
    """Give a MAC in lower case with colons; raises Refused where it is none."""
    lowered = text_given.strip().lower()
    if not _SEPARATED.fullmatch(lowered):
        raise Refused(f"{_shown(text_given)} is not a MAC address: write it as aa:bb:cc:dd:ee:ff")
    digits = re.sub(r"[^0-9a-f]", "", lowered)
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def add_account(connection: Connection, name: str, *, timezone: str, locale: str, currency: str = "BRL") -> int:
    """Register an account and note its zone; the rollups of a new zone are made by `rollups.add_missing_zones`."""
    name = _name(name, "an account's name")
    check_zone(connection, timezone)
    if locale not in LOCALES:
        raise Refused(f"the locale must be {' or '.join(LOCALES)}, not {_shown(locale)}")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Refused(f"{_shown(currency)} is not a currency: write three capital letters, such as BRL")
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


def set_account(connection: Connection, name: str, *, silent_after: int | None = None, stuck_after: int | None = None) -> None:
    """Change after how many of its intervals anything of an account is silent, and after how many hours a device is stuck."""
    account = find_account(connection, name)
    if silent_after is not None and not 1 <= silent_after <= 100:
        raise Refused("a gateway or device is silent after 1 to 100 of its intervals")
    if stuck_after is not None and not 1 <= stuck_after <= LONGEST_STILL:
        raise Refused(f"a device is stuck after 1 to {LONGEST_STILL} hours")
    connection.execute(
        text(
            "UPDATE tds.account SET silent_intervals = coalesce(:silent, silent_intervals), stuck_hours = coalesce(:stuck, stuck_hours)"
            " WHERE id = :id"
        ),
        {"silent": silent_after, "stuck": stuck_after, "id": account.id},
    )


def check_zone(connection: Connection, zone: str) -> None:
    """Refuse a time zone that this machine or the database does not know."""
    known = connection.execute(text("SELECT 1 FROM pg_timezone_names WHERE name = :zone"), {"zone": zone}).scalar()
    if not is_zone(zone) or not known:
        raise Refused(f"{_shown(zone)} is not a time zone: write one such as America/Sao_Paulo")


def find_account(connection: Connection, name: str) -> Account:
    """Find an account by its name; raises NotFound."""
    row = connection.execute(
        text("SELECT id, name, timezone, locale, currency FROM tds.account WHERE name = :name"), {"name": name}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no account named {_shown(name)}: `tds account list` shows them")
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
            {"account": owner.id, "mac": mac, "name": _name(name or mac, "a gateway's name"), "capacity": capacity},
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
        raise NotFound(f"the gateway {mac} has no device {_shown(code)}")
    return int(found)


def add_device(connection: Connection, mac: str, code: str, **given: Any) -> int:
    """Register a device behind a gateway; `given` are the fields of DeviceSettings."""
    mac = normalize_mac(mac)
    device = DeviceSettings(**given)
    check_device(code, device)
    gateway = connection.execute(
        text("SELECT id, account_id, capacity FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL FOR UPDATE"), {"mac": mac}
    ).one_or_none()
    if gateway is None:
        raise NotFound(f"there is no gateway {mac}: add it first with `tds gateway add`")
    codes = (
        connection.execute(text("SELECT code FROM tds.device WHERE gateway_id = :id AND retired_at IS NULL"), {"id": gateway.id})
        .scalars()
        .all()
    )
    if code in codes:
        raise Refused(f"the gateway {mac} has a device {code} already", "device_exists", code=code)
    if len(codes) >= gateway.capacity:
        said = f"the gateway {mac} is full: its capacity is {gateway.capacity} devices"
        raise Refused(said, "gateway_full", capacity=gateway.capacity)
    return int(
        connection.execute(
            text(
                "INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution,"
                " jitter, modulus, stuck_hours) VALUES (:account, :gateway, :code, :name, :kind, :resource, :unit, :interval, :max_rate,"
                " :resolution, :jitter, :modulus, :stuck_after) RETURNING id"
            ),
            {
                **device._asdict(),
                "account": gateway.account_id,
                "gateway": gateway.id,
                "code": code,
                "name": _name(device.name or code, "a device's name"),
                "unit": canonical(device.unit),
                "max_rate": device.max_rate if device.max_rate is not None else MAX_RATE[device.resource],
            },
        ).scalar_one()
    )


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
    after = before._replace(**given)
    check_device(code, after)
    if (
        canonical(after.unit) != before.unit
        and connection.execute(text("SELECT EXISTS (SELECT FROM tds.reading WHERE device_id = :id)"), {"id": device_id}).scalar()
    ):
        raise Refused(f"{code} has readings in {before.unit}: its unit cannot change any more; retire it and add a new device")
    if (after.modulus, after.kind) != (before.modulus, before.kind):  # a name is changed whatever the register shows
        check_modulus(connection, device_id, after)
    connection.execute(
        text(
            "UPDATE tds.device SET kind = :kind, resource = :resource, unit = :unit, name = :name, interval_seconds = :interval,"
            " max_rate = :max_rate, resolution = :resolution, jitter = :jitter, modulus = :modulus, stuck_hours = :stuck_after WHERE id = :id"
        ),
        {**after._asdict(), "name": (after.name or code).strip(), "unit": canonical(after.unit), "id": device_id},
    )
    same = after._replace(resource=before.resource, unit=before.unit, name=before.name, stuck_after=before.stuck_after)
    if same != before:
        ledger.mark_dirty(connection, [device_id])


def check_modulus(connection: Connection, device_id: int, device: DeviceSettings) -> None:
    """Refuse a modulus that the register has already passed; a reading that a person ignored is no register."""
    if device.modulus is None or device.kind != "counter":
        return
    last = connection.execute(
        text(
            "SELECT r.value FROM tds.reading r WHERE r.device_id = :id AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = :id"
            " AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL) ORDER BY r.time DESC LIMIT 1"
        ),
        {"id": device_id},
    ).scalar()
    if last is not None and last >= device.modulus:
        raise Refused(
            f"the modulus {device.modulus} is smaller than the last reading {last.normalize():f}: a register stays below its modulus"
        )


def check_device(code: str, device: DeviceSettings) -> None:
    """Refuse settings that no device can have, with the first reason."""
    if not re.fullmatch(r"[^\x00-\x20/\x7f](?:[^\x00-\x1f/\x7f]{0,62}[^\x00-\x20/\x7f])?", code):
        said = f"{_shown(code)} is not a device code: use 1 to 64 characters without slashes, such as D01"
        raise Refused(said, "device_code", code=_shown(code))
    if device.kind not in KINDS:
        raise Refused(f"the kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {_shown(device.kind)}")
    if device.resource not in RESOURCES:
        raise Refused(f"the resource must be {', '.join(RESOURCES[:-1])} or {RESOURCES[-1]}, not {_shown(device.resource)}")
    if not 1 <= len(device.unit.strip()) <= 16 or not device.unit.isprintable():
        raise Refused(f"{_shown(device.unit)} is not a unit: use 1 to 16 characters, such as kWh", "device_unit")
    if not 1 <= device.interval <= 31_622_400:
        raise Refused("the interval is between 1 second and 366 days", "device_interval")
    limits = (("largest rate", device.max_rate, False), ("resolution", device.resolution, True), ("jitter", device.jitter, True))
    for what, value, zero in limits:
        if value is not None and not (value.is_finite() and (value >= 0 if zero else value > 0) and value < Decimal("1e15")):
            raise Refused(f"the {what} must be {'at least' if zero else 'greater than'} 0 and below 10^15, not {value}")
    if device.modulus is not None and not (device.modulus.is_finite() and 0 < device.modulus <= Decimal("1e15")):
        raise Refused(f"the modulus must be greater than 0 and at most 10^15, not {device.modulus}")
    if device.stuck_after is not None and not 0 <= device.stuck_after <= LONGEST_STILL:
        raise Refused(f"a device is stuck after at most {LONGEST_STILL} hours; 0: never")
    if device.name is not None:
        _name(device.name, "a device's name")


def _note_zone(connection: Connection, zone: str) -> None:
    connection.execute(
        text("INSERT INTO tds.zone (name, slug) VALUES (:zone, :slug) ON CONFLICT DO NOTHING"),
        {"zone": zone, "slug": rollups.slug(zone)},
    )


def _name(given: str, what: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise Refused(f"{what} has 1 to 200 printable characters", "name")
    return name


def _shown(given: str) -> str:
    """Show a value from outside in a message: short, and without characters that a terminal obeys."""
    shown = "".join(c if c.isprintable() else "?" for c in given)
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
