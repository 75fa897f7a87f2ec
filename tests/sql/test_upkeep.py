"""The nightly round: retention, and mending what differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import fleet, ledger, upkeep
from sql.findings import Finding
from sql.health import health
from tests.conftest import Database
from tests.sql.meters import Meter, Reading
from tests.sql.test_ledger import add_meter, store

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def counter(start: datetime, hours: int) -> Meter:
    readings = [Reading(start + timedelta(minutes=15 * i), Decimal(100 + i)) for i in range(hours * 4)]
    return Meter("counter", 900, Decimal(1000), Decimal(1), None, readings)


def test_it_does_its_round_once_a_night(plain_database: Database) -> None:
    assert upkeep.nightly(plain_database.owner, NOW)
    assert not upkeep.nightly(plain_database.owner, NOW)
    assert upkeep.nightly(plain_database.owner, NOW + timedelta(days=1))


def test_the_doctor_says_what_the_night_found(plain_database: Database) -> None:
    def books() -> Finding:
        return next(found for found in health(plain_database.settings) if found.check == "books")

    assert books()[:3] == ("books", True, "the nightly check has not run yet")
    upkeep.nightly(plain_database.owner, NOW)
    assert books()[:3] == ("books", True, f"no difference in the night of {NOW:%Y-%m-%d}")
    with plain_database.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.meta SET value = '7' WHERE key = 'ledger_difference'"))
    assert not books().ok
    assert books().detail.startswith("7 rows differed")


@pytest.mark.parametrize(
    ("days", "ok", "warning", "said"),
    [(91, True, False, "none ends within 90 days"), (89, True, True, "within 90 days: 1 gateway, the first Pump"), (29, True, True, "within 30 days"),
     (6, True, True, "within 7 days"), (-1, False, True, "ended: 1 gateway")],
)  # fmt: skip
def test_the_doctor_warns_of_gateways_certificates_that_end(
    plain_database: Database, days: int, ok: bool, warning: bool, said: str
) -> None:
    plain_database.account("Aurora")
    with plain_database.owner.transaction() as connection:
        for number, (name, until) in enumerate((("Pump", days), ("Roof", 4000)), 1):
            fleet.add_gateway(connection, f"02:00:00:00:00:0{number}", "Aurora", name)
            values = {"s": name, "m": f"02:00:00:00:00:0{number}", "u": datetime.now(UTC) + timedelta(days=until)}
            connection.execute(
                text("INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
                     " VALUES (:s, 'gateway', :m, 'f', now(), :u)"),
                values,
            )  # fmt: skip
    found = next(found for found in health(plain_database.settings) if found.check == "gateway certs")
    assert (found.ok, found.warning) == (ok, warning)
    assert said in found.detail
    assert "Roof" not in found.detail


def test_what_came_late_is_kept_for_five_weeks(plain_database: Database) -> None:
    plain_database.account("Aurora")
    with plain_database.owner.transaction() as connection:
        gateway = fleet.add_gateway(connection, "02:00:00:00:00:01", "Aurora")
        for days in (34, 36):
            values = {"gateway": gateway, "slot": NOW - timedelta(days=days)}
            connection.execute(text("INSERT INTO tds.delivery VALUES (:gateway, :slot, 1, 0, '1 hour')"), values)
    upkeep.expire(plain_database.owner, NOW)
    with plain_database.owner.transaction() as connection:
        assert connection.execute(text("SELECT slot FROM tds.delivery")).scalars().all() == [NOW - timedelta(days=34)]


def test_it_finds_a_wrong_bucket_and_mends_it(database: Database) -> None:
    database.account("Aurora")
    meter = counter(NOW - timedelta(days=3), 24)
    device = add_meter(database, "Aurora", meter)
    store(database, device, meter.readings)
    ledger.drain(database.owner)
    turn = NOW.replace(day=1) + timedelta(days=(device - NOW.replace(day=1).toordinal()) % 30)
    with database.owner.transaction() as connection:
        connection.execute(
            text(
                "UPDATE tds.ledger SET quantity = quantity + 7 WHERE middle = (SELECT max(middle) - interval '1 hour' FROM tds.ledger)"
            )
        )
    assert {difference.check.split()[0] for difference in upkeep.check_share(database.owner, turn)} >= {"ledger"}
    ledger.drain(database.owner)
    assert upkeep.check_share(database.owner, turn) == []
    assert ledger.verify(database.owner) == []


def test_retention_takes_readings_and_leaves_their_figures(plain_database: Database) -> None:
    plain_database.account("Aurora")
    meter = counter(NOW - timedelta(days=735), 24 * 10)
    device = add_meter(plain_database, "Aurora", meter)
    store(plain_database, device, meter.readings)
    ledger.drain(plain_database.owner)
    with plain_database.owner.transaction() as connection:
        before = connection.execute(text("SELECT count(*), sum(quantity) FROM tds.ledger")).one()
    upkeep.expire(plain_database.owner, NOW)
    with plain_database.owner.transaction() as connection:
        assert connection.execute(text("SELECT min(time) FROM tds.reading")).scalar_one() >= NOW - upkeep.RETENTION
        ledger.mark_dirty(connection, [device])
    ledger.drain(plain_database.owner)
    with plain_database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*), sum(quantity) FROM tds.ledger")).one() == before
    assert ledger.verify(plain_database.owner) == []
