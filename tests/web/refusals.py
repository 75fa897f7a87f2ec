"""An account beside the others of the web tests, whose gateways send what cannot be stored: each test adds its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest import writer
from ingest.directory import Directory
from ingest.message import decode
from ingest.replayer import Replayer
from ingest.resolve import resolve
from ingest.session import Session
from sql import fleet, people
from tests.conftest import Database
from tests.ingest.cast import payload, topic
from tests.web.world import PASSWORD

NAME, MAC = "Dalia", "02:00:00:00:01:{:02x}"
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Refusals:
    """The account of the rejections, with an editor and a viewer."""

    database: Database
    account: int

    @classmethod
    def build(cls, database: Database) -> Refusals:
        """Add the account and its people."""
        account = database.account(NAME, locale="en")
        with database.owner.transaction() as connection:
            for email, role in (("editor@dalia.example", "editor"), ("viewer@dalia.example", "viewer")):
                people.add_user(connection, email, NAME, role, PASSWORD)
        return cls(database, account)

    def gateway(self, name: str = "Roof", **given: Any) -> tuple[int, str]:
        """Add a gateway; gives its id and MAC."""
        number = next(_NUMBERS)
        mac = MAC.format(number)
        with self.database.owner.transaction() as connection:
            return fleet.add_gateway(connection, mac, NAME, f"{name} {number}", **given), mac

    def receive(self, mac: str, *messages: bytes, at: datetime = START) -> None:
        """Let intake store messages of a gateway."""
        session, directory = Session(self.database.ingest.url), Directory()
        directory.load(session.connection)
        resolved = [resolve(decode(topic(mac), message), directory, at) for message in messages]
        writer.store(session.connection, resolved, at, lambda _, rejection: rejection)
        session.close()

    def say(self, mac: str, code: str, number: int = 4, unit: str = "kWh", first: float = 100) -> None:
        """Let a gateway send a device's readings, one every five minutes."""
        times = [START + timedelta(minutes=5 * n) for n in range(number)]
        self.receive(mac, *(payload([(code, first + n, unit)], time, mac) for n, time in enumerate(times)), at=times[-1])

    def unknown(self, code: str = "N01", **given: Any) -> tuple[int, str, int]:
        """Let a new gateway send what an unknown device measures; gives the gateway, its MAC and the newest rejection."""
        gateway, mac = self.gateway()
        self.say(mac, code, **given)
        return gateway, mac, self.newest(gateway)

    def newest(self, gateway: int) -> int:
        """Give the newest rejection of a gateway."""
        return int(self.ask("SELECT max(id) FROM tds.rejection WHERE gateway_id = %s", gateway)[0][0])

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its owner."""
        with self.database.owner.transaction() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query, values)]

    def work(self) -> None:
        """Let an ingester work off what waits to be tried again."""
        replayer = Replayer(lambda: self.database.ingest.url)
        while replayer.step():
            pass
        replayer.close()

    def values(self, gateway: int) -> list[Any]:
        """Give the readings stored behind a gateway, in order of time."""
        rows = self.ask(
            "SELECT value FROM tds.reading r JOIN tds.device d ON d.id = r.device_id WHERE d.gateway_id = %s ORDER BY time",
            gateway,
        )
        return [value for (value,) in rows]
