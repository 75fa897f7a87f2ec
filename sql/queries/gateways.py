"""Gateways of the account that a transaction acts for, and how they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/gateways.sql"


class Gateway(NamedTuple):
    """One gateway as `tds.gateway_state` judges it: offline after `silence_seconds`; silent and stuck are devices behind it while it is online."""

    id: int
    mac: str
    name: str
    capacity: int
    devices: int
    last_seen_at: datetime | None
    online: bool
    state: str
    interval_seconds: int
    silence_seconds: int
    devices_silent: int
    devices_stuck: int
    created_at: datetime


class FleetStatus(NamedTuple):
    """How many gateways are heard and how many devices report, of those in use; stuck ones report as well."""

    gateways: int
    gateways_online: int
    devices: int
    devices_reporting: int
    devices_stuck: int

    @property
    def gateways_offline(self) -> int:
        """Gateways in use that are not heard."""
        return self.gateways - self.gateways_online


class Trouble(NamedTuple):
    """A gateway or a device (`what`) that does not do well: how, and since when; a device stands behind its gateway."""

    what: str
    id: int
    name: str
    code: str | None
    gateway_id: int
    gateway_name: str
    state: str
    since: datetime | None


def gateways(conn: Connection, now: datetime, ids: Sequence[int] | None = None) -> list[Gateway]:
    """Give the gateways in use, or those of the given ids that this account has, retired ones too; by name."""
    rows = conn.execute(statements(FILE)["gateways"], {"now": now, "ids": None if ids is None else list(ids)})
    return [Gateway(*row) for row in rows]


def fleet_status(conn: Connection, now: datetime) -> FleetStatus:
    """Count gateways and devices in use, and those heard."""
    return FleetStatus(*conn.execute(statements(FILE)["fleet_status"], {"now": now}).one())


def troubles(conn: Connection, now: datetime) -> list[Trouble]:
    """Give the gateways that are not heard, and the devices that do not do well behind those that are; the longest first."""
    return [Trouble(*row) for row in conn.execute(statements(FILE)["troubles"], {"now": now})]
