"""Rejections: causes and single ones, registering an unknown device, trying again, by role and account, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import ProgrammingError
from werkzeug.test import TestResponse

from ingest import keeping
from tests.ingest.cast import payload
from tests.web.dash import answer, call, callbacks, post
from tests.web.refusals import START, Refusals
from tests.web.world import World

FACTS = {"name": "Boiler", "kind": "counter", "resource": "electricity", "unit": "kWh", "interval": "300"}


@pytest.fixture(scope="session")
def refusals(world: World) -> Refusals:
    """Add an account whose gateways send what cannot be stored."""
    return Refusals.build(world.database)


@pytest.fixture
def editor(sign_in: Callable[[str], FlaskClient], refusals: Refusals) -> FlaskClient:
    """Give somebody who may register devices."""
    return sign_in("editor@dalia.example")


@pytest.fixture
def looker(sign_in: Callable[[str], FlaskClient], refusals: Refusals) -> FlaskClient:
    """Give somebody of the same account who may only look."""
    return sign_in("viewer@dalia.example")


def by_input(client: FlaskClient, name: str, output: str, **values: Any) -> TestResponse:
    """Call the callback that a control triggers and that fills an output."""
    named = {key.replace("_", "-"): value for key, value in values.items()}
    dependency = next(
        one for one in callbacks(client) if name in {each["id"] for each in one["inputs"]} and output in one["output"]
    )
    given = {f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]}
    return post(client, dependency, given)


def said(response: TestResponse) -> str:
    """Give all that a callback answered as text, with plain spaces and without the quoting of what is still."""
    return json.dumps(answer(response), ensure_ascii=False).replace("\u00a0", " ").replace('\\"', '"')


def causes(client: FlaskClient, **given: Any) -> str:
    return said(call(client, "rejections-causes.children", **given))


def listed(client: FlaskClient, **given: Any) -> str:
    return said(call(client, "rejections-list.children", **given))


def press(client: FlaskClient, verb: str, rejection: object) -> TestResponse:
    output = "rejections-adopt.is_open" if verb == "adopt" else "rejections-told.children"
    return by_input(client, "rejections-asked", output, rejections_asked={"verb": verb, "rejection": str(rejection), "at": 1})


def save(client: FlaskClient, rejection: object, **changed: Any) -> TestResponse:
    facts = {f"rejections_adopt_{name}": value for name, value in (FACTS | changed).items()}
    asked = {"verb": "adopt", "rejection": str(rejection)}
    return by_input(
        client, "rejections-adopt-save", "rejections-adopt-told", rejections_adopt_save=1, rejections_asked=asked, **facts
    )


def test_causes_say_what_it_is_what_to_do_how_often_and_since_when(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac, _ = refusals.unknown("K7")
    refusals.receive(mac, b"nonsense")
    shown = causes(editor, rejections_gateway=gateway)
    assert "2 causes" in shown
    assert "which is not in the register. Register it, and all that is kept of it is stored" in shown
    assert "K7" in shown
    assert "4 times, on" in shown or "4 times, since" in shown
    assert "1 time, on" in shown
    assert "is not valid JSON" in shown
    assert '"data-mend":"adopt"' in shown
    only = causes(editor, rejections_gateway=gateway, rejections_reason="not_json")
    assert "K7" not in only
    assert "data-mend" not in only


def test_single_ones_show_what_was_received(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac, _ = refusals.unknown("K8", number=1)
    refusals.receive(mac, b"\xff\xfe<b>&", b'{"x": [1, 2.50, "<script>alert(1)</script>"]}', b'{"y": "' + b"z" * 9000 + b'"}')
    shown = listed(editor, rejections_gateway=gateway)
    assert "dispositivo_codigo" in shown
    assert "K8" in shown
    assert "0000  ff fe 3c 62 3e 26" in shown
    assert "2.50" in shown  # the digits as they were sent
    assert "the first 4,096 of 9,009 bytes" in shown
    assert f'"href":"/api/v1/rejections/{refusals.newest(gateway)}"' in shown
    whole = editor.get(f"/api/v1/rejections/{refusals.newest(gateway)}").json
    assert len(whole["payload"]) == whole["size"] == 9009


def test_it_turns_pages_of_fifty(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac = refusals.gateway()
    refusals.receive(mac, *(b"n%03d" % n for n in range(120)))
    seen: list[str] = []
    place = ""
    for _ in range(3):
        found = answer(call(editor, "rejections-list.children", rejections_gateway=gateway, rejections_page=place))
        text = json.dumps(found)
        seen += [f"n{n:03d}" for n in range(120) if f"n{n:03d}" in text]
        place = found["rejections-edges"]["data"]["older"]
    assert len(seen) == len(set(seen)) == 120
    assert place == ""
    back = answer(
        call(
            editor,
            "rejections-list.children",
            rejections_gateway=gateway,
            rejections_page=found["rejections-edges"]["data"]["newer"],
        )
    )
    assert back["rejections-newer"]["disabled"] is False
    assert back["rejections-older"]["disabled"] is False


def test_it_filters_by_dates(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac = refusals.gateway()
    for day in range(3):
        refusals.receive(mac, b"day %d" % day, at=START - timedelta(days=10 * day))
    day = (START - timedelta(days=10)).astimezone(ZoneInfo("America/Sao_Paulo")).date()
    period = {"rejections_from": day.isoformat(), "rejections_to": (day + timedelta(days=1)).isoformat()}
    assert "1 time" in causes(editor, rejections_gateway=gateway, **period)
    shown = listed(editor, rejections_gateway=gateway, **period)
    assert "day 1" in shown.replace("64 61 79 20 31", "")
    assert "day 2" not in shown
    assert "No rejections with these filters" in causes(editor, rejections_gateway=gateway, rejections_to="2020-01-01")
    assert "comes before" in causes(editor, rejections_from="2026-02-02", rejections_to="2026-02-01")


def test_an_account_without_any_is_told_so(newcomer: FlaskClient) -> None:
    assert "No rejected message" in causes(newcomer)


def test_the_dialog_is_filled_in_by_what_was_sent(editor: FlaskClient, refusals: Refusals) -> None:
    _, _, water = refusals.unknown("W9", unit="m3")
    found = answer(press(editor, "adopt", water))
    values = {name.removeprefix("rejections-adopt-"): part.get("value") for name, part in found.items()}
    assert values["name"] == "W9"
    assert (values["resource"], values["kind"], values["unit"], values["interval"]) == ("water", "counter", "m³", "300")
    _, _, warm = refusals.unknown("T9", unit="°F", number=2)
    found = answer(press(editor, "adopt", warm))
    assert found["rejections-adopt-resource"]["value"] == "temperature"
    assert found["rejections-adopt-kind"]["value"] == "gauge"
    assert found["rejections-adopt-interval"]["value"] == "900"


def test_registering_a_device_stores_what_it_had_sent(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac, rejection = refusals.unknown()
    told = answer(save(editor, rejection))
    assert "Boiler" in json.dumps(told["rejections-told"])
    assert told["rejections-adopt"]["is_open"] is False
    assert "waits for its turn" in said(call(editor, "rejections-tried.children"))
    refusals.work()
    assert refusals.values(gateway) == [100, 101, 102, 103]
    shown = said(call(editor, "rejections-tried.children"))
    assert "4 readings stored, done at" in shown
    assert "No rejections with these filters" in causes(editor, rejections_gateway=gateway)
    device = refusals.ask("SELECT name, kind, resource, unit, interval_seconds FROM tds.device WHERE gateway_id = %s", gateway)
    assert device == [("Boiler", "counter", "electricity", "kWh", 300)]
    audit = refusals.ask("SELECT actor, action FROM tds.audit WHERE object = %s", f"{mac}/N01")
    assert audit == [("editor@dalia.example", "device.added")]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("unit", "", "A unit has 1 to 16 characters"),
        ("unit", None, "A unit has 1 to 16 characters"),
        ("name", "x" * 201, "A name has 1 to 200 characters"),
        ("name", "a\x00b", "A name has 1 to 200 characters"),
        ("interval", "0", "between 1 second and 366 days"),
        ("interval", "soon", "between 1 second and 366 days"),
        ("interval", "-5", "between 1 second and 366 days"),
        ("interval", None, "between 1 second and 366 days"),
        ("kind", "clock", "Choose how the values are meant"),
        ("resource", None, "Choose how the values are meant"),
    ],
)
def test_what_cannot_be_is_said_in_the_dialog(
    editor: FlaskClient, refusals: Refusals, field: str, value: object, sentence: str
) -> None:
    gateway, _, rejection = refusals.unknown(number=1)
    assert sentence in said(save(editor, rejection, **{field: value}))
    assert refusals.ask("SELECT count(*) FROM tds.device WHERE gateway_id = %s", gateway) == [(0,)]
    assert refusals.ask("SELECT count(*) FROM tds.replay WHERE gateway_id = %s", gateway) == [(0,)]


def test_a_full_gateway_takes_no_more(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac = refusals.gateway(capacity=1)
    refusals.say(mac, "A")
    first = refusals.newest(gateway)
    refusals.say(mac, "B")
    second = refusals.newest(gateway)
    assert answer(save(editor, first))["rejections-adopt"]["is_open"] is False
    assert "The gateway is full: it may have 1 devices" in said(save(editor, second))
    assert "has a device A already" in said(save(editor, first))


def test_a_code_that_the_register_cannot_hold_is_said(editor: FlaskClient, refusals: Refusals) -> None:
    _, _, rejection = refusals.unknown("A/B", number=1)
    assert "cannot be a device's code" in said(save(editor, rejection))


def test_only_an_unknown_device_can_be_registered_from_here(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac = refusals.gateway()
    refusals.receive(mac, b"nonsense")
    assert "Only an unknown device" in said(save(editor, refusals.newest(gateway)))
    assert "would be rejected again" in said(press(editor, "retry", refusals.newest(gateway)))


def test_what_was_mended_is_tried_again(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac, rejection = refusals.unknown()
    answer(save(editor, rejection))
    refusals.work()
    refusals.ask("UPDATE tds.device SET active = false WHERE gateway_id = %s RETURNING 1", gateway)
    refusals.receive(mac, payload([("N01", 200, "kWh")], START + timedelta(hours=5), mac), at=START + timedelta(hours=5))
    assert "is switched off or retired" in causes(editor, rejections_gateway=gateway)
    refusals.ask("UPDATE tds.device SET active = true WHERE gateway_id = %s RETURNING 1", gateway)
    assert "It is tried again" in said(press(editor, "retry", refusals.newest(gateway)))
    assert "It is tried again" in said(press(editor, "retry", refusals.newest(gateway)))  # impatience asks for nothing more
    assert refusals.ask("SELECT count(*) FROM tds.replay WHERE gateway_id = %s AND finished_at IS NULL", gateway) == [(1,)]
    refusals.work()
    assert refusals.values(gateway)[-1] == 200


def test_a_viewer_sees_everything_and_changes_nothing(looker: FlaskClient, refusals: Refusals) -> None:
    gateway, _, rejection = refusals.unknown("V1")
    shown = causes(looker, rejections_gateway=gateway)
    assert "V1" in shown
    assert "data-mend" not in shown
    assert "needs the role Editor" in shown
    for response in (save(looker, rejection), press(looker, "adopt", rejection), press(looker, "retry", rejection)):
        assert response.status_code == 403
    assert refusals.ask("SELECT count(*) FROM tds.device WHERE gateway_id = %s", gateway) == [(0,)]
    assert refusals.ask("SELECT count(*) FROM tds.replay WHERE gateway_id = %s", gateway) == [(0,)]


def test_a_stranger_sees_and_changes_nothing(stranger: FlaskClient, refusals: Refusals) -> None:
    gateway, mac, rejection = refusals.unknown("S1")
    for text in (
        causes(stranger),
        listed(stranger),
        stranger.get("/api/v1/rejections").text,
        stranger.get("/api/v1/rejections/summary").text,
    ):
        assert mac not in text
        assert "S1" not in text
    assert call(stranger, "rejections-causes.children", rejections_gateway=gateway).status_code == 404
    assert call(stranger, "rejections-list.children", rejections_gateway=gateway).status_code == 404
    for response in (save(stranger, rejection), press(stranger, "adopt", rejection), press(stranger, "retry", rejection)):
        assert response.status_code == 404
    assert stranger.get(f"/api/v1/rejections/{rejection}").status_code == 404
    assert stranger.get(f"/api/v1/rejections?gateway={gateway}").status_code == 404
    assert refusals.ask("SELECT count(*) FROM tds.device WHERE gateway_id = %s", gateway) == [(0,)]


def test_what_gateways_of_no_account_sent_is_nobodys(editor: FlaskClient, stranger: FlaskClient, refusals: Refusals) -> None:
    mac = "02:00:00:00:01:fe"
    refusals.receive(mac, payload([("X", 1, "kWh")], START, mac))
    ((rejection,),) = refusals.ask("SELECT id FROM tds.rejection WHERE mac = %s", mac)
    for client in (editor, stranger):
        assert mac not in causes(client) + listed(client) + client.get("/api/v1/rejections").text
        assert client.get(f"/api/v1/rejections/{rejection}").status_code == 404
        for response in (save(client, rejection), press(client, "retry", rejection)):
            assert response.status_code == 404


def test_the_database_itself_keeps_accounts_apart(refusals: Refusals, world: World) -> None:
    gateway, _, _ = refusals.unknown("D1")
    ours = refusals.database.web.transaction(account_id=refusals.account)
    theirs = refusals.database.web.transaction(account_id=world.strangers_account)
    count = "SELECT count(*) FROM tds.{} WHERE gateway_id = %s"
    with ours as connection:
        assert connection.exec_driver_sql(count.format("rejection"), (gateway,)).scalar() == 4
        assert connection.exec_driver_sql(count.format("rejection_tally"), (gateway,)).scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM tds.rejection_tally WHERE gateway_id IS NULL").scalar() == 0
    with theirs as connection:
        for table in ("rejection", "rejection_tally", "replay"):
            assert connection.exec_driver_sql(count.format(table), (gateway,)).scalar() == 0
    values = (refusals.account, gateway)
    for account, statement in (
        (world.strangers_account, "INSERT INTO tds.replay (account_id, gateway_id, reasons) VALUES (%s, %s, '{unknown_device}')"),
        (refusals.account, "INSERT INTO tds.replay (account_id, gateway_id, reasons) VALUES (%s, %s, '{unknown_gateway}')"),
        (world.strangers_account, "INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, max_rate) VALUES (%s, %s, 'Z', 'Z', 'gauge', 'other', 'x', 1)"),
    ):  # fmt: skip
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            refusals.database.web.transaction(account_id=account) as connection,
        ):
            connection.exec_driver_sql(statement, values)
    for statement in ("DELETE FROM tds.rejection", "UPDATE tds.replay SET stored = 5", "UPDATE tds.rejection_tally SET kept = 0"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            refusals.database.web.transaction(account_id=refusals.account) as connection,
        ):
            connection.exec_driver_sql(statement)


def test_what_was_not_kept_is_said(editor: FlaskClient, refusals: Refusals, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, mac = refusals.gateway("Mad")
    monkeypatch.setattr(keeping, "MOST_KEPT", 5)
    refusals.receive(mac, *(b"mad %d" % n for n in range(1239)))
    shown = causes(editor, rejections_gateway=gateway)
    assert "1,234 further messages or readings that was" not in shown
    assert "sent 1,234 further messages or readings that were refused and not kept, on" in shown
    (told,) = editor.get(f"/api/v1/rejections/summary?gateway={gateway}").json["not_kept"]
    assert (told["gateway_mac"], told["kept"], told["unkept"]) == (mac, 5, 1234)


def test_the_api_gives_pages(editor: FlaskClient, refusals: Refusals) -> None:
    gateway, mac = refusals.gateway()
    refusals.receive(mac, *(b'{"n": %d}' % n for n in range(7)), b"\xff\x00")
    first = editor.get(f"/api/v1/rejections?gateway={gateway}&limit=5").json
    assert len(first["rejections"]) == 5
    binary, text = first["rejections"][:2]
    assert (binary["payload"], binary["payload_base64"], binary["size"]) == (None, "/wA=", 2)
    assert (text["payload"], text["reason"], text["gateway_mac"], text["device_code"]) == ('{"n": 6}', "schema", mac, None)
    second = editor.get(f"/api/v1/rejections?gateway={gateway}&limit=5&after={first['next']}").json
    assert [one["payload"] for one in second["rejections"]] == ['{"n": 2}', '{"n": 1}', '{"n": 0}']
    assert second["next"] is None
    assert editor.get(f"/api/v1/rejections/{text['id']}").json == text
    found = editor.get(f"/api/v1/rejections?gateway={gateway}&reason=not_json").json
    assert [one["reason"] for one in found["rejections"]] == ["not_json"]
    assert editor.get(f"/api/v1/rejections?gateway={gateway}&to=2020-01-01").json["rejections"] == []
    groups = editor.get(f"/api/v1/rejections/summary?gateway={gateway}").json["groups"]
    assert [(group["reason"], group["number"]) for group in groups] == [("schema", 7), ("not_json", 1)]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "reason=boredom", "after=x", "from=yesterday", "to=2026-13-01"]
)
def test_the_api_refuses_what_it_cannot_read(editor: FlaskClient, query: str) -> None:
    response = editor.get(f"/api/v1/rejections?{query}")
    assert response.status_code == 400
    assert response.json["error"]["code"] == "bad_request"


def test_the_api_is_described(editor: FlaskClient, refusals: Refusals) -> None:
    refusals.unknown("O1")
    document = editor.get("/api/v1/openapi.json").json
    described = document["components"]["schemas"]
    page, summary = editor.get("/api/v1/rejections").json, editor.get("/api/v1/rejections/summary").json
    assert set(page) == set(described["Rejections"]["properties"])
    assert set(page["rejections"][0]) == set(described["Rejection"]["properties"])
    assert set(summary["groups"][0]) == set(described["RejectionsSummary"]["properties"]["groups"]["items"]["properties"])


def test_the_page_speaks_portuguese(editor: FlaskClient, refusals: Refusals) -> None:
    editor.post("/language", data={"locale": "pt-BR"})
    gateway, mac, rejection = refusals.unknown("PT")
    refusals.receive(mac, b"x")
    shown = causes(editor, rejections_gateway=gateway) + listed(editor, rejections_gateway=gateway)
    assert "2 causas" in shown
    assert "que não está cadastrado. Cadastre-o" in shown
    assert "Dispositivo não cadastrado" in shown
    assert "Uma unidade tem 1 a 16 caracteres" in said(save(editor, rejection, unit=""))
    editor.post("/language", data={"locale": "en"})
