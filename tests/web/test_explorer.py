"""The consumption explorer: groups, periods, comparisons, totals, books, and addresses that nobody's page would write."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sql import fleet, ledger
from tds_dash import addresses, exploring, view
from tests.sql.plant import put
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import OURS, World, is_measured_this_month

ZONE = ZoneInfo("America/Sao_Paulo")


def asked(client: FlaskClient, output: str = "consumption-chart.figure", **controls: Any) -> TestResponse:
    """Ask the explorer; names of controls may end in `_`."""
    given = {"resource": "electricity", "group": "device", "period": "week", "step": "auto", **controls}
    return call(client, output, **{f"consumption_{name.rstrip('_')}": value for name, value in given.items()})


def explored(client: FlaskClient, **controls: Any) -> dict[str, Any]:
    return answer(asked(client, **controls))


def drawn(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the traces that hold anything."""
    return [trace for trace in found["consumption-chart"]["figure"]["data"] if any(trace.get("y") or [])]


def totals(found: dict[str, Any]) -> str:
    return shown(found["consumption-totals"]["children"]).replace("\u00a0", " ")


def days(world: World, first: int, last: int) -> dict[str, str]:
    """Give a period of whole days, so many ago."""
    today = world.newest.astimezone(ZONE).date()
    return {
        "period": "custom",
        "from": (today - timedelta(days=first)).isoformat(),
        "to": (today - timedelta(days=last)).isoformat(),
    }


def test_gateways_are_groups_of_their_devices(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, group="gateway", step="day", **days(world, 4, 2))
    (trace,) = drawn(found)
    assert (trace["name"], trace["y"]) == ("Main building", [312, 312, 312])
    assert "Main building 2 devices 936.000" in totals(found)
    assert found["consumption-chart-title"]["children"] == "Electricity, kWh per day"


def test_resources_stand_below_each_other_each_on_its_own_axis(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, group="resource", step="day", **days(world, 4, 2))
    figure = found["consumption-chart"]["figure"]
    assert [(trace["name"], trace["yaxis"], trace["y"]) for trace in drawn(found)] == [
        ("Electricity", "y", [312, 312, 312]),
        ("Water", "y2", [48, 48, 48]),
    ]
    assert [note["text"] for note in figure["layout"]["annotations"]] == [
        "<b>Electricity, kWh per day</b>",
        "<b>Water, m³ per day</b>",
    ]
    domains = [figure["layout"][axis]["domain"] for axis in ("yaxis", "yaxis2")]
    assert domains[0][0] > domains[1][1]
    assert found["consumption-chart-figure"]["className"] == "tds-figure tds-figure-rows-2"
    assert found["consumption-chart-title"]["children"] == "Consumption per day"
    for words in ("Electricity 2 devices 936.000 kWh", "Water 1 device 144.000 m³"):
        assert words in totals(found)
    assert "Water, m³ per day" in found["consumption-chart-summary"]["children"]


def test_units_that_cannot_be_brought_to_one_have_an_axis_each(viewer: FlaskClient, world: World) -> None:
    with world.database.owner.transaction() as conn:
        ids = [
            fleet.add_device(
                conn, OURS, code, kind="counter", resource="other", unit=unit, name=code, max_rate=Decimal(10**6), interval=3600
            )
            for code, unit in (("O01", "kg"), ("O02", "h"), ("O03", "kg"))
        ]
    start = world.newest - timedelta(days=3)
    for number, device in enumerate(ids):
        put(world.database, device, [(start + timedelta(hours=hour), 100 + hour * (number + 1)) for hour in range(60)])
    ledger.drain(world.database.owner)
    try:
        found = explored(viewer, resource="other", period="week", step="day")
        axes = {(trace["name"], trace["yaxis"]) for trace in drawn(found)}
        assert axes == {("O01", "y"), ("O03", "y"), ("O02", "y2")}
        assert "Other, kg per day" in totals(found)
        assert "Other, h per day" in totals(found)
    finally:
        with world.database.owner.transaction() as conn:
            conn.exec_driver_sql(f"DELETE FROM tds.device WHERE id = ANY (ARRAY{ids})")


