"""Devices of the account that a transaction acts for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/devices.sql"


class Device(NamedTuple):
    """One device with its newest reading, and as `tds.device_state` judges it: how it does, and since when where it does not do well."""

    id: int
    gateway_id: int
    gateway_mac: str
    gateway_name: str
    code: str
    name: str
    kind: str
    resource: str
    unit: str
    interval_seconds: int
    active: bool
    created_at: datetime
    last_time: datetime | None
    last_value: Decimal | None
    reporting: bool
    state: str
    since: datetime | None


def devices(conn: Connection, now: datetime, ids: Sequence[int] | None = None) -> list[Device]:
    """Give the devices in use, or those of the given ids that this account has, retired ones too; by resource, then by id."""
    rows = conn.execute(statements(FILE)["devices"], {"now": now, "ids": None if ids is None else list(ids)})
    return [Device(*row) for row in rows]


def device_ids_by_code(conn: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Give the id of each (gateway MAC, device code) that this account has in use."""
    binds = {"macs": [mac for mac, _ in pairs], "codes": [code for _, code in pairs]}
    rows = conn.execute(statements(FILE)["device_ids_by_code"], binds)
    return {(mac, code): device_id for mac, code, device_id in rows}
