"""The register in memory, and how changes of the tables reach it."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg2
import pytest

from ingest.directory import Device, Directory
from ingest.session import Session
from sql import fleet
from tests.conftest import Database
from tests.faults.cell import wait_for
from tests.ingest.cast import MAC, register


@pytest.fixture
def session(plain_database: Database) -> Iterator[Session]:
    """A session on a database with the small fleet."""
    register(plain_database)
    session = Session(plain_database.ingest.url)
    yield session
    session.close()


def execute(database: Database, sql: str) -> None:
    """Change the database as its owner."""
    with database.owner.transaction() as connection:
        connection.exec_driver_sql(sql)


def test_it_knows_gateways_devices_and_zones(session: Session) -> None:
    directory = Directory()
    directory.load(session.connection)
    gateway = directory.gateways[MAC]
    assert len(directory.gateways) == 5
    assert (gateway.zone.key, sorted(gateway.devices)) == ("America/Sao_Paulo", ["D01", "D02", "D03", "D04"])
    late_after = timedelta(seconds=3 * 900)
    assert gateway.devices["D02"] == Device(gateway.devices["D02"].id, "m³", "counter", True, late_after)
    assert gateway.late_after == late_after


def test_a_change_is_noticed(session: Session, plain_database: Database) -> None:
    assert not session.noticed()
    changes = (
        "UPDATE tds.device SET active = false WHERE code = 'D01'",
        "UPDATE tds.account SET timezone = timezone",
        "UPDATE tds.gateway SET retired_at = now()",
    )
    for sql in changes:
        execute(plain_database, sql)
        wait_for(session.noticed)
        assert not session.noticed()


def test_storing_does_not_wake_it(session: Session, plain_database: Database) -> None:
    execute(plain_database, "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) SELECT id, now() FROM tds.gateway")
    assert not session.noticed()


def test_looking_up_finds_what_is_new_and_forgets_what_is_gone(session: Session, plain_database: Database) -> None:
    directory = Directory()
    directory.load(session.connection)
    with plain_database.owner.transaction() as connection:
        fleet.add_gateway(connection, "02:00:00:00:00:aa", "Aurora")
        fleet.add_device(connection, "02:00:00:00:00:aa", "E01", kind="gauge", resource="temperature", unit="°C")
    execute(plain_database, f"UPDATE tds.gateway SET retired_at = now() WHERE mac = '{MAC}'")
    directory.look_up(session.connection, ["02:00:00:00:00:aa", MAC, "no\0mac", "'; --"])
    assert directory.gateways["02:00:00:00:00:aa"].devices["E01"].kind == "gauge"
    assert MAC not in directory.gateways
    assert len(directory.gateways) == 5


def test_a_retired_device_is_inactive_until_its_code_is_used_again(session: Session, plain_database: Database) -> None:
    directory = Directory()
    execute(plain_database, "UPDATE tds.device SET retired_at = now() WHERE code = 'D01'")
    directory.load(session.connection)
    retired = directory.gateways[MAC].devices["D01"]
    assert not retired.active
    with plain_database.owner.transaction() as connection:
        fleet.add_device(connection, MAC, "D01", kind="counter", resource="electricity", unit="MWh")
    directory.look_up(session.connection, [MAC])
    renewed = directory.gateways[MAC].devices["D01"]
    assert (renewed.unit, renewed.active) == ("MWh", True)
    assert renewed.id != retired.id


def test_one_session_at_a_time_holds_the_lock_of_a_client_id(session: Session, plain_database: Database) -> None:
    other = Session(plain_database.ingest.url)
    assert session.claim("tds-ingest")
    assert not other.claim("tds-ingest")
    assert other.claim("tds-ingest-of-another-broker")
    session.close()
    wait_for(lambda: other.claim("tds-ingest"))
    other.close()


def test_a_connection_that_gets_no_answer_can_be_broken_from_another_thread(session: Session) -> None:
    threading.Timer(0.3, session.abort).start()
    with pytest.raises(psycopg2.Error), session.connection as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(15)")  # whose answer would be no error
    session.close()
    session.abort()
