"""Invitations, passwords set anew, one's own profile, second factors, members and the operator: in the pages, as people use them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import argon2
import pyotp
import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import attempts, people
from tds_dash import throttle
from tds_dash.authenticator import STEP_SECONDS, step_of
from tds_dash.factory import create_server
from tests.web.dash import answer, call
from tests.web.world import PASSWORD, World

FRESH = "a much newer password"


class Post:
    """A post office: takes what a real SMTP server takes."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.mails.append(f"To: {','.join(envelope.rcpt_tos)}\n{envelope.content.decode()}")
        return "250 OK"

    def link(self, to: str, kind: str) -> str:
        """Wait for a mail to somebody and give the path of its link."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for mail in reversed(self.mails):
                found = re.search(rf"/{kind}/[\w-]+", mail.replace("=\n", "").replace("=\r\n", ""))
                if mail.startswith(f"To: {to}\n") and found:
                    return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no {kind} for {to} in {self.mails}")


@pytest.fixture
def letters() -> Iterator[tuple[Post, str]]:
    """Run a real mail server; gives it and its URL."""
    office = Post()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    yield office, f"smtp://127.0.0.1:{port}?from=tds@example.com"
    controller.stop()


@pytest.fixture
def posting(world: World, letters: tuple[Post, str]) -> tuple[FlaskClient, Post]:
    """Give somebody before an installation that sends mails, and its post office."""
    server = create_server(replace(world.database.settings, smtp_url=letters[1]), world.database.web)
    return server.test_client(), letters[0]


@pytest.fixture
def someone(world: World) -> Iterator[str]:
    """Add a viewer for one test; gives their e-mail."""
    email = f"someone{time.monotonic_ns()}@aurora.example"
    with world.database.owner.transaction() as conn:
        people.add_user(conn, email, "Aurora", "viewer", PASSWORD)
    yield email
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.app_user WHERE email = :e"), {"e": email})


def invitation(admin: FlaskClient, email: str, role: str = "viewer") -> str:
    """Invite somebody in the page; gives the path of the link that it shows."""
    response = call(admin, "users-told.children", users_invite_save=1, users_email=email, users_role=role)
    found = re.search(r"/invitation/[\w-]+", str(response.json))
    assert found, response.text
    return found[0]


def lines(world: World, email: str) -> list[str]:
    """Give what the audit of the account says about somebody, oldest first."""
    with world.database.owner.transaction() as conn:
        rows = conn.execute(text("SELECT action FROM tds.audit WHERE account_id = :a AND (actor = :e OR object = :e) ORDER BY id"),
                            {"a": world.account, "e": email})  # fmt: skip
        return list(rows.scalars())


def test_somebody_new_joins_by_a_link_that_works_once(world: World, admin: FlaskClient, server: Flask) -> None:
    email = f"new{time.monotonic_ns()}@aurora.example"
    path = invitation(admin, f" {email.title()} ", "editor")
    client = server.test_client()
    page = client.get(path, headers={"Accept-Language": "en"})
    assert page.status_code == 200
    assert "Join Aurora" in page.text
    assert client.get(path).status_code == 200  # a mail server that looks at the link does not use it up
    for typed, said in (({"password": "short", "again": "short"}, "at least 10"), ({"password": FRESH, "again": "x"}, "not the same"),
                        ({"password": email, "again": email}, "your own name"), ({"password": "basketball1", "again": "basketball1"}, "tried first")):  # fmt: skip
        response = client.post(path, data=typed, headers={"Accept-Language": "en"})
        assert (response.status_code, said in response.text) == (400, True), response.text
    assert client.post(path, data={"password": FRESH, "again": FRESH}).location == "/"
    assert {one["id"] for one in client.get("/api/v1/devices").json} == set(world.devices.values())
    again = server.test_client().post(
        path, data={"password": "another password", "again": "another password"}, headers={"Accept-Language": "en"}
    )
    assert again.status_code == 404
    assert "used already" in again.text
    assert lines(world, email)[:3] == ["user.invited", "user.joined", "sign_in.done"]
    assert email in call(admin, "users-members.children").text
    assert "does not belong" in remove(admin, {"verb": "remove", "id": str(number_of(world, email)), "role": "editor"})
    assert client.get("/api/v1/devices").status_code == 401
    assert lines(world, email)[-1] == "user.removed"


def number_of(world: World, email: str) -> int:
    with world.database.owner.transaction() as conn:
        return int(conn.execute(text("SELECT id FROM tds.app_user WHERE email = :e"), {"e": email}).scalar_one())


def remove(admin: FlaskClient, asked: dict[str, str]) -> str:
    """Press the button that removes; gives what the callback said."""
    from tests.web.dash import callbacks, post

    one = next(one for one in callbacks(admin) if any(i["id"] == "users-remove-save" for i in one["inputs"]))
    response = post(admin, one, {"users-remove-save.n_clicks": 1, "users-asked.data": asked})
    assert response.status_code == 200, response.text
    return response.text


def change(admin: FlaskClient, asked: dict[str, str], role: str) -> str:
    """Press the button that changes a role; gives what the callback said."""
    from tests.web.dash import callbacks, post

    one = next(one for one in callbacks(admin) if any(i["id"] == "users-role-dialog-save" for i in one["inputs"]))
    response = post(admin, one, {"users-role-dialog-save.n_clicks": 1, "users-asked.data": asked, "users-new-role.value": role})
    assert response.status_code == 200, response.text
    return response.text


def test_two_administrators_do_not_overwrite_each_other(world: World, admin: FlaskClient, someone: str) -> None:
    asked = {"verb": "role", "id": str(number_of(world, someone)), "role": "viewer"}
    assert "is Editor now" in change(admin, asked, "editor")
    assert "in the meantime" in change(admin, asked, "admin")
    assert "in the meantime" in remove(admin, {**asked, "verb": "remove"})
    assert "Choose one of the roles" in change(admin, {**asked, "role": "editor"}, "owner")
    assert lines(world, someone).count("user.role_changed") == 1


def test_the_last_administrator_stays(world: World, admin: FlaskClient) -> None:
    own = {"id": str(number_of(world, "admin@aurora.example")), "role": "admin"}
    assert "at least one administrator" in change(admin, {**own, "verb": "role"}, "viewer")
    assert "at least one administrator" in remove(admin, {**own, "verb": "remove"})
    assert admin.get("/api/v1/devices").status_code == 200


@pytest.mark.parametrize("email", ["nobody", "viewer@aurora.example", "", None, 7, "a b@x.example", "<script>@x"])
def test_an_invitation_says_what_is_wrong(admin: FlaskClient, email: object) -> None:
    found = answer(call(admin, "users-told.children", users_invite_save=1, users_email=email, users_role="viewer"))
    assert "alert-danger" in str(found["users-invite-told"])


def test_a_known_person_joins_a_second_account(world: World, admin: FlaskClient, stranger: FlaskClient, server: Flask) -> None:
    path = invitation(admin, "new@empty.example")
    assert stranger.get(path).status_code == 200
    assert stranger.post(path).location.startswith("/login")
    client = server.test_client()
    assert client.post(path, data={"password": FRESH, "again": FRESH}).location == f"/login?next={path}"
    client.post(f"/login?next={path}", data={"email": "new@empty.example", "password": PASSWORD})
    assert client.post(path).location == "/accounts"
    assert "Aurora" in client.get("/accounts").text
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.membership WHERE account_id = :a AND user_id = :u"),
                     {"a": world.account, "u": number_of(world, "new@empty.example")})  # fmt: skip


def test_an_invitation_can_be_taken_back(admin: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient) -> None:
    path = invitation(admin, f"gone{time.monotonic_ns()}@x.example")
    number = re.search(r"data-id[^0-9]+(\d+)[^}]+Take back", str(call(admin, "users-members.children").json))
    assert number
    asked = {"verb": "revoke", "id": number[1]}
    from tests.web.dash import callbacks, post

    def revoke(client: FlaskClient) -> int:
        one = next(
            o
            for o in callbacks(client)
            if o["output"].startswith("..users-told") and [i["id"] for i in o["inputs"]] == ["users-asked"]
        )
        return post(client, one, {"users-asked.data": asked}).status_code

    assert revoke(stranger) == 404
    assert anonymous.get(path).status_code == 200
    assert revoke(admin) == 200
    assert anonymous.get(path).status_code == 404


def test_a_password_is_set_anew_by_mail(
    posting: tuple[FlaskClient, Post], someone: str, world: World, sign_in: Callable[[str], FlaskClient]
) -> None:
    client, office = posting
    elsewhere = sign_in(someone)
    answers = [client.post("/reset", data={"email": email}) for email in (someone.upper(), "nobody@nowhere.example")]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].text.replace(someone, "X") == answers[1].text.replace("nobody@nowhere.example", "X")
    path = office.link(someone, "reset")
    assert client.get(path).status_code == 200
    assert client.post(path, data={"password": FRESH, "again": FRESH}).location == "/login"
    assert client.post(path, data={"password": FRESH, "again": FRESH}).status_code == 404
    assert elsewhere.get("/api/v1/devices").status_code == 401
    assert client.post("/login", data={"email": someone, "password": PASSWORD}).status_code == 401
    assert client.post("/login", data={"email": someone, "password": FRESH}).status_code == 302
    assert not any("nobody@" in mail for mail in office.mails)
    assert {"user.reset_asked", "user.password_reset"} <= set(lines(world, someone))


def test_nobodys_post_box_is_filled(posting: tuple[FlaskClient, Post], someone: str) -> None:
    client, office = posting
    codes = [
        client.post("/reset", data={"email": someone}, environ_base={"REMOTE_ADDR": f"10.2.3.{n}"}).status_code for n in range(5)
    ]
    assert codes == [200, 200, 200, 429, 429]
    office.link(someone, "reset")
    assert client.post("/reset", data={"email": "x"}).status_code == 400


def test_invitations_go_by_mail_and_are_shown_to_nobody(posting: tuple[FlaskClient, Post]) -> None:
    client, office = posting
    client.post("/login", data={"email": "admin@aurora.example", "password": PASSWORD})
    email = f"mailed{time.monotonic_ns()}@x.example"
    said = str(call(client, "users-told.children", users_invite_save=1, users_email=email, users_role="viewer").json)
    assert "by mail" in said
    assert "/invitation/" not in said
    assert client.get(office.link(email, "invitation")).status_code == 200


def test_without_a_mail_server_the_form_says_whom_to_ask(anonymous: FlaskClient) -> None:
    assert "tds user reset" in anonymous.get("/reset").text
    assert anonymous.post("/reset", data={"email": "viewer@aurora.example"}).status_code == 404


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


def turn_on(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set the second factor up as a person does; gives the app and the recovery codes."""
    page = client.post("/profile/second-factor", data={"begin": PASSWORD}).text
    assert "<svg" in page
    secret = re.search(r'class="tds-secret">([A-Z2-7 ]+)<', page)
    assert secret
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    assert client.post("/profile/second-factor/confirm", data={"code": "000000"}).status_code == 400
    shown = client.post("/profile/second-factor/confirm", data={"code": app.at(time.time() - STEP_SECONDS)}).text
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
    assert thief.post("/login/code", data={"code": "123456"}).status_code == 401
    now = app.now()
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
    turn_on(sign_in(someone))
    thief = server.test_client()
    thief.post("/login", data={"email": someone, "password": PASSWORD})
    assert [thief.post("/login/code", data={"code": f"{n:06}"}).status_code for n in range(6)] == [401] * 5 + [429]
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


