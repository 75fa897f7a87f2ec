"""Keeping the fleet in order in the pages: lists, forms that keep what was typed, moving, deleting, importing; by role."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from sql import fleet, people
from tests.conftest import Database
from tests.sql.plant import feed, mac, series
from tests.web.dash import answer, call, callbacks, post
from tests.web.world import PASSWORD, World

NAME = "Estuary"
PEOPLE = {"admin": "admin@estuary.example", "editor": "editor@estuary.example", "viewer": "viewer@estuary.example"}


class Plant:
    """An account beside the others, with people by role; each test adds what it needs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.account = database.account(NAME, locale="en")
        with database.owner.transaction() as connection:
            for role, email in PEOPLE.items():
                people.add_user(connection, email, NAME, role, PASSWORD)

    def gateway(self, name: str = "Mill", capacity: int = 8) -> int:
        with self.database.owner.transaction() as connection:
            return fleet.add_gateway(connection, mac(), NAME, name, capacity)

    def device(self, gateway: int, code: str = "D01", name: str = "Pump", **given: Any) -> int:
        address = self.one("SELECT mac FROM tds.gateway WHERE id = %s", gateway)
        chosen = {"kind": "counter", "resource": "water", "unit": "m³"} | given
        with self.database.owner.transaction() as connection:
            return fleet.add_device(connection, address, code, name=name, **chosen)

    def one(self, query: str, *values: Any) -> Any:
        with self.database.owner.transaction() as connection:
            return connection.exec_driver_sql(query, values).scalar()

    def audit(self) -> tuple[str, Any, Any]:
        with self.database.owner.transaction() as connection:
            row = connection.exec_driver_sql(
                "SELECT action, before, after FROM tds.audit WHERE account_id = %s AND action NOT LIKE 'sign%%' ORDER BY id DESC LIMIT 1",
                (self.account,),
            ).one()
            return row[0], row[1], row[2]


@pytest.fixture(scope="session")
def plant(world: World) -> Plant:
    """Add the account."""
    return Plant(world.database)


