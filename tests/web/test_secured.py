"""An account that asks its members for a second factor: who has none is led to set it up, and gets nowhere else before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.web.dash import answer, call, callbacks, post
from tests.web.people import lines
from tests.web.test_tokens import bearing, made
from tests.web.world import PASSWORD, World

API = "/api/v1/devices"


@pytest.fixture
def asked(world: World) -> Iterator[None]:
    """Have the account ask, for one test."""
    switch(world, True)
    yield
    switch(world, False)


def switch(world: World, on: bool) -> None:
    with world.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.account SET second_factor = :on WHERE id = :a"), {"on": on, "a": world.account})


def press(client: FlaskClient, shown: object) -> object:
    return call(client, "account-factor.children", account_factor=1, account_factor_asked=shown)


def test_an_administrator_has_it_asked_for_and_no_longer(admin: FlaskClient, viewer: FlaskClient, world: World) -> None:
    shown = answer(call(admin, "account-factor.children"))
    assert shown["account-factor-asked"]["data"] is False
    assert "Everybody decides for themselves" in shown["account-factor-told"]["children"]
    assert press(viewer, False).status_code == 403  # type: ignore[attr-defined]
    try:
        assert answer(press(admin, False))["account-factor-asked"]["data"] is True  # type: ignore[arg-type]
        assert admin.get("/account").location == "/profile?next=/account", "the administrator as well"
    finally:
        switch(world, False)
    assert "account.changed" in lines(world, "admin@aurora.example")


def test_who_has_none_is_led_to_it_and_gets_nowhere_else(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World, asked: None
) -> None:
    client = sign_in(someone)
    assert client.get("/readings?page=2").location == "/profile?next=/readings?page%3D2"
    assert client.get(API).status_code == 401
    assert client.get("/_fleet/devices.csv").status_code == 401
    assert client.post("/account/delete").location.startswith("/profile")
    token, _ = made(world, someone)
    assert client.get(API, headers=bearing(token)).status_code == 200, "a program has no phone"
    page = client.get("/profile?next=/readings?page%3D2", headers={"Accept-Language": "en"}).text
    assert "Aurora asks everybody for a second factor" in page
    shown = client.post("/profile/second-factor", data={"begin": PASSWORD}).text
    found = re.search(r'class="tds-secret">([A-Z2-7 ]+)<', shown)
    assert found
    app = pyotp.TOTP(found[1].replace(" ", ""))
    done = client.post("/profile/second-factor/confirm", data={"code": app.now()}).text
    assert 'href="/readings?page=2"' in done
    assert client.get("/readings?page=2").status_code == 200
    assert client.get(API).status_code == 200
    assert client.post("/profile/second-factor/off", data={"off": PASSWORD}).location == "/profile"
    assert "It stays on: Aurora asks for it" in client.get("/profile").text
    assert client.get(API).status_code == 200


def test_no_callback_answers_before(viewer: FlaskClient, world: World, asked: None) -> None:
    switch(world, False)
    found = callbacks(viewer)
    switch(world, True)
    assert {post(viewer, one, {}).status_code for one in found} == {401}


def test_another_account_that_does_not_ask_stays_open(sign_in: Callable[[str], FlaskClient], world: World, asked: None) -> None:
    client = sign_in("both@example.com")
    assert client.post("/accounts", data={"account": world.strangers_account}).status_code == 302
    assert client.get(API).status_code == 200
    assert client.post("/accounts", data={"account": world.account}).status_code == 302
    assert client.get(API).status_code == 401
    assert client.get("/accounts").status_code == 200


def test_nobody_is_led_to_another_site(someone: str, sign_in: Callable[[str], FlaskClient], asked: None) -> None:
    client = sign_in(someone)
    client.get("/profile?next=//evil.example")
    with client.session_transaction() as session:
        assert session["then"] == "/"
