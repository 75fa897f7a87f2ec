"""The small fleet of tests/fixtures, registered in a database, and messages as its gateways would send them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sql import fleet
from tests.conftest import Database

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
ROOT = "tds_new/devices"
MAC = "02:00:00:00:00:01"
STRANGER = "02:00:00:00:00:99"


def fixture(name: str) -> list[dict[str, str]]:
    """Read one file of the small fleet."""
    with (FIXTURES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def register(database: Database, account: str = "Aurora", timezone: str = "America/Sao_Paulo") -> None:
    """Register the 5 gateways and 20 devices in an account of their own."""
    database.account(account, timezone=timezone)
    with database.owner.transaction() as connection:
        for row in fixture("gateways"):
            fleet.add_gateway(connection, row["gateway_mac"], account, name=row["name"], capacity=int(row["capacity"]))
        for row in fixture("devices"):
            fleet.add_device(
                connection,
                row["gateway_mac"],
                row["code"],
                kind=row["kind"],
                resource=row["resource"],
                unit=row["unit"],
                name=row["name"],
                interval=int(row["interval"]),
                max_rate=Decimal(row["max_rate"]),
                resolution=Decimal(row["resolution"]),
                modulus=Decimal(row["modulus"]) if row["modulus"] else None,
            )


def topic(mac: str = MAC, sort: str = "telemetry") -> str:
    """The topic of a gateway."""
    return f"{ROOT}/{mac}/{sort}"


def payload(readings: Sequence[tuple[Any, ...]], time: str | datetime, mac: str = MAC, **more: Any) -> bytes:
    """A message with readings given as (code, valor, unit) or (code, valor, unit, time)."""
    items = [
        {"dispositivo_codigo": code, "valor": valor, "unidade": unit, **({"timestamp": _text(own[0])} if own else {})}
        for code, valor, unit, *own in readings
    ]
    return json.dumps({"gateway_mac": mac, "timestamp": _text(time), "leituras": items, **more}).encode()


def query(database: Database, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """Ask the database as its owner."""
    with database.owner.transaction() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def stored(database: Database) -> list[tuple[str, str, datetime, Decimal]]:
    """Every reading that is stored, by MAC, code and time."""
    rows = query(
        database,
        "SELECT g.mac, d.code, r.time, r.value FROM tds.reading r JOIN tds.device d ON d.id = r.device_id"
        " JOIN tds.gateway g ON g.id = d.gateway_id ORDER BY 1, 2, 3",
    )
    return [(mac, code, time, value) for mac, code, time, value in rows]


def rejected(database: Database) -> list[tuple[str | None, str | None, str]]:
    """Every rejection by MAC, device code and reason, in the order they were stored."""
    return [
        (mac, code, reason)
        for mac, code, reason in query(database, "SELECT mac, device_code, reason FROM tds.rejection ORDER BY id")
    ]


def _text(time: str | datetime) -> str:
    return time if isinstance(time, str) else time.isoformat()
