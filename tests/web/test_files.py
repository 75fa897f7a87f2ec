"""What pages show as files: every page's tables as CSV and as a workbook, in two languages, of the own account alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import ledger, tariffs
from sql.budgets import Budget, set_budget
from sql.holidays import add_holidays, remove_holiday
from sql.tariff_rules import Terms, white_tariff
from tests.web.test_isolation import FORBIDDEN_TO_THEM, FORBIDDEN_TO_US, clean
from tests.web.world import PASSWORD, ZONE, World

D = Decimal
KINDS = ("csv", "xlsx")
# Every file, with the view that it is of; `D01` and the like stand for the world's ids.
FILES = {
    "/_consumption/export": "period=week&step=day",
    "/_peaks/export": "months=3",
    "/_costs/export": "resource=electricity&per=month",
    "/_bills/export": "",
    "/_tariffs/export": "",
    "/_alarms/export": "view=history",
    "/_device/D01/history": "period=week&step=day&temperature=T01",
    "/_device/D01/load": "profile=month",
    "/_device/D01/degrees": "profile=month&temperature=T01",
    "/_device/T01/history": "period=day&step=readings",
    "/_device/W01/load": "profile=month",
}


@pytest.fixture(scope="module")
def priced(world: World) -> Iterator[World]:
    """Give the account tariffs, a budget, a holiday and an invoice, for this module."""
    prices = {"off_peak": D("0.5"), "intermediate": D(1), "peak": D(2)}
    terms = Terms("electricity", date(2020, 1, 1), "=Branca", "kWh", prices, white_tariff(), D(10), D("12.5"), D(20))
    today = datetime.now(ZONE).date()
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
        set_budget(connection, world.account, Budget("electricity", today.replace(day=1), "money", "", D("1")))
        add_holidays(connection, world.account, {date(2026, 12, 25): "=Natal"})
    ledger.drain(world.database.owner)
    yield world
    with world.database.owner.transaction() as connection:
        for table in ("tariff", "budget", "invoice"):
            connection.execute(text(f"DELETE FROM tds.{table}"))
        remove_holiday(connection, world.account, date(2026, 12, 25))


def address(world: World, path: str, kind: str, **more: str) -> str:
    """Give a file's address, with ids in place of codes."""
    whole = f"{path}.{kind}?{FILES[path]}" + "".join(f"&{name}={value}" for name, value in more.items())
    for code, number in world.devices.items():
        whole = whole.replace(code, str(number))
    return whole


def tables(client: FlaskClient, where: str, delimiter: str = ",") -> list[list[str]]:
    """Give a CSV file's lines."""
    response = client.get(where)
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff")), delimiter=delimiter))


def book(client: FlaskClient, where: str) -> Any:
    """Give a workbook."""
    response = client.get(where)
    assert response.status_code == 200, response.text
    return openpyxl.load_workbook(io.BytesIO(response.data))


@pytest.mark.parametrize("path", FILES)
def test_each_page_is_a_file_in_two_languages(viewer: FlaskClient, priced: World, path: str) -> None:
    english = tables(viewer, address(priced, path, "csv", locale="en"))
    portuguese = tables(viewer, address(priced, path, "csv", locale="pt-BR"), ";")
    assert len(english) == len(portuguese)
    assert english[0] != portuguese[0]
    found = book(viewer, address(priced, path, "xlsx", locale="en"))
    cells = [cell for sheet in found for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert not any(cell.data_type == "f" for cell in cells)
    assert not any(cell.startswith("=") for line in english for cell in line)
    several = len(found.worksheets) > 1
    again = tables(viewer, address(priced, path, "csv", locale="en"))  # what runs now has gone on meanwhile: a share of the day
    still = {cell for line in english for cell in line} & {cell for line in again for cell in line}
    numbers = {D(cell).normalize() for cell in still if cell.replace(".", "", 1).lstrip("-").isdigit()}
    kept = {D(str(cell.value)).normalize() for cell in cells if cell.data_type == "n" and not isinstance(cell.value, datetime)}
    assert {round(one, 6) for one in numbers} <= {round(one, 6) for one in kept}
    assert several or len(english) == found.worksheets[0].max_row


@pytest.mark.parametrize("path", FILES)
def test_it_hides_other_accounts(
    stranger: FlaskClient, viewer: FlaskClient, anonymous: FlaskClient, priced: World, path: str
) -> None:
    for kind in KINDS:
        response = stranger.get(address(priced, path, kind))
        if "/_device/" in path:
            assert response.status_code == 404
        elif kind == "csv":
            assert clean(response.text, FORBIDDEN_TO_THEM)
        theirs = {name: str(priced.strangers_device) for name in ("devices", "temperature", "gateways", "gateway")}
        if kind == "csv":
            assert clean(viewer.get(address(priced, path, kind, **theirs)).text, FORBIDDEN_TO_US)
        assert anonymous.get(address(priced, path, kind)).status_code == 401
    for given in ("999999", "x", "-1", "%00"):
        assert viewer.get(f"/_device/{given}/history.csv").status_code == 404


@pytest.mark.parametrize("path", FILES)
def test_whatever_is_asked_for_is_a_file(viewer: FlaskClient, priced: World, path: str) -> None:
    garbage = "period=custom&from=2026-02-30&to=x&zoom=a~b&step=week&profile=century&month=2026-99&resource=steam&view=?&kind=x&locale=fr"
    for kind in KINDS:
        where = address(priced, path, kind).partition("?")[0]
        assert viewer.get(f"{where}?{garbage}").status_code == 200


def test_totals_say_what_they_cost(viewer: FlaskClient, priced: World) -> None:
    totals = book(viewer, address(priced, "/_consumption/export", "xlsx", locale="en")).worksheets[1]
    assert totals["E1"].value == "Cost (BRL)"
    amounts = [totals.cell(row, 5).value for row in range(2, totals.max_row + 1)]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.01)
    assert amounts[-1] > 0


