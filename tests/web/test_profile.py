"""One's own way to sign in: password, sessions, second factor; and what strangers' guesses come to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from itertools import count, islice

import argon2
import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import attempts, sessions
from tds_dash import throttle
from tds_dash.authenticator import STEP_SECONDS, step_of
from tds_dash.factory import create_server
from tests.web.people import lines, number_of
from tests.web.world import PASSWORD, World

FRESH = "a much newer password"


def test_a_password_is_changed_and_every_other_session_ends(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World
) -> None:
    here, there = sign_in(someone), sign_in(someone)
    for typed, said in (({"current": "wrong", "password": FRESH, "again": FRESH}, "not your password"),
                        ({"current": PASSWORD, "password": "short", "again": "short"}, "at least 10")):  # fmt: skip
        response = here.post("/profile/password", data=typed, headers={"Accept-Language": "en"})
        assert (response.status_code, said in response.text) == (400, True)
    assert here.post("/profile/password", data={"current": PASSWORD, "password": FRESH, "again": FRESH}).location == "/profile"
    assert here.get("/api/v1/devices").status_code == 200
    assert there.get("/api/v1/devices").status_code == 401
    assert "user.password_changed" in lines(world, someone)


def test_sessions_are_listed_and_ended(someone: str, sign_in: Callable[[str], FlaskClient], viewer: FlaskClient) -> None:
    here, there = sign_in(someone), sign_in(someone)
    others = re.findall(r"/profile/sessions/(\d+)/end", here.get("/profile").text)
    assert len(others) == 1
    assert viewer.post(f"/profile/sessions/{others[0]}/end").status_code == 404
    assert there.get("/api/v1/devices").status_code == 200
    assert here.post(f"/profile/sessions/{others[0]}/end").status_code == 302
    assert there.get("/api/v1/devices").status_code == 401
    third = sign_in(someone)
    assert here.post("/profile/sign-out-everywhere").location == "/login"
    assert [client.get("/api/v1/devices").status_code for client in (here, third)] == [401, 401]


def test_a_few_places_are_shown_and_the_others_folded_away(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World
) -> None:
    here = sign_in(someone)
    assert "<details" not in here.get("/profile").text.partition("places-title")[2]
    with world.database.owner.transaction() as conn:
        for n in range(7):
            sessions.begin(conn, number_of(world, someone), f"10.0.0.{n}", f"Browser {n}")
    shown, folded = here.get("/profile").text.partition("places-title")[2].split("<details")
    assert [len(re.findall("<li>", part)) for part in (shown, folded)] == [5, 3]
    assert ">here<" in shown.partition("</li>")[0], "the place where one is comes first"


def test_a_copied_cookie_ends_with_its_session(someone: str, sign_in: Callable[[str], FlaskClient], server: Flask) -> None:
    client = sign_in(someone)
    cookie = client.get_cookie("tds")
    assert cookie is not None
    thief = server.test_client()
    thief.set_cookie("tds", cookie.value)
    assert thief.get("/api/v1/devices").status_code == 200
    client.post("/logout")
    assert thief.get("/api/v1/devices").status_code == 401


def test_a_page_that_refreshes_itself_keeps_no_session_awake(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World
) -> None:
    client = sign_in(someone)

    def age(ask: Callable[[], object]) -> float:
        with world.database.owner.transaction() as conn:
            conn.execute(
                text("UPDATE tds.session SET seen_at = now() - interval '1 hour' WHERE user_id = :u"),
                {"u": number_of(world, someone)},
            )
        ask()
        with world.database.owner.transaction() as conn:
            query = text("SELECT extract(epoch FROM now() - seen_at) FROM tds.session WHERE user_id = :u AND ended_at IS NULL")
            return float(conn.execute(query, {"u": number_of(world, someone)}).scalar_one())

    body = {"output": "shell-zone.children", "inputs": [], "changedPropIds": ["overview-refresh.n_intervals"]}
    assert age(lambda: client.post("/_dash-update-component", json=body)) > 3500
    assert (
        age(
            lambda: client.post(
                "/_dash-update-component", json={**body, "changedPropIds": ["x.data"]}, headers={"X-Tds-Unattended": "1"}
            )
        )
        > 3500
    )
    assert age(lambda: client.post("/_dash-update-component", json={**body, "changedPropIds": ["x.value"]})) < 60
    assert age(lambda: client.get("/")) < 60


def wrong_codes(app: pyotp.TOTP, number: int) -> list[str]:
    """Give codes that do not fit now, nor for some minutes."""
    fitting = {app.at(time.time() + step * STEP_SECONDS) for step in range(-2, 10)}
    return list(islice((code for n in count() if (code := f"{n:06}") not in fitting), number))


def turn_on(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set the second factor up as a person does; gives the app and the recovery codes."""
    page = client.post("/profile/second-factor", data={"begin": PASSWORD}).text
    assert "<svg" in page
    secret = re.search(r'class="tds-secret">([A-Z2-7 ]+)<', page)
    assert secret
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    (wrong,) = wrong_codes(app, 1)
    assert client.post("/profile/second-factor/confirm", data={"code": wrong}).status_code == 400
    shown = client.post("/profile/second-factor/confirm", data={"code": app.now()}).text
    return app, re.findall(r"<code>([a-z0-9 ]+)</code>", shown)