def test_side_by_side_as_long_as_it_can_be_read(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, bars="beside", step="day", **days(world, 4, 2))
    first, second = drawn(found)
    assert first["offset"] + first["width"] <= second["offset"]
    assert first["offsetgroup"] != second["offsetgroup"]
    crowded = explored(viewer, bars="beside", step="hour", **days(world, 30, 2))
    assert "too many bars to stand side by side" in crowded["consumption-remark"]["children"]
    assert len({trace["offset"] for trace in drawn(crowded)}) == 1


def test_the_period_before_stands_behind_each_bar(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, compare="previous", step="day", **days(world, 8, 2))
    ghost = found["consumption-chart"]["figure"]["data"][0]
    assert (ghost["hoverinfo"], ghost["y"]) == ("skip", [312] * 7)
    assert ghost["x"] == drawn(found)[1]["x"]
    text = totals(found)
    assert "Press line 1,680.000 76.9 %" in text
    assert "1,680.000 0.000 0 %" in text
    assert "Each day stands beside the same weekday" in text
    assert "(0\u00a0%)" in found["consumption-chart"]["figure"]["data"][-1]["text"][0]


def test_what_is_not_measured_is_not_compared_but_shown_grey(viewer: FlaskClient, world: World) -> None:
    """Of the day ten days ago five hours are missing."""
    found = explored(viewer, compare="previous", step="day", devices=[world.devices["D01"]], **days(world, 4, 3))
    gap = (world.newest - timedelta(hours=243)).astimezone(ZONE).date()
    first = date.fromisoformat(days(world, 4, 3)["from"])
    if (first - gap).days != 7 and (first + timedelta(days=1) - gap).days != 7:
        found = explored(
            viewer,
            compare="previous",
            step="day",
            devices=[world.devices["D01"]],
            period="custom",
            **{"from": (gap + timedelta(days=7)).isoformat(), "to": (gap + timedelta(days=7)).isoformat()},
        )
    page = json.dumps(found["consumption-totals"]["children"])
    assert "of the period before was measured" in page
    assert "tds-unfair" in page


def test_another_device_stands_behind_each_bar(viewer: FlaskClient, world: World) -> None:
    found = explored(
        viewer, compare="device", with_=world.devices["D02"], devices=[world.devices["D01"]], step="day", **days(world, 4, 2)
    )
    ghost = found["consumption-chart"]["figure"]["data"][0]
    assert (ghost["name"], ghost["y"]) == ("Lighting", [72, 72, 72])
    assert "504.000 +233.3 %" in totals(found).replace("+504", "504")
    water = explored(
        viewer, compare="device", with_=world.devices["W01"], devices=[world.devices["D01"]], step="day", **days(world, 4, 2)
    )
    assert "another unit" in water["consumption-remark"]["children"]
    nobody = explored(viewer, compare="device", step="day", **days(world, 4, 2))
    assert "Choose the device" in nobody["consumption-remark"]["children"]


def test_the_running_month_is_compared_up_to_now(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, period="this_month", step="month", compare="previous")
    if not is_measured_this_month(world):
        assert "No consumption in this period" in shown(found["consumption-empty"]["children"])
        return
    text = totals(found)
    assert "up to its newest reading" in text or "no such day" in text
    assert "Each month stands beside" in text


def test_back_and_on_and_the_way(viewer: FlaskClient, world: World) -> None:
    found = explored(viewer, period="billing", day="15", at="2026-03-20", step="day", group="gateway")
    assert parse_qs(urlsplit(found["consumption-back"]["href"]).query) == {
        "group": ["gateway"], "period": ["billing"], "day": ["15"], "at": ["2026-02-15"], "step": ["day"],
    }  # fmt: skip
    assert "at=2026-04-15" in found["consumption-on"]["href"]
    today = world.newest.astimezone(ZONE).date()
    one = explored(viewer, step="hour", **days(world, 2, 2))
    crumbs = shown(one["consumption-crumbs"]["children"])
    assert str((today - timedelta(days=2)).year) in crumbs
    assert "data-view" in json.dumps(one["consumption-crumbs"]["children"])
    assert explored(viewer, period="this_month")["consumption-on"]["href"] is None


def opened(client: FlaskClient, bar: dict[str, Any], **controls: Any) -> str:
    """Open books; gives their title and text."""
    found = answer(asked(client, "consumption-books-body.children", bar=bar, **controls))
    title = found["consumption-books-title"]["children"]
    return f"{title} {shown(found['consumption-books-body']['children'])}".replace("\u00a0", " ")