def test_a_history_is_what_is_seen(viewer: FlaskClient, priced: World) -> None:
    head, *rows = tables(viewer, address(priced, "/_device/D01/history", "csv"))
    assert head == ["Period", "Consumption (kWh)", "Estimated", "Coverage", "Cold room <b> (°C)"]
    assert [row[1:4] for row in rows[2:5]] == [["240", "0", "1"]] * 3
    day = (priced.newest - timedelta(days=3)).date()
    zoom = f"{day}T06:00~{day}T08:00"
    where = f"/_device/{priced.devices['D01']}/history.xlsx?period=week&zoom={zoom}"
    sheet = book(viewer, where).worksheets[0]
    assert sheet["B1"].value == "Value (kWh)"
    assert [cell.value for cell in sheet["A"]][1:] == [datetime(day.year, day.month, day.day, hour) for hour in (6, 7)]
    assert sheet["A2"].number_format == "d mmm yyyy hh:mm:ss"


def test_a_load_has_a_sheet_for_each_part(viewer: FlaskClient, priced: World) -> None:
    week, day, duration, base, nights = book(viewer, address(priced, "/_device/W01/load", "xlsx"))
    assert (week.max_row, week.max_column, week["B2"].value) == (25, 8, 2)
    assert (day.max_row, duration.max_row) == (25, 202)
    assert base["D2"].value == 2
    assert nights["B2"].value == 2
    assert len(book(viewer, f"/_device/{priced.devices['T01']}/load.xlsx").worksheets) == 3


def test_a_month_is_its_bill_its_comparison_and_its_days(viewer: FlaskClient, priced: World) -> None:
    bill, before, ahead, months = book(viewer, address(priced, "/_costs/export", "xlsx"))
    amounts = [row[8].value for row in bill.iter_rows(min_row=2)]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1])
    assert before["A1"].value == ahead.parent.worksheets[0]["A1"].value == "Line"
    assert ahead["F3"].value == 1
    assert months["A2"].number_format == "mmm yyyy"
    priced_at = book(viewer, "/_tariffs/export.xlsx?locale=pt-BR")
    assert [sheet.max_row for sheet in priced_at.worksheets[:2]] == [7, 2]
    assert "=Natal" in [cell.value for cell in priced_at.worksheets[2]["B"]]


def test_an_invoice_is_a_file(server: Any, viewer: FlaskClient, priced: World) -> None:
    editor: FlaskClient = server.test_client()
    editor.post("/login", data={"email": "both@example.com", "password": PASSWORD})
    editor.post("/accounts", data={"account": priced.account})
    days = [(datetime.now(ZONE).date() - timedelta(days=back)).isoformat() for back in (6, 5)]
    given = {
        "resource": "electricity",
        "first_day": days[0],
        "last_day": days[1],
        "quantity": 630,
        "unit": "kWh",
        "amount": "400",
    }
    number = editor.post("/api/v1/invoices", json=given).json["id"]
    held, lines = book(viewer, f"/_bills/{number}.xlsx")
    assert [cell.value for cell in held[2]][:5] == ["Quantity", "kWh", 630, 624, 6]
    assert lines["A2"].value == "Off-peak"
    listed = book(viewer, "/_bills/export.xlsx").worksheets[0]
    assert [cell.value for cell in listed[2]][3:5] == [630, 624]


def test_a_file_that_is_still_being_sent_lets_nobody_ask_as_its_person(
    viewer: FlaskClient, sign_in: Callable[[str], FlaskClient], world: World
) -> None:
    sent = viewer.get("/api/v1/export/readings.csv", query_string={"device": world.devices["D01"]})
    other = sign_in("stranger@boreal.example")
    found = other.get("/api/v1/devices").json
    assert [one["id"] for one in found] == [world.strangers_device]
    lines = sent.text.splitlines()
    assert len(lines) > 500
    assert all(",D01," in line for line in lines[1:])
