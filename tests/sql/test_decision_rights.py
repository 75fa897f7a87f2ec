"""What the web login may do with decisions: take and undo those of its account, and have those devices recomputed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from sql import decisions, ledger
from sql.errors import NotFound
from tests.conftest import Database
from tests.sql.plant import Meter, event_id, feed, ledger_text, meter, page, series


def fallen(database: Database) -> Meter:
    """Give a meter whose register fell at 01:00, which was taken for a reset."""
    device = meter(database, max_rate=Decimal(1000))
    feed(database, device, series("2026-03-01", 15, [100, 101, 102, 103, 4, 5, 6, 7]))
    return device


def marked(database: Database) -> set[int]:
    """Give the devices that wait for their recomputation."""
    with database.owner.transaction() as connection:
        return set(connection.execute(text("SELECT device_id FROM tds.dirty")).scalars())


def test_the_web_login_decides_and_undoes(bench: Database) -> None:
    device = fallen(bench)
    before = ledger_text(bench, [device.id])
    reset = event_id(bench, device, "reset")
    with bench.web.transaction(account_id=device.account_id) as connection:
        decisions.correct(connection, reset, Decimal(110), Decimal(1), "editor@example.com")
    assert marked(bench) == {device.id}
    ledger.drain(bench.owner)
    books = page(bench, device, "2026-03-01", "2026-03-02")
    assert (books.consumption, books.balanced) == (Decimal(3 + 10 + 3), True)
    assert [(one.kind, one.amount) for one in books.corrections] == [("reset", Decimal(109))]
    with bench.web.transaction(account_id=device.account_id) as connection:
        assert decisions.find_event(connection, reset).decided_by == "editor@example.com"
        decisions.undo(connection, reset, "other@example.com")
    ledger.drain(bench.owner)
    assert ledger_text(bench, [device.id]) == before
    with bench.owner.transaction() as connection:
        kept = connection.execute(text("SELECT decided_by, undone_by FROM tds.decision WHERE device_id = :d"), {"d": device.id})
        assert [tuple(row) for row in kept] == [("editor@example.com", "other@example.com")]


def test_another_accounts_event_is_not_there(bench: Database) -> None:
    device, other = fallen(bench), fallen(bench)
    theirs = event_id(bench, other, "reset")
    for decide in (decisions.accept, decisions.ignore, decisions.undo):
        with pytest.raises(NotFound), bench.web.transaction(account_id=device.account_id) as connection:
            decide(connection, theirs, "editor@example.com")
    with pytest.raises(ProgrammingError, match="row-level security"), bench.web.transaction(device.account_id) as connection:
        connection.execute(
            text("INSERT INTO tds.decision (device_id, kind, at, decided_by) VALUES (:d, 'accept', now(), 'me')"), {"d": other.id}
        )
    with bench.web.transaction(account_id=device.account_id) as connection:
        ledger.mark_dirty(connection, [other.id, 2**31 - 1])
    with bench.web.transaction() as connection:
        ledger.mark_dirty(connection, [device.id, other.id])
    assert marked(bench) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tds.decision",
        "UPDATE tds.decision SET decided_by = 'somebody else'",
        "UPDATE tds.decision SET kind = 'accept'",
        "INSERT INTO tds.decision (device_id, kind, at, decided_by, decided_at) VALUES (1, 'accept', now(), 'me', 'epoch')",
        "SELECT * FROM tds.dirty",
        "INSERT INTO tds.dirty (device_id, low, high) VALUES (1, now(), now())",
        "UPDATE tds.event SET correction = 0",
    ],
)
def test_the_web_login_rewrites_no_history(bench: Database, statement: str) -> None:
    device = fallen(bench)
    with pytest.raises(ProgrammingError, match="permission denied"), bench.web.transaction(device.account_id) as connection:
        connection.execute(text(statement))


def test_only_owner_and_web_may_ask_for_a_recomputation(bench: Database) -> None:
    device, other = fallen(bench), fallen(bench)
    with pytest.raises(ProgrammingError, match="permission denied"), bench.ingest.transaction(device.account_id) as connection:
        ledger.mark_dirty(connection, [device.id])
    with bench.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id, other.id])
    assert marked(bench) == {device.id, other.id}
    ledger.drain(bench.owner)