def test_a_bar_of_gateways_says_whose_books_it_is_made_of(viewer: FlaskClient, world: World) -> None:
    day = days(world, 2, 2)["from"]
    bar = {"step": "day", "bucket": day}
    text = opened(viewer, bar, group="gateway")
    assert "Main building 2 devices 312 kWh" in text
    inside = opened(viewer, {**bar, "chart": 0, "group": 1}, group="gateway")
    for words in ("Main building", "All groups of this bar", "Press line", "240 kWh", "Lighting", "72 kWh", "Balanced"):
        assert (words in inside) or words == "All groups of this bar", words
    both = opened(viewer, bar, group="resource")
    assert "Electricity 2 devices 312 kWh" in both
    assert "Water 1 device 48 m³" in both


def test_the_others_have_books_too(viewer: FlaskClient, world: World) -> None:
    bar = {"step": "day", "bucket": days(world, 2, 2)["from"], "chart": 0, "group": 0, "drawn": [world.devices["D01"]]}
    text = opened(viewer, bar)
    assert "1 other" in text
    assert "Opening" in text or "Register at the start" in text
    assert "Press line" not in text
    for forged in ({"chart": 99}, {"group": "x"}, {"drawn": "x"}, {"drawn": [None, {}]}, {"page": -5}, {"page": 10**9}):
        assert opened(viewer, {**bar, **forged})


