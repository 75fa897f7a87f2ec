"""Every address, page and callback says which role it needs, and nobody with less gets further; what a viewer may do changes nothing."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Container, Iterator
from datetime import timedelta
from typing import Any

import dash
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import text
from werkzeug.test import TestResponse

from tds_dash import events_view, fleet_acts, needs
from tds_dash.factory import create_server
from tests.project.tree import ROOT
from tests.web.dash import callbacks, post
from tests.web.test_isolation import FORBIDDEN_TO_THEM, clean, forged
from tests.web.things import HOLIDAY, NUMBER
from tests.web.world import World

# What asking by itself writes: where somebody is signed in, failed tries, how often programs ask.
BY_ASKING = ("session", "attempt", "asking")
# Every word that a page's button sends: those that callbacks look for, and those of the tables of certificates, members and events.
VERBS = sorted(
    {verb for file in (ROOT / "tds_dash").rglob("*.py") for named in re.findall(r"pressed\(asked, ([^)]*)\)", file.read_text(encoding="utf-8"))
     for verb in re.findall(r'"(\w+)"', named)} | {*fleet_acts.VERBS, *events_view.VERBS}
    | {"issue", "renew", "revoke", "plan", "claim", "role", "adopt", "retry", "done"}
)  # fmt: skip


@pytest.fixture
def editor(server: Flask, world: World) -> FlaskClient:
    """Give an editor of the account."""
    from tests.web.world import PASSWORD

    client = server.test_client()
    assert client.post("/login", data={"email": "both@example.com", "password": PASSWORD}).status_code == 302
    assert client.post("/accounts", data={"account": world.account}).status_code == 302
    return client


def routes(server: Flask, values: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """List every rule as (endpoint, method, path), its variables filled."""
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values.get(match.group(1), "1")), rule.rule)
        yield from ((rule.endpoint, method, path) for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS"))


def declared(server: Flask) -> dict[str, str | None]:
    """Give the role of every callback, by what it fills."""
    app = server.extensions["tds_pages"]
    return {output: needs.of_callback(app, output) for output, entry in app.callback_map.items() if entry.get("callback")}


def test_everything_says_who_may_ask_for_it(server: Flask, admin: FlaskClient) -> None:
    assert [(endpoint, method) for endpoint, method, _ in routes(server, {}) if needs.of_endpoint(endpoint, method) is None] == []
    assert [name for name in dash.page_registry if needs.of_page(name) is None] == []
    callbacks(admin)  # Dash adds its own with the first page
    functions = {
        needs.name_of(entry["callback"])
        for entry in server.extensions["tds_pages"].callback_map.values()
        if entry.get("callback")
    }
    assert [name for name in functions if needs.of_function(name) is None] == []
    assert set(needs.CALLBACKS) <= functions, "callbacks that are not there any more"
    assert set(needs.ENDPOINTS) <= {rule.endpoint for rule in server.url_map.iter_rules()}, (
        "addresses that are not there any more"
    )
    assert set(needs.PAGES) == {name.rpartition(".")[2] for name in dash.page_registry}


def test_what_a_page_asks_for_by_itself_needs_no_more_than_the_page(server: Flask, admin: FlaskClient) -> None:
    """Else whoever may see the page would be told of an error by just opening it."""
    for dependency in callbacks(admin):
        needed = declared(server)[dependency["output"]]
        if needed == needs.EDITOR or (needed == needs.ADMIN and "certificates-" in dependency["output"]):
            assert dependency["prevent_initial_call"], dependency["output"]


def test_what_nobody_has_spoken_of_is_nobodys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.web.world import PASSWORD

    server = create_server(world.database.settings, world.database.web)
    server.add_url_rule("/_forgotten", "forgotten", lambda: "secret")
    client = server.test_client()
    assert client.get("/_forgotten").status_code == 401
    client.post("/login", data={"email": "admin@aurora.example", "password": PASSWORD})
    assert client.get("/_forgotten").status_code == 403
    monkeypatch.delitem(needs.PAGES, "readings")
    ours = [one for one in callbacks(client) if one["output"].strip(".").startswith("readings-")]
    assert ours
    assert {post(client, one, {}).status_code for one in ours} == {403}
    assert client.post(needs.CALLBACKS_ENDPOINT, json={"output": "nothing.children", "inputs": []}).status_code == 403
    assert client.post(needs.CALLBACKS_ENDPOINT, json=[1]).status_code == 403
    assert client.post(needs.CALLBACKS_ENDPOINT, data="{").status_code == 403


def test_nobody_gets_further_than_their_role(server: Flask, viewer: FlaskClient, editor: FlaskClient, admin: FlaskClient) -> None:
    for rank, client in ((1, viewer), (2, editor), (3, admin)):
        for endpoint, method, path in routes(server, {}):
            needed = needs.of_endpoint(endpoint, method)
            beyond = needed == needs.OPERATOR or needs.RANKS.get(needed or "", 0) > rank
            if beyond:
                assert client.open(path, method=method).status_code == 403, (endpoint, method)
        for dependency in callbacks(client):
            needed = declared(server)[dependency["output"]]
            if needs.RANKS[needed or ""] > rank:
                assert post(client, dependency, {}).status_code == 204, dependency["output"]  # as a page opens: nothing is done
                pressed = {f"{one['id']}.{one['property']}": "1" for one in dependency["inputs"] if isinstance(one["id"], str)}
                if pressed and "{" not in "".join(pressed):
                    assert post(client, dependency, pressed).status_code == 403, dependency["output"]


@pytest.mark.parametrize("page", ["/users", "/account", "/audit"])
def test_a_page_of_administrators_says_so_to_others(viewer: FlaskClient, admin: FlaskClient, page: str) -> None:
    assert viewer.get(page).status_code == 200
    router = next(one for one in callbacks(viewer) if "_pages_content" in one["output"])
    shown = {client: post(client, router, {"_pages_location.pathname": page, "_pages_location.search": "?module=x&layout=y"}).text
             for client in (viewer, admin)}  # fmt: skip
    assert "needs the role Administrator" in shown[viewer]
    assert "needs the role" not in shown[admin]


def everything(world: World) -> dict[str, str]:
    """Give every table that people and gateways fill, as a hash."""
    with world.database.owner.transaction() as conn:
        tables = (
            conn.execute(text("SELECT relname FROM pg_class WHERE relnamespace = 'tds'::regnamespace AND relkind = 'r'"))
            .scalars()
            .all()
        )
        return {
            table: str(conn.execute(text(f'SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), \'\')) FROM tds."{table}" t')).scalar())
            for table in sorted(set(tables) - set(BY_ASKING))
        }  # fmt: skip


def pressed(verb: str, name: str) -> dict[str, object]:
    """Give what a button's store would hold, with the number of all our things; a holiday's is its day."""
    number = HOLIDAY if name.startswith("holidays") else NUMBER
    return {"verb": verb, "id": number, "device": number, "gateway": str(number), "serial": str(number), "rejection": str(number), "event": str(number),
            "month": "2030-01", "role": "admin", "was": "viewer", "what": "issued", "mac": "02:00:00:00:00:99", "at": 1}  # fmt: skip


def every_press(client: FlaskClient, refused: Container[str] = ()) -> Iterator[tuple[str, TestResponse]]:
    """Post every callback as if each of its buttons had been pressed about the account's own things; tokens are each person's own.

    Of those that are refused before anything of them is read, one button.
    """
    for dependency in callbacks(client):
        if "tokens-told" in dependency["output"]:
            continue  # held to whose they are by tests/web/test_tokens.py
        reads = dependency["output"] not in refused
        pressing = reads and any(is_press(one) for one in [*dependency["inputs"], *dependency["state"]])
        for verb in VERBS if pressing else VERBS[:1]:
            values = {
                f"{one['id']}.{one['property']}": answer(one, verb) for one in [*dependency["inputs"], *dependency["state"]]
            }
            yield dependency["output"], post(client, dependency, values)


def is_press(one: dict[str, Any]) -> bool:
    """Tell whether an input is the store in which a page keeps what button was pressed."""
    return one["property"] == "data" and re.search(r"-(asked|done|decided)$", one["id"]) is not None


def answer(one: dict[str, Any], verb: str) -> Any:
    """Give what a page would send for one input."""
    if one["property"] == "n_clicks":
        return 1
    if is_press(one):
        return pressed(verb, one["id"])
    return forged(one, NUMBER, "seen" if one["id"].endswith("-form-seen") or one["id"].endswith("-move-seen") else "id")


def test_what_a_viewer_may_do_changes_nothing(server: Flask, viewer: FlaskClient, world: World, things: int) -> None:
    before, needed = everything(world), declared(server)
    refused = {output for output, role in needed.items() if role != needs.VIEWER}
    for output, response in every_press(viewer, refused):
        if needed[output] == needs.VIEWER:
            assert response.status_code in (200, 204, 404), f"{output} needs more than a viewer: say so in tds_dash/needs.py"
        else:
            assert response.status_code == 403, output
    for endpoint, method, path in routes(server, {"device_id": things, "gateway_id": things}):
        if method != "GET" and needs.of_endpoint(endpoint, method) == needs.VIEWER and endpoint != needs.CALLBACKS_ENDPOINT:
            assert viewer.open(path, method=method).status_code >= 400, endpoint
    assert everything(world) == before


def test_a_stranger_with_our_ids_changes_nothing_and_sees_nothing(
    server: Flask, stranger: FlaskClient, world: World, things: int
) -> None:
    """An administrator of another account presses every button of every page, and asks for every address, about our things."""
    before = everything(world)
    for output, response in every_press(stranger):
        assert response.status_code in (200, 204, 400, 403, 404), (output, response.status_code)
        assert clean(response.text, FORBIDDEN_TO_THEM), output
    ids = dict.fromkeys(("device_id", "gateway_id", "alarm_id", "rejection_id", "invoice_id", "batch_id", "session_id"), things)
    ids |= {"account_id": world.account, "month": f"{world.newest - timedelta(days=32):%Y-%m}"}
    for endpoint, method, path in routes(server, ids):
        if endpoint in needs.ENDPOINTS and needs.ENDPOINTS[endpoint] in (needs.ANYONE, needs.PERSON):
            continue
        if endpoint in ("audit.export", "account.export"):
            continue  # of the stranger's own account; and each writes that it was asked for
        for query in ("", f"?device={things}&gateway={things}&devices={things}&gateways={things}&account={world.account}"):
            response = stranger.open(
                f"{path}{query}",
                method=method,
                data={"gateway": str(things), "device": str(things)} if method != "GET" else None,
            )
            assert clean(words_of(response), FORBIDDEN_TO_THEM), (endpoint, method, query)
            if path.startswith("/api/") and re.search(r"/\d+(/|$)", path):
                assert response.status_code == 404, (endpoint, method)
    assert unchanged(before, everything(world)) == []


def words_of(response: TestResponse) -> str:
    """Give what an answer says, also where it is packed: a report, a workbook."""
    if response.mimetype == "application/pdf":
        return "".join(page.extract_text() for page in PdfReader(io.BytesIO(response.data)).pages)
    if response.data.startswith(b"PK"):
        archive = zipfile.ZipFile(io.BytesIO(response.data))
        return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return response.data.decode("utf-8", "replace")


def unchanged(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Name the tables that differ."""
    return [name for name in before if before[name] != after[name]]
