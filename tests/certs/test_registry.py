"""Journal and database know the same, whichever learnt it first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from certs.issuing import issue_bundle
from certs.journal import Journal
from certs.revocation import revoke
from certs.setup import ensure_authority, keep
from settings import Settings
from tests.broker.lab import free_port
from tests.certs.test_revocation import listed
from tests.conftest import Database

MAC = "aa:bb:cc:00:00:01"


@pytest.fixture
def settings(database: Database) -> Settings:
    return replace(database.settings, mqtt_port=free_port(), locale="en")


def rows(database: Database) -> dict[str, object]:
    with database.owner.transaction() as connection:
        found = connection.execute(text("SELECT * FROM tds.certificate"))
        return {row.serial: row for row in found}


def test_everything_issued_is_a_row_and_no_gateway_need_be_registered(database: Database, settings: Settings) -> None:
    ensure_authority(settings)
    bundle = issue_bundle(settings, MAC, by="ana@example.org")

    found = rows(database)
    assert sorted(row.purpose for row in found.values()) == ["broker", "gateway", "ingester", "intermediate", "root"]  # type: ignore[attr-defined]
    row = found[bundle.serial]
    record = Journal(settings.pki_dir).records()[bundle.serial]
    for name in ("common_name", "fingerprint", "not_before", "not_after", "issued_at", "issued_by"):
        assert getattr(row, name) == getattr(record, name)
    assert row.issued_by == "ana@example.org"  # type: ignore[attr-defined]


def test_what_was_made_before_there_was_a_database_follows(database: Database, settings: Settings) -> None:
    nowhere = replace(settings, database_url="postgresql://x:y@127.0.0.1:1/none")
    ensure_authority(nowhere)
    bundle = issue_bundle(nowhere, MAC)
    revoke(nowhere, bundle.serial, "lost")
    assert rows(database) == {}

    keep(settings)

    assert len(rows(database)) == 5
    assert rows(database)[bundle.serial].reason == "lost"  # type: ignore[attr-defined]


def test_a_revocation_reaches_the_row(database: Database, settings: Settings) -> None:
    ensure_authority(settings)
    bundle = issue_bundle(settings, MAC)
    revoke(settings, bundle.serial, "lost")

    row = rows(database)[bundle.serial]
    assert row.revoked_at == Journal(settings.pki_dir).records()[bundle.serial].revoked_at  # type: ignore[attr-defined]


def test_a_revocation_made_in_the_database_reaches_the_list(database: Database, settings: Settings) -> None:
    ensure_authority(settings)
    bundle = issue_bundle(settings, MAC)
    with database.owner.transaction() as connection:
        connection.execute(
            text("UPDATE tds.certificate SET revoked_at = now(), reason = 'by hand' WHERE serial = :s"), {"s": bundle.serial}
        )

    keep(settings)

    assert bundle.serial in listed(settings)
    assert Journal(settings.pki_dir).records()[bundle.serial].reason == "by hand"


def test_a_revocation_outlives_a_journal_restored_from_an_older_copy(database: Database, settings: Settings) -> None:
    ensure_authority(settings)
    older = Journal(settings.pki_dir).path.read_bytes()
    bundle = issue_bundle(settings, MAC)
    revoke(settings, bundle.serial, "lost")
    Journal(settings.pki_dir).path.write_bytes(older)

    keep(settings)

    assert bundle.serial in listed(settings)


def test_a_database_without_our_tables_does_not_stop_the_authority(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with database.owner.transaction() as connection:
        connection.execute(text("DROP TABLE tds.certificate CASCADE"))

    ensure_authority(settings)

    assert issue_bundle(settings, MAC).key
    assert "the database follows with the next `tds certs`" in caplog.text


def test_more_rows_than_a_statement_takes_are_written(database: Database, settings: Settings) -> None:
    ensure_authority(settings)
    bundle = issue_bundle(settings, MAC)
    journal = Journal(settings.pki_dir)
    one = journal.records()[bundle.serial]
    journal.issued(replace(one, serial=f"{number:032x}", issued_at=datetime.now(UTC)) for number in range(2_000))

    keep(settings)

    assert len(rows(database)) == 2_005