def test_many_devices_open_a_dozen_books_at_a_time(viewer: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tds_dash.explorer_books.MOST_LISTED", 1)
    bar = {"step": "day", "bucket": days(world, 2, 2)["from"]}
    first, second = opened(viewer, bar), opened(viewer, {**bar, "page": 1})
    assert "Press line" in first
    assert "1–1 of 2" in first
    assert "Lighting" in second
    assert "2–2 of 2" in second
    assert "312 kWh" in first
    assert "312 kWh" in second
    assert "Lighting" in opened(viewer, {**bar, "page": 77})


def test_a_gateway_leads_to_its_devices(viewer: FlaskClient, world: World) -> None:
    page = json.dumps(explored(viewer, group="gateway", step="day", **days(world, 4, 2))["consumption-totals"]["children"])
    assert f"devices={world.devices['D01']},{world.devices['D02']}" in page


def test_the_table_leads_to_what_each_bar_is_made_of(viewer: FlaskClient, world: World) -> None:
    period = days(world, 4, 2)
    found = explored(viewer, step="day", **period)
    given = {"chart-open": 1, "drawn": found["consumption-drawn"]["data"], "step": "day", **period}
    table = answer(asked(viewer, "consumption-chart-table.children", **given))["consumption-chart-table"]["children"]
    assert f"from={period['from']}&to={period['from']}&step=hour" in json.dumps(table)
    assert shown(table).count("312.000") == 3
    assert asked(viewer, "consumption-chart-table.children", **{**given, "chart-open": 2}).status_code == 204


@pytest.mark.parametrize(
    ("controls", "words"),
    [
        ({"period": "custom", "from": "2026-02-30", "to": "2026-03-01"}, "does not exist"),
        ({"period": "custom", "from": "1900-01-01", "to": "1999-12-31"}, "Dates from 1970"),
        ({"period": "custom", "from": "1970-01-01", "to": "2069-12-31"}, "too long"),
        ({"period": "custom", "from": "2026-03-02", "to": "2026-03-01"}, "before the start"),
        ({"period": "this_year", "step": "15min"}, "too many bars"),
        ({"period": "billing", "day": "15", "at": "2026-03-20", "step": "month"}, "whole months: Mar 2026–Apr 2026"),
    ],
)
def test_what_cannot_be_shown_is_said(viewer: FlaskClient, controls: dict[str, str], words: str) -> None:
    assert words in explored(viewer, **controls)["consumption-remark"]["children"]


@pytest.mark.parametrize(
    "controls",
    [
        {"group": "colour", "bars": "upwards", "compare": "everything", "step": "week", "period": "century"},
        {"group": {"a": 1}, "bars": [], "compare": 5, "step": None, "day": "99", "at": "soon", "with_": "x"},
        {"resource": "plutonium", "compare": "device", "with_": {}},
    ],
)
def test_what_is_not_known_is_as_if_it_were_not_there(viewer: FlaskClient, controls: dict[str, Any]) -> None:
    assert explored(viewer, **controls)["consumption-card"]["hidden"] is False


def test_ids_of_others_are_not_found_and_said_in_an_address(viewer: FlaskClient, world: World) -> None:
    assert asked(viewer, devices=[world.strangers_device]).status_code == 404
    assert asked(viewer, compare="device", with_=world.strangers_device).status_code == 404
    stranger = {"devices": [world.devices["D02"], world.strangers_device]}
    found = answer(call(viewer, "consumption-devices.options", consumption_resource="electricity", consumption_asked=stranger))
    assert found["consumption-devices"]["value"] == [world.devices["D02"]]
    assert "does not have" in found["consumption-forged"]["children"]
    many = {"devices": list(range(1, 1001)), "many": True}
    found = answer(call(viewer, "consumption-devices.options", consumption_resource="electricity", consumption_asked=many))
    assert "more than 1,000 devices" in found["consumption-forged"]["children"]
    for key, words in (("period.not_a_date", "does not exist"), ("period.not_a_year", "Dates from 1970")):
        dates = {"devices": [], "dates": key}
        found = answer(call(viewer, "consumption-devices.options", consumption_resource="electricity", consumption_asked=dates))
        assert words in found["consumption-forged"]["children"]
    own = answer(
        call(viewer, "consumption-devices.options", consumption_resource="electricity", consumption_asked={"devices": []})
    )
    assert own["consumption-forged"]["children"] == ""


def test_a_resource_that_nobody_meters_leads_to_one_that_is(viewer: FlaskClient) -> None:
    found = explored(viewer, resource="other")
    assert found["consumption-card"]["hidden"] is True
    empty = found["consumption-empty"]["children"]
    assert "No other meter" in shown(empty)
    assert 'href": "/consumption' in json.dumps(empty)
    silent = explored(viewer, resource="gas")
    assert "No consumption in this period" in shown(silent["consumption-empty"]["children"])


def test_an_address_is_as_short_as_it_can_be_and_read_back_the_same(world: World) -> None:
    words = {
        "resource": "water",
        "devices": "3,5,8-12",
        "period": "custom",
        "from": "2026-01-01",
        "to": "2026-01-31",
        "at": "2026-01-02",
        "with": "7",
        "step": "auto",
    }
    query = addresses.query(words)
    assert query == "resource=water&devices=3,5,8-12&period=custom&from=2026-01-01&to=2026-01-31"
    given = {name: values[0] for name, values in parse_qs(query).items()}
    now = datetime(2026, 11, 23, 17, tzinfo=ZONE)
    back = addresses.controls(exploring.read(given, ZONE, now), given)
    assert addresses.query(back) == query
    assert addresses.query(addresses.controls(exploring.read({}, ZONE, now), {})) == ""


@pytest.mark.parametrize(
    ("ids", "text"), [([], ""), ([5], "5"), ([5, 6], "5,6"), ([5, 6, 7], "5-7"), ([9, 1, 2, 3, 5, 6, 9], "1-3,5,6,9")]
)
def test_ids_are_written_as_runs(ids: list[int], text: str) -> None:
    assert addresses.ranges(ids) == text
    assert view.numbers(text) == sorted(set(ids))


def test_ids_of_an_address_are_few_and_whole(world: World) -> None:
    assert view.numbers("3-5,x-9,7-,-2,9-8,1-2-3") == [3, 4, 5]
    assert len(view.numbers("1-99999999")) == 1000
    assert view.is_too_many("1-10000")
    assert view.is_too_many(",".join(map(str, range(1, 10_001))))
    assert not view.is_too_many("1-1000")
    assert len(addresses.ranges(range(1, 1001))) < 10


def test_a_thousand_quarter_hours_are_read_no_finer_than_they_can_be_drawn() -> None:
    now = datetime(2026, 11, 23, 17, tzinfo=ZONE)
    month = view.preset("month", ZONE, now)
    assert view.chosen_step("hour", month, devices=13, series=13) == ("hour", None)
    assert view.chosen_step("15min", month, devices=4, series=4) == ("hour", "15min")
    assert view.chosen_step("hour", view.preset("quarter", ZONE, now), devices=20, series=13) == ("day", "hour")
