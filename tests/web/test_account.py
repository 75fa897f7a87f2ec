"""Everything an account holds, as a ZIP; and its end: both with how far they are, both for administrators alone."""

from __future__ import annotations

import csv
import io
import re
import time
import zipfile
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import deletion, fleet, people, report_recipients
from sql.audit import Actor
from tests.project.tree import ROOT
from tests.web.dash import answer, call
from tests.web.test_isolation import FORBIDDEN_TO_THEM, FORBIDDEN_TO_US, clean
from tests.web.world import DAYS, PASSWORD, World

# Of what belongs to an account, what an export need not hold: worked out from what it does hold, or the house's own.
WORKED_OUT = {"alarm_watch", "band_day", "band_month", "band_pending", "delivery", "demand_day", "demand_pending", "device_seen", "dirty",
              "ledger", "ledger_state", "rejection_tally", "revised", "total_group", "total_member"}  # fmt: skip
OURS = {"account_order", "db_login", "registration_miss", "replay"}
# Columns that say nothing to anybody else: numbers of ours, hashes, secrets, what is still to be done.
UNSAID = {"user_id", "version", "rule_version", "digest", "hash", "secret", "key", "opening_told", "closing_told", "next_at", "active_at", "opened", "closed",
          "body", "certificate", "refused_for", "closed_at"}  # fmt: skip


def test_nothing_that_an_account_holds_is_left_out_of_its_export(world: World) -> None:
    """A table or a column that comes later is either in the export, or said above not to be."""
    said = (ROOT / "sql/queries/account.sql").read_text(encoding="utf-8")
    with world.database.owner.transaction() as conn:
        columns = conn.execute(
            text("SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
                 " WHERE table_schema = 'tds' AND table_type = 'BASE TABLE'")
        ).all()  # fmt: skip
    tables: dict[str, set[str]] = {}
    for table, column in columns:
        tables.setdefault(table, set()).add(column)
    owned = {
        name
        for name, found in tables.items()
        if found & {"account_id", "device_id", "gateway_id"} and not name.startswith("consumption_")
    }
    named = set(re.findall(r"tds\.(\w+)", said)) | {"reading"}
    assert owned - named == (WORKED_OUT | OURS)
    whole = {"event", "decision"}  # with every column
    missing = {f"{table}.{column}" for table in (owned | {"account"}) & named - whole - {"reading", "consumption_hour"} for column in tables[table] - UNSAID
               if not re.search(rf"\b{column}\b", said)}  # fmt: skip
    assert missing == set()


def exported(client: FlaskClient) -> dict[str, list[list[str]]]:
    """Take everything along; gives the tables by file."""
    response = client.post("/_account/export.zip")
    assert response.status_code == 200, response.text
    archive = zipfile.ZipFile(io.BytesIO(response.data))
    response.close()
    assert archive.testzip() is None
    return {name: list(csv.reader(io.StringIO(archive.read(name).decode()))) for name in archive.namelist()}


