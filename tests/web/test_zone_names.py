"""An account in a time zone whose name is no plain word, as Haiti's: what is kept by zone is named after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from sql import fleet, people
from tests.sql.plant import feed, mac
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import PASSWORD, World


@pytest.mark.parametrize("zone", ["America/Port-au-Prince", "Etc/GMT+3"])
def test_all_that_is_kept_by_zone_is_found(world: World, sign_in: Callable[[str], FlaskClient], zone: str) -> None:
    name, address = f"Account of {zone}", mac()
    email = f"{zone.rpartition('/')[2].lower()}@zones.example"
    world.database.account(name, zone)
    with world.database.owner.transaction() as conn:
        people.add_user(conn, email, name, "admin", PASSWORD)
        fleet.add_gateway(conn, address, name)
        facts: dict[str, Any] = {"kind": "counter", "resource": "electricity", "unit": "kWh", "interval": 3600}
        device = fleet.add_device(conn, address, "D01", **facts)
    hours = 40 * 24
    feed(world.database, device, [(world.newest - timedelta(hours=hours - n), Decimal(10 * n)) for n in range(hours + 1)])
    client = sign_in(email)
    today = world.newest.astimezone(ZoneInfo(zone)).date()
    period = f"from={today - timedelta(days=100)}&to={today + timedelta(days=1)}"
    for step in ("hour", "day", "month"):
        rows = client.get(f"/api/v1/consumption?step={step}&{period}").json
        assert sum(row["consumption"] or 0 for row in rows) == 10 * hours, step
    peaks = client.get(f"/api/v1/peaks?{period}").json
    assert {one["demand"] for one in peaks["top"]} == {10}
    assert {one["together"] for one in peaks["months"] if one["together"] is not None} == {10}
    assert "10 kW" in shown(answer(call(client, "peaks-chart.figure", peaks_months="3"))["peaks-cards"]["children"])
    assert answer(call(client, "overview-electricity.figure"))["overview-electricity-card"]["hidden"] is False
