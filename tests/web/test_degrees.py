"""How days follow a temperature: the line that is found, what is said of it, and where nothing can be said."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient

from tds_dash.degree_view import kept_of
from tds_dash.degrees import Day, fit
from tests.web.dash import answer, call
from tests.web.test_pages import shown
from tests.web.world import World

FIRST = date(2026, 1, 5)


def days(warm: range, take: Any, noise: float = 0) -> list[Day]:
    drawn = Random(7)
    return [
        Day(FIRST + timedelta(number), float(t), take(float(t)) + drawn.gauss(0, noise)) for number, t in enumerate([*warm] * 4)
    ]


@pytest.mark.parametrize(
    ("kind", "take"),
    [
        ("cooling", lambda t: 100 + 5 * max(t - 20, 0)),
        ("heating", lambda t: 100 + 5 * max(20 - t, 0)),
        ("line", lambda t: 100 + 5 * t),
        ("line", lambda t: 200 - 5 * t),
    ],
)
def test_the_line_that_the_days_were_made_from_is_found(kind: str, take: Any) -> None:
    for noise, within in ((0.0, 1e-6), (4.0, 1.0)):
        found = fit(days(range(10, 31), take, noise))
        assert found is not None
        assert found.kind == kind
        assert abs(abs(found.slope) - 5) <= within
        assert kind == "line" or abs(found.turn - 20) <= 2 * within
        assert found.explained > (0.999 if not noise else 0.9)
        assert all(abs(found.at(t) - take(t)) <= 4 * within for t in (10, 20, 30))


@pytest.mark.parametrize("given", [[], days(range(10, 13), lambda t: t), days(range(20, 23), lambda t: t) * 3])
def test_too_few_days_and_days_that_are_alike_make_no_line(given: list[Day]) -> None:
    assert fit(given) is None


def test_what_never_changes_is_explained_by_nothing() -> None:
    found = fit(days(range(10, 31), lambda _: 72.0))
    assert found is not None
    assert (found.kind, found.explained, found.slope) == ("line", 0, 0)


def test_weekends_have_a_line_of_their_own() -> None:
    week = [
        Day(FIRST + timedelta(n), 10.0 + n % 20, 50.0 if (FIRST + timedelta(n)).isoweekday() > 5 else 10.0 * (n % 20))
        for n in range(140)
    ]
    working, rest = kept_of(week)
    assert (working.name, rest.name) == ("weekdays", "weekends")
    assert working.strong
    assert not rest.strong
    assert len(rest.days) == 40


def degrees(client: FlaskClient, device: object, **controls: Any) -> dict[str, Any]:
    given = {f"device_{name}": value for name, value in {"profile": "month", **controls}.items()}
    return answer(call(client, "device-degrees.figure", device_id=device, **given))


def test_a_meters_days_against_the_temperature_nearest_to_it(viewer: FlaskClient, world: World) -> None:
    found = degrees(viewer, world.devices["D02"])
    assert found["device-degrees-card"]["hidden"] is False
    points = found["device-degrees"]["figure"]["data"][0]
    assert set(points["y"]) == {72.0}
    assert len(points["x"]) == len(points["text"])
    said = shown(found["device-degrees-said"]["children"])
    assert "Monday to Friday: " in said
    assert "".join(said.split()) in "".join(found["device-degrees-summary"]["children"].split())
    assert shown(found["device-degrees-table"]["children"]).count("72.000") >= len(points["y"])


def test_a_gauge_and_a_meter_without_days_have_no_cloud(viewer: FlaskClient, world: World) -> None:
    assert degrees(viewer, world.devices["T01"])["device-degrees-card"]["hidden"] is True
    assert "No day of this period" in shown(degrees(viewer, world.devices["N01"])["device-degrees-empty"]["children"])


def test_no_other_accounts_temperature_and_no_meter_is_one(viewer: FlaskClient, world: World) -> None:
    for wrong in (world.devices["D01"], world.strangers_device, 999_999):
        assert call(viewer, "device-degrees.figure", device_id=world.devices["D02"], device_temperature=wrong).status_code == 404