def test_an_export_holds_everything_and_nothing_of_others(admin: FlaskClient, stranger: FlaskClient, world: World) -> None:
    with world.database.owner.transaction() as conn:
        for account, address in ((world.account, "energy@aurora.example"), (world.strangers_account, "energy@boreal.example")):
            made = report_recipients.add_recipient(conn, account, address, "en", 1, 0, Actor("somebody"))
            report_recipients.ask(conn, made, date(2026, 1, 1), Actor("somebody"))
    ours, theirs = exported(admin), exported(stranger)
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.report_recipient"))
    assert [row[1] for row in ours["report_recipients.csv"][1:]] == ["energy@aurora.example"]
    assert [row[1] for row in theirs["report_recipients.csv"][1:]] == ["energy@boreal.example"]
    assert [row[1] for row in ours["report_mails.csv"]] == ["month", "2026-01-01"]
    assert {
        "README.txt",
        "account.csv",
        "members.csv",
        "gateways.csv",
        "devices.csv",
        "audit.csv",
        "certificates.csv",
        "tariffs.csv",
        "budgets.csv",
        "alarms.csv",
    } <= set(ours)
    readings = ours[f"readings/02-00-00-00-00-01_D01_{world.devices['D01']}.csv"]
    assert (readings[0], len(readings) - 1) == (["time", "value"], DAYS * 24 + 1 - 5)
    assert len([name for name in ours if name.startswith("consumption/")]) == len(world.devices)
    assert "'=Water" in {row[3] for row in ours["devices.csv"]}  # no cell is a formula
    assert ["admin@aurora.example", "admin"] in [row[:2] for row in ours["members.csv"]]
    assert clean(str({name: rows for name, rows in ours.items() if name not in ("members.csv", "audit.csv")}), FORBIDDEN_TO_US)
    assert clean(
        str({name: rows for name, rows in theirs.items() if name not in ("members.csv", "audit.csv")}), FORBIDDEN_TO_THEM
    )
    assert "argon2" not in str(ours)
    progress = admin.get("/_account/export").json["export"]
    assert (progress["state"], progress["done"]) == ("whole", progress["total"])
    assert "is whole" in answer(call(admin, "account-export-told.children"))["account-export-told"]["children"]


def test_one_export_at_a_time_and_a_broken_one_is_said(admin: FlaskClient, server: Flask, world: World) -> None:
    response = admin.post("/_account/export.zip", buffered=False)
    first = next(iter(response.iter_encoded()))
    assert first
    assert admin.get("/_account/export").json["export"]["state"] == "running"
    assert admin.post("/_account/export.zip").status_code == 409
    response.close()
    assert admin.get("/_account/export").json["export"]["state"] == "broken"
    exported(admin)


@pytest.mark.parametrize(("path", "method"), [("/_account/export.zip", "POST"), ("/_account/export", "GET"), ("/account/delete", "GET"), ("/account/delete", "POST")])  # fmt: skip
def test_nobody_but_administrators(viewer: FlaskClient, anonymous: FlaskClient, path: str, method: str) -> None:
    assert viewer.open(path, method=method).status_code == 403
    assert anonymous.open(path, method=method).status_code in (302, 401)


def test_an_account_is_deleted_by_its_administrator(
    world: World, sign_in: Callable[[str], FlaskClient], anonymous: FlaskClient
) -> None:
    name, email = f"Doomed {time.monotonic_ns()}", f"doomed{time.monotonic_ns()}@x.example"
    number = world.database.account(name)
    mac = f"02:00:00:00:99:{number % 256:02x}"
    with world.database.owner.transaction() as conn:
        people.add_user(conn, email, name, "admin", PASSWORD)
        fleet.add_gateway(conn, mac, name)
        device = fleet.add_device(conn, mac, "D01", kind="counter", resource="water", unit="m³")
        conn.execute(
            text("INSERT INTO tds.reading SELECT :d, now() - n * interval '1 hour', 100 - n FROM generate_series(1, 50) n"),
            {"d": device},
        )
    client = sign_in(email)
    for typed, said in (
        ({"name": "Aurora", "password": PASSWORD}, "Type the name"),
        ({"name": name, "password": "wrong"}, "not your password"),
    ):
        response = client.post("/account/delete", data=typed, headers={"Accept-Language": "en"})
        assert (response.status_code, said in response.text) == (400, True)
        assert typed["name"] in response.text
    ordered = client.post("/account/delete", data={"name": name, "password": PASSWORD})
    assert client.get("/").location.startswith("/accounts")
    assert "0 of 1" in anonymous.get(ordered.location, headers={"Accept-Language": "en"}).text
    while deletion.work(world.database.owner, timedelta(0)):
        pass
    page = anonymous.get(ordered.location, headers={"Accept-Language": "en"})
    assert "is deleted" in page.text
    assert clean(page.text, (name, email))
    assert client.get("/accounts").location.startswith("/login")
    with world.database.owner.transaction() as conn:
        assert conn.execute(text("SELECT count(*) FROM tds.reading WHERE device_id = :d"), {"d": device}).scalar() == 0