def test_a_second_factor_from_setting_up_to_turning_off(
    someone: str, sign_in: Callable[[str], FlaskClient], server: Flask, world: World
) -> None:
    client = sign_in(someone)
    assert client.post("/profile/second-factor", data={"begin": "wrong"}).status_code == 400
    app, codes = turn_on(client)
    assert len(codes) == 10
    assert client.get("/api/v1/devices").status_code == 200
    with world.database.owner.transaction() as conn:
        kept = conn.execute(
            text("SELECT secret FROM tds.second_factor WHERE user_id = :u"), {"u": number_of(world, someone)}
        ).scalar_one()
    assert app.secret not in kept
    thief = server.test_client()
    half = thief.post("/login?next=/readings", data={"email": someone, "password": PASSWORD})
    assert half.location == "/login/code?next=/readings"
    assert thief.get("/").location.startswith("/login")
    assert thief.get("/api/v1/devices").status_code == 401
    assert thief.post("/login/code", data={"code": wrong_codes(app, 1)[0]}).status_code == 401
    now = app.at(time.time() + STEP_SECONDS)  # the one before was used to turn it on, and a little more time may pass
    assert thief.post("/login/code?next=/readings", data={"code": f"{now[:3]} {now[3:]}"}).location == "/readings"
    again = server.test_client()
    again.post("/login", data={"email": someone, "password": PASSWORD})
    assert again.post("/login/code", data={"code": now}).status_code == 401  # no code works twice
    assert again.post("/login/code", data={"code": codes[0].upper()}).status_code == 302
    third = server.test_client()
    third.post("/login", data={"email": someone, "password": PASSWORD})
    assert third.post("/login/code", data={"code": codes[0]}).status_code == 401
    assert again.post("/profile/second-factor/off", data={"off": "wrong"}).status_code == 400
    assert again.post("/profile/second-factor/off", data={"off": PASSWORD}).status_code == 302
    assert sign_in(someone).get("/api/v1/devices").status_code == 200
    assert {"user.second_factor_on", "user.recovery_used", "user.second_factor_off"} <= set(lines(world, someone))


def test_guessing_codes_is_slowed_down(someone: str, sign_in: Callable[[str], FlaskClient], server: Flask) -> None:
    app, _ = turn_on(sign_in(someone))
    thief = server.test_client()
    thief.post("/login", data={"email": someone, "password": PASSWORD})
    assert [thief.post("/login/code", data={"code": code}).status_code for code in wrong_codes(app, 6)] == [401] * 5 + [429]
    stranger = server.test_client()
    assert stranger.post("/login/code", data={"code": "123456"}).location.startswith("/login")
    with stranger.session_transaction() as session:
        session["half-way"] = [1, 0, int(time.time()) - 301]
    assert stranger.post("/login/code", data={"code": "123456"}).location.startswith("/login")


def test_codes_are_of_a_moment() -> None:
    secret = pyotp.random_base32()
    app, now = pyotp.TOTP(secret), 1_800_000_000.0
    for off, fits in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        assert (step_of(secret, app.at(now + off * STEP_SECONDS), now) is not None) is fits
    for wrong in ("", "12345", "٠٠٠٠٠٠", "x" * 1000, "\ud800"):
        assert step_of(secret, wrong, now) is None


def test_strangers_cannot_lock_a_person_out(
    someone: str, sign_in: Callable[[str], FlaskClient], server: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_EMAIL", attempts.Limit(7, 3600))
    own = sign_in(someone)
    wrong, right = {"email": someone, "password": "guess"}, {"email": someone, "password": PASSWORD}
    many = [{"REMOTE_ADDR": f"10.9.{n}.1"} for n in range(10)]
    codes = [server.test_client().post("/login", data=wrong, environ_base=where).status_code for where in many]
    assert codes == [401] * 7 + [429] * 3
    assert server.test_client().post("/login", data=right, environ_base={"REMOTE_ADDR": "10.8.8.8"}).status_code == 429
    own.post("/logout")  # where the person has signed in before, they do again, from the attackers' own address too
    assert own.post("/login", data=right, environ_base=many[0]).status_code == 302
    forged = server.test_client()
    forged.set_cookie(throttle.DEVICE_COOKIE, "WzEsIngiXQ.x.y")
    assert forged.post("/login", data=right, environ_base={"REMOTE_ADDR": "10.8.8.9"}).status_code == 429


def test_a_password_kept_the_old_way_is_kept_the_new_way_after_sign_in(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World, real_passwords: None
) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with world.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.app_user SET password_hash = :h WHERE email = :e"), {"h": weak, "e": someone})
    assert sign_in(someone).get("/api/v1/devices").status_code == 200
    with world.database.owner.transaction() as conn:
        kept = conn.execute(text("SELECT password_hash FROM tds.app_user WHERE email = :e"), {"e": someone}).scalar_one()
    assert "m=65536,t=3" in kept
    assert sign_in(someone).get("/api/v1/devices").status_code == 200


def test_an_address_is_believed_from_a_known_proxy_only(world: World, someone: str) -> None:
    server = create_server(replace(world.database.settings, proxies=(ip_network("192.168.7.0/24"),)), world.database.web)
    said = {"X-Forwarded-For": "1.1.1.1, 10.7.7.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    for peer in ("192.168.7.1", "192.168.8.1"):
        own = {"REMOTE_ADDR": peer}
        form = {"email": someone, "password": PASSWORD}
        assert server.test_client().post("/login", data=form, headers=said, environ_base=own).location == "/"
    with world.database.owner.transaction() as conn:
        query = text("SELECT address FROM tds.session WHERE user_id = :u ORDER BY id")
        assert conn.execute(query, {"u": number_of(world, someone)}).scalars().all() == ["10.7.7.7", "192.168.8.1"]
