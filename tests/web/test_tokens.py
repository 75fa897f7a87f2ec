"""Programs at the API: tokens, how often they may ask, what they need not fetch twice, page by page, as a workbook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import text

from sql import tokens
from sql.attempts import Limit
from tds_dash.factory import create_server
from tests.web.dash import answer, call, callbacks, post
from tests.web.world import OURS, World

API = "/api/v1/"


def made(world: World, email: str = "viewer@aurora.example", role: str = "viewer", days: int = 30) -> tuple[str, int]:
    """Make a token; gives it and its number."""
    with world.database.owner.transaction() as connection:
        user, mine = tokens.member(connection, world.account, email)
        token, kept = tokens.add_token(connection, world.account, user, "test", role, mine, days)
    return token, kept.id


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_reads_its_account_and_nothing_else(anonymous: FlaskClient, stranger: FlaskClient, world: World) -> None:
    token, _ = made(world)
    found = anonymous.get(f"{API}devices", headers=bearing(token))
    assert {one["gateway_mac"] for one in found.json} >= {OURS}
    assert "Forbidden" not in found.text
    assert anonymous.get(f"{API}devices/{world.strangers_device}", headers=bearing(token)).status_code == 404
    assert anonymous.get(f"{API}books?device={OURS}/D01", headers=bearing(token)).status_code == 200
    both = stranger.get(f"{API}devices/{world.devices['D01']}", headers=bearing(token))
    assert both.status_code == 200, "the token counts, and not the cookie beside it"


def test_a_token_opens_the_api_alone(anonymous: FlaskClient, world: World) -> None:
    token, _ = made(world)
    assert anonymous.get("/devices", headers=bearing(token)).status_code == 302
    assert anonymous.get("/_dash-layout", headers=bearing(token)).status_code == 401
    assert anonymous.get("/_fleet/devices.csv", headers=bearing(token)).status_code == 401
    response = anonymous.get(f"{API}devices", headers=bearing(token))
    assert "Set-Cookie" not in response.headers


def test_its_use_is_noted(anonymous: FlaskClient, world: World) -> None:
    token, number = made(world)
    anonymous.get(f"{API}devices", headers=bearing(token))
    with world.database.owner.transaction() as connection:
        used = connection.execute(text("SELECT last_used_at IS NOT NULL FROM tds.token WHERE id = :id"), {"id": number}).scalar()
    assert used


@pytest.mark.parametrize("ending", ["revoked_at = now()", "expires_at = now()"])
def test_a_token_that_is_over_is_401_even_beside_a_session(
    admin: FlaskClient, world: World, ending: str, unlimited: None
) -> None:
    token, number = made(world)
    with world.database.owner.transaction() as connection:
        connection.execute(text(f"UPDATE tds.token SET {ending} WHERE id = :id"), {"id": number})
    response = admin.get(f"{API}devices", headers=bearing(token))
    assert (response.status_code, response.json["error"]["code"]) == (401, "sign_in_required")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert admin.get(f"{API}devices").status_code == 200


@pytest.mark.parametrize("token", ["", "tds_", "tds_x", "x" * 5000, "tds_\u00e9", "Basic"])
def test_what_is_no_token_is_401(anonymous: FlaskClient, token: str, unlimited: None) -> None:
    header = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    assert anonymous.get(f"{API}devices", headers=header).status_code == 401


@pytest.fixture
def unlimited(world: World) -> Iterator[None]:
    """Forget what was counted, before and after."""
    forget(world)
    yield
    forget(world)


def forget(world: World) -> None:
    with world.database.owner.transaction() as connection:
        connection.execute(text("TRUNCATE tds.asking"))


def test_who_asks_too_often_waits(
    server: Flask, anonymous: FlaskClient, viewer: FlaskClient, world: World, unlimited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.config, "TDS_API_RATE", Limit(3, 60))
    token, _ = made(world)
    answers = [anonymous.get(f"{API}openapi.json", headers=bearing(token)) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["RateLimit"].split(", ")[1] for one in answers[:3]] == ["remaining=2", "remaining=1", "remaining=0"]
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 80
    assert answers[3].json["error"]["code"] == "too_many_requests"
    assert viewer.get(f"{API}openapi.json").status_code == 200, "each asker has an allowance of its own"


def test_the_workers_count_together(
    server: Flask, anonymous: FlaskClient, world: World, unlimited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes with a memory each would let twice as much through."""
    other = create_server(world.database.settings, world.database.web)
    for one in (server, other):
        monkeypatch.setitem(one.config, "TDS_API_RATE", Limit(4, 60))
    token, _ = made(world)
    clients = [anonymous, other.test_client()] * 3
    assert [one.get(f"{API}openapi.json", headers=bearing(token)).status_code for one in clients] == [200] * 4 + [429] * 2


