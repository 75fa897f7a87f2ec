"""Changing the register one thing at a time: edit, move, retire, delete; two people at one thing do not overwrite each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql import fleet
from sql.device_rules import DeviceSettings, check_device, checked_name
from sql.errors import NotFound, Outdated, Refused
from sql.statements import statements

FILE = "fleet_editing.sql"
LARGEST_GATEWAY = 32


class DeviceState(NamedTuple):
    """A device as whoever edits it sees it; `changed_by` is empty for the command line."""

    id: int
    account_id: int
    gateway_id: int
    mac: str
    gateway_name: str
    code: str
    version: int
    changed_at: datetime | None
    changed_by: str | None
    active: bool
    retired_at: datetime | None
    gateway_retired: bool
    settings: DeviceSettings

    @property
    def target(self) -> str:
        """Name it for the audit."""
        return f"{self.mac}/{self.code}"

    def facts(self) -> dict[str, object]:
        """Give what can be changed of it, by the names of the audit."""
        return {**self.settings._asdict(), "active": self.active}


class GatewayState(NamedTuple):
    """A gateway as whoever edits it sees it."""

    id: int
    account_id: int
    mac: str
    name: str
    capacity: int
    version: int
    changed_at: datetime | None
    changed_by: str | None
    retired_at: datetime | None
    devices: int

    def facts(self) -> dict[str, object]:
        """Give what can be changed of it, by the names of the audit."""
        return {"name": self.name, "capacity": self.capacity}


class Weight(NamedTuple):
    """What would go with devices that are deleted."""

    readings: int
    since: datetime | None
    months: int
    events: int
    decisions: int
    devices: int = 1

    @property
    def nothing(self) -> bool:
        """Whether nothing was ever measured."""
        return not (self.readings or self.months)


def device_state(connection: Connection, device_id: int, version: int | None = None, *, hold: bool = False) -> DeviceState:
    """Give a device; `hold` it until the end of the transaction, and raise Outdated where it is not the version looked at."""
    if hold:
        connection.execute(statements(FILE)["hold_device"], {"id": device_id})
    row = connection.execute(statements(FILE)["device"], {"id": device_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such device")
    values: list[Any] = [*row[:12], DeviceSettings(*row[12:])]
    found = DeviceState(*values)
    if version is not None and found.version != version:
        raise Outdated
    return found


def gateway_state(connection: Connection, gateway_id: int, version: int | None = None, *, hold: bool = False) -> GatewayState:
    """Give a gateway, as `device_state` gives a device."""
    if hold:
        connection.execute(statements(FILE)["hold_gateway"], {"id": gateway_id})
    row = connection.execute(statements(FILE)["gateway"], {"id": gateway_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such gateway")
    found = GatewayState(*row)
    if version is not None and found.version != version:
        raise Outdated
    return found


def add_gateway(connection: Connection, account_id: int, mac: str, name: str, capacity: int) -> GatewayState:
    """Register a gateway in the account that the transaction acts for."""
    mac = fleet.normalize_mac(mac)
    check_capacity(capacity)
    binds = {"account": account_id, "mac": mac, "name": checked_name(name or mac, "a gateway's name"), "capacity": capacity}
    try:
        with connection.begin_nested():
            found = connection.execute(statements(FILE)["add_gateway"], binds).scalar_one()
    except IntegrityError:
        raise Refused(f"the gateway {mac} is registered already", "mac_taken", mac=mac) from None
    return gateway_state(connection, found)


def change_gateway(connection: Connection, before: GatewayState, name: str, capacity: int) -> GatewayState:
    """Name a gateway and give it room for so many devices, no fewer than it has."""
    check_capacity(capacity)
    if capacity < before.devices:
        raise Refused(f"the gateway has {before.devices} devices", "capacity_used", n=before.devices)
    binds = {"id": before.id, "name": checked_name(name or before.mac, "a gateway's name"), "capacity": capacity}
    connection.execute(statements(FILE)["change_gateway"], binds)
    return gateway_state(connection, before.id)


def check_capacity(capacity: int) -> None:
    """Refuse a capacity that no gateway has."""
    if not 1 <= capacity <= LARGEST_GATEWAY:
        raise Refused(f"a gateway's capacity is between 1 and {LARGEST_GATEWAY} devices", "capacity", most=LARGEST_GATEWAY)


def retire_gateway(connection: Connection, before: GatewayState, retired: bool = True) -> None:
    """Take a gateway out of use, its devices staying with it, or back into it where its MAC is still free."""
    try:
        with connection.begin_nested():
            connection.execute(statements(FILE)["retire_gateway"], {"id": before.id, "retired": retired})
    except IntegrityError:
        raise Refused(f"the gateway {before.mac} is registered already", "mac_taken", mac=before.mac) from None


def add_device(connection: Connection, gateway_id: int, code: str, device: DeviceSettings) -> DeviceState:
    """Register a device behind a gateway."""
    check_device(code, device)
    account = fleet.hold_place(connection, gateway_id, code)
    binds = {**fleet.kept(code, device), "account": account, "gateway": gateway_id, "code": code}
    return device_state(connection, connection.execute(statements(FILE)["add_device"], binds).scalar_one())


def change_device(connection: Connection, before: DeviceState, after: DeviceSettings, active: bool) -> DeviceState:
    """Change what a device is; where its figures go by it, its history is recomputed."""
    if after != before.settings:
        fleet.change_device(connection, before.id, before.code, before.settings, after)
    if active != before.active:
        connection.execute(statements(FILE)["switch_device"], {"id": before.id, "active": active})
    return device_state(connection, before.id)


def move_device(connection: Connection, before: DeviceState, gateway_id: int, code: str) -> DeviceState:
    """Put a device behind another gateway, or under another code: it keeps its readings, its figures and its name."""
    check_device(code, before.settings)
    if (gateway_id, code) == (before.gateway_id, before.code):
        raise Refused("the device is there already", "there_already")
    fleet.hold_place(connection, gateway_id, code, own=before.id)
    connection.execute(statements(FILE)["move_device"], {"id": before.id, "gateway": gateway_id, "code": code})
    return device_state(connection, before.id)


def retire_device(connection: Connection, before: DeviceState, retired: bool = True) -> None:
    """Take a device out of use, or back into it where its gateway has a place and its code is free."""
    if not retired:
        fleet.hold_place(connection, before.gateway_id, before.code, own=before.id)
    connection.execute(statements(FILE)["retire_device"], {"id": before.id, "retired": retired})


def weight_of(connection: Connection, device_ids: list[int]) -> Weight:
    """Say what would go with devices that are deleted."""
    connection.execute(statements(FILE)["patience"])
    row = connection.execute(statements(FILE)["weight"], {"ids": device_ids}).one()
    return Weight(*row)._replace(devices=len(device_ids))


def devices_behind(connection: Connection, gateway_id: int) -> list[int]:
    """Give every device of a gateway, retired ones too."""
    return list(connection.execute(statements(FILE)["devices_behind"], {"id": gateway_id}).scalars())


def was_heard(connection: Connection, gateway_id: int) -> bool:
    """Tell whether anything ever came of a gateway."""
    return bool(connection.execute(statements(FILE)["heard"], {"id": gateway_id}).scalar())


def delete_device(connection: Connection, before: DeviceState) -> None:
    """Delete a device with its readings, figures, events and decisions."""
    connection.execute(statements(FILE)["patience"])
    connection.execute(statements(FILE)["delete_devices"], {"ids": [before.id]})


def delete_gateway(connection: Connection, before: GatewayState) -> None:
    """Delete a gateway with its devices; raises Refused while a broker would still take its certificate."""
    if connection.execute(statements(FILE)["certified"], {"id": before.id}).scalar():
        raise Refused(f"the gateway {before.mac} has a certificate that works", "gateway_certified")
    connection.execute(statements(FILE)["patience"])
    connection.execute(statements(FILE)["delete_gateway"], {"id": before.id})
