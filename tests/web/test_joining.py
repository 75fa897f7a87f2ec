"""Invitations, passwords set anew, one's own profile, second factors, members and the operator: in the pages, as people use them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql.attempts import Limit
from tds_dash import throttle
from tds_dash.factory import create_server
from tests.ports import free_port
from tests.web.dash import answer, call
from tests.web.people import lines, number_of
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
    port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    yield office, f"smtp://127.0.0.1:{port}?from=tds@example.com"
    controller.stop()


@pytest.fixture
def posting(world: World, letters: tuple[Post, str]) -> tuple[FlaskClient, Post]:
    """Give somebody before an installation that sends mails, and its post office."""
    server = create_server(replace(world.database.settings, smtp_url=letters[1]), world.database.web)
    return server.test_client(), letters[0]


def invitation(admin: FlaskClient, email: str, role: str = "viewer") -> str:
    """Invite somebody in the page; gives the path of the link that it shows."""
    response = call(admin, "users-told.children", users_invite_save=1, users_email=email, users_role=role)
    found = re.search(r"/invitation/[\w-]+", str(response.json))
    assert found, response.text
    return found[0]


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


def test_an_invitation_can_be_taken_back(world: World, admin: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient) -> None:
    email = f"gone{time.monotonic_ns()}@x.example"
    path = invitation(admin, email)
    with world.database.owner.transaction() as conn:
        number = conn.execute(text("SELECT id FROM tds.link WHERE email = :e"), {"e": email}).scalar_one()
    assert email in call(admin, "users-members.children").text
    asked = {"verb": "revoke", "id": str(number)}
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


def test_a_link_of_their_own_lets_a_person_in_while_strangers_guess(
    posting: tuple[FlaskClient, Post], someone: str, server: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_EMAIL", Limit(3, 3600))
    client, office = posting
    new_place = {"REMOTE_ADDR": "10.8.7.6"}
    guess = {"email": someone, "password": "guess"}
    while server.test_client().post("/login", data=guess, environ_base={"REMOTE_ADDR": "10.9.9.9"}).status_code != 429:
        pass
    right = {"email": someone, "password": FRESH}
    client.post("/reset", data={"email": someone}, environ_base=new_place)
    path = office.link(someone, "reset")
    assert client.post(path, data={"password": FRESH, "again": FRESH}, environ_base=new_place).location == "/login"
    assert server.test_client().post("/login", data=right, environ_base={"REMOTE_ADDR": "10.8.7.7"}).status_code == 429
    assert client.post("/login", data=right, environ_base=new_place).status_code == 302


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


def test_a_mail_is_one_message_to_one_person(world: World) -> None:
    from tds_dash import mail

    settings = replace(world.database.settings, smtp_url="smtps://me%40example.com:secret@mail.example:465")
    made: EmailMessage = mail.message(settings, "a@x.example", "Hello", "Text")
    assert (made["From"], made["To"], made["Auto-Submitted"]) == ("me@example.com", "a@x.example", "auto-generated")
    with pytest.raises(ValueError, match=r"[Hh]eader"):
        mail.message(settings, "a@x.example\nBcc: b@x.example", "Hello", "Text")
    with pytest.raises(mail.MailFailed, match="did not take"):
        mail.send(replace(settings, smtp_url="smtp://127.0.0.1:9"), made)
