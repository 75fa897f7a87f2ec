"""Signing in and out, accounts, languages."""

from __future__ import annotations

import bisect
import math
import random
import statistics
import time
from collections.abc import Callable
from functools import partial

import argon2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from sql import people
from sql.attempts import Limit
from tds_dash import throttle
from tests.web.world import PASSWORD, World


def test_it_signs_in_by_email_whatever_its_case(anonymous: FlaskClient) -> None:
    response = anonymous.post("/login", data={"email": " Admin@Aurora.example ", "password": PASSWORD})
    assert (response.status_code, response.location) == (302, "/")
    assert anonymous.get("/").status_code == 200


@pytest.mark.parametrize("email", ["admin@aurora.example", "nobody@nowhere.example", "", "'; DROP TABLE app_user --"])
def test_it_says_the_same_of_a_wrong_password_and_an_unknown_email(world: World, anonymous: FlaskClient, email: str) -> None:
    forget_failures(world)
    response = anonymous.post("/login", data={"email": email, "password": "wrong"}, headers={"Accept-Language": "en"})
    assert response.status_code == 401
    assert "E-mail and password do not match" in response.text
    assert "Set-Cookie" not in response.headers


def test_it_keeps_what_was_typed_and_escapes_it(world: World, anonymous: FlaskClient) -> None:
    forget_failures(world)
    response = anonymous.post("/login?next=/readings", data={"email": '"><script>alert(1)</script>', "password": "x"})
    assert "<script>alert" not in response.text
    assert "next=/readings" in response.text


