"""Maximum demand: the page and the API."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import tariffs
from sql.tariff_rules import Terms
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import OURS, World, is_measured_this_month

ZONE = ZoneInfo("America/Sao_Paulo")


def peaks(client: FlaskClient, **controls: Any) -> dict[str, Any]:
    """Ask the page."""
    given = {"resource": "electricity", "months": "3", **controls}
    return answer(call(client, "peaks-chart.figure", **{f"peaks_{name}": value for name, value in given.items()}))


def of_months(world: World, value: str) -> list[str]:
    """Give what a column has for three months, the running one first, which may have only just begun."""
    return [value if is_measured_this_month(world) else "", value, value]


def test_the_account_together(viewer: FlaskClient) -> None:
    found = peaks(viewer)
    assert found["peaks-chart-title"]["children"] == "Electricity, maximum demand in kW per month"
    bars, alone = found["peaks-chart"]["figure"]["data"]
    assert set(bars["y"]) == set(alone["y"]) == {13.0}  # 10 and 3 kWh an hour, evenly
    cards = shown(found["peaks-cards"]["children"])
    assert "Highest, all together 13 kW" in cards
    assert "Sum of single maxima 13 kW 2 devices, each at its own time" in cards
    assert "Diversity factor 1" in cards
    top = shown(found["peaks-top"]["children"])
    assert top.count("Press line 77 % , Lighting 23 %") == 10
    own = shown(found["peaks-own"]["children"])
    assert own.index("Press line") < own.index("Lighting")
    assert "2 devices together" in found["peaks-chart-summary"]["children"]


def test_an_account_without_meters_still_has_a_unit(newcomer: FlaskClient) -> None:
    found = peaks(newcomer)
    assert found["peaks-chart-title"]["children"] == "Electricity, maximum demand in kW per month"
    assert "No meters of this resource" in shown(found["peaks-chart-empty"]["children"])
    assert "'/devices'" in str(found["peaks-chart-empty"]["children"]), "a way on"


def test_what_is_shown_is_a_file_too(viewer: FlaskClient, stranger: FlaskClient, world: World) -> None:
    where = f"/_peaks/export.csv?months=3&devices={world.devices['D01']}"
    months, top, own = viewer.get(where).text.split("\r\n\r\n")
    assert [row[1] for row in csv.reader(months.splitlines()[2:])] == of_months(world, "10")
    assert [row[4:6] for row in csv.reader(top.splitlines()[2:])] == [["Press line", "1"]] * 10
    assert [row[0] for row in csv.reader(own.splitlines()[2:])] == ["Press line"]
    assert "Lighting" in viewer.get("/_peaks/export.csv?resource=electricity&months=3").text
    assert stranger.get(where).status_code == 404


def test_what_is_contracted_is_a_line_across_the_whole_account(viewer: FlaskClient, world: World) -> None:
    assert "shapes" not in peaks(viewer)["peaks-chart"]["figure"]["layout"]
    terms = Terms("electricity", date(2020, 1, 1), "A4", "kWh", {"all": Decimal(1)}, demand=Decimal(20), contracted=Decimal(12))
    terms = terms._replace(tolerance=Decimal(5), excess=Decimal(2))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
    try:
        found = peaks(viewer)
        (line,) = found["peaks-chart"]["figure"]["layout"]["shapes"]
        assert (line["y0"], line["y1"]) == (12, 12)
        assert "contracted demand of the account, 12\u00a0kW" in str(found["peaks-remark"]["children"])
        table = shown(found["peaks-chart-table"]["children"])
        assert "Beyond the contracted (kW)" in table
        assert table.count(" 1.000 ") == 2 + is_measured_this_month(world), "13 kW are one beyond 12, each month"
        months = viewer.get("/_peaks/export.csv?months=3").text.split("\r\n\r\n")[0]
        assert [row[3] for row in csv.reader(months.splitlines()[2:])] == of_months(world, "1")
        assert "above 12.6\u00a0kW pays a surcharge" in str(found["peaks-remark"]["children"])
        assert "shapes" not in peaks(viewer, devices=[world.devices["D02"]])["peaks-chart"]["figure"]["layout"], "a part of it"
        assert "shapes" not in peaks(viewer, resource="water")["peaks-chart"]["figure"]["layout"]
    finally:
        with world.database.owner.transaction() as connection:
            connection.execute(text("DELETE FROM tds.tariff"))


def test_estimated_quarter_hours_do_not_count_and_are_marked(viewer: FlaskClient, world: World) -> None:
    """Five hours of D01 are missing: Lighting alone was measured then."""
    gap = (world.newest - timedelta(hours=237)).isoformat()
    found = viewer.get("/api/v1/peaks", query_string={"top": 100, "from": gap, "to": world.newest.isoformat()}).json
    assert {one["demand"] for one in found["top"]} == {13}
    assert {one["estimated_devices"] for one in found["top"]} == {0}


def test_chosen_devices_and_a_gateway(viewer: FlaskClient, world: World) -> None:
    found = peaks(viewer, devices=[world.devices["D02"]])
    assert "Highest, all together 3 kW" in shown(found["peaks-cards"]["children"])
    found = peaks(viewer, gateways=[world.gateways["silent"]])
    assert "No meters of this resource" in shown(found["peaks-chart-empty"]["children"])
    water = peaks(viewer, resource="water", gateways=[world.gateways["main"]])
    assert "2 m³/h" in shown(water["peaks-cards"]["children"])
    gas = peaks(viewer, resource="gas")
    assert "No measured quarter-hour" in shown(gas["peaks-chart-empty"]["children"])


def test_a_month_has_its_own_top(viewer: FlaskClient, world: World) -> None:
    month = (world.newest.astimezone(ZONE).replace(day=1) - timedelta(days=1)).replace(day=1)
    found = peaks(viewer, month=f"{month:%Y-%m}")
    assert shown(found["peaks-top"]["children"]).count(f"{month:%b} {month:%Y},") == 10
    for garbage in ("2026-99", "1999-01", None, 5, ["x"]):
        assert shown(peaks(viewer, month=garbage)["peaks-top"]["children"]).count("Press line") == 10


def test_what_can_be_chosen(viewer: FlaskClient, world: World) -> None:
    asked = {"devices": [world.devices["D02"], 999], "gateways": [], "month": f"{world.newest.astimezone(ZONE):%Y-%m}"}
    found = answer(call(viewer, "peaks-devices.options", peaks_resource="electricity", peaks_asked=asked))
    assert [one["value"] for one in found["peaks-devices"]["options"]] == [world.devices["D01"], world.devices["D02"]]
    assert found["peaks-devices"]["value"] == [world.devices["D02"]]
    months = answer(call(viewer, "peaks-month.options", peaks_months="6", peaks_asked=asked))
    assert len(months["peaks-month"]["options"]) == 6
    assert months["peaks-month"]["value"] == asked["month"]


def test_an_account_without_meters(newcomer: FlaskClient) -> None:
    found = peaks(newcomer)
    assert "No meters of this resource" in shown(found["peaks-chart-empty"]["children"])
    assert "—" in shown(found["peaks-cards"]["children"])


def test_it_hides_other_accounts(stranger: FlaskClient, world: World) -> None:
    for device in (world.devices["D01"], "x", -1):
        response = call(stranger, "peaks-chart.figure", peaks_resource="electricity", peaks_months="3", peaks_devices=[device])
        assert response.status_code == 404
    response = call(stranger, "peaks-chart.figure", peaks_resource="electricity", peaks_gateways=[world.gateways["main"]])
    assert response.status_code == 404
    for address in ("peaks", "profile"):
        for device in (world.devices["D01"], f"{OURS}/D01", 999_999):
            assert stranger.get(f"/api/v1/{address}?device={device}").status_code == 404


def test_the_api_gives_peaks(viewer: FlaskClient, world: World) -> None:
    found = viewer.get(f"/api/v1/peaks?top=3&device={OURS}/D01&device={world.devices['D02']}").json
    assert (found["unit"], found["devices"], found["left_out"]) == ("kW", 2, 0)
    assert [one["demand"] for one in found["top"]] == [13, 13, 13]
    assert [(one["device_code"], one["demand"]) for one in found["top"][0]["devices"]] == [("D01", 10), ("D02", 3)]
    assert [(one["device_code"], one["demand"]) for one in found["maxima"]] == [("D01", 10), ("D02", 3)]
    assert all(one["at"] for one in found["maxima"])
    assert found["months"][-2]["diversity"] == 1
    mixed = viewer.get(f"/api/v1/peaks?device={world.devices['D01']}&device={world.devices['W01']}").json
    assert mixed["left_out"] == 1


def test_the_api_gives_a_profile(viewer: FlaskClient, world: World) -> None:
    found = viewer.get(f"/api/v1/profile?device={world.devices['W01']}").json
    assert (found["unit"], len(found["week"]), len(found["day"])) == ("m³/h", 168, 48)
    assert {one["mean"] for one in found["week"]} == {2}
    assert found["duration"][0] == {"share": 0.0, "level": 2}
    assert found["base"]["always_level"] == 2
    assert {one["least"] for one in found["nights"]} == {2}
    gauge = viewer.get(f"/api/v1/profile?device={world.devices['T01']}").json
    assert (gauge["unit"], gauge["base"], gauge["nights"]) == ("°C", None, [])


@pytest.mark.parametrize(
    ("address", "status"),
    [("peaks?top=0", 400), ("peaks?top=x", 400), ("peaks?from=2026-02-30", 400), ("peaks?from=2026-03-01&to=2026-02-01", 400),
     ("peaks?from=1975-01-01&to=2090-01-01", 400), ("peaks?from=2020-01-01&to=2028-01-01", 200), ("profile", 400), ("profile?device=1&device=2", 400), ("profile?device=x", 404)],
)  # fmt: skip
def test_bad_input_is_one_sentence(viewer: FlaskClient, address: str, status: int) -> None:
    response = viewer.get(f"/api/v1/{address}")
    assert response.status_code == status, response.text
    assert status == 200 or response.json["error"]["message"]