def test_the_operator_hands_accounts_over(
    world: World, server: Flask, someone: str, sign_in: Callable[[str], FlaskClient]
) -> None:
    assert sign_in(someone).get("/operator").status_code == 403
    with world.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.app_user SET operator = true WHERE email = :e"), {"e": someone})
        conn.execute(text("DELETE FROM tds.membership WHERE user_id = :u"), {"u": number_of(world, someone)})
    client = server.test_client()
    assert client.post("/login", data={"email": someone, "password": PASSWORD}).location == "/operator"
    assert client.get("/").location.startswith("/accounts")
    assert client.get("/api/v1/devices").status_code == 403
    name = f"Handed {time.monotonic_ns()}"
    wrong = client.post(
        "/operator/accounts",
        data={"name": name, "timezone": "Nowhere", "locale": "en", "currency": "BRL"},
        headers={"Accept-Language": "en"},
    )
    assert (wrong.status_code, "no time zone" in wrong.text, name in wrong.text) == (400, True, True)
    assert (
        client.post(
            "/operator/accounts", data={"name": name, "timezone": "America/Lima", "locale": "en", "currency": "PEN"}
        ).status_code
        == 302
    )
    with world.database.owner.transaction() as conn:
        number = conn.execute(text("SELECT id FROM tds.account WHERE name = :n"), {"n": name}).scalar_one()
    assert client.post(f"/operator/accounts/{world.account}/invite", data={"email": someone}).status_code == 400
    page = client.post(f"/operator/accounts/{number}/invite", data={"email": "boss@x.example"}).text
    path = re.search(r"/invitation/[\w-]+", page)
    assert path
    boss = server.test_client()
    assert boss.post(path[0], data={"password": FRESH, "again": FRESH}).status_code == 302
    assert boss.get("/api/v1/devices").json == []
    told = client.post(f"/operator/accounts/{number}/delete", data={"name": "x", "password": PASSWORD})
    assert told.status_code == 400
    gone = client.post(f"/operator/accounts/{number}/delete", data={"name": name, "password": PASSWORD})
    assert gone.location.startswith("/deletion/")
    assert boss.get("/api/v1/devices").status_code == 403
    assert client.get(gone.location).status_code == 200
    assert client.get("/deletion/1").status_code == 404