@pytest.fixture
def editor(plant: Plant, sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """Give the account's editor."""
    return sign_in(PEOPLE["editor"])


def asked(verb: str, id: int | None = None) -> dict[str, Any]:
    return {"verb": verb, "id": id, "at": 1}


def texts(tree: Any) -> str:
    """Give all that a component tree says."""
    if isinstance(tree, dict):
        return " ".join(texts(value) for key, value in tree.items() if key not in ("type", "namespace"))
    if isinstance(tree, list):
        return " ".join(map(texts, tree))
    return str(tree) if isinstance(tree, str | int) else ""


def opened(client: FlaskClient, id: int | None, thing: str = "devices") -> dict[str, Any]:
    """Open the form; gives the values by field and what the form was opened with."""
    found = answer(call(client, f"{thing}-form-seen.data", **{f"{thing}_asked": asked("new" if id is None else "edit", id)}))
    prefix = f"{thing}-form-"
    values = {name.removeprefix(prefix): props["value"] for name, props in found.items() if "value" in props}
    return {"values": values, "seen": found[f"{prefix}seen"]["data"], "all": found}


def saved(client: FlaskClient, form: dict[str, Any], thing: str = "devices", **typed: Any) -> Any:
    """Save a form as it was opened, but for what is typed."""
    values = {f"{thing}-form-{name}": value for name, value in {**form["values"], **typed}.items()}
    dependency = next(one for one in callbacks(client) if any(i["id"] == f"{thing}-form-save" for i in one["inputs"]))
    given = {f"{one['id']}.{one['property']}": values.get(one["id"]) for one in dependency["state"]}
    given[f"{thing}-form-seen.data"] = form["seen"]
    given[f"{thing}-form-save.n_clicks"] = 1
    return post(client, dependency, given)


def shown(response: Any, target: str) -> str:
    """Give what a callback said somewhere, whatever mark Dash gives a second output of it."""
    found = answer(response)
    return " ".join(texts(props) for name, props in found.items() if name.split("@")[0] == target)


def test_a_device_is_registered_with_what_was_typed(plant: Plant, editor: FlaskClient) -> None:
    gateway = plant.gateway()
    form = opened(editor, None)
    assert form["values"]["interval"] == "900"
    response = saved(
        editor, form, gateway=gateway, code="D07", name="Ärmel & Söhne", unit="m3", resource="water", max_rate="12.5"
    )
    assert "Ärmel & Söhne" in shown(response, "devices-told")
    row = plant.one("SELECT (code, unit, max_rate, interval_seconds)::text FROM tds.device WHERE gateway_id = %s", gateway)
    assert row == "(D07,m³,12.5,900)"
    action, before, after = plant.audit()
    assert (action, before, after["unit"], after["max_rate"]) == ("device.added", None, "m³", "12.5")


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(plant: Plant, editor: FlaskClient) -> None:
    form = opened(editor, None)
    response = saved(editor, form, gateway=plant.gateway(), code="D/1", unit="", interval="often", modulus="-3", name="x" * 201)
    found = answer(response)
    faults = {name.split("@")[0]: texts(props) for name, props in found.items() if "-fault" in name and texts(props).strip()}
    assert set(faults) == {f"devices-form-{name}-fault" for name in ("code", "unit", "interval", "modulus", "name")}
    assert "whole number" in faults["devices-form-interval-fault"]
    assert not any("value" in props for props in found.values())
    empty = saved(editor, form, gateway=plant.gateway(), unit="kWh")
    assert [shown(empty, f"devices-form-{name}-fault")[:13].strip() for name in ("code", "name")] == ["Type the code", ""]
    for typed, field, words in (
        ({"code": "D01"}, "code", "has a device D01"),
        ({"gateway": None}, "gateway", "Choose the gateway"),
    ):
        gateway = plant.gateway()
        plant.device(gateway)
        response = saved(editor, form, **({"gateway": gateway, "code": "Z", "unit": "L"} | typed))
        assert words in shown(response, f"devices-form-{field}-fault")


def test_an_edit_is_in_the_audit_with_before_and_after(plant: Plant, editor: FlaskClient) -> None:
    device = plant.device(plant.gateway())
    form = opened(editor, device)
    assert form["values"]["unit"] == "m³"
    response = saved(editor, form, name="Pump 2", max_rate="55.5", active=False)
    assert "Pump 2" in shown(response, "devices-told")
    assert plant.audit() == (
        "device.changed",
        {"name": "Pump", "active": True, "max_rate": "100"},
        {"name": "Pump 2", "active": False, "max_rate": "55.5"},
    )
    assert plant.one("SELECT count(*) FROM tds.dirty WHERE device_id = %s", device) == 1


def test_two_people_do_not_overwrite_each_other_silently(
    plant: Plant, editor: FlaskClient, sign_in: Callable[[str], FlaskClient]
) -> None:
    device = plant.device(plant.gateway())
    mine = opened(editor, device)
    other = sign_in(PEOPLE["admin"])
    saved(other, opened(other, device), name="Theirs")
    response = saved(editor, mine, name="Mine")
    said = shown(response, "devices-form-told")
    assert "admin@estuary.example changed this at" in said
    assert "name: Pump → Theirs" in said
    assert plant.one("SELECT name FROM tds.device WHERE id = %s", device) == "Theirs"
    seen = next(props["data"] for name, props in answer(response).items() if name.split("@")[0] == "devices-form-seen")
    saved(editor, {**mine, "seen": seen}, name="Mine")
    assert plant.one("SELECT name FROM tds.device WHERE id = %s", device) == "Mine"


def test_readings_keep_their_unit(plant: Plant, editor: FlaskClient) -> None:
    device = plant.device(plant.gateway())
    feed(plant.database, device, series("2026-01-05", 15, [1, 2, 3]))
    response = saved(editor, opened(editor, device), unit="L")
    assert "its unit stays" in shown(response, "devices-form-unit-fault")


def test_a_device_moves_and_says_where_it_is(plant: Plant, editor: FlaskClient) -> None:
    first, second, full = plant.gateway("First"), plant.gateway("Second"), plant.gateway("Full", 1)
    device = plant.device(first)
    plant.device(full, "X")
    feed(plant.database, device, series("2026-01-05", 15, range(0, 300, 3)))
    before = figures_of(editor, device)
    found = answer(call(editor, "devices-move-seen.data", devices_asked=asked("move", device)))
    offered = {one["value"]: one for one in found["devices-move-gateway"]["options"]}
    assert (offered[second]["disabled"], offered[full]["disabled"]) == (False, True)
    seen = found["devices-move-seen"]["data"]
    refused = press(editor, "devices-move-save", devices_move_seen=seen, devices_move_gateway=full, devices_move_code="D01")
    assert "full" in shown(refused, "devices-move-gateway-fault")
    done = press(editor, "devices-move-save", devices_move_seen=seen, devices_move_gateway=second, devices_move_code="E5")
    assert "Second" in shown(done, "devices-told")
    assert plant.one("SELECT (gateway_id, code)::text FROM tds.device WHERE id = %s", device) == f"({second},E5)"
    assert plant.audit()[0] == "device.moved"
    assert figures_of(editor, device) == before
    assert len(before) > 40


def figures_of(client: FlaskClient, device: int) -> list[Any]:
    """Give all that the API says a device consumed, but for where it stands."""
    days, place = f"device={device}&from=2026-01-04&to=2026-01-08", ("gateway_mac", "device_code", "device")
    found = [client.get(f"/api/v1/consumption?step={step}&{days}").json for step in ("15min", "hour", "day")]
    rows = [*(row for rows in found for row in rows), client.get(f"/api/v1/books?{days}").json]
    return [{name: value for name, value in row.items() if name not in place} for row in rows]


def press(client: FlaskClient, button: str, **values: Any) -> Any:
    """Press a button, with the page holding values."""
    named = {name.replace("_", "-"): value for name, value in values.items()}
    dependency = next(one for one in callbacks(client) if any(i["id"] == button for i in one["inputs"]))
    given = {f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]}
    return post(client, dependency, given)


