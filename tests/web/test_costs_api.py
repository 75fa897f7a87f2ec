"""/api/v1/costs: what consumption costs, for the account's own devices and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import ledger, tariffs
from sql.tariff_rules import Terms
from tests.web.world import OURS, World

API = "/api/v1/costs"


@pytest.fixture
def priced(world: World) -> Iterator[World]:
    """Give the account a price of electricity, for one test."""
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(
            connection, world.account, Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": Decimal("0.5")})
        )
    ledger.drain(world.database.owner)
    yield world
    with world.database.owner.transaction() as connection:
        connection.execute(text("DELETE FROM tds.tariff"))


def test_a_day_of_a_device_costs_what_its_tariff_says(viewer: FlaskClient, priced: World) -> None:
    found = viewer.get(f"{API}?step=hour&device={OURS}/D02").json
    full = [one for one in found if one["cost"] is not None]
    assert full[-2] == full[-2] | {
        "gateway_mac": OURS, "device_code": "D02", "unit": "kWh", "currency": "BRL", "cost": 1.5, "priced": True,
        "bands": [{"band": "all", "quantity": 3, "price": 0.5, "cost": 1.5}],
    }  # fmt: skip
    days, hours = (
        sum(one["cost"] or 0 for one in viewer.get(f"{API}?step={step}&device={OURS}/D02").json) for step in ("day", "hour")
    )
    assert days == hours > 0


def test_what_has_no_tariff_costs_nothing_known(viewer: FlaskClient, priced: World) -> None:
    rows = viewer.get(f"{API}?step=month").json
    assert {one["device_code"] for one in rows} == {"D01", "D02", "W01", "N01"}
    assert {one["cost"] for one in rows if one["device_code"] in ("W01", "N01")} == {None}


def test_a_stranger_gets_nothing(stranger: FlaskClient, anonymous: FlaskClient, priced: World) -> None:
    assert stranger.get(f"{API}?device={priced.devices['D01']}").status_code == 404
    assert stranger.get(f"{API}?device={OURS}/D01").status_code == 404
    rows = stranger.get(f"{API}?step=month").json
    assert {one["device_code"] for one in rows} == {"X01"}
    assert {one["cost"] for one in rows} == {None}
    assert anonymous.get(API).status_code == 401


@pytest.mark.parametrize(
    "query", ["step=week", "from=2026-02-30", "from=2026-02-02&to=2026-02-01", "step=15min&from=2020-01-01&to=2026-01-01"]
)
def test_what_cannot_be_asked_is_400(viewer: FlaskClient, query: str) -> None:
    assert viewer.get(f"{API}?{query}").status_code == 400
