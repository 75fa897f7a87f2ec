"""What the ingester makes of a fleet that people change: told at once, it stores and rejects by what is true now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from ingest import writer
from ingest.directory import Directory
from ingest.message import decode
from ingest.resolve import resolve
from ingest.session import Session
from sql import fleet, fleet_editing, people
from tests.conftest import PASSWORD, Database
from tests.faults.cell import wait_for
from tests.ingest.cast import payload, topic

OLD, NEW = "02:00:00:00:0a:01", "02:00:00:00:0a:02"
NOW = datetime.now(UTC).replace(microsecond=0)


def test_a_moved_device_is_known_behind_its_new_gateway(database: Database) -> None:
    account = database.account("Aurora")
    with database.owner.transaction() as connection:
        user = people.add_user(connection, "editor@aurora.example", "Aurora", "editor", PASSWORD)
        fleet.add_gateway(connection, OLD, "Aurora")
        target = fleet.add_gateway(connection, NEW, "Aurora")
        device = fleet.add_device(connection, OLD, "D01", kind="counter", resource="water", unit="m³")
    session, directory = Session(database.ingest.url), Directory()
    directory.load(session.connection)
    assert store(session, directory, OLD, 1) == []
    session.noticed()

    with database.web.transaction(account_id=account, user_id=user) as connection:
        before = fleet_editing.device_state(connection, device, hold=True)
        fleet_editing.move_device(connection, before, target, "D01")
    wait_for(session.noticed)
    directory.load(session.connection)
    assert store(session, directory, OLD, 2) == ["unknown_device"]
    assert store(session, directory, NEW, 3) == []

    with database.web.transaction(account_id=account, user_id=user) as connection:
        fleet_editing.retire_gateway(connection, fleet_editing.gateway_state(connection, target, hold=True))
    wait_for(session.noticed)
    directory.load(session.connection)
    assert store(session, directory, NEW, 4) == ["unknown_gateway"]
    session.close()
    with database.owner.transaction() as connection:
        rows = connection.execute(text("SELECT device_id, value::integer FROM tds.reading ORDER BY time")).all()
    assert [tuple(row) for row in rows] == [(device, 1), (device, 3)]


def store(session: Session, directory: Directory, mac: str, value: int) -> list[str]:
    """Store a message as intake does; gives the reasons of what was rejected."""
    moment = NOW - timedelta(minutes=10 - value)
    message = decode(topic(mac), payload([("D01", value, "m³")], moment, mac))
    resolved = resolve(message, directory, datetime.now(UTC))
    return writer.store(session.connection, [resolved], datetime.now(UTC), lambda _, rejection: rejection).rejections
