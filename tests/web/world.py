"""The cast of the web tests: people by role, two accounts that must never meet, and readings that are easy to add up."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from sql import fleet, ledger, people
from sql.imports import import_readings
from tests.conftest import Database

PASSWORD = "twelve green bottles"
DAYS = 70
ZONE = ZoneInfo("America/Sao_Paulo")  # of the administrators' account
OURS, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:02"
SILENT = "02:00:00:00:00:03"
SECRET = "Forbidden boiler"  # a name that nobody of our account may ever read
# Units per hour of each counter: whole numbers, so that a day is 24 of them.
RATES = {"D01": 10, "D02": 3, "W01": 2}


@dataclass(frozen=True)
class World:
    """What was registered, by who owns it."""

    database: Database
    newest: datetime
    account: int
    strangers_account: int
    devices: dict[str, int]
    gateways: dict[str, int]
    strangers_device: int
    strangers_gateway: int


def build(database: Database, folder: Path) -> World:
    """Register the cast and store seventy days of hourly readings for each account."""
    account, other = database.account("Aurora", locale="en"), database.account("Boreal", timezone="Asia/Kolkata", locale="pt-BR")
    database.account("Empty", locale="en")
    with database.owner.transaction() as conn:
        gateways = {
            "main": fleet.add_gateway(conn, OURS, "Aurora", "Main building"),
            "silent": fleet.add_gateway(conn, SILENT, "Aurora", "Old workshop"),
        }
        theirs = fleet.add_gateway(conn, THEIRS, "Boreal", "Forbidden gateway")
        devices = {
            code: fleet.add_device(conn, OURS, code, interval=3600, **facts)
            for code, facts in {
                "D01": {"kind": "counter", "resource": "electricity", "unit": "kWh", "name": "Press line"},
                "D02": {"kind": "counter", "resource": "electricity", "unit": "kWh", "name": "Lighting"},
                "W01": {"kind": "counter", "resource": "water", "unit": "m³", "name": "=Water"},
                "T01": {"kind": "gauge", "resource": "temperature", "unit": "°C", "name": "Cold room <b>"},
            }.items()
        }
        devices["N01"] = fleet.add_device(conn, SILENT, "N01", kind="counter", resource="gas", unit="m³", name="Never heard")
        secret = fleet.add_device(
            conn, THEIRS, "X01", kind="counter", resource="electricity", unit="kWh", name=SECRET, interval=3600
        )
        for email, name, role in (
            ("admin@aurora.example", "Aurora", "admin"),
            ("viewer@aurora.example", "Aurora", "viewer"),
            ("stranger@boreal.example", "Boreal", "admin"),
            ("both@example.com", "Aurora", "editor"),
            ("both@example.com", "Boreal", "viewer"),
            ("new@empty.example", "Empty", "admin"),
        ):
            people.add_user(conn, email, name, role, PASSWORD)
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with database.owner.transaction() as conn:
        for name, macs in (("Aurora", {OURS: [*RATES, "T01"]}), ("Boreal", {THEIRS: ["X01"]})):
            file = folder / f"{name}.csv"
            write(file, macs, newest)
            import_readings(conn, file, fleet.find_account(conn, name))
        hear(conn, [gateways["main"], theirs], datetime.now(UTC))
    ledger.drain(database.owner)
    return World(database, newest, account, other, devices, gateways, secret, theirs)


def is_measured_this_month(world: World) -> bool:
    """Tell whether anything of the running month has been measured: nothing has in a month's first hour, nor where one began since the newest reading."""
    return world.newest > datetime.now(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def write(file: Path, macs: dict[str, list[str]], newest: datetime) -> None:
    """Write seventy days of hourly readings; five hours of D01, ten days ago, are missing."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("gateway_mac", "device_code", "timestamp", "value", "unit"))
        for mac, codes in macs.items():
            for code in codes:
                for hour in range(DAYS * 24 + 1):
                    if code == "D01" and 0 < DAYS * 24 - hour - 240 < 6:
                        continue
                    moment = newest - timedelta(hours=DAYS * 24 - hour)
                    value = Decimal(1000 + hour * RATES.get(code, 7)) if code != "T01" else wave(hour)
                    writer.writerow(
                        (mac, code, moment.isoformat(), value, "°C" if code == "T01" else "m³" if code == "W01" else "kWh")
                    )


def wave(hour: int) -> Decimal:
    """Give a temperature between 15 and 25."""
    return Decimal(str(round(20 + 5 * math.sin(hour / 24 * 2 * math.pi), 1)))


def hear(conn: Connection, gateways: list[int], at: datetime) -> None:
    """Let gateways and their devices have been heard at a moment."""
    conn.execute(
        text(
            "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) SELECT unnest(CAST(:ids AS integer[])), :at"
            " ON CONFLICT (gateway_id) DO UPDATE SET last_seen_at = :at, online = true"
        ),
        {"ids": gateways, "at": at},
    )
    conn.execute(text("UPDATE tds.device_seen SET received_at = :at"), {"at": at})
