"""`tds tariff`: what it adds, lists and removes, and each wrong way to ask it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.conftest import Database
from tests.sql.plant import account, json_of, refused, tds

ADD = ("tariff", "add", "--resource", "electricity", "--from", "2026-01-01")
WHITE = ("--band", "off_peak=0.65", "--band", "intermediate=0.95", "--band", "peak=1.48", "--hours", "intermediate=weekday=17:00-18:00",
         "--hours", "peak=weekday=18:00-21:00", "--hours", "intermediate=weekday=21:00-22:00")  # fmt: skip


def test_a_white_tariff_is_added_listed_and_removed(shared_database: Database) -> None:
    name, number = account(shared_database, "America/Sao_Paulo")
    assert (
        tds(
            shared_database,
            *ADD,
            "--account",
            name,
            *WHITE,
            "--tax",
            "18",
            "--contracted",
            "80.5",
            "--demand",
            "30",
            "--tolerance",
            "5",
            "--excess",
            "2",
            "--standing",
            "12.5",
            "--name",
            "Branca B3",
        ).code
        == 0
    )
    (found,) = json_of(tds(shared_database, "tariff", "list", "--account", name, "--json"))
    assert found == {
        "id": found["id"], "resource": "electricity", "valid_from": "2026-01-01", "name": "Branca B3", "unit": "kWh", "currency": "BRL",
        "prices": {"off_peak": Decimal("0.65"), "intermediate": Decimal("0.95"), "peak": Decimal("1.48")},
        "hours": "17:00-18:00 intermediate weekday, 18:00-21:00 peak weekday, 21:00-22:00 intermediate weekday",
        "demand_price": 30, "standing_charge": Decimal("12.5"), "tax_percent": 18, "contracted_demand": Decimal("80.5"),
        "excess_tolerance": 5, "excess_multiple": 2,
    }  # fmt: skip
    assert "peak 1.48" in tds(shared_database, "tariff", "list", "--account", name).out
    assert tds(shared_database, "tariff", "remove", str(found["id"])).code == 0
    assert json_of(tds(shared_database, "tariff", "list", "--account", name, "--json")) == []
    assert "no such tariff" in refused(tds(shared_database, "tariff", "remove", str(found["id"])))
    with shared_database.owner.transaction() as connection:
        said = connection.execute(
            text("SELECT action, object FROM tds.audit WHERE account_id = :a ORDER BY id"), {"a": number}
        ).all()
    assert [tuple(row) for row in said] == [
        ("tariff.added", "electricity 2026-01-01"),
        ("tariff.removed", "electricity 2026-01-01"),
    ]


def test_water_is_counted_in_cubic_metres(shared_database: Database) -> None:
    name, _ = account(shared_database)
    given = ("tariff", "add", "--resource", "water", "--from", "2026-01-01", "--account", name, "--price", "8.4")
    assert tds(shared_database, *given).code == 0
    assert json_of(tds(shared_database, "tariff", "list", "--account", name, "--json"))[0]["unit"] == "m³"
    assert "already" in refused(tds(shared_database, *given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "--price"),
        (("--price", "1", "--band", "peak=1"), "one --price"),
        (("--price", "-1"), "from 0"),
        (("--price", "1", "--unit", "m³"), "unit"),
        (("--price", "1", "--tax", "101"), "tax"),
        (("--band", "noon=1"), "a band is"),
        (("--band", "peak"), "peak=1.48"),
        (("--band", "peak=x"), "peak=1.48"),
        ((*WHITE, "--hours", "peak=weekday"), "18:00-21:00"),
        ((*WHITE, "--hours", "peak=monday=1:00-2:00"), "18:00-21:00"),
        ((*WHITE, "--hours", "peak=weekday=1:00-2:10"), "quarter-hours"),
        ((*WHITE, "--hours", "peak=weekday=20:00-22:00"), "two periods"),
        ((*WHITE, "--hours", "special=sunday=1:00-2:00"), "no price"),
        ((*WHITE, "--band", "special=1"), "no hours"),
    ],
)
def test_what_no_tariff_can_be_is_said(shared_database: Database, given: tuple[str, ...], said: str) -> None:
    name, _ = account(shared_database)
    assert said in refused(tds(shared_database, *ADD, "--account", name, *given))


def test_a_day_that_is_none_and_an_account_that_is_none(shared_database: Database) -> None:
    name, _ = account(shared_database)
    assert "not a date" in refused(
        tds(shared_database, "tariff", "add", "--resource", "gas", "--from", "2026-02-30", "--account", name, "--price", "1")
    )
    assert "Nobody" in refused(tds(shared_database, *ADD, "--account", "Nobody", "--price", "1"))
