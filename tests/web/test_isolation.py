"""No account ever sees anything of another: not in a page, not in a callback, not in the API, whatever ids are sent."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.dash import call, callbacks, post
from tests.web.world import OURS, SECRET, THEIRS, World

PAGES = (
    "/",
    "/consumption",
    "/peaks",
    "/costs",
    "/tariffs",
    "/bills",
    "/alarms",
    "/readings",
    "/gateways",
    "/devices",
    "/events",
    "/certificates",
    "/audit",
    "/users",
    "/account",
    "/profile",
    "/tokens",
    "/accounts",
    "/nowhere",
)
API = ("devices", "gateways", "gateways/status", "readings/latest?limit=100", "consumption?step=day", "peaks", "costs?step=day", "invoices", "alarms", "export/readings.csv", "export/consumption.csv")  # fmt: skip
FORBIDDEN_TO_US = (SECRET, "Forbidden gateway", THEIRS, "Boreal", "stranger@")
FORBIDDEN_TO_THEM = ("Press line", "Lighting", "Main building", "Old workshop", OURS, "Aurora", "admin@", "viewer@")


def clean(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether none of another account's words is in a text."""
    return not any(word in text for word in words)


def test_it_hides_other_accounts_on_every_page(admin: FlaskClient, stranger: FlaskClient, world: World) -> None:
    own = (f"/device/{world.devices['D01']}", f"/gateway/{world.gateways['main']}")
    for path in (*PAGES, f"/device/{world.strangers_device}", f"/gateway/{world.strangers_gateway}", *own):
        assert clean(admin.get(path).text, FORBIDDEN_TO_US), path
        assert clean(stranger.get(path).text, FORBIDDEN_TO_THEM), path


def test_it_hides_other_accounts_from_whoever_comes_second(server: Flask, admin: FlaskClient, stranger: FlaskClient) -> None:
    for client in (admin, stranger):  # Dash keeps the first visitor's layouts unless it is told not to
        for path in ("/", "/_dash-layout", "/_dash-dependencies"):
            assert client.get(path).status_code == 200
    everything = stranger.get("/").text + stranger.get("/_dash-layout").text + stranger.get("/_dash-dependencies").text
    assert clean(everything, FORBIDDEN_TO_THEM)
    assert clean(everything, FORBIDDEN_TO_US)


@pytest.mark.parametrize("shape", ["id", "text", "mixed", "path", "seen"])
def test_it_hides_other_accounts_in_every_callback(stranger: FlaskClient, world: World, things: int, shape: str) -> None:
    """Every input of every callback gets an id of the other account, in every shape in which an id may come."""
    for dependency in callbacks(stranger):
        for target in (world.devices["D01"], things):
            values = {
                f"{one['id']}.{one['property']}": forged(one, target, shape)
                for one in [*dependency["inputs"], *dependency["state"]]
            }
            response = post(stranger, dependency, values)
            assert response.status_code in (200, 204, 404), (dependency["output"], response.status_code)
            assert clean(response.text, FORBIDDEN_TO_THEM), dependency["output"]


@pytest.mark.parametrize(
    "garbage", [{"a": 1}, "\x00", 1e308, [], [[]], [None], True, "x" * 10_000, -1, "1;2", {"gateway": {}}, "9" * 400], ids=repr
)
def test_no_garbage_breaks_a_callback(admin: FlaskClient, garbage: object) -> None:
    for dependency in callbacks(admin):
        if "_pages_content" in dependency["output"]:
            continue  # Dash's own router: an address is always text
        values = {f"{one['id']}.{one['property']}": garbage for one in [*dependency["inputs"], *dependency["state"]]}
        assert post(admin, dependency, values).status_code in (200, 204, 404), dependency["output"]


