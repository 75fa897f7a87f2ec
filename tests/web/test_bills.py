"""The bills page, its files and the API: invoices by editors, held against what was measured, of the own account alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import ledger, tariffs
from sql.audit import Wanted
from sql.audit import read as audit
from sql.held import read_once
from sql.invoices import Invoice
from sql.once import Reader
from sql.tariff_rules import Terms
from tds_dash import bill_data
from tds_dash.bill_dialog import FIELDS
from tests.web.dash import answer, call, callbacks, post
from tests.web.world import PASSWORD, ZONE, World

API = "/api/v1/invoices"
D = Decimal
TODAY = datetime.now(ZONE).date()
# Two whole days on which everything was measured, between the last ones and the days of which a device missed five hours.
FIRST, LAST = TODAY - timedelta(days=6), TODAY - timedelta(days=5)


def given(**changed: Any) -> dict[str, Any]:
    """Two days of 13 kWh an hour are 624 kWh."""
    usual = {
        "resource": "electricity",
        "first_day": FIRST.isoformat(),
        "last_day": LAST.isoformat(),
        "quantity": 630.24,
        "unit": "kWh",
        "amount": "400",
    }
    return {**usual, **changed}


@pytest.fixture
def editor(server: Any, world: World) -> FlaskClient:
    """Give an editor of the account."""
    client: FlaskClient = server.test_client()
    assert client.post("/login", data={"email": "both@example.com", "password": PASSWORD}).status_code == 302
    assert client.post("/accounts", data={"account": world.account}).status_code == 302
    return client


@pytest.fixture
def priced(world: World) -> Iterator[World]:
    """Give the account a price of electricity and no invoices, for one test."""
    terms = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": D("0.5")}, tax=D(20))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
    ledger.drain(world.database.owner)
    yield world
    with world.database.owner.transaction() as connection:
        for table in ("tariff", "invoice"):
            connection.execute(text(f"DELETE FROM tds.{table}"))


def test_a_program_enters_reads_and_removes_an_invoice(editor: FlaskClient, viewer: FlaskClient, priced: World) -> None:
    made = editor.post(API, json=given())
    assert made.status_code == 201, made.text
    number = made.json["id"]
    assert made.json == made.json | {"quantity": 630.24, "amount": 400, "currency": "BRL", "created_by": "both@example.com"}
    assert viewer.get(API).json == [made.json]
    assert viewer.get(f"{API}?resource=water").json == []
    schemas = viewer.get("/api/v1/openapi.json").json["components"]["schemas"]
    assert set(made.json) == set(schemas["Invoice"]["properties"])
    held = viewer.get(f"{API}/{number}").json
    assert held == held | {
        "measured": 624, "estimated": 0, "coverage": 1, "cost": 374.4, "days": 2, "days_over": 2, "days_without_tariff": 0, "verdict": "more",
        "quantity_difference": 6.24, "quantity_share": 0.01, "amount_difference": 25.6, "amount_share": 0.068376,
    }  # fmt: skip
    assert set(held) == set(schemas["HeldInvoice"]["properties"])
    assert set(held["lines"][0]) == set(schemas["HeldInvoice"]["properties"]["lines"]["items"]["properties"])
    assert [(one["line"], one["amount"]) for one in held["lines"]] == [("energy", 312), ("tax", 62.4)]
    assert editor.delete(f"{API}/{number}").json["id"] == number
    assert viewer.get(f"{API}/{number}").status_code == 404
    with priced.database.owner.transaction() as connection:
        lines = audit(connection, Wanted(priced.account, "invoice", ""), 2)
    assert [one.action for one in lines] == ["invoice.removed", "invoice.added"]


def test_a_program_corrects_an_invoice(editor: FlaskClient, viewer: FlaskClient, stranger: FlaskClient, priced: World) -> None:
    made = editor.post(API, json=given()).json
    address = f"{API}/{made['id']}"
    mended = given(quantity=624, last_day=(LAST + timedelta(days=1)).isoformat(), version=made["version"])
    assert viewer.put(address, json=mended).status_code == 403
    assert stranger.put(address, json=mended).status_code == 404
    corrected = editor.put(address, json=mended)
    assert corrected.status_code == 200, corrected.text
    kept = ("id", "created_at", "created_by", "amount", "unit")
    assert corrected.json == corrected.json | {name: made[name] for name in kept} | {
        "quantity": 624,
        "version": made["version"] + 1,
    }
    assert corrected.json["changed_by"] == "both@example.com"
    late = editor.put(address, json=given(quantity=1, version=made["version"]))
    assert (late.status_code, late.json["error"]["code"]) == (409, "outdated")
    assert viewer.get(address).json["quantity"] == 624
    assert editor.put(address, json=given()).status_code == 400, "without the version that was read"
    for wrong in (True, "1", None):
        assert editor.put(address, json=given(version=wrong)).status_code == 400
    with priced.database.owner.transaction() as connection:
        (line, _) = audit(connection, Wanted(priced.account, "invoice", ""), 2)
    assert line.action == "invoice.changed"
    assert line.before == {"quantity": "630.24", "last_day": LAST.isoformat()}
    assert line.after == {"quantity": "624", "last_day": (LAST + timedelta(days=1)).isoformat()}


def test_a_correction_keeps_to_days_that_no_other_invoice_has(editor: FlaskClient, priced: World) -> None:
    first = editor.post(API, json=given(last_day=FIRST.isoformat())).json
    editor.post(API, json=given(first_day=LAST.isoformat()))
    refused = editor.put(f"{API}/{first['id']}", json=given(version=first["version"]))
    assert refused.status_code == 400
    assert "already" in refused.json["error"]["message"]
    assert (
        editor.put(f"{API}/{first['id']}", json=given(last_day=FIRST.isoformat(), amount=1, version=first["version"])).status_code
        == 200
    )


def test_viewers_look_and_strangers_see_nothing(
    editor: FlaskClient, viewer: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient, priced: World
) -> None:
    number = editor.post(API, json=given()).json["id"]
    assert viewer.post(API, json=given(resource="gas", unit="m³")).status_code == 403
    assert viewer.delete(f"{API}/{number}").status_code == 403
    assert stranger.get(API).json == []
    assert stranger.get(f"{API}/{number}").status_code == stranger.delete(f"{API}/{number}").status_code == 404
    assert stranger.get(f"/_bills/{number}.csv").status_code == 404
    assert len(stranger.get("/_bills/export.csv").text.splitlines()) == 1
    assert {
        anonymous.get(API).status_code,
        anonymous.post(API, json=given()).status_code,
        anonymous.get("/_bills/export.csv").status_code,
    } == {401}
    assert "630" not in str(answer(call(stranger, "bills-table.children", bills_invoice=number)))
    assert press(stranger, "bill-asked", {"bill-asked": {"verb": "show", "id": number}}).status_code == 404
    forbidden = {"bills-confirm-seen": number, "bills-confirm-save": 1}
    assert call(viewer, "bills-confirm.is_open", bills_asked={"verb": "remove", "id": number}).status_code == 403
    assert press(viewer, "bills-confirm-save", forbidden).status_code == 403
    assert call(stranger, "bills-confirm.is_open", bills_asked={"verb": "remove", "id": number}).status_code == 404
    answer(press(stranger, "bills-confirm-save", forbidden))
    assert viewer.get(f"{API}/{number}").status_code == 200


def press(client: FlaskClient, trigger: str, values: dict[str, Any]) -> Any:
    """Call the one callback that an input sets off; values are by id."""
    (one,) = [one for one in callbacks(client) if any(part["id"] == trigger for part in one["inputs"])]
    return post(
        client, one, {f"{part['id']}.{part['property']}": values.get(part["id"]) for part in [*one["inputs"], *one["state"]]}
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"resource": "temperature"},
        {"resource": 5},
        {"first_day": "2026-02-30"},
        {"first_day": TODAY.isoformat()},
        {"last_day": "2125-01-01"},
        {"last_day": 20260131},
        {"quantity": -1},
        {"quantity": "a lot"},
        {"quantity": True},
        {"quantity": None},
        {"quantity": "NaN"},
        {"quantity": "1e999999999"},
        {"amount": "9" * 61},
        {"amount": [1]},
        {"unit": "m³"},
        {"unit": "\x00"},
        {"unit": None},
        {"account_id": 7},
    ],
    ids=repr,
)
def test_what_is_no_invoice_is_400(editor: FlaskClient, priced: World, changed: dict[str, Any]) -> None:
    response = editor.post(API, json=given(**changed))
    assert response.status_code == 400, response.text
    assert response.json["error"]["message"]
    assert editor.get(API).json == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"resource": "water"}'], ids=lambda body: repr(body[:10])
)
def test_a_body_that_is_none_is_400(editor: FlaskClient, body: bytes) -> None:
    assert editor.post(API, data=body, content_type="application/json").status_code == 400


def test_days_are_paid_once(editor: FlaskClient, priced: World) -> None:
    assert editor.post(API, json=given()).status_code == 201
    again = editor.post(API, json=given(first_day=LAST.isoformat()))
    assert again.status_code == 400
    assert "already" in again.json["error"]["message"]
    assert editor.get(f"{API}?resource=oil").status_code == 400
    assert editor.get(f"{API}/0").status_code == editor.get(f"{API}/x").status_code == 404


def typed(client: FlaskClient, seen: Any = None, **changed: Any) -> dict[str, Any]:
    """Save the form of an invoice, a new one or the one that was `seen`."""
    usual = {
        "resource": "electricity",
        "first_day": FIRST.isoformat(),
        "last_day": LAST.isoformat(),
        "quantity": "618",
        "unit": "kWh",
        "amount": "365.10",
    }
    named = {f"bills-form-{name}": {**usual, **changed}[name] for name in FIELDS}
    return answer(press(client, "bills-form-save", {"bills-form-save": 1, "bills-form-seen": seen, **named}))


def test_an_editor_types_an_invoice_and_everybody_sees_it_judged(editor: FlaskClient, viewer: FlaskClient, priced: World) -> None:
    opened = answer(call(editor, "bills-form-resource.value", bills_asked={"verb": "new", "id": None}))
    assert opened["bills-form"]["is_open"] is True
    saved = typed(editor)
    assert saved["bills-form"]["is_open"] is False
    number = saved["bills-invoice"]["data"]
    found = answer(call(viewer, "bills-table.children", bills_invoice=number))
    said = str(found["bills-said"]["children"])
    for words in ("Asks less", "1\\xa0%", "less", "R$9.30", "None of it is estimated"):
        assert words in said, (words, said)
    lines = str(found["bills-parts"]["children"])
    assert [words for words in ("R$312.00", "Tax, 20", "R$374.40") if words not in lines] == []
    assert found["bills-held"]["hidden"] is False
    links = str(found["bills-links"]["children"])
    assert f"/consumption?resource=electricity&period=custom&from={FIRST}&to={LAST}" in links
    assert found["bills-actions"]["children"] is None, "a viewer may not enter any"
    assert "Remove" not in str(found["bills-table"]["children"])
    assert "Remove" in str(answer(call(editor, "bills-table.children"))["bills-table"]["children"])
    drawn = found["bills-drawn"]["data"]
    bar = {"step": drawn["step"], "from": drawn["from"], "to": drawn["to"]}
    books = answer(call(viewer, "bills-books-body.children", bills_bar=bar, bills_drawn=drawn))
    assert "Press line" in str(books)
    assert "480" in str(books), "the books of the very days"
    gone = answer(press(editor, "bills-confirm-save", {"bills-confirm-seen": number, "bills-confirm-save": 1}))
    assert "removed" in str(gone["bills-told"]["children"])
    assert answer(call(viewer, "bills-table.children", bills_invoice=number))["bills-held"]["hidden"] is True


def test_an_editor_corrects_an_invoice_and_nobody_is_overwritten_in_silence(
    editor: FlaskClient, viewer: FlaskClient, stranger: FlaskClient, priced: World
) -> None:
    number = editor.post(API, json=given(unit="MWh", quantity="0.63024", amount="-400.5")).json["id"]
    asked = {"bills_asked": {"verb": "edit", "id": number}}
    assert call(viewer, "bills-form-resource.value", **asked).status_code == 403
    assert call(stranger, "bills-form-resource.value", **asked).status_code == 404
    opened = answer(call(editor, "bills-form-resource.value", **asked))
    values = [opened[f"bills-form-{name}"]["value"] for name in FIELDS]
    assert values == ["electricity", FIRST.isoformat(), LAST.isoformat(), "0.63024", "MWh", "\u2212400.5"]
    assert "Correct the invoice" in opened["bills-form-title"]["children"]
    named = press(editor, "bills-form-resource", {"bills-form-resource": "electricity", "bills-form-unit": "MWh"})
    assert named.status_code == 204, "its unit stays"
    seen = opened["bills-form-seen"]["data"]
    saved = typed(editor, seen, quantity="624", amount="365.10")
    assert (saved["bills-form"]["is_open"], saved["bills-invoice"]["data"]) == (False, number)
    late = typed(editor, seen, quantity="1")
    assert "is_open" not in late.get("bills-form", {})
    assert "Somebody else has changed this" in str(late["bills-form-told"]["children"])
    shown = answer(call(viewer, "bills-table.children", bills_invoice=number))
    assert "Corrected by" in str(shown["bills-compared"]["children"])
    assert viewer.get(f"{API}/{number}").json["quantity"] == 624
    assert "Correct" not in str(shown["bills-table"]["children"])
    assert "Correct" in str(answer(call(editor, "bills-table.children"))["bills-table"]["children"])


def test_days_beyond_the_years_are_said_to_be_so(editor: FlaskClient, priced: World) -> None:
    found = typed(editor, first_day="1969-12-31")
    assert "between 1970 and 2100" in found["bills-form-first_day-fault"]["children"]
    refused = editor.post(API, json=given(first_day="1969-12-31")).json["error"]["message"]
    assert "between 1970 and 2100" in refused


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"resource": None}, "resource", "Choose electricity"),
        ({"first_day": "2026-02-30"}, "first_day", "Choose a day"),
        ({"last_day": ""}, "last_day", "Choose a day"),
        ({"last_day": "2020-01-01"}, "last_day", "after the first"),
        ({"quantity": "-3"}, "quantity", "Type a number"),
        ({"quantity": ""}, "quantity", "Type a number"),
        ({"quantity": "1.234,5"}, "quantity", "Type a number"),
        ({"unit": "m³"}, "unit", "not counted in that unit"),
        ({"amount": "free"}, "amount", "Type a number"),
        ({"amount": "1" + "0" * 16}, "amount", "below a thousand"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    editor: FlaskClient, priced: World, changed: dict[str, Any], field: str, words: str
) -> None:
    found = typed(editor, **changed)
    faults = {name: found[f"bills-form-{name}-fault"]["children"] for name in FIELDS}
    assert words in faults.pop(field)
    assert not any(faults.values())
    assert editor.get(API).json == []


def test_a_supplier_may_owe_and_days_are_refused_beside_the_first(editor: FlaskClient, priced: World) -> None:
    typed(editor, amount="\u2212365,10".replace(",", "."))
    assert editor.get(API).json[0]["amount"] == -365.1
    again = typed(editor)
    assert "already" in again["bills-form-first_day-fault"]["children"]


def test_days_before_data_and_without_tariff_are_said(editor: FlaskClient, viewer: FlaskClient, priced: World) -> None:
    cases = {
        "Nothing of electricity was measured": given(first_day="2021-01-01", last_day="2021-01-31"),
        "have no tariff": given(resource="water", unit="m³"),
        "not over": given(first_day=TODAY.isoformat(), last_day=(TODAY + timedelta(days=20)).isoformat()) | {"last_day": (TODAY + timedelta(days=20)).isoformat(), "first_day": (TODAY - timedelta(days=4)).isoformat()},
    }  # fmt: skip
    for words, body in cases.items():
        number = editor.post(API, json=body).json["id"]
        assert words in str(answer(call(viewer, "bills-table.children", bills_invoice=number))["bills-said"]["children"])


def test_files_say_what_the_page_says(editor: FlaskClient, viewer: FlaskClient, priced: World) -> None:
    number = editor.post(API, json=given()).json["id"]
    head, row = csv.reader(viewer.get("/_bills/export.csv").text.splitlines())
    found = dict(zip(head, row, strict=True))
    assert found == found | {"Measured": "624", "By the tariffs (BRL)": "374.4", "Amount (BRL)": "400", "Judgement": "Asks more"}
    rows = [row.split(";") for row in viewer.get(f"/_bills/{number}.csv?locale=pt-BR").text.splitlines()]
    assert rows[2][2:5] == ["630,24", "624", "6,24"]
    assert rows[3][2:5] == ["400", "374,4", "25,6"]


def test_a_long_list_is_held_as_far_as_one_answer_may_read_and_a_file_part_by_part(
    editor: FlaskClient, viewer: FlaskClient, priced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ahead in (-10, 0, 4):
        days = [(day + timedelta(days=ahead)).isoformat() for day in (FIRST, LAST)]
        assert editor.post(API, json=given(first_day=days[0], last_day=days[1])).status_code == 201
    parts: list[int] = []

    def counted(invoices: list[Invoice], zone: str) -> Reader:
        parts.append(len(invoices))
        return read_once(invoices, zone)

    monkeypatch.setattr(bill_data, "read_once", counted)
    whole = viewer.get("/_bills/export.csv").text
    assert whole.count(",624,") == 3
    for most, expected in ((9, [2, 1]), (5, [1, 1, 1]), (3, [1, 1, 1])):  # two meters and two days: four rows an invoice
        monkeypatch.setattr(bill_data, "MOST_ROWS", most)
        assert viewer.get("/_bills/export.csv").text == whole
        assert parts[1:] == expected
        del parts[1:]
    assert parts == [3]
    monkeypatch.setattr(bill_data, "MOST_ROWS", 5)
    table = str(answer(call(viewer, "bills-table.children"))["bills-table"]["children"])
    assert table.count("Open it to compare") == 2


def test_an_account_without_invoices_is_told_how_to_begin(editor: FlaskClient, viewer: FlaskClient, world: World) -> None:
    found = answer(call(editor, "bills-table.children"))
    assert "Enter an invoice" in str(found["bills-table"]["children"])
    assert (found["bills-held"]["hidden"], found["bills-export"]["hidden"]) == (True, True)
    assert "Enter an invoice" not in str(answer(call(viewer, "bills-table.children"))["bills-table"]["children"])
