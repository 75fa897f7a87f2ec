"""Gateways of the account that a transaction acts for, and how they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/gateways.sql"


class Gateway(NamedTuple):
    """One gateway; online: heard within the larger of 30 minutes and three of its shortest intervals, and no last will since."""

    id: int
    mac: str
    name: str
    capacity: int
    devices: int
    last_seen_at: datetime | None
    online: bool


class FleetStatus(NamedTuple):
    """How many gateways are heard and how many devices report, of those in use."""

    gateways: int
    gateways_online: int
    devices: int
    devices_reporting: int

    @property
    def gateways_offline(self) -> int:
        """Gateways in use that are not heard."""
        return self.gateways - self.gateways_online


def gateways(conn: Connection, now: datetime, ids: Sequence[int] | None = None) -> list[Gateway]:
    """Give the gateways in use, or those of the given ids that this account has, by name."""
    rows = conn.execute(statements(FILE)["gateways"], {"now": now, "ids": None if ids is None else list(ids)})
    return [Gateway(*row) for row in rows]


def fleet_status(conn: Connection, now: datetime) -> FleetStatus:
    """Count gateways and devices in use, and those heard."""
    return FleetStatus(*conn.execute(statements(FILE)["fleet_status"], {"now": now}).one())