def test_a_password_kept_the_old_way_is_kept_the_new_way_after_sign_in(
    someone: str, sign_in: Callable[[str], FlaskClient], world: World
) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with world.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.app_user SET password_hash = :h WHERE email = :e"), {"h": weak, "e": someone})
    assert sign_in(someone).get("/api/v1/devices").status_code == 200
    with world.database.owner.transaction() as conn:
        kept = conn.execute(text("SELECT password_hash FROM tds.app_user WHERE email = :e"), {"e": someone}).scalar_one()
    assert "m=65536,t=3" in kept
    assert sign_in(someone).get("/api/v1/devices").status_code == 200


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "10.7.7.7")])
def test_an_address_is_believed_behind_a_known_proxy_only(world: World, someone: str, proxies: int, address: str) -> None:
    server = create_server(replace(world.database.settings, proxies=proxies), world.database.web)
    said = {"X-Forwarded-For": "1.1.1.1, 10.7.7.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    response = server.test_client().post("/login", data={"email": someone, "password": PASSWORD}, headers=said)
    assert response.location == "/"
    with world.database.owner.transaction() as conn:
        query = text("SELECT address FROM tds.session WHERE user_id = :u")
        assert conn.execute(query, {"u": number_of(world, someone)}).scalars().all() == [address]


def test_a_mail_is_one_message_to_one_person(world: World) -> None:
    from tds_dash import mail

    settings = replace(world.database.settings, smtp_url="smtps://me%40example.com:secret@mail.example:465")
    made: EmailMessage = mail.message(settings, "a@x.example", "Hello", "Text")
    assert (made["From"], made["To"], made["Auto-Submitted"]) == ("me@example.com", "a@x.example", "auto-generated")
    with pytest.raises(ValueError, match=r"[Hh]eader"):
        mail.message(settings, "a@x.example\nBcc: b@x.example", "Hello", "Text")
    with pytest.raises(mail.MailFailed, match="did not take"):
        mail.send(replace(settings, smtp_url="smtp://127.0.0.1:9"), made)
