"""Who sees and changes tariffs, holidays, budgets and invoices: the database alone decides it, whatever a page asks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import people, tariffs
from sql.errors import NotFound, Outdated, Refused
from sql.holidays import add_holidays, holidays
from sql.tariff_rules import Period
from tests.conftest import Database
from tests.sql.plant import Meter, feed, meter, number, series
from tests.sql.tariffs import banded, flat, give

D = Decimal
TABLES = ("tariff", "holiday", "budget", "invoice", "band_day", "band_month", "demand_day", "band_pending", "demand_pending")


def somebody(database: Database, device: Meter, role: str) -> int:
    """Give an account a member; gives their number."""
    with database.owner.transaction() as connection:
        return people.add_user(connection, f"{role}{number()}@example.com", device.account, role, "correct horse battery")


def filled(database: Database) -> Meter:
    """An account with a row in every table."""
    device = meter(database, "America/Sao_Paulo")
    feed(database, device, series("2026-03-06T17:00", 15, range(20), "America/Sao_Paulo"))
    give(
        database,
        device,
        banded("2026-01-01", {"peak": "2", "off_peak": "1"}, [Period(("weekday",), 72, 84, "peak")], demand=D(1)),
        holidays=["2026-12-25"],
    )
    with database.owner.transaction() as connection:
        for statement in (
            "INSERT INTO tds.budget VALUES (:a, 'electricity', '2026-03-01', 'money', '', 100)",
            "INSERT INTO tds.invoice (account_id, resource, first_day, last_day, quantity, unit, amount, created_by)"
            " VALUES (:a, 'electricity', '2026-03-01', '2026-03-31', 1, 'kWh', 1, 'test')",
            "INSERT INTO tds.demand_pending (account_id, low, high) VALUES (:a, '1980-01-01', '1980-01-01')",
        ):
            connection.execute(text(statement), {"a": device.account_id})
        connection.execute(
            text("INSERT INTO tds.band_pending (device_id, low, high) VALUES (:d, '1980-01-01', '1980-01-01')"), {"d": device.id}
        )
    return device


def test_strangers_see_nothing_and_change_nothing(bench: Database) -> None:
    device, other = filled(bench), meter(bench)
    with bench.web.transaction(device.account_id, somebody(bench, device, "viewer")) as connection:
        assert [t for t in TABLES if not connection.execute(text(f"SELECT count(*) FROM tds.{t}")).scalar()] == []
        (own,) = tariffs.tariffs(connection, device.account_id)
    for account, person in ((other.account_id, somebody(bench, other, "admin")), (None, None)):
        with bench.web.transaction(account, person) as connection:
            assert [t for t in TABLES if connection.execute(text(f"SELECT count(*) FROM tds.{t}")).scalar()] == []
            for table in TABLES[:4]:
                assert connection.execute(text(f"DELETE FROM tds.{table}")).rowcount == 0
            assert connection.execute(text("UPDATE tds.tariff SET tax_percent = 1")).rowcount == 0
            assert tariffs.tariffs(connection, device.account_id) == []
            with pytest.raises(NotFound):
                tariffs.find_tariff(connection, own.id)
    with (
        pytest.raises(DBAPIError, match="row-level security"),
        bench.web.transaction(other.account_id, somebody(bench, other, "admin")) as connection,
    ):
        connection.execute(
            text("INSERT INTO tds.holiday (account_id, day, name) VALUES (:a, '2026-01-01', 'x')"), {"a": device.account_id}
        )


def test_a_viewer_looks_and_an_editor_writes(bench: Database) -> None:
    device = meter(bench)
    viewer, editor = somebody(bench, device, "viewer"), somebody(bench, device, "editor")
    with bench.web.transaction(device.account_id, editor) as connection:
        made = tariffs.add_tariff(connection, device.account_id, flat("2026-01-01", "1"))
        add_holidays(connection, device.account_id, {date(2026, 1, 1): "New year"})
    for statement in (
        "INSERT INTO tds.tariff (account_id, resource, valid_from, name, unit, bands, prices) VALUES (:a, 'water', '2026-01-01', 'x', 'm³', '{0}', '{1}')",
        "INSERT INTO tds.holiday (account_id, day, name) VALUES (:a, '2026-01-02', 'x')",
        "INSERT INTO tds.budget (account_id, resource, month, measure, unit, amount) VALUES (:a, 'water', '2026-01-01', 'money', '', 1)",
        "INSERT INTO tds.invoice (account_id, resource, first_day, last_day, quantity, unit, amount, created_by)"
        " VALUES (:a, 'water', '2026-01-01', '2026-01-31', 1, 'm³', 1, (SELECT email FROM tds.app_user WHERE id = tds.current_user_id()))",
    ):
        with (
            pytest.raises(DBAPIError, match="row-level security"),
            bench.web.transaction(device.account_id, viewer) as connection,
        ):
            connection.execute(text(statement), {"a": device.account_id})
        with bench.web.transaction(device.account_id, editor) as connection:
            connection.execute(text(statement), {"a": device.account_id})
    with bench.web.transaction(device.account_id, viewer) as connection:
        assert [connection.execute(text(f"DELETE FROM tds.{table}")).rowcount for table in TABLES[:4]] == [0] * 4
        assert connection.execute(text("UPDATE tds.tariff SET name = 'y'")).rowcount == 0
    for table in TABLES[4:]:
        with pytest.raises(DBAPIError, match="permission denied"), bench.web.transaction(device.account_id, editor) as connection:
            connection.execute(text(f"DELETE FROM tds.{table}"))
    with pytest.raises(DBAPIError, match="permission denied"), bench.web.transaction(device.account_id, editor) as connection:
        connection.execute(text("UPDATE tds.tariff SET valid_from = '2020-01-01' WHERE id = :i"), {"i": made.id})


def test_two_people_at_one_tariff_do_not_overwrite_each_other(bench: Database) -> None:
    device = meter(bench)
    editor = somebody(bench, device, "editor")
    with bench.web.transaction(device.account_id, editor) as connection:
        made = tariffs.add_tariff(connection, device.account_id, flat("2026-01-01", "1"))
        with pytest.raises(Refused) as error:
            tariffs.add_tariff(connection, device.account_id, flat("2026-01-01", "2"))
        assert error.value.key == "tariff_taken"
        after = tariffs.change_tariff(connection, made, flat("2026-01-01", "3"))
        assert (after.version, after.terms.prices) == (2, {"all": D(3)})
        assert after.changed_by is not None
        with pytest.raises(Outdated):
            tariffs.find_tariff(connection, made.id, made.version, hold=True)


def test_it_goes_with_its_account(database: Database) -> None:
    device = filled(database)
    with database.owner.transaction() as connection:
        connection.execute(text("SELECT tds.erase_devices(ARRAY[:d])"), {"d": device.id})
        connection.execute(text("DELETE FROM tds.account WHERE id = :a"), {"a": device.account_id})
        left = [t for t in TABLES[:7] if connection.execute(text(f"SELECT count(*) FROM tds.{t}")).scalar()]
    assert left == []
    from sql import bands

    bands.drain(database.owner)
    with database.owner.transaction() as connection:
        assert [t for t in TABLES if connection.execute(text(f"SELECT count(*) FROM tds.{t}")).scalar()] == []


def test_holidays_are_added_once(bench: Database) -> None:
    device = meter(bench)
    with bench.owner.transaction() as connection:
        assert len(add_holidays(connection, device.account_id, {date(2026, 12, 25): "Natal", date(2026, 1, 1): "Ano novo"})) == 2
        assert add_holidays(connection, device.account_id, {date(2026, 12, 25): "Christmas"}) == []
        assert [(one.day.day, one.name) for one in holidays(connection, device.account_id)] == [(1, "Ano novo"), (25, "Natal")]
        for bad in ({date(2026, 1, 2): " "}, {date(1969, 1, 1): "x"}):
            with pytest.raises(Refused):
                add_holidays(connection, device.account_id, bad)
