"""The page of the monthly reports: which months there are, and who may say who gets them by mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.web.dash import answer, call, post
from tests.web.test_report import last_month
from tests.web.world import World

NEW = {
    "reports_add": 1,
    "reports_address": "energy@aurora.example",
    "reports_locale": "en",
    "reports_day": "5",
    "reports_hour": "7",
}
ADDED = "reports-address.value"
TOLD = "reports-told.children"


@pytest.fixture(autouse=True)
def tidy(world: World) -> Iterator[None]:
    yield
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.report_recipient"))


@pytest.fixture
def mail(server: Flask) -> Iterator[None]:
    """Let the application know a mail server."""
    settings = server.config["TDS"]
    server.config["TDS"] = replace(settings, smtp_url="smtp://127.0.0.1:1")
    yield
    server.config["TDS"] = settings


def press(client: FlaskClient, verb: str, number: object) -> Any:
    """Press a button of a recipient's."""
    for dependency in [one for one in client.get("/_dash-dependencies").json if "reports-asked" in str(one["inputs"])]:
        return post(client, dependency, {"reports-asked.data": {"verb": verb, "id": number}})
    raise AssertionError("no callback hears the buttons")


def recipients(client: FlaskClient) -> str:
    return str(answer(call(client, "reports-recipients.children"))["reports-recipients"]["children"])


def number_of(world: World) -> int:
    with world.database.owner.transaction() as conn:
        return int(conn.execute(text("SELECT id FROM tds.report_recipient")).scalar_one())


def test_it_lists_the_months_that_there_are(viewer: FlaskClient, newcomer: FlaskClient) -> None:
    shown = str(answer(call(viewer, "reports-months.children")))
    assert f"/report/{last_month():%Y-%m}.pdf?locale=en" in shown
    assert f"/report/{last_month():%Y-%m}.pdf?locale=pt-BR" in shown
    assert shown.count(".pdf") <= 2 * 4, "seventy days"
    empty = str(answer(call(newcomer, "reports-months.children")))
    assert "No month to report yet" in empty
    assert "/gateways" in empty, "a way on"


def test_administrators_name_and_remove_recipients(admin: FlaskClient, world: World, mail: None) -> None:
    found = answer(call(admin, ADDED, **NEW))
    assert "energy@aurora.example gets the report" in str(found["reports-told"])
    shown = recipients(admin)
    assert "Day 5, 07:00, English" in shown
    assert "None was due yet" in shown
    number = number_of(world)
    assert "is on its way to energy@aurora.example" in str(answer(press(admin, "send", number)))
    assert "on its way" in recipients(admin)
    assert "was sent to them already" in str(answer(press(admin, "send", number)))
    assert "is paused and gets nothing" in str(answer(press(admin, "pause", number)))
    assert "Paused since" in recipients(admin)
    assert "Resume them first" in str(answer(press(admin, "send", number)))
    assert "gets reports again" in str(answer(press(admin, "resume", number)))
    assert "gets no more reports" in str(answer(press(admin, "remove", number)))
    assert "Nobody gets it by mail yet" in recipients(admin)
    assert press(admin, "remove", number).status_code == 404


@pytest.mark.parametrize(
    ("given", "place", "sentence"),
    [
        ({"reports_address": "nobody"}, "address", "not an e-mail address"),
        ({"reports_address": None}, "address", "not an e-mail address"),
        ({"reports_address": ["a@b.example"]}, "address", "not an e-mail address"),
        ({"reports_day": "31"}, "day", "Choose a day from 1 to 28"),
        ({"reports_day": None}, "day", "Choose a day from 1 to 28"),
        ({"reports_hour": "24"}, "day", "Choose a day from 1 to 28"),
        ({"reports_hour": "٣"}, "day", "Choose a day from 1 to 28"),
        ({"reports_locale": "tlh"}, None, "Choose one of the languages"),
    ],
)
def test_what_no_recipient_can_be_is_said_beside_its_field(
    admin: FlaskClient, given: dict[str, Any], place: str | None, sentence: str
) -> None:
    found = answer(call(admin, ADDED, **(NEW | given)))
    assert sentence in str(found[f"reports-{place}-fault" if place else "reports-told"])
    assert "Nobody" in recipients(admin)


def test_where_no_mail_server_is_set_it_says_so(admin: FlaskClient, world: World) -> None:
    assert "nothing is sent" in str(answer(call(admin, "reports-recipients.children"))["reports-mail-said"])
    answer(call(admin, ADDED, **NEW))
    assert "nothing can be sent" in str(answer(press(admin, "send", number_of(world))))


def test_only_administrators_see_and_change_recipients(
    admin: FlaskClient, viewer: FlaskClient, stranger: FlaskClient, sign_in: Any, world: World, mail: None
) -> None:
    answer(call(admin, ADDED, **NEW))
    number = number_of(world)
    editor = sign_in("both@example.com")
    editor.post("/accounts", data={"account": str(world.account)})
    for client in (viewer, editor):
        shown = answer(call(client, "reports-recipients.children"))
        assert "energy@aurora.example" not in str(shown)
        assert shown["reports-form"]["hidden"] is True
        assert call(client, ADDED, **NEW).status_code == 403
        assert press(client, "remove", number).status_code == 403
        assert press(client, "send", number).status_code == 403
        assert press(client, "pause", number).status_code == 403
    assert "energy@aurora.example" not in recipients(stranger)
    assert press(stranger, "remove", number).status_code == 404
    assert press(stranger, "send", number).status_code == 404
    assert press(stranger, "pause", number).status_code == 404
    assert number_of(world) == number