def test_it_slows_guessing_down_without_locking_others_out(world: World, anonymous: FlaskClient) -> None:
    forget_failures(world)
    data = {"email": "viewer@aurora.example", "password": "guess"}
    here, there = {"REMOTE_ADDR": "10.1.1.1"}, {"REMOTE_ADDR": "10.1.1.2"}
    assert [anonymous.post("/login", data=data, environ_base=here).status_code for _ in range(6)] == [401] * 5 + [429]
    right = {**data, "password": PASSWORD}
    assert anonymous.post("/login", data=right, environ_base=here).status_code == 429
    assert anonymous.post("/login", data=right, environ_base=there).status_code == 302
    forget_failures(world)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::a:b:c:d", True),  # one house's network, however it is written
        ("2001:db8:0:0:1::1", "2001:db8::2", True),
        ("2001:db8:0:1::1", "2001:db8::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_ipv6_network_counts_as_one_address(server: Flask, one: str, other: str, same: bool) -> None:
    found = []
    for where in (one, other):
        with server.test_request_context("/login", environ_base={"REMOTE_ADDR": where}):
            found.append(throttle.address())
    assert (found[0] == found[1]) is same, found


def test_the_hash_that_an_unknown_email_is_held_against_takes_the_effort_of_a_real_one() -> None:
    assert not argon2.PasswordHasher().check_needs_rehash(people._NOBODY)


def test_it_does_the_same_work_for_an_unknown_email(
    world: World, server: Flask, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same statements, and one hash of the same effort: what takes the time, on whatever machine."""
    forget_failures(world)
    known = f"known{time.monotonic_ns()}@boreal.example"
    with world.database.owner.transaction() as connection:
        people.add_user(connection, known, "Boreal", "viewer", PASSWORD)
        effort = "UPDATE tds.app_user SET password_hash = :hash WHERE email = :email"
        connection.execute(text(effort), {"hash": argon2.PasswordHasher().hash(PASSWORD), "email": known})
    done: list[object] = []

    class Noting(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            done.append(argon2.extract_parameters(str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(people, "PasswordHasher", Noting)
    engine = server.extensions["tds_store"].engine

    def note(*given: object) -> None:
        done.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        work = {}
        for email in (known, "nobody@aurora.example"):
            done.clear()
            assert anonymous.post("/login", data={"email": email, "password": "wrong password"}).status_code == 401
            work[email] = list(done)
    finally:
        event.remove(engine, "before_cursor_execute", note)
        forget_failures(world)
    assert work[known] == work["nobody@aurora.example"]
    assert len([one for one in work[known] if isinstance(one, argon2.Parameters)]) == 1
    assert len(work[known]) > 5


@pytest.mark.long
@pytest.mark.parametrize("tries", [200])
def test_it_takes_as_long_for_an_unknown_email(
    world: World, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """By ranks (Mann and Whitney): a sixth of a standard deviation would be seen in 200 tries, an outlier moves nothing."""
    # A twentieth of the effort that is made in earnest, of known and unknown alike: most of the answer's time still.
    some_effort = partial(argon2.PasswordHasher, time_cost=1, memory_cost=16 * 1024, parallelism=1)
    monkeypatch.setattr(people, "PasswordHasher", some_effort)
    monkeypatch.setattr(people, "_NOBODY", some_effort().hash("nobody knows"))
    for name in ("PER_PAIR", "PER_ADDRESS", "PER_EMAIL"):
        monkeypatch.setattr(throttle, name, Limit(10_000, 60))
    known_email = f"careful{tries}@boreal.example"
    with world.database.owner.transaction() as connection:
        people.add_user(connection, known_email, "Boreal", "viewer", PASSWORD)
    seconds: dict[str, list[float]] = {known_email: [], "nobody@aurora.example": []}
    for _ in range(tries):
        for email in random.sample(sorted(seconds), 2):
            began = time.perf_counter()
            assert anonymous.post("/login", data={"email": email, "password": "wrong password"}).status_code == 401
            seconds[email].append(time.perf_counter() - began)
    forget_failures(world)
    known, unknown = seconds.values()
    assert abs(rank_difference(known, unknown)) < 3.9, (statistics.median(known), statistics.median(unknown))


def rank_difference(first: list[float], second: list[float]) -> float:
    """Give how far the ranks of two samples lie apart, in standard deviations."""
    wins = sum(bisect.bisect_left(sorted(second), one) for one in first)
    n, m = len(first), len(second)
    return (wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def test_the_rank_difference_sees_a_difference() -> None:
    chance = random.Random(7)
    noise = [chance.gauss(0.06, 0.005) for _ in range(200)]
    assert abs(rank_difference(noise[:100], noise[100:])) < 3.9
    assert abs(rank_difference(noise[:100], [one + 0.004 for one in noise[100:]])) > 3.9


def test_it_lets_choose_where_there_are_several_accounts(sign_in: Callable[[str], FlaskClient], world: World) -> None:
    client = sign_in("both@example.com")
    assert client.get("/").location == "/accounts?next=/"
    assert client.get("/api/v1/devices").status_code == 403
    page = client.get("/accounts").text
    assert "Aurora" in page
    assert "Boreal" in page
    assert client.post("/accounts", data={"account": world.account}).location == "/"
    assert {one["id"] for one in client.get("/api/v1/devices").json} == set(world.devices.values())
    client.post("/accounts", data={"account": "Boreal"})
    assert [one["id"] for one in client.get("/api/v1/devices").json] == [world.strangers_device]


@pytest.mark.parametrize("account", ["", "0", "-1", "999999", "x", "Boreal", "1e9", "'"])
def test_it_gives_no_other_account(admin: FlaskClient, world: World, account: str) -> None:
    assert admin.post("/accounts", data={"account": account}).status_code == 404
    assert admin.post("/accounts", data={"account": world.strangers_account}).status_code == 404
    assert {one["id"] for one in admin.get("/api/v1/devices").json} == set(world.devices.values())


def test_it_begins_a_fresh_session(server: Flask, sign_in: Callable[[str], FlaskClient], world: World) -> None:
    client = sign_in("both@example.com")
    client.post("/accounts", data={"account": world.account})
    client.post("/login", data={"email": "stranger@boreal.example", "password": PASSWORD})
    assert [one["id"] for one in client.get("/api/v1/devices").json] == [world.strangers_device]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_signs_out(viewer: FlaskClient, method: str) -> None:
    response = viewer.open("/logout", method=method)
    assert response.location == "/login"
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert viewer.get("/api/v1/devices").status_code == 401


def test_it_asks_before_it_signs_out_at_another_sites_link(viewer: FlaskClient) -> None:
    assert viewer.get("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert viewer.get("/api/v1/devices").status_code == 200


def test_it_speaks_the_visitors_language(anonymous: FlaskClient) -> None:
    assert '<html lang="pt-BR"' in anonymous.get("/login", headers={"Accept-Language": "pt"}).text
    assert '<html lang="en"' in anonymous.get("/login", headers={"Accept-Language": "en-GB"}).text
    assert '<html lang="pt-BR"' in anonymous.get("/login", headers={"Accept-Language": "ja"}).text
    anonymous.get("/login?lang=en")
    assert '<html lang="en"' in anonymous.get("/login", headers={"Accept-Language": "pt"}).text


def test_it_keeps_the_language_a_person_chose(sign_in: Callable[[str], FlaskClient]) -> None:
    client = sign_in("viewer@aurora.example")
    assert '<html lang="en"' in client.get("/").text
    assert client.post("/language", data={"locale": "pt-BR", "next": "/readings"}).location == "/readings"
    assert '<html lang="pt-BR"' in sign_in("viewer@aurora.example").get("/").text
    assert client.post("/language", data={"locale": "xx"}).status_code == 400
    client.post("/language", data={"locale": "en"})


def test_it_keeps_the_theme(viewer: FlaskClient) -> None:
    viewer.set_cookie("tds-theme", "dark")
    assert 'data-bs-theme="dark"' in viewer.get("/").text
    viewer.set_cookie("tds-theme", '"><script>')
    assert 'data-bs-theme="light" data-theme-auto' in viewer.get("/").text


def forget_failures(world: World) -> None:
    """Let every address try again."""
    with world.database.owner.transaction() as conn:
        conn.execute(text("TRUNCATE tds.attempt"))
