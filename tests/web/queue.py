"""An account beside the others of the web tests, whose meters do what has to be reviewed: each test adds its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sql import fleet, ledger, people
from sql.decisions import Event, Wanted, select_events
from tests.conftest import Database
from tests.sql.plant import put
from tests.web.world import PASSWORD

NAME, MAC = "Cedro", "02:00:00:00:00:{:02x}"
START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # midnight in São Paulo
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Queue:
    """The account of the events, with an editor and a viewer."""

    database: Database
    account: int

    @classmethod
    def build(cls, database: Database) -> Queue:
        """Add the account and its people."""
        account = database.account(NAME, locale="en")
        with database.owner.transaction() as connection:
            for email, role in (("editor@cedro.example", "editor"), ("viewer@cedro.example", "viewer")):
                people.add_user(connection, email, NAME, role, PASSWORD)
        return cls(database, account)

    def device(self, readings: Sequence[tuple[datetime, Any]], name: str = "Pump", **facts: Any) -> int:
        """Add a device behind a gateway of its own, with its readings, and drain; a counter in kWh unless told otherwise."""
        number = next(_NUMBERS)
        mac = MAC.format(0x40 + number)
        chosen = {
            "kind": "counter",
            "resource": "electricity",
            "unit": "kWh",
            "max_rate": Decimal(100),
            "name": f"{name} {number}",
        }
        with self.database.owner.transaction() as connection:
            fleet.add_gateway(connection, mac, NAME)
            device = fleet.add_device(connection, mac, "Q01", **(chosen | facts))
        if readings:
            put(self.database, device, readings)
            self.drain()
        return device

    def reset(self, name: str = "Pump") -> tuple[int, Event]:
        """Add a meter that went 100 … 103, then 4 … 7; gives it and its event."""
        device = self.device(quarters([100, 101, 102, 103, 4, 5, 6, 7]), name)
        return device, self.event(device)

    def event(self, device: int) -> Event:
        """Give the only event of a device."""
        (found,) = self.events(device)
        return found

    def events(self, device: int) -> list[Event]:
        """Give the events of a device, newest first."""
        with self.database.owner.transaction() as connection:
            return select_events(connection, Wanted(None, device=device), 100)

    def drain(self) -> None:
        """Let the figures follow."""
        ledger.drain(self.database.owner)

    def name(self, device: int) -> str:
        """Give MAC/CODE of a device."""
        with self.database.owner.transaction() as connection:
            known = {row.id: f"{row.mac}/{row.code}" for row in connection.exec_driver_sql(
                "SELECT d.id, g.mac, d.code FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id"
            )}  # fmt: skip
        return known[device]


def quarters(values: Iterable[Any], start: datetime = START, minutes: float = 15) -> list[tuple[datetime, Decimal]]:
    """Give readings at even steps."""
    return [(start + n * timedelta(minutes=minutes), Decimal(str(value))) for n, value in enumerate(values)]