def test_who_guesses_tokens_waits_and_keeps_nobody_out(anonymous: FlaskClient, unlimited: None, world: World) -> None:
    token, _ = made(world)
    answers = [anonymous.get(f"{API}devices", headers=bearing(f"tds_{n}")).status_code for n in range(32)]
    assert (answers[:30], answers[30:]) == ([401] * 30, [429, 429])
    assert anonymous.get(f"{API}devices", headers=bearing(token)).status_code == 200, "from the same address"


def test_what_has_not_changed_is_not_sent_again(viewer: FlaskClient) -> None:
    first = viewer.get(f"{API}openapi.json")
    again = viewer.get(f"{API}openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = viewer.get(f"{API}devices", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert "ETag" not in viewer.get(f"{API}export/readings.csv").headers


def test_a_list_page_by_page(viewer: FlaskClient) -> None:
    whole = {one["id"] for one in viewer.get(f"{API}devices").json}
    found: list[int] = []
    address: str | None = f"{API}devices?limit=2&resource=electricity&resource=water&resource=gas&resource=temperature"
    pages = 0
    while address:
        response = viewer.get(address)
        found += [one["id"] for one in response.json]
        link = response.headers.get("Link", "")
        address = link[1 : link.index(">")] if link else None
        pages += 1
    assert (found, pages) == (sorted(whole), 3)
    assert viewer.get(f"{API}gateways?limit=1&after=2147483647").json == []
    assert viewer.get(f"{API}gateways?limit=0").status_code == 400


def test_consumption_as_a_workbook(viewer: FlaskClient, world: World) -> None:
    response = viewer.get(f"{API}export/consumption.xlsx?step=day&device={OURS}/W01")
    assert response.mimetype == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    sheet = load_workbook(io.BytesIO(response.data)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][:5] == ["bucket", "gateway_mac", "device_code", "unit", "consumption"]
    assert (len(rows), rows[5][2:5]) == (31, ["W01", "m³", 48])
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def press(client: FlaskClient, button: str, **values: Any) -> Any:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    dependency = next(one for one in callbacks(client) if any(i["id"] == button for i in one["inputs"]))
    given = {f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]}
    return post(client, dependency, given)


def test_people_make_and_take_back_their_own(
    viewer: FlaskClient, admin: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient, world: World
) -> None:
    wrong = str(answer(press(viewer, "tokens-make", tokens_name="Grafana", tokens_role="admin", tokens_days="30")))
    assert "may not do more than you" in wrong
    assert "1 to 3,650 days" in str(
        answer(press(viewer, "tokens-make", tokens_name="Grafana", tokens_role="viewer", tokens_days="x"))
    )
    shown = answer(press(viewer, "tokens-make", tokens_name="Grafana <b>", tokens_role="viewer", tokens_days="30"))
    token = shown["tokens-told"]["children"]["props"]["children"][1]["props"]["children"]
    assert anonymous.get(f"{API}devices", headers=bearing(token)).status_code == 200
    with world.database.owner.transaction() as connection:
        number = connection.execute(text("SELECT max(id) FROM tds.token")).scalar_one()
        action, after = connection.execute(text("SELECT action, after::text FROM tds.audit ORDER BY id DESC LIMIT 1")).one()
    assert action == "token.added"
    assert token not in after
    assert "Grafana <b>" in str(answer(call(admin, "tokens-table.children")))
    assert token not in str(answer(call(viewer, "tokens-table.children")))
    assert "Grafana" not in str(answer(call(stranger, "tokens-table.children")))
    asked = {"verb": "revoke", "id": number}
    assert press(stranger, "tokens-asked", tokens_asked=asked).status_code == 404
    assert anonymous.get(f"{API}devices", headers=bearing(token)).status_code == 200
    assert "works no more" in str(answer(press(viewer, "tokens-asked", tokens_asked=asked)))
    assert anonymous.get(f"{API}devices", headers=bearing(token)).status_code == 401