def confirmed(client: FlaskClient, thing: str, verb: str, id: int, word: str = "") -> tuple[dict[str, Any], Any]:
    """Ask for something and say yes; gives the question, and the answer to the yes."""
    question = answer(call(client, f"{thing}-confirm-asked.data", **{f"{thing}_asked": asked(verb, id)}))
    key = thing.replace("-", "_")
    return question, press(
        client, f"{thing}-confirm-save", **{f"{key}_confirm_asked": {"verb": verb, "id": id}, f"{key}_confirm_word": word}
    )


def test_a_device_is_retired_and_used_again(plant: Plant, editor: FlaskClient) -> None:
    device = plant.device(plant.gateway())
    question, done = confirmed(editor, "devices", "retire", device)
    assert "its readings and figures stay" in texts(question["devices-confirm-said"])
    assert "retired" in shown(done, "devices-told")
    listed = answer(call(editor, "devices-table.children", devices_state="retired", devices_search="Pump"))
    assert "Use again" in str(listed["devices-table"])
    _, done = confirmed(editor, "devices", "reinstate", device)
    assert plant.one("SELECT retired_at IS NULL FROM tds.device WHERE id = %s", device)
    assert plant.audit()[0] == "device.reinstated"


def test_it_says_what_would_be_lost_and_asks_for_the_code(
    plant: Plant, editor: FlaskClient, sign_in: Callable[[str], FlaskClient]
) -> None:
    device = plant.device(plant.gateway())
    feed(plant.database, device, series("2026-01-05", 15, [1, 2, 3, 0, 1]))
    question, refused = confirmed(editor, "devices", "delete", device, "D01")
    assert question["devices-confirm-save"]["disabled"] is True
    assert "only an Administrator" in texts(question)
    assert refused.status_code == 403
    admin = sign_in(PEOPLE["admin"])
    question, refused = confirmed(admin, "devices", "delete", device, "D02")
    assert "5 readings, since 4 Jan 2026" in texts(question)
    assert "1 month of consumption" in texts(question)
    assert "type D01" in shown(refused, "devices-confirm-word-fault")
    _, done = confirmed(admin, "devices", "delete", device, " D01 ")
    assert "Pump is deleted" in shown(done, "devices-told")
    assert plant.one("SELECT count(*) FROM tds.reading WHERE device_id = %s", device) == 0
    action, before, _ = plant.audit()
    assert (action, before["readings"], before["unit"]) == ("device.deleted", 5, "m³")


