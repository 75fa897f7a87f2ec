"""Certificates and the audit by role and account: who may order what, what is shown, and what is written down."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from certs.authority import new_key
from certs.issuing import issue_bundle
from certs.requests import make_request
from certs.setup import ensure_authority
from certs.worker import AuthorityWorker
from settings import Settings
from sql import audit, fleet
from tds_dash.auditing import shortened
from tds_dash.factory import create_server
from tests.broker.lab import wait_until
from tests.databases import Template
from tests.ports import free_port
from tests.web.conftest import world_of_its_own
from tests.web.dash import answer, call
from tests.web.world import OURS, PASSWORD, SILENT, THEIRS, World

SignIn = Callable[[str], FlaskClient]
EVIL = "<script>alert(1)</script>"
EVIL_MAC, FORMULA_MAC = "02:00:00:00:0e:01", "02:00:00:00:0e:02"


@pytest.fixture(scope="module")
def world(world_template: tuple[Template, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Make a world of its own: two gateways more in the account would be counted by other modules."""
    yield from world_of_its_own(world_template, tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(world: World) -> Flask:
    """Make the application of that world."""
    return create_server(world.database.settings)


@pytest.fixture(scope="module")
def settings(world: World) -> Settings:
    made = replace(world.database.settings, mqtt_port=free_port(), locale="en")
    ensure_authority(made)
    with world.database.owner.transaction() as conn:
        fleet.add_gateway(conn, EVIL_MAC, "Aurora", EVIL)
        fleet.add_gateway(conn, FORMULA_MAC, "Aurora", "=1+1")
    return made


@pytest.fixture(scope="module")
def at_work(settings: Settings, world: World) -> Iterator[None]:
    """Run the authority; no broker answers, so that a revocation holds from its next start."""
    stop = threading.Event()
    thread = threading.Thread(target=AuthorityWorker(settings, stop).run)
    thread.start()
    with world.database.owner.transaction() as conn:
        seen = conn.execute(text("SELECT clock_timestamp()")).scalar_one()

    def there() -> bool:
        with world.database.owner.transaction() as conn:
            return bool(conn.execute(text("SELECT EXISTS (SELECT FROM tds.authority WHERE seen_at >= :s)"), {"s": seen}).scalar())

    assert wait_until(there, 20)
    yield
    stop.set()
    thread.join(20)


def gateway_id(world: World, mac: str) -> int:
    with world.database.owner.transaction() as conn:
        return int(conn.execute(text("SELECT id FROM tds.gateway WHERE mac = :m"), {"m": mac}).scalar_one())


def issue(client: FlaskClient, gateway: object, **more: str) -> Any:
    return client.post("/_certificates/issue", data={"gateway": str(gateway), **more})


def upload(*lines: str, encoding: str = "utf-8") -> str:
    return "data:text/csv;base64," + base64.b64encode("\n".join(lines).encode(encoding)).decode()


def asked(verb: str, **named: str) -> dict[str, Any]:
    return {"verb": verb, "at": 1, **named}


def said(response: Any) -> str:
    return str(answer(response))


@pytest.fixture
def untended(world_template: tuple[Template, World], tmp_path: Path) -> Iterator[World]:
    """A world whose authority never was at work; it has signed for one gateway by a command."""
    for made in world_of_its_own(world_template, tmp_path):
        settings = replace(made.database.settings, locale="en")
        ensure_authority(settings)
        issue_bundle(settings, SILENT)
        yield made


def test_without_an_authority_it_says_so_and_lists(untended: World) -> None:
    admin = create_server(untended.database.settings).test_client()
    assert admin.post("/login", data={"email": "admin@aurora.example", "password": PASSWORD}).status_code == 302
    shown = said(call(admin, "certificates-table.children"))
    assert "not at work" in shown
    assert SILENT in shown
    assert "data-certificates" not in shown
    response = issue(admin, untended.gateways["main"])
    assert response.status_code == 409
    assert response.json["error"]["code"] == "no_authority"


@pytest.mark.usefixtures("at_work")
def test_an_administrator_gets_a_bundle_once(admin: FlaskClient, world: World) -> None:
    response = issue(admin, world.gateways["main"])
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert sorted(archive.namelist()) == ["README.txt", "ca.crt", "gateway.crt", "gateway.key"]
        assert archive.getinfo("gateway.key").external_attr >> 16 == 0o600
        assert b"mosquitto_pub" in archive.read("README.txt")
    assert OURS in said(call(admin, "certificates-table.children"))


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("path", ["issue", "batches/1/part", "batches/1/received"])
@pytest.mark.parametrize("who", ["viewer@aurora.example", "both@example.com"])
def test_others_may_not(sign_in: SignIn, world: World, admin: FlaskClient, who: str, path: str) -> None:
    batch(admin, world, OURS)
    client = sign_in(who)
    client.post("/accounts", data={"account": "Aurora"})
    data = {"gateway": str(world.gateways["main"]), "lines": "1-2"}
    number = newest_batch(world)
    assert client.post(f"/_certificates/{path.replace('/1/', f'/{number}/')}", data=data).status_code == 403
    for output, values in (
        ("certificates-issue-said.children", {"certificates_asked": asked("issue", gateway=str(world.gateways["main"]))}),
        ("certificates-told.children", {}),
    ):
        assert call(client, output, **values).status_code in (403, 204)


def batch(client: FlaskClient, world: World, *macs: str) -> None:
    output = "certificates-batch.is_open"
    values = {"certificates_file": upload("gateway_mac", *macs), "certificates_again": True}
    given = {
        "certificates-file.contents": values["certificates_file"],
        "certificates-file.filename": f"{EVIL}.csv",
        "certificates-again.value": True,
    }
    from tests.web.dash import callbacks, post

    for dependency in callbacks(client):
        names = dependency["output"].strip(".").split("...")
        if output in names and any(one["id"] == "certificates-batch-save" for one in dependency["inputs"]):
            assert post(client, dependency, given).status_code == 200
            return
    raise AssertionError("no callback keeps a batch")


def newest_batch(world: World) -> int:
    with world.database.owner.transaction() as conn:
        return int(conn.execute(text("SELECT max(id) FROM tds.certificate_batch")).scalar_one())


@pytest.mark.usefixtures("at_work")
def test_a_stranger_finds_nothing(stranger: FlaskClient, admin: FlaskClient, settings: Settings, world: World) -> None:
    serial = issue_bundle(settings, OURS).serial
    batch(admin, world, OURS)
    number = newest_batch(world)
    assert issue(stranger, world.gateways["main"]).status_code == 404
    for path in ("part", "received"):
        assert stranger.post(f"/_certificates/batches/{number}/{path}", data={"lines": "1-9"}).status_code == 404
    assert stranger.get(f"/_certificates/batches/{number}/report.csv").status_code == 404
    for given in (serial, "x" * 99, "1' OR '1'='1", None, 7):
        assert (
            call(stranger, "certificates-revoke-what.children", certificates_asked=asked("revoke", serial=given)).status_code
            == 404
        )
    for path in ("/_certificates/renewals.csv", "/_audit/export.csv"):
        shown = stranger.get(path).text
        assert OURS not in shown
        assert serial not in shown
    for output in (
        "certificates-table.children",
        "certificates-plan.children",
        "certificates-batches.children",
        "audit-table.children",
    ):
        shown = said(call(stranger, output))
        assert OURS not in shown, output
        assert "aurora.example" not in shown, output
    assert issue(stranger, world.strangers_gateway).status_code == 200


@pytest.mark.usefixtures("at_work")
def test_a_batch_is_made_and_reported_line_by_line(admin: FlaskClient, world: World) -> None:
    batch(admin, world, EVIL_MAC, FORMULA_MAC, THEIRS, "=cmd|' /C calc'!A0", EVIL_MAC)
    number = newest_batch(world)
    response = admin.post(f"/_certificates/batches/{number}/part", buffered=True)
    assert response.status_code == 200, response.text
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.testzip() is None
        folders = {name.partition("/")[0] for name in archive.namelist()}
        assert folders == {EVIL_MAC.replace(":", "-"), FORMULA_MAC.replace(":", "-")}
    assert response.headers["X-Tds-Rest"] == "0"
    lines = response.headers["X-Tds-Lines"]
    assert admin.post(f"/_certificates/batches/{number}/received", data={"lines": lines}).json == {"received": 2}
    assert admin.post(f"/_certificates/batches/{number}/part").json["error"]["code"] == "nothing_left"
    report = admin.get(f"/_certificates/batches/{number}/report.csv").text
    assert report.count("delivered") == 2
    assert "'=cmd|" in report
    assert "'=1+1" in report
    assert "no gateway of this account" in report
    assert "Forbidden" not in report


@pytest.mark.usefixtures("at_work")
def test_an_interrupted_batch_goes_on_with_new_keys(admin: FlaskClient, world: World) -> None:
    batch(admin, world, EVIL_MAC, FORMULA_MAC)
    number = newest_batch(world)
    left = admin.post(f"/_certificates/batches/{number}/part")
    assert admin.post(f"/_certificates/batches/{number}/part").json["error"]["code"] == "busy"
    left.close()  # whoever downloaded it is gone
    first = admin.post(f"/_certificates/batches/{number}/part", buffered=True)  # it never says that it arrived
    again = admin.post(f"/_certificates/batches/{number}/part", buffered=True)
    assert again.status_code == 200, again.text
    keys = [zipfile.ZipFile(io.BytesIO(one.data)).read(f"{EVIL_MAC.replace(':', '-')}/gateway.key") for one in (first, again)]
    assert keys[0] != keys[1]


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (upload("mac", OURS), "no column gateway_mac"),
        (upload("gateway_mac"), "names no gateway"),
        ("data:,%%%", "cannot be read"),
        (upload("gateway_mac", "zz"), "No line of this file can be used"),
        (upload("gateway_mac;name", f"{OURS};Füße", encoding="cp1252"), "1 gateway gets"),
    ],
)
def test_a_file_is_explained_before_anything_is_kept(admin: FlaskClient, contents: str, why: str) -> None:
    response = call(admin, "certificates-file-name.children", certificates_file=contents, certificates_again=True)
    assert why in said(response)