def forged(one: dict[str, Any], target: int, shape: str) -> Any:
    """Give what somebody would send to see another account's device."""
    if one["property"] in ("pathname", "search"):
        return f"/device/{target}" if one["property"] == "pathname" else f"?device={target}&devices={target}&device_id={target}"
    if one["property"] == "n_intervals":
        return 1
    words = {"period": "custom", "from": "2020-01-01", "to": "2030-01-01", "step": "day", "resource": "electricity"}
    name = one["id"].rsplit("-", 1)[-1]
    if name in words:
        return words[name]
    return {
        "id": target,
        "text": str(target),
        "mixed": [str(target), target],
        "path": f"older.9000000000000000.{target}",
        "seen": {"id": target, "version": 1, "facts": {}},
    }[shape]


@pytest.mark.parametrize("output", ["device-name.children", "device-history.figure"])
def test_a_strangers_device_is_not_found(stranger: FlaskClient, world: World, output: str) -> None:
    for given in (world.devices["D01"], str(world.devices["D01"]), 10**12, -1, 0, "x", None, True, 1.5, [], {"a": 1}, "٣"):
        assert call(stranger, output, device_id=given).status_code == 404, given


@pytest.mark.parametrize("output", ["gateway-name.children", "gateway-cards.children"])
def test_a_strangers_gateway_is_not_found(stranger: FlaskClient, world: World, output: str) -> None:
    for given in (world.gateways["main"], str(world.gateways["main"]), 10**12, -1, 0, "x", None, True, 1.5, [], {"a": 1}, "٣"):
        assert call(stranger, output, gateway_id=given).status_code == 404, given


def test_a_strangers_page_is_not_found(stranger: FlaskClient, viewer: FlaskClient, world: World) -> None:
    assert viewer.get(f"/device/{world.devices['D01']}").status_code == 200
    assert viewer.get(f"/gateway/{world.gateways['main']}").status_code == 200
    for path in (
        f"/device/{world.devices['D01']}",
        f"/gateway/{world.gateways['main']}",
        "/gateway/999999",
        "/gateway/x",
        "/device/999999",
        "/device/x",
        "/device/",
        "/device/1/2",
        "/nowhere",
        "/.env",
    ):
        assert stranger.get(path).status_code == 404, path


def test_it_hides_other_accounts_in_the_api(admin: FlaskClient, stranger: FlaskClient, world: World) -> None:
    for path in API:
        response = stranger.get(f"/api/v1/{path}")
        assert response.status_code == 200, path
        assert clean(response.text, FORBIDDEN_TO_THEM), path
        assert clean(admin.get(f"/api/v1/{path}").text, FORBIDDEN_TO_US), path


def test_a_strangers_id_is_404_in_the_api(stranger: FlaskClient, world: World) -> None:
    device, gateway = world.devices["D01"], world.gateways["main"]
    for path in (
        f"devices/{device}",
        f"gateways/{gateway}",
        f"gateways/{gateway}/delivery",
        f"devices?device={device}",
        f"devices?device={OURS}/D01",
        f"consumption?device={device}",
        f"consumption?device={OURS}/D01",
        f"consumption?device={world.strangers_device}&device={device}",
        f"consumption?gateway={gateway}",
        f"export/readings.csv?device={device}",
        f"export/readings.csv?gateway={gateway}",
        f"export/consumption.csv?device={device}",
        "devices/999999",
        "devices/x",
        "consumption?device=' OR 1=1 --",
    ):
        response = stranger.get(f"/api/v1/{path}")
        assert response.status_code == 404, path
        assert response.json["error"]["code"] == "not_found"


def test_the_database_alone_would_hide_them(world: World) -> None:
    """Without the web layer's checks: the web login sees one account, and nothing where none is set."""
    from datetime import UTC, datetime

    from sql.queries.devices import devices
    from sql.queries.readings import latest_readings

    now = datetime.now(UTC)
    with world.database.web.transaction(account_id=world.strangers_account) as conn:
        assert [device.name for device in devices(conn, now, [*world.devices.values(), world.strangers_device])] == [SECRET]
        assert {reading.device_id for reading in latest_readings(conn, 100, now)} == {world.strangers_device}
    with world.database.web.transaction() as conn:
        assert devices(conn, now) == []
        assert latest_readings(conn, 100, now) == []
