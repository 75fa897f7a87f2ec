"""What each page shows, asked as the browser asks."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from tests.web.dash import answer, call
from tests.web.world import World

ZONE = ZoneInfo("America/Sao_Paulo")


def shown(part: Any) -> str:
    """Give what a part of an answer says, with still trees opened."""
    if isinstance(part, dict) and "props" in part:
        held = part["props"].get("data-still")
        return made(json.loads(held)) if held else shown(part["props"].get("children"))
    if isinstance(part, list):
        return " ".join(" ".join(map(shown, part)).split())
    return str(part) if isinstance(part, str | int) else ""


def made(node: Any) -> str:
    """Give what a still tree says."""
    return node if isinstance(node, str) else " ".join(" ".join(map(made, node[2:])).split())


def test_the_overviews_cards(viewer: FlaskClient) -> None:
    text = shown(answer(call(viewer, "overview-cards.children"))["overview-cards"]["children"])
    assert "Gateways 1 of 2 online" in text
    assert "1 offline" in text
    assert "Devices reporting 4 of 5" in text
    assert "Electricity, this month" in text
    assert "Water, today" in text
    assert "kWh" in text


def test_the_overviews_months(viewer: FlaskClient, world: World) -> None:
    found = answer(call(viewer, "overview-electricity.figure"))
    assert found["overview-electricity-title"]["children"] == "Electricity, kWh per month"
    assert found["overview-electricity-card"]["hidden"] is False
    assert found["overview-other-card"]["hidden"] is True
    assert found["overview-electricity"]["figure"]["layout"]["uirevision"].startswith("electricity ")
    measured = next(trace for trace in found["overview-electricity"]["figure"]["data"] if trace.get("y"))
    month = (world.newest.astimezone(ZONE).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    days = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - month
    values = dict(zip(measured["x"], measured["y"], strict=True))
    assert values[month.isoformat()] == pytest.approx(days.days * 24 * 13, rel=0.1)


def test_the_overviews_latest_readings(viewer: FlaskClient) -> None:
    found = answer(call(viewer, "overview-latest.children"))
    text = shown(found["overview-latest"]["children"])
    assert text.count("Press line") > 5
    assert "Cold room <b>" in text
    assert not found["overview-empty"]["children"]


def test_an_empty_account_is_told_what_to_do(newcomer: FlaskClient) -> None:
    found = answer(call(newcomer, "overview-latest.children"))
    assert "Register a gateway" in shown(found["overview-empty"]["children"])
    months = answer(call(newcomer, "overview-electricity.figure"))
    assert all(months[f"overview-{resource}-card"]["hidden"] for resource in ("electricity", "water", "gas", "other"))
    assert "0 of 0 online" in shown(answer(call(newcomer, "overview-cards.children"))["overview-cards"]["children"])
    assert "No gateway" in shown(answer(call(newcomer, "gateways-table.children"))["gateways-table"]["children"])
    assert "No device" in shown(answer(call(newcomer, "devices-table.children"))["devices-table"]["children"])
    controls = {"consumption_resource": "electricity", "consumption_period": "year", "consumption_step": "auto"}
    consumption = answer(call(newcomer, "consumption-chart.figure", **controls))
    assert consumption["consumption-card"]["hidden"] is True
    assert "no meters yet" in shown(consumption["consumption-empty"]["children"])


def consumption(client: FlaskClient, **controls: Any) -> dict[str, Any]:
    """Ask the consumption page."""
    given = {"resource": "electricity", "period": "week", "step": "auto", **controls}
    return answer(call(client, "consumption-chart.figure", **{f"consumption_{name}": value for name, value in given.items()}))


def test_consumption_by_day(viewer: FlaskClient, world: World) -> None:
    today = world.newest.astimezone(ZONE).date()
    days = {"from": (today - timedelta(days=4)).isoformat(), "to": (today - timedelta(days=2)).isoformat()}
    found = consumption(viewer, period="custom", step="day", devices=[world.devices["D01"]], **days)
    measured = next(trace for trace in found["consumption-chart"]["figure"]["data"] if trace.get("y"))
    assert measured["y"] == [240, 240, 240]
    assert found["consumption-drawn"]["data"]["step"] == "day"
    assert found["consumption-chart-note"]["children"].startswith("720\u00a0kWh")


def test_what_is_estimated_is_drawn_apart(viewer: FlaskClient, world: World) -> None:
    found = consumption(viewer, period="month", step="day", devices=[world.devices["D01"]])
    names = [trace["name"] for trace in found["consumption-chart"]["figure"]["data"]]
    assert any("estimated" in name for name in names)
    assert re.search(r"[1-9].*% estimated", found["consumption-chart-note"]["children"])


def test_too_fine_a_step_says_so(viewer: FlaskClient) -> None:
    found = consumption(viewer, period="year", step="15min")
    assert found["consumption-drawn"]["data"]["step"] == "day"
    assert "15 min" in found["consumption-remark"]["children"]


def test_the_devices_to_choose_from(viewer: FlaskClient, world: World) -> None:
    found = answer(
        call(
            viewer,
            "consumption-devices.options",
            consumption_resource="electricity",
            consumption_group="device",
            consumption_asked={"devices": [world.devices["D02"], 999]},
        )
    )
    assert [option["value"] for option in found["consumption-devices"]["options"]] == [world.devices["D01"], world.devices["D02"]]
    assert found["consumption-devices"]["value"] == [world.devices["D02"]]


def test_a_meters_page(viewer: FlaskClient, world: World) -> None:
    facts = answer(call(viewer, "device-name.children", device_id=str(world.devices["D01"])))
    assert facts["device-name"]["children"] == "Press line"
    assert "Online" in shown(facts["device-state"]["children"])
    assert "D01" in shown(facts["device-facts"]["children"])
    assert shown(facts["device-readings"]["children"]).count("+10") >= 90
    history = answer(
        call(viewer, "device-history.figure", device_id=world.devices["D01"], device_period="week", device_step="day")
    )
    text = shown(history["device-statistics"]["children"])
    assert "Mean 240 kWh" in text
    assert history["device-history-title"]["children"] == "Press line, kWh per day"


def test_a_gauges_page(viewer: FlaskClient, world: World) -> None:
    history = answer(
        call(viewer, "device-history.figure", device_id=world.devices["T01"], device_period="week", device_step="auto")
    )
    text = shown(history["device-statistics"]["children"])
    assert "Minimum 15 °C" in text
    assert "Maximum 25 °C" in text
    assert re.search(r"Mean (19\.[5-9]|20)[\d.]* °C", text)


def test_a_device_that_was_never_heard(viewer: FlaskClient, world: World) -> None:
    facts = answer(call(viewer, "device-name.children", device_id=world.devices["N01"]))
    assert "has not sent a reading yet" in shown(facts["device-advice"]["children"])
    answer(call(viewer, "device-history.figure", device_id=world.devices["N01"], device_period="week", device_step="auto"))


def readings(client: FlaskClient, **controls: Any) -> dict[str, Any]:
    """Ask the readings page."""
    return answer(call(client, "readings-table.children", **{f"readings_{name}": value for name, value in controls.items()}))


def test_readings_by_pages(viewer: FlaskClient, world: World) -> None:
    first = readings(viewer, device=world.devices["D02"])
    assert shown(first["readings-table"]["children"]).count("Lighting") == 50
    assert (first["readings-newer"]["disabled"], first["readings-older"]["disabled"]) == (True, False)
    second = readings(viewer, device=world.devices["D02"], page=first["readings-edges"]["data"]["older"])
    assert second["readings-newer"]["disabled"] is False
    back = readings(viewer, device=world.devices["D02"], page=second["readings-edges"]["data"]["newer"])
    assert back["readings-table"] == first["readings-table"]
    assert viewer.get(first["readings-export"]["href"]).status_code == 200


def test_readings_of_some_days(viewer: FlaskClient, world: World) -> None:
    day = (world.newest.astimezone(ZONE).date() - timedelta(days=2)).isoformat()
    found = readings(viewer, gateway=world.gateways["main"], **{"from": day, "to": day})
    assert shown(found["readings-table"]["children"]).count("Main building") == 50
    found = readings(viewer, device=world.devices["W01"], **{"from": day, "to": day})
    assert shown(found["readings-table"]["children"]).count("=Water") == 24
    assert found["readings-older"]["disabled"] is True
    found = readings(viewer, device=world.devices["N01"])
    assert "No readings with these filters" in shown(found["readings-table"]["children"])
    assert "calendar" in readings(viewer, **{"from": "2026-02-30"})["readings-remark"]["children"]


def test_lists(viewer: FlaskClient) -> None:
    gateways = shown(answer(call(viewer, "gateways-table.children"))["gateways-table"]["children"])
    assert "Main building Online" in gateways
    assert "Old workshop Never seen" in gateways
    devices = shown(answer(call(viewer, "devices-table.children"))["devices-table"]["children"])
    assert "Never heard Never seen" in devices


def test_the_menu(viewer: FlaskClient, sign_in: Any, world: World) -> None:
    found = answer(call(viewer, "shell-account.children"))
    assert found["shell-account"]["children"] == "Aurora"
    assert "America/Sao_Paulo" in found["shell-zone"]["children"]
    assert "Boreal" not in json.dumps(found)
    both = sign_in("both@example.com")
    both.post("/accounts", data={"account": world.account})
    assert "Boreal" in json.dumps(answer(call(both, "shell-account.children")))


def test_every_page_speaks_the_readers_language(viewer: FlaskClient, world: World) -> None:
    viewer.post("/language", data={"locale": "pt-BR"})
    try:
        assert "de 2 online" in shown(answer(call(viewer, "overview-cards.children"))["overview-cards"]["children"])
        found = consumption(viewer, devices=[world.devices["D01"]])
        assert found["consumption-chart-title"]["children"] == "Energia elétrica, kWh por hora"
    finally:
        viewer.post("/language", data={"locale": "en"})
