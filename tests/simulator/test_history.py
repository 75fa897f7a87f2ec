"""The demo's history in the database: complete, exact, resumed without a seam, and booked as what it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from simulator.history import fill
from simulator.meters import SLOT, reading
from simulator.settling import Settled, settle
from sql import ledger
from sql.people import check_password, find_for_sign_in
from tests.conftest import Database

PASSWORD = "a long demo password"
NOW = datetime.now(UTC).replace(microsecond=0)
UNTIL = int(NOW.timestamp()) // SLOT * SLOT


def settled(database: Database, password: str = PASSWORD, now: datetime = NOW) -> Settled:
    """The demo world with a month of history wanted."""
    return settle(database.owner, 1, password, now)


def count(database: Database) -> int:
    """All readings."""
    with database.owner.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM tds.reading")).scalar_one())


def test_it_registers_everything_once_and_finds_it_again(plain_database: Database) -> None:
    first, again = settled(plain_database), settled(plain_database, now=NOW + timedelta(days=3))
    assert (first.fresh, again.fresh) == (True, False)
    assert again.world.anchor == first.world.anchor
    assert [one.device_id for one in again.wanted] == [one.device_id for one in first.wanted]
    assert len(first.wanted) == 24
    with plain_database.owner.transaction() as connection:
        for person in first.world.people:
            assert check_password(find_for_sign_in(connection, person.email), PASSWORD)


def test_a_new_state_folder_brings_its_own_password(plain_database: Database) -> None:
    settled(plain_database)
    world = settled(plain_database, "another long password").world
    with plain_database.owner.transaction() as connection:
        assert check_password(find_for_sign_in(connection, world.people[0].email), "another long password")


def test_a_name_that_is_taken_stops_it_with_nothing_registered(plain_database: Database) -> None:
    plain_database.account("Condomínio Vila Verde")
    with pytest.raises(Exception, match="already an account named Condomínio Vila Verde"):
        settled(plain_database)
    with plain_database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.account")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM tds.app_user")).scalar() == 0


def test_what_is_stored_is_what_the_meters_show(plain_database: Database) -> None:
    world = settled(plain_database)
    stored = fill(plain_database.owner, world.wanted, UNTIL)
    assert stored == count(plain_database) > 24 * 96 * 27
    for one in world.wanted:
        with plain_database.owner.transaction() as connection:
            rows = connection.execute(
                text(
                    "SELECT time, value FROM tds.reading WHERE device_id = :id AND value <> 0 ORDER BY time DESC LIMIT 700 OFFSET 3"
                ),
                {"id": one.device_id},
            ).all()
        for time, value in rows[::50]:
            assert value == reading(one.device.meter, int(time.timestamp())), one.device.part.name


def test_a_second_run_adds_only_what_is_missing(plain_database: Database) -> None:
    earlier = UNTIL - 5 * 3600
    first = fill(plain_database.owner, settled(plain_database).wanted, earlier)
    again = settled(plain_database)
    assert {one.since for one in again.wanted} <= {earlier + 1}
    second = fill(plain_database.owner, again.wanted, UNTIL)
    assert second == 24 * 20
    assert fill(plain_database.owner, settled(plain_database).wanted, UNTIL) == 0
    assert count(plain_database) == first + second


def test_a_history_that_is_cut_short_leaves_nothing_behind(plain_database: Database) -> None:
    wanted = settled(plain_database).wanted
    broken = [wanted[0], wanted[1]._replace(device_id=2**40)]
    with pytest.raises(Exception, match="out of range"):
        fill(plain_database.owner, broken, UNTIL)
    assert count(plain_database) == 0


def test_the_ledger_takes_every_incident_for_what_it_is(database: Database) -> None:
    world = settled(database)
    fill(database.owner, world.wanted, UNTIL)
    ledger.drain(database.owner)
    names = {one.device_id: one.device.part.story for one in world.wanted}
    with database.owner.transaction() as connection:
        events = connection.execute(text("SELECT device_id, kind, readings FROM tds.event ORDER BY kind")).all()
        sums = connection.execute(
            text(
                "SELECT d.id, l.quantity, r.first, r.last, coalesce((SELECT sum(correction) FROM tds.event e WHERE e.device_id = d.id), 0)"
                " FROM tds.device d CROSS JOIN LATERAL (SELECT sum(quantity) AS quantity FROM tds.ledger WHERE device_id = d.id) l"
                " CROSS JOIN LATERAL (SELECT (array_agg(value ORDER BY time))[1] AS first, (array_agg(value ORDER BY time DESC))[1] AS last"
                " FROM tds.reading WHERE device_id = d.id) r WHERE d.kind = 'counter'"
            )
        ).all()
    assert [(names[device], kind) for device, kind, _ in events] == [
        ("zeros", "glitch"),
        ("replacement", "replacement"),
        ("rollover", "rollover"),
    ]
    assert events[0].readings == 5
    assert len(sums) == 20
    for device, quantity, first, last, corrections in sums:
        assert quantity == last - first + corrections, device
        assert isinstance(quantity, Decimal)
    assert ledger.verify(database.owner) == []