def test_an_editor_deletes_what_never_measured_anything(plant: Plant, editor: FlaskClient) -> None:
    device = plant.device(plant.gateway())
    question, done = confirmed(editor, "devices", "delete", device)
    assert (question["devices-confirm-save"]["disabled"], question["devices-confirm-lost"]["hidden"]) == (False, True)
    assert "deleted" in shown(done, "devices-told")
    assert plant.one("SELECT count(*) FROM tds.device WHERE id = %s", device) == 0


def test_gateways_are_kept_the_same_way(plant: Plant, editor: FlaskClient) -> None:
    address = mac()
    form = opened(editor, None, "gateways")
    bad = saved(editor, form, "gateways", mac="nonsense", capacity="40")
    assert "not a MAC address" in shown(bad, "gateways-form-mac-fault")
    assert "1 to 32" in shown(bad, "gateways-form-capacity-fault"), "and everything else that is wrong"
    assert "1 to 32" in shown(saved(editor, form, "gateways", mac=address, capacity="40"), "gateways-form-capacity-fault")
    assert "Kiln" in shown(saved(editor, form, "gateways", mac=address, name="Kiln", capacity="2"), "gateways-told")
    assert "registered already" in shown(saved(editor, form, "gateways", mac=address), "gateways-form-mac-fault")
    gateway = plant.one("SELECT id FROM tds.gateway WHERE mac = %s", address)
    mine, theirs = opened(editor, gateway, "gateways"), opened(editor, gateway, "gateways")
    saved(editor, theirs, "gateways", name="Oven")
    assert "name: Kiln → Oven" in shown(saved(editor, mine, "gateways", name="Stove"), "gateways-form-told")
    assert plant.audit() == ("gateway.changed", {"name": "Kiln"}, {"name": "Oven"})
    plant.device(gateway, "A")
    question, _ = confirmed(editor, "gateways", "retire", gateway)
    assert "the 1 device behind it" in texts(question).replace("  ", " ")
    confirmed(editor, "gateways", "reinstate", gateway)
    _, done = confirmed(editor, "gateways", "delete", gateway)
    assert "Oven is deleted" in shown(done, "gateways-told")
    assert plant.one("SELECT count(*) FROM tds.device WHERE gateway_id = %s", gateway) == 0


def upload(*lines: str, head: str = "gateway_mac,code,name,kind,resource,unit") -> str:
    content = "\n".join([head, *lines]).encode()
    return "data:text/csv;base64," + base64.b64encode(content).decode()