@pytest.mark.usefixtures("at_work")
def test_a_request_is_read_before_it_is_ordered(admin: FlaskClient, world: World) -> None:
    main = world.gateways["main"]
    for given, code in (
        ("", "not_a_request"),
        ("x" * 9000, "not_a_request"),
        (make_request(new_key(), SILENT).decode(), "other_name"),
    ):
        response = issue(admin, main, request=given)
        assert (response.status_code, response.json["error"]["code"]) == (409, code)
    response = issue(admin, main, request=make_request(new_key(use_rsa=True), OURS).decode())
    assert response.status_code == 200
    assert "gateway.key" not in zipfile.ZipFile(io.BytesIO(response.data)).namelist()


@pytest.mark.usefixtures("at_work")
def test_names_are_text_and_never_markup(admin: FlaskClient, settings: Settings) -> None:
    issue_bundle(settings, EVIL_MAC)
    shown = call(admin, "certificates-table.children").json
    assert f"{EVIL}" in str(shown)  # as text, which assets/still.js puts in as text
    assert EVIL not in admin.get("/certificates").text


@pytest.mark.usefixtures("at_work")
def test_revoking_asks_for_a_reason_and_says_what_became_of_it(admin: FlaskClient, settings: Settings, world: World) -> None:
    serial = issue_bundle(settings, SILENT).serial
    wanted = {"certificates_asked": asked("revoke", serial=serial), "certificates_reason": "other"}
    output = "certificates-changed.data"
    assert "Say why" in said(call(admin, output, **wanted, certificates_reason_words=" "))
    assert "No broker answers" in said(call(admin, output, **wanted, certificates_reason_words="lost"))
    with world.database.owner.transaction() as conn:
        assert conn.execute(text("SELECT reason FROM tds.certificate WHERE serial = :s"), {"s": serial}).scalar() == "lost"


