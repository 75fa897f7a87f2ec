"""What of a history is seen, and what it is drawn with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import tariffs
from sql.tariff_rules import Terms
from tds_dash import zoom
from tds_dash.view import Span
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.test_view import local
from tests.web.world import World

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)


def of(days: float) -> Span:
    return Span(NOW - timedelta(days=days), NOW)


def test_two_years_are_24_months_and_the_running_one() -> None:
    assert local(zoom.window("two_years", None, None, "", ZONE, NOW).whole) == ("2024-11-01 00:00", "2026-11-24 00:00")


def test_a_zoom_is_wall_time_to_the_minute() -> None:
    window = zoom.window("week", None, None, "2026-11-20 10:07:31.25~2026-11-20T16:00", ZONE, NOW)
    assert local(window.seen) == ("2026-11-20 10:07", "2026-11-20 16:00")
    assert local(window.whole) == ("2026-11-17 00:00", "2026-11-24 00:00")
    assert window.zoomed


@pytest.mark.parametrize(
    "given",
    ["", None, 5, [], "2026-11-20", "a~b", "2026-11-20T10:00~", "2026-11-20T16:00~2026-11-20T10:00", "2026-02-30~2026-03-01", "1600-01-01~2026-01-01",
     "~" * 70, "2026-11-20~2026-11-21~2026-11-22"],
)  # fmt: skip
def test_what_cannot_be_read_is_no_zoom(given: Any) -> None:
    window = zoom.window("week", None, None, given, ZONE, NOW)
    assert not window.zoomed
    assert window.seen == window.whole


def test_a_zoom_has_its_bounds() -> None:
    narrow = zoom.zoomed("2026-11-20T10:00~2026-11-20T10:01", ZONE)
    wide = zoom.zoomed("1980-01-01~2026-11-20", ZONE)
    assert narrow is not None
    assert narrow.length == timedelta(minutes=15)
    assert wide is not None
    assert wide.length == timedelta(days=3660)


@pytest.mark.parametrize(
    ("days", "kind", "wanted"),
    [(0.1, "counter", "readings"), (1, "counter", "15min"), (7, "interval", "hour"), (90, "counter", "day"), (730, "counter", "month"),
     (1, "gauge", "readings"), (7, "gauge", "15min"), (30, "gauge", "hour"), (730, "gauge", "day"), (3660, "gauge", "month")],
)  # fmt: skip
def test_the_step_follows_the_zoom(days: float, kind: str, wanted: str) -> None:
    assert zoom.drawn_with("auto", of(days), kind, 900) == (wanted, None)


def test_a_step_too_fine_is_widened_and_said() -> None:
    assert zoom.drawn_with("15min", of(90), "counter", 900) == ("day", "15min")
    assert zoom.drawn_with("readings", of(730), "counter", 900) == ("readings", None)
    assert zoom.drawn_with("readings", of(730), "counter", 60) == ("month", "readings")
    assert zoom.drawn_with("readings", of(730), "gauge", 0) == ("day", "readings")
    assert zoom.drawn_with("century", of(1), "counter", 900) == ("15min", None)


def history(client: FlaskClient, device: int, **controls: Any) -> dict[str, Any]:
    """Ask for the history as the page does."""
    given = {"period": "week", "step": "auto", **controls}
    named = {f"device_{name}": value for name, value in given.items()}
    return answer(call(client, "device-history.figure", device_id=device, **named))


def seen_hours(world: World, hours: int, before: int = 0) -> str:
    """Give the zoom of some whole hours up to the newest reading, or so many hours before."""
    end = world.newest.astimezone(ZONE) - timedelta(hours=before)
    return f"{end - timedelta(hours=hours):%Y-%m-%dT%H:%M}~{end:%Y-%m-%dT%H:%M}"


def test_a_zoom_draws_a_finer_step_and_says_what_is_seen(viewer: FlaskClient, world: World) -> None:
    found = history(viewer, world.devices["D01"], period="quarter", zoom=seen_hours(world, 24))
    assert found["device-history-title"]["children"] == "Press line, kWh per 15 minutes"
    assert "Double-click" in found["device-history-note"]["children"]
    assert len(found["device-history"]["figure"]["data"][0]["x"]) == 96
    assert shown(found["device-statistics"]["children"]).startswith("Consumption in this period 240 kWh")
    assert found["device-zoom-wider"]["disabled"] is False
    whole = history(viewer, world.devices["D01"], period="quarter")
    assert whole["device-history-title"]["children"] == "Press line, kWh per day"
    assert whole["device-zoom-wider"]["disabled"] is True
    assert whole["device-drawn"]["data"]["view"] != found["device-drawn"]["data"]["view"]
    assert found["device-drawn"]["data"]["whole"] == whole["device-drawn"]["data"]["seen"]


def test_what_is_seen_has_its_cost_where_it_has_a_price(viewer: FlaskClient, world: World) -> None:
    day = (world.newest - timedelta(days=3)).date().isoformat()
    period = {"period": "custom", "from": day, "to": day}
    terms = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": Decimal("0.5")}, tax=Decimal(10))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
    try:
        said = shown(history(viewer, world.devices["D01"], **period)["device-statistics"]["children"])
        assert said.startswith("Consumption in this period 240 kWh R$120.00, consumption alone")
        assert "alone" not in shown(history(viewer, world.devices["W01"], **period)["device-statistics"]["children"])
    finally:
        with world.database.owner.transaction() as connection:
            connection.execute(text("DELETE FROM tds.tariff"))
    assert "alone" not in shown(history(viewer, world.devices["D01"], **period)["device-statistics"]["children"])


def test_closer_still_there_are_the_readings(viewer: FlaskClient, world: World) -> None:
    found = history(viewer, world.devices["D01"], zoom=seen_hours(world, 3))
    assert found["device-history-title"]["children"] == "Press line, kWh: readings as received"
    line = found["device-history"]["figure"]["data"][0]
    assert line["mode"] == "lines+markers"
    assert [b - a for a, b in zip(line["y"], line["y"][1:], strict=False)] == [10.0] * (len(line["y"]) - 1)
    assert "Value (kWh)" in shown(found["device-history-table"]["children"])
    gauge = history(viewer, world.devices["T01"], zoom=seen_hours(world, 24))
    assert gauge["device-history-title"]["children"] == "Cold room <b>, °C: readings as received"


def test_a_gap_in_the_readings_stays_a_gap(viewer: FlaskClient, world: World) -> None:
    """Five hours of D01 are missing, ten days before the newest."""
    found = history(viewer, world.devices["D01"], step="readings", zoom=seen_hours(world, 48, before=216))
    assert found["device-history"]["figure"]["data"][0]["y"].count(None) == 1


def test_a_long_line_of_readings_is_an_outline_and_says_so(viewer: FlaskClient, world: World) -> None:
    found = history(viewer, world.devices["D01"], step="readings", period="year")
    assert len(found["device-history"]["figure"]["data"][0]["x"]) <= 2000 + 200
    assert "outline" not in found["device-history-note"]["children"]


def test_an_empty_period_says_what_to_do(viewer: FlaskClient, world: World) -> None:
    past = {"period": "custom", "from": "2020-01-01", "to": "2020-01-31"}
    found = history(viewer, world.devices["D01"], **past)
    assert "Choose a period that includes it" in shown(found["device-history-empty"]["children"])
    assert not found["device-history"]["figure"].get("data")
    never = history(viewer, world.devices["N01"])
    assert "not sent a reading yet" in shown(never["device-history-empty"]["children"])
    assert "no data" in never["device-history-summary"]["children"]
    assert history(viewer, world.devices["D01"])["device-history-empty"]["children"] is None


def test_bad_ranges_are_friendly(viewer: FlaskClient, world: World) -> None:
    found = history(viewer, world.devices["D01"], period="custom", **{"from": "2026-02-30", "to": "2026-03-01"})
    assert "does not exist" in found["device-remark"]["children"]
    found = history(viewer, world.devices["D01"], period="custom", **{"from": "1975-01-01", "to": "2026-03-01"})
    assert "too long" in found["device-remark"]["children"]
    found = history(viewer, world.devices["D01"], period="year", step="15min")
    assert "too long for 15 min" in found["device-history-note"]["children"]


def test_a_temperature_stands_beside(viewer: FlaskClient, world: World) -> None:
    offered = answer(
        call(
            viewer,
            "device-temperature.options",
            device_id=world.devices["D01"],
            device_asked_temperature=[world.devices["T01"], 999],
        )
    )
    assert [one["value"] for one in offered["device-temperature"]["options"]] == [world.devices["T01"]]
    assert offered["device-temperature"]["value"] == world.devices["T01"]
    assert offered["device-temperatures"]["hidden"] is False
    hidden = answer(call(viewer, "device-temperature.options", device_id=world.devices["T01"]))
    assert hidden["device-temperatures"]["hidden"] is True
    found = history(viewer, world.devices["D01"], temperature=world.devices["T01"])
    assert found["device-history"]["figure"]["layout"]["yaxis2"]["title"]["text"] == "Cold room ‹b›, °C"
    assert "Right axis: Cold room <b>, °C." in found["device-history-note"]["children"]
    assert (
        "yaxis2"
        not in history(viewer, world.devices["T01"], temperature=world.devices["T01"])["device-history"]["figure"]["layout"]
    )


def test_a_strangers_temperature_is_not_found(viewer: FlaskClient, world: World) -> None:
    for other in (world.strangers_device, world.devices["D02"], 999):
        response = call(viewer, "device-history.figure", device_id=world.devices["D01"], device_temperature=other)
        assert response.status_code == 404, other