def test_a_file_is_planned_imported_and_taken_back(plant: Plant, editor: FlaskClient) -> None:
    gateway, fresh = plant.gateway("Silo"), mac()
    address = plant.one("SELECT mac FROM tds.gateway WHERE id = %s", gateway)
    lines = [f"{address},M{n},Meter {n},gauge,temperature,°C" for n in range(3)] + [f"{fresh},N1,=1+1,gauge,other,V"]
    planned = press(editor, "devices-import-file", devices_import_file=upload(*lines))
    assert "1 of 4 lines cannot be used" in shown(planned, "devices-import-told")
    both = {"devices_import_file": upload(*lines), "devices_import_gateways": True}
    refused = press(editor, "devices-import-save", devices_import_file=upload(*lines))
    assert "nothing was imported" in shown(refused, "devices-import-told")
    assert "4 devices would be registered, with 1 new gateway" in shown(
        press(editor, "devices-import-file", **both), "devices-import-told"
    )
    done = press(editor, "devices-import-save", **both)
    assert "4 devices imported" in shown(done, "devices-told")
    number = plant.one("SELECT max(id) FROM tds.fleet_import")
    text = editor.get("/_fleet/devices.csv").text
    assert f"{fresh},N1,'=1+1,gauge" in text
    assert plant.audit()[0] == "device.imported"
    _, gone = confirmed(editor, "devices", "undo", number)
    assert "4 devices of" in shown(gone, "devices-told")
    assert plant.one("SELECT count(*) FROM tds.gateway WHERE mac = %s", fresh) == 0
    assert plant.audit()[0] == "device.import_undone"


@pytest.mark.parametrize("content", ["", "data:,x", "data:;base64,!!!", upload(head="a,b"), upload()])
def test_a_file_that_is_none_is_refused(editor: FlaskClient, content: str) -> None:
    response = press(editor, "devices-import-save", devices_import_file=content)
    assert "alert" in str(answer(response)) or response.status_code == 204


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_however_it_was_saved(plant: Plant, editor: FlaskClient, encoding: str, line_end: str) -> None:
    address = plant.one("SELECT mac FROM tds.gateway WHERE id = %s", plant.gateway("Silo"))
    lines = ("gateway_mac;code;name;kind;resource;unit", f"{address};D1;Câmara fria;gauge;temperature;°C", "")
    content = (codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b"") + line_end.join(lines).encode(encoding)
    planned = press(editor, "devices-import-file", devices_import_file="data:;base64," + base64.b64encode(content).decode())
    said = shown(planned, "devices-import-told")
    assert "1 device would be registered." in said
    assert "Câmara fria" in str(answer(planned))


def test_a_file_of_far_too_many_lines_is_refused_in_one_sentence(editor: FlaskClient) -> None:
    endless = upload(*["02:00:00:00:00:01,D,n,gauge,other,V"] * 40_000)
    assert "at most 20,000 lines" in shown(
        press(editor, "devices-import-file", devices_import_file=endless), "devices-import-told"
    )


def test_it_says_what_was_changed_since_before_an_import_is_taken_back(plant: Plant, editor: FlaskClient) -> None:
    address = plant.one("SELECT mac FROM tds.gateway WHERE id = %s", plant.gateway("Silo"))
    press(editor, "devices-import-save", devices_import_file=upload(f"{address},M1,Meter,gauge,temperature,°C"))
    number, device = plant.one("SELECT max(id) FROM tds.fleet_import"), plant.one("SELECT max(id) FROM tds.device")
    saved(editor, opened(editor, device), name="Freezer")
    question, _ = confirmed(editor, "devices", "undo", number)
    assert "1 of them was changed since" in texts(question["devices-confirm-said"])
    assert plant.audit()[1]["edited"] == 1


def test_a_viewer_looks_and_changes_nothing(plant: Plant, sign_in: Callable[[str], FlaskClient], editor: FlaskClient) -> None:
    device = plant.device(plant.gateway("Barn"), name="Scale")
    viewer = sign_in(PEOPLE["viewer"])
    listed = str(answer(call(viewer, "devices-table.children", devices_search="Scale")))
    assert "Scale" in listed
    assert "data-fleet" not in listed
    form = opened(editor, device)
    for response in (
        call(viewer, "devices-form-seen.data", devices_asked=asked("edit", device)),
        call(viewer, "devices-form-seen.data", devices_asked=asked("new")),
        saved(viewer, form, name="Mine"),
        call(viewer, "devices-move-seen.data", devices_asked=asked("move", device)),
        call(viewer, "devices-confirm-asked.data", devices_asked=asked("delete", device)),
        press(viewer, "devices-confirm-save", devices_confirm_asked={"verb": "retire", "id": device}),
        press(viewer, "devices-import-save", devices_import_file=upload("02:00:00:00:00:01,D,n,gauge,other,V")),
        press(viewer, "gateways-form-save", gateways_form_seen={"id": None}, gateways_form_mac=mac(), gateways_form_capacity="8"),
    ):
        assert (response.status_code, response.data) == (204, b"") or response.status_code == 403
    assert plant.one("SELECT name FROM tds.device WHERE id = %s", device) == "Scale"