@pytest.mark.parametrize(("days", "words"), [(91, ""), (89, "90 days"), (29, "30 days"), (6, "7 days"), (-1, "ended")])
def test_a_certificate_that_ends_is_on_the_overview(
    admin: FlaskClient, stranger: FlaskClient, world: World, days: int, words: str
) -> None:
    mac = f"02:00:00:00:0f:{days % 256:02x}"
    with world.database.owner.transaction() as conn:
        fleet.add_gateway(conn, mac, "Aurora", "Cistern <i>")
        conn.execute(
            text(
                "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
                " VALUES (:m, 'gateway', :m, :m, now() - interval '9 years', now() + make_interval(days => :d, hours => 1))"
            ),
            {"m": mac, "d": days},
        )
    try:
        shown = [said(call(client, "overview-attention.children")) for client in (admin, stranger)]
        listed = said(call(admin, "certificates-table.children", certificates_search=mac))
    finally:
        with world.database.owner.transaction() as conn:
            conn.execute(text("DELETE FROM tds.gateway WHERE mac = :m"), {"m": mac})
            conn.execute(text("DELETE FROM tds.certificate WHERE serial = :m"), {"m": mac})
    assert ("Cistern <i>" in shown[0]) is bool(words)
    assert words in shown[0]
    assert "Cistern" not in shown[1]
    assert f"{days} days left" in listed or days not in (6, 29, 89)


