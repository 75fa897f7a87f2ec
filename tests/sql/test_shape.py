"""What the schema must never become: traps of TimescaleDB and of bulk writing that nothing else would show."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2.extensions
import pytest
from sqlalchemy import text

from ingest import writer
from ingest.directory import Directory
from ingest.message import decode
from ingest.resolve import resolve
from ingest.session import Session
from sql import ledger
from sql.refresh import refresh
from tests.conftest import Database
from tests.ingest.cast import payload, register, topic
from tests.sql.plant import buckets, feed, meter, put, series, sound

NOW = datetime.now(UTC).replace(microsecond=0)


class Counting(psycopg2.extensions.cursor):
    """A cursor that counts what it sends."""

    statements = 0

    def execute(self, *arguments: Any) -> None:
        Counting.statements += 1
        super().execute(*arguments)

    def copy_expert(self, *arguments: Any, **more: Any) -> None:
        Counting.statements += 1
        super().copy_expert(*arguments, **more)


def test_no_foreign_key_leads_from_readings_or_the_ledger(database: Database) -> None:
    """Dropping a chunk of two years ago would lock the register, and intake with it."""
    with database.owner.transaction() as connection:
        found = connection.execute(
            text(
                "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
                " AND conrelid IN ('tds.reading'::regclass, 'tds.ledger'::regclass)"
            )
        ).all()
    assert found == []


def test_a_month_is_made_of_days_of_its_own_zone(timescale: Database) -> None:
    """TimescaleDB accepts days of one zone under months of another without a word."""
    for zone in ("America/Sao_Paulo", "Asia/Tokyo", "Europe/Berlin"):
        timescale.account(zone, zone)
    with timescale.owner.transaction() as connection:
        views = connection.execute(
            text("SELECT view_name, view_definition FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'tds'")
        ).all()
    months = {name: definition for name, definition in views if name.startswith("consumption_month_")}
    assert len(months) >= 3
    for name, definition in months.items():
        zone = name.removeprefix("consumption_month_")
        assert f"consumption_day_{zone}" in definition or "tds.ledger" in definition
        others = {other.removeprefix("consumption_month_") for other in months} - {zone}
        assert [other for other in others if f"consumption_day_{other}" in definition] == []


def test_a_reading_of_2099_hides_nobody_elses(database: Database) -> None:
    """Refreshed without an end, a rollup would begin to show what is newer only in 2099."""
    live, wrong = meter(database), meter(database)
    start = (NOW - timedelta(days=3)).strftime("%Y-%m-%dT00:00")
    feed(database, live, series(start, 15, range(96)))
    put(database, wrong, [("2099-01-01T00:00:00Z", 1), ("2099-01-01T00:15:00Z", 2)])
    ledger.drain(database.owner)
    refresh(database.owner, datetime.now(UTC), wait=True)
    put(database, live, [(NOW - timedelta(minutes=30), 500), (NOW - timedelta(minutes=15), 501)])
    ledger.drain(database.owner)
    today = buckets(database, live, "hour", (NOW - timedelta(hours=2)).isoformat(), (NOW + timedelta(hours=1)).isoformat())
    assert sum(row.consumption or Decimal(0) for row in today.values()) > 0
    sound(database, live, wrong)


@pytest.mark.parametrize("messages", [1, 300])
def test_a_batch_is_written_by_as_many_statements_as_a_single_message(database: Database, messages: int) -> None:
    """One round trip for each reading would be twenty times slower."""
    register(database)
    session = Session(database.ingest.url)
    directory = Directory()
    directory.load(session.connection)
    batch = [
        resolve(decode(topic(), payload([("D01", n, "kWh"), ("D04", n, "°C")], NOW - timedelta(seconds=n))), directory, NOW)
        for n in range(messages)
    ]
    session.connection.cursor_factory = Counting
    Counting.statements = 0
    assert writer.store(session.connection, batch, NOW, lambda _, rejection: rejection).readings == 2 * messages
    # All that is stored, and the commit; of many, who was heard and COPY before.
    assert Counting.statements == (2 if 2 * messages <= writer.FEW else 4)
    session.close()
