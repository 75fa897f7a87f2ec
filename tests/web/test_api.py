"""The API: shapes, parameters, errors, and the same numbers as the command line."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

import tds_dash.api
from cli import main
from tests.web.world import OURS, RATES, World

ZONE = ZoneInfo("America/Sao_Paulo")


def test_latest_readings(viewer: FlaskClient, world: World) -> None:
    rows = viewer.get("/api/v1/readings/latest").json
    assert len(rows) == 10
    assert rows == sorted(rows, key=lambda row: (row["time"], row["device_id"]), reverse=True)
    assert datetime.fromisoformat(rows[0]["time"]) == world.newest
    assert set(rows[0]) == {"device_id", "gateway_mac", "device_code", "device_name", "resource", "time", "value", "unit"}
    assert len(viewer.get("/api/v1/readings/latest?limit=37").json) == 37


def test_gateways_and_their_status(viewer: FlaskClient, world: World) -> None:
    status = viewer.get("/api/v1/gateways/status").json
    assert (status["total"], status["online"], status["offline"]) == (2, 1, 1)
    assert {one["name"]: one["online"] for one in status["gateways"]} == {"Main building": True, "Old workshop": False}
    listed = viewer.get("/api/v1/gateways").json
    assert [(one["mac"], one["devices"]) for one in listed] == [(OURS, 4), ("02:00:00:00:00:03", 1)]
    assert viewer.get(f"/api/v1/gateways/{world.gateways['main']}").json == listed[0]


def test_devices(viewer: FlaskClient, world: World) -> None:
    listed = viewer.get("/api/v1/devices").json
    assert {one["code"]: one["id"] for one in listed} == world.devices
    assert {one["code"] for one in listed if one["reporting"]} == {"D01", "D02", "W01", "T01"}
    assert [one["code"] for one in viewer.get("/api/v1/devices?resource=water").json] == ["W01"]
    named = viewer.get(f"/api/v1/devices?device={OURS}/D02&device={world.devices['D01']}").json
    assert [one["code"] for one in named] == ["D01", "D02"]


@pytest.mark.parametrize("step", ["hour", "day", "month"])
def test_consumption_equals_the_command(
    viewer: FlaskClient, world: World, step: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = world.newest.astimezone(ZONE).date()
    period = {"from": (end - timedelta(days=40 if step == "month" else 3)).isoformat(), "to": end.isoformat()}
    answered = viewer.get("/api/v1/consumption", query_string={"step": step, **period, "device": f"{OURS}/D01"})
    monkeypatch.setenv("TDS_DATABASE_URL", str(world.database.settings.database_url))
    monkeypatch.setenv("TDS_STATE_DIR", str(world.database.settings.state_dir))
    given = ["consumption", "--account", "Aurora", "--step", step, "--from", period["from"], "--to", period["to"]]
    assert main([*given, "--device", f"{OURS}/D01", "--format", "json"]) == 0
    assert json.loads(answered.text, parse_float=Decimal) == json.loads(capsys.readouterr().out, parse_float=Decimal)


def test_consumption_adds_up(viewer: FlaskClient, world: World) -> None:
    today = world.newest.astimezone(ZONE).date()
    rows = viewer.get(f"/api/v1/consumption?step=day&from={today - timedelta(days=20)}&to={today}").json
    by_code: dict[str, Decimal] = {}
    for row in rows:
        if row["consumption"] is not None:
            by_code[row["device_code"]] = by_code.get(row["device_code"], Decimal(0)) + Decimal(str(row["consumption"]))
    assert by_code == {code: Decimal(20 * 24 * rate) for code, rate in RATES.items()}
    assert len(rows) == 5 * 20


REFUSED = [
    "readings/latest?limit=0",
    "readings/latest?limit=1001",
    "readings/latest?limit=x",
    "readings/latest?limit=1e2",
    "readings/latest?limit=99999999999999999999",
    "consumption?step=week",
    "consumption?from=2026-02-30",
    "consumption?from=yesterday",
    "consumption?from=2026-02-02&to=2026-02-01",
    "consumption?from=0001-01-01&to=9999-12-31",
    "consumption?step=15min&from=1990-01-01&to=2050-01-01",
    "consumption?from=2026-01-01%00",
    "export/consumption.csv?step=fortnight",
    "export/readings.csv?from=x",
]


def test_every_refusal_of_the_api_has_words_in_both_languages() -> None:
    keyless = [
        f"{file.name}:{call.lineno}"
        for file in Path(tds_dash.api.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Refused" and len(call.args) < 2
    ]
    assert keyless == []


@pytest.mark.parametrize(
    "path",
    [
        *REFUSED,
        "devices/999999",
        "alarms?state=shut",
        "rejections?after=x",
        "books",
        "nowhere",
        "reports/2026-13.pdf",
        "reports/1980-01.pdf",
    ],
)
def test_what_is_refused_is_said_in_english_unless_portuguese_is_asked_for(
    viewer: FlaskClient, stranger: FlaskClient, path: str
) -> None:
    # The viewer's account speaks English, the stranger's Portuguese: neither matters to a program.
    said = {client.get(f"/api/v1/{path}").json["error"]["message"] for client in (viewer, stranger)}
    assert len(said) == 1
    asked = {
        client.get(f"/api/v1/{path}", headers={"Accept-Language": wanted}).json["error"]["message"]
        for client in (viewer, stranger)
        for wanted in ("pt-BR,pt;q=0.9,en;q=0.8", "pt")
    }
    assert len(asked) == 1
    assert not asked & said
    english = viewer.get(f"/api/v1/{path}", headers={"Accept-Language": "en-US,en;q=0.9,pt;q=0.5"}).json["error"]["message"]
    assert {english} == said


@pytest.mark.parametrize("path", REFUSED)
def test_a_bad_parameter_is_400(viewer: FlaskClient, path: str) -> None:
    response = viewer.get(f"/api/v1/{path}")
    assert response.status_code == 400
    assert response.json["error"]["code"] == "bad_request"
    assert response.json["error"]["message"]


def test_errors_have_one_shape(anonymous: FlaskClient, viewer: FlaskClient) -> None:
    assert anonymous.get("/api/v1/devices").json["error"]["code"] == "sign_in_required"
    assert anonymous.get("/api/v1/nothing").status_code == 401
    missing = viewer.get("/api/v1/nothing")
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "not_found")
    wrong = viewer.post("/api/v1/devices")
    assert (wrong.status_code, wrong.json["error"]["code"]) == (405, "method_not_allowed")


def test_readings_as_csv(viewer: FlaskClient, world: World) -> None:
    response = viewer.get(f"/api/v1/export/readings.csv?device={world.devices['D01']}")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    assert len(rows) == 70 * 24 + 1 - 5
    assert set(rows[0]) == {"gateway_mac", "device_code", "timestamp", "value", "unit"}
    assert rows[-1]["timestamp"] == world.newest.astimezone(ZONE).isoformat()
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert len(list(csv.reader(io.StringIO(viewer.get("/api/v1/export/readings.csv").text)))) == 1 + 4 * (70 * 24 + 1) - 5


def test_readings_as_csv_of_some_days(viewer: FlaskClient, world: World) -> None:
    day = world.newest.astimezone(ZONE).date() - timedelta(days=3)
    query = f"gateway={world.gateways['main']}&resource=water&from={day}&to={day + timedelta(days=1)}"
    rows = list(csv.DictReader(io.StringIO(viewer.get(f"/api/v1/export/readings.csv?{query}").text)))
    assert len(rows) == 24
    assert {row["device_code"] for row in rows} == {"W01"}
    assert all(row["timestamp"].startswith(day.isoformat()) for row in rows)


def test_csv_for_excel_in_portuguese(viewer: FlaskClient, world: World) -> None:
    text = viewer.get(f"/api/v1/export/readings.csv?device={world.devices['T01']}&locale=pt-BR").text
    assert text.startswith("\ufeffgateway_mac;device_code;")
    values = [line.split(";")[3] for line in text.splitlines()[1:]]
    assert any("," in value for value in values)
    assert not any("." in value for value in values)


def test_consumption_as_csv(viewer: FlaskClient, world: World) -> None:
    rows = list(csv.DictReader(io.StringIO(viewer.get("/api/v1/export/consumption.csv?step=day&resource=water").text)))
    assert len(rows) == 30
    assert {row["consumption"] for row in rows[:-2]} == {"48"}


def test_a_name_is_no_formula() -> None:
    from tds_dash.api.exports import cell

    assert [cell(text, False) for text in ("=1+1", "a;=1", "D01")] == ["'=1+1", "a;'=1", "D01"]
    assert cell(-1, False) == "-1"
    assert cell(Decimal("-1.50"), False) == "-1.5"
    assert cell(Decimal("-1.50"), True) == "-1,5"


def test_its_description_names_every_address(viewer: FlaskClient, server: Any) -> None:
    described = viewer.get("/api/v1/openapi.json").json
    rules = {rule.rule.removeprefix("/api/v1") for rule in server.url_map.iter_rules() if rule.rule.startswith("/api/v1")}
    plain = {
        re.sub("<(gateway|device|rejection|alarm|invoice)_id>", "{id}", rule).replace("<month>", "{month}") for rule in rules
    }
    assert plain == set(described["paths"])
    for path, described_as in described["paths"].items():
        if "get" not in described_as or path == "/invoices":  # there are none; tests/web/test_bills.py has some
            continue
        schema = described_as["get"]["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
        name = (schema.get("items") or schema).get("$ref", "").rpartition("/")[2]
        if name and "{" not in path:
            needed = [one["name"] for one in described_as["get"]["parameters"] if one.get("required")]
            body = viewer.get(f"/api/v1{path}", query_string=dict.fromkeys(needed, f"{OURS}/D01")).json
            row = body[0] if isinstance(body, list) else body
            assert set(row) == set(described["components"]["schemas"][name]["properties"]), path


def test_exact_digits_survive(viewer: FlaskClient, world: World) -> None:
    text = viewer.get("/api/v1/readings/latest?limit=5").text
    assert '"value": "' not in text


def test_an_empty_account_has_empty_lists(newcomer: FlaskClient) -> None:
    for path in ("devices", "gateways", "readings/latest", "consumption"):
        assert newcomer.get(f"/api/v1/{path}").json == [], path
    assert newcomer.get("/api/v1/gateways/status").json == {"total": 0, "online": 0, "offline": 0, "gateways": []}