def test_the_plan_spreads_renewals_over_a_year_and_is_a_batch_file(admin: FlaskClient, settings: Settings) -> None:
    issue_bundle(settings, FORMULA_MAC)
    shown = admin.get("/_certificates/renewals.csv").text
    assert shown.splitlines()[0] == "gateway_mac,name,valid_until,renew_in"
    assert "'=1+1" in shown
    month = next(line for line in shown.splitlines() if line.startswith(FORMULA_MAC)).rpartition(",")[2]
    assert FORMULA_MAC in admin.get(f"/_certificates/renewals.csv?month={month}").text
    assert FORMULA_MAC not in admin.get("/_certificates/renewals.csv?month=2020-01").text


def test_signing_in_and_failing_to_is_written_down(
    sign_in: SignIn, anonymous: FlaskClient, admin: FlaskClient, world: World
) -> None:
    sign_in("viewer@aurora.example").post("/logout")
    anonymous.post(
        "/login", data={"email": "viewer@aurora.example", "password": "wrong"}, environ_base={"REMOTE_ADDR": "192.0.2.9"}
    )
    anonymous.post("/login", data={"email": "nobody@x.example", "password": "wrong"}, environ_base={"REMOTE_ADDR": "192.0.2.9"})
    with world.database.owner.transaction() as conn:
        lines = audit.read(conn, audit.Wanted(world.account, "", "viewer@aurora"), 3)
        unknown = conn.execute(text("SELECT account_id, actor FROM tds.audit ORDER BY id DESC LIMIT 1")).one()
    assert [line.action for line in lines] == ["sign_in.failed", "sign_out.done", "sign_in.done"]
    assert lines[0].address == "192.0.2.9"
    assert tuple(unknown) == (None, "?")
    shown = said(call(admin, "audit-table.children", audit_what="sign_in", audit_who="viewer@"))
    assert "Sign-in failed" in shown
    assert "Certificate" not in shown


def test_the_audit_is_for_administrators(viewer: FlaskClient, admin: FlaskClient) -> None:
    assert call(viewer, "audit-table.children").status_code == 204  # as a page opens: there is nothing for them
    assert call(viewer, "audit-table.children", audit_who="x").status_code == 403
    assert viewer.get("/_audit/export.csv").status_code == 403
    exported = admin.get("/_audit/export.csv?what=sign_in").text
    assert exported.splitlines()[0] == "time,who,action,object,before,after,address,browser"
    assert "sign_in.done" in exported
    assert "certificate." not in exported


@pytest.mark.parametrize("position", ["", "first", "x", "1.x", "9" * 30, "5.4", None, 7, {"a": 1}])
def test_any_place_in_the_audit_is_a_page(admin: FlaskClient, position: object) -> None:
    assert call(admin, "audit-table.children", audit_page=position).status_code == 200


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36 Edg/130.0", "Edge 130, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari 17, iOS"),
        ("curl/8.1\x00" + "x" * 200, "curl/8.1" + "x" * 52),
        ("", ""),
    ],
)
def test_a_browser_is_named_shortly(agent: str, shown: str) -> None:
    assert shortened(agent) == shown


def test_the_server_has_the_pages(server: Flask, admin: FlaskClient) -> None:
    for path in ("/certificates", "/audit"):
        assert admin.get(path).status_code == 200