def test_a_stranger_finds_nothing_to_change(plant: Plant, stranger: FlaskClient, editor: FlaskClient) -> None:
    gateway = plant.gateway("Dock")
    device = plant.device(gateway)
    form, other = opened(editor, device), opened(editor, gateway, "gateways")
    for response in (
        call(stranger, "devices-form-seen.data", devices_asked=asked("edit", device)),
        saved(stranger, form, name="Mine"),
        saved(stranger, {**form, "seen": {"id": None}}, gateway=gateway, code="Z9", unit="L"),
        saved(stranger, other, "gateways", name="Mine"),
        call(stranger, "devices-move-seen.data", devices_asked=asked("move", device)),
        call(stranger, "devices-confirm-asked.data", devices_asked=asked("delete", device)),
        press(stranger, "devices-confirm-save", devices_confirm_asked={"verb": "delete", "id": device}),
        press(stranger, "gateways-confirm-save", gateways_confirm_asked={"verb": "delete", "id": gateway}),
    ):
        assert response.status_code == 404
    assert plant.one("SELECT count(*) FROM tds.device WHERE gateway_id = %s AND name = 'Pump'", gateway) == 1


def test_the_list_is_cut_into_pages_and_says_how_all_does(plant: Plant, editor: FlaskClient) -> None:
    for n in range(8):
        gateway = plant.gateway(f"Row {n}")
        for code in range(7):
            plant.device(gateway, f"R{code}", f"Row {n} meter {code}")
    found = answer(call(editor, "devices-table.children", devices_search="row"))
    assert found["devices-range"]["children"] == "1–50 of 56"
    assert (found["devices-previous"]["disabled"], found["devices-next"]["disabled"]) == (True, False)
    assert "56" in str(found["devices-glance"])
    second = answer(call(editor, "devices-table.children", devices_search="row", devices_page=2, devices_sort="gateway"))
    assert second["devices-range"]["children"] == "51–56 of 56"
    nothing = answer(call(editor, "devices-table.children", devices_search="no such thing"))
    assert "Nothing fits" in texts(nothing["devices-table"])
    gateways = answer(call(editor, "gateways-table.children", gateways_search="row", gateways_sort="full"))
    assert "7 of 8 devices" in str(gateways["gateways-table"])
    assert "/rejections?reason=unknown_device" in str(found["devices-actions"])


def test_what_is_retired_can_still_be_looked_at(plant: Plant, editor: FlaskClient) -> None:
    gateway = plant.gateway("Crypt")
    device, other = plant.device(gateway, "A", "Old pump"), plant.device(gateway, "B", "Other pump")
    feed(plant.database, device, series("2026-01-05", 15, [1, 2, 3]))
    confirmed(editor, "devices", "retire", device)
    confirmed(editor, "gateways", "retire", gateway)
    for one in (device, other):
        assert editor.get(f"/api/v1/devices/{one}").json["state"] == "retired"
        shown_facts = answer(call(editor, "device-name.children", device_id=str(one)))
        assert "Retired" in texts(shown_facts["device-state"])
        assert call(editor, "device-history.figure", device_id=str(one)).status_code == 200
    assert editor.get(f"/api/v1/gateways/{gateway}").json["state"] == "retired"
    assert "Retired" in texts(answer(call(editor, "gateway-name.children", gateway_id=str(gateway)))["gateway-state"])
    assert device not in {one["id"] for one in editor.get("/api/v1/devices").json}
