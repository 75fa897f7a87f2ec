"""The load profile on a device's page: charts, base load, nights and what may leak."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import tariffs
from sql.queries.load import Night
from sql.tariff_rules import Terms, white_tariff
from tds_dash.load_view import Rest, rest_of
from tds_dash.rates import per_hour
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import World

MONDAY = date.today() - timedelta(days=date.today().weekday() + 14)
WEEK = {"period": "custom", "from": MONDAY.isoformat(), "to": (MONDAY + timedelta(days=6)).isoformat()}


def load(client: FlaskClient, device: object, **controls: Any) -> dict[str, Any]:
    """Ask for the load as the page does."""
    given = {f"device_{name}": value for name, value in {"profile": "month", **controls}.items()}
    return answer(call(client, "device-week.figure", device_id=device, **given))


def test_a_meters_load(viewer: FlaskClient, world: World) -> None:
    found = load(viewer, world.devices["D02"])
    assert found["device-week-title"]["children"] == "Hours of the week, mean in kW"
    heat = found["device-week"]["figure"]["data"][0]
    assert {value for row in heat["z"] for value in row} == {3.0}
    assert "Highest on" in found["device-week-summary"]["children"]
    assert shown(found["device-week-table"]["children"]).count("3.000") == 7 * 24
    assert " ".join(found["device-duration-note"]["children"].split()).startswith(
        "Half of the time 3 kW or more. It reports every 60 min"
    )
    cards = shown(found["device-base"]["children"])
    assert re.search(r"3[2-5] % of the consumption · 3 kW on average Saturday", cards)  # eight of 24 hours
    assert "Around the clock" in cards
    assert "100 % of the consumption" in cards  # it never rests
    assert found["device-base"]["hidden"] is False
    assert found["device-leak"]["children"] is None
    assert found["device-nights-card"]["hidden"] is True


def test_water_that_never_rests_may_leak(viewer: FlaskClient, world: World) -> None:
    found = load(viewer, world.devices["W01"])
    hint = shown(found["device-leak"]["children"])
    assert "never fell below 2 m³/h" in hint
    assert "loses up to 48 m³ a day, 1,440 m³ a month" in hint
    assert found["device-nights-card"]["hidden"] is False
    assert set(found["device-nights"]["figure"]["data"][0]["y"]) == {2.0}
    assert "at rest in 0 of" in shown(found["device-base"]["children"])


def test_gas_that_was_never_heard_cannot_be_judged(viewer: FlaskClient, world: World) -> None:
    found = load(viewer, world.devices["N01"])
    assert "No night can be judged" in shown(found["device-leak"]["children"])
    assert "No whole hour was measured" in shown(found["device-week-empty"]["children"])
    assert "—" in shown(found["device-base"]["children"])


def test_a_gauge_has_a_profile_and_no_base(viewer: FlaskClient, world: World) -> None:
    found = load(viewer, world.devices["T01"])
    assert found["device-duration-title"]["children"] == "Load duration, °C"
    assert found["device-base"]["hidden"] is True
    assert found["device-leak"]["children"] is None


def test_its_period_is_its_own_or_that_above(viewer: FlaskClient, world: World) -> None:
    day = (world.newest - timedelta(days=3)).date().isoformat()
    above = load(viewer, world.devices["D02"], profile="above", period="custom", **{"from": day, "to": day})
    assert "24 measured hours" in above["device-load-days"]["children"]
    for garbage in ("century", None, 5, []):
        assert "measured hours" in load(viewer, world.devices["D02"], profile=garbage)["device-load-days"]["children"]


def test_it_hides_other_accounts(stranger: FlaskClient, world: World) -> None:
    for given in (world.devices["D01"], "x", None, -1):
        assert call(stranger, "device-week.figure", device_id=given, device_profile="month").status_code == 404


def nights(*least: float) -> list[Night]:
    return [Night(date(2026, 3, 1) + timedelta(days=n), Decimal(str(value)), Decimal(9)) for n, value in enumerate(least)]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (nights(), Rest(0, 0, 0, Decimal(0))),
        (nights(1, 0, 2, 3), Rest(4, 1, 2, Decimal(2))),
        (nights(1, 2, 0), Rest(3, 1, 0, Decimal(0))),
        (nights(0.4, 0.2, 0.3), Rest(3, 0, 3, Decimal("0.2"))),
    ],
)
def test_nights_without_rest_are_counted_from_the_last(found: list[Night], wanted: Rest) -> None:
    assert rest_of(found) == wanted


def test_a_rate_has_its_unit() -> None:
    assert [per_hour(unit) for unit in ("kWh", "MWh", "m³", "pulse")] == ["kW", "MW", "m³/h", "pulse/h"]


def test_nights_and_weekends_cost_what_their_hours_do(viewer: FlaskClient, world: World) -> None:
    """Three kWh an hour, at 1 at any time, and by hours at 2 off-peak, which nights and weekends are: 8 h and 24 h a day."""
    device = world.devices["D02"]
    assert "R$" not in shown(load(viewer, device, profile="above", **WEEK)["device-base"]["children"])
    flat = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": Decimal(1)})
    anew = flat._replace(valid_from=MONDAY + timedelta(days=2))  # the same price, but hour by hour
    for terms, night, weekend, always in (
        (flat, "R$168", "R$144", "R$504"),
        (anew, "R$168", "R$144", "R$504"),
        (
            Terms(
                "electricity",
                date(2020, 1, 1),
                "Hours",
                "kWh",
                {"off_peak": Decimal(2), "intermediate": Decimal(2), "peak": Decimal(4)},
                white_tariff(),
            ),
            "R$336",
            "R$288",
            "R$1,098",
        ),
    ):
        with world.database.owner.transaction() as connection:
            for one in (flat, anew) if terms is anew else (terms,):
                tariffs.add_tariff(connection, world.account, one)
        try:
            cards = shown(load(viewer, device, profile="above", **WEEK)["device-base"]["children"])
            assert [amount for amount in (night, weekend, always) if amount not in cards] == [], cards
        finally:
            with world.database.owner.transaction() as connection:
                connection.execute(text("DELETE FROM tds.tariff"))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms._replace(valid_from=date.fromisoformat(WEEK["to"])))
    try:
        assert "R$" not in shown(load(viewer, device, profile="above", **WEEK)["device-base"]["children"]), "a part has no price"
    finally:
        with world.database.owner.transaction() as connection:
            connection.execute(text("DELETE FROM tds.tariff"))
