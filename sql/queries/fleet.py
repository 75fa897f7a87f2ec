"""The fleet page by page: searched, filtered, sorted and counted by the database, for the account a transaction acts for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.audit import like
from sql.statements import statements

FILE = "queries/fleet.sql"
DEVICE_SORTS = ("name", "attention", "gateway", "last")
GATEWAY_SORTS = ("name", "attention", "last", "full")
DEVICE_STATES = ("reporting", "late", "silent", "stuck", "offline", "never", "inactive", "retired")
GATEWAY_STATES = ("online", "offline", "never", "retired")
ATTENTION = frozenset({"silent", "late", "stuck", "offline", "never"})


class Sought(NamedTuple):
    """Which things: whose name, code or MAC holds a text, in a state ('': in use), of a resource, behind a gateway; in which order."""

    text: str = ""
    state: str = ""
    resource: str = ""
    gateway: int | None = None
    sort: str = "name"


class DeviceLine(NamedTuple):
    """One device of a page."""

    id: int
    gateway_id: int
    gateway_mac: str
    gateway_name: str
    code: str
    name: str
    kind: str
    resource: str
    unit: str
    last_time: datetime | None
    last_value: Decimal | None
    state: str
    since: datetime | None
    retired: bool


class GatewayLine(NamedTuple):
    """One gateway of a page, with how many of its devices do not do well behind it."""

    id: int
    mac: str
    name: str
    capacity: int
    devices: int
    last_seen_at: datetime | None
    state: str
    devices_silent: int
    devices_stuck: int


class Place(NamedTuple):
    """A gateway that a device may be put behind, with its free places."""

    id: int
    name: str
    mac: str
    free: int


class DevicePage(NamedTuple):
    """A page, and how many devices there are in each state, whatever state was asked for."""

    lines: list[DeviceLine]
    counts: Mapping[str, int]


class GatewayPage(NamedTuple):
    """A page, and how many gateways there are in each state, whatever state was asked for."""

    lines: list[GatewayLine]
    counts: Mapping[str, int]


def devices_page(conn: Connection, sought: Sought, now: datetime, limit: int, offset: int = 0) -> DevicePage:
    """Give a page of devices."""
    rows = conn.execute(statements(FILE)["devices"], _binds(sought, now, limit, offset)).all()
    return DevicePage([DeviceLine(*row[1:15]) for row in rows if row[1] is not None], rows[0][0] or {})


def gateways_page(conn: Connection, sought: Sought, now: datetime, limit: int, offset: int = 0) -> GatewayPage:
    """Give a page of gateways."""
    rows = conn.execute(statements(FILE)["gateways"], _binds(sought, now, limit, offset)).all()
    return GatewayPage([GatewayLine(*row[1:8], *row[9:11]) for row in rows if row[1] is not None], rows[0][0] or {})


def places(conn: Connection) -> list[Place]:
    """List the gateways that a device may be put behind, by name."""
    return [Place(*row) for row in conn.execute(statements(FILE)["gateways_named"])]


def in_state(counts: Mapping[str, int], state: str) -> int:
    """Count what a filter by state leaves."""
    if state == "attention":
        return sum(n for name, n in counts.items() if name in ATTENTION)
    return counts.get(state, 0) if state else sum(n for name, n in counts.items() if name != "retired")


def _binds(sought: Sought, now: datetime, limit: int, offset: int) -> dict[str, object]:
    return {**sought._asdict(), "pattern": like(sought.text), "now": now, "limit": limit, "offset": offset}


def exported(conn: Connection) -> list[tuple[object, ...]]:
    """Give every device in use, in the columns of an import."""
    return [tuple(row) for row in conn.execute(statements(FILE)["exported"])]
