"""What is on the explorer's screen as CSV and as a workbook: the same groups and comparison, dates as dates, no formula."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from flask.testing import FlaskClient

from tds_dash.sheets import sheet_name
from tests.web.test_isolation import FORBIDDEN_TO_THEM, clean
from tests.web.world import World

ZONE = ZoneInfo("America/Sao_Paulo")
PATH = "/_consumption/export"


def period(world: World, first: int = 4, last: int = 2) -> dict[str, str]:
    today = world.newest.astimezone(ZONE).date()
    return {
        "period": "custom",
        "from": (today - timedelta(days=first)).isoformat(),
        "to": (today - timedelta(days=last)).isoformat(),
    }


def table(client: FlaskClient, delimiter: str = ",", **query: str) -> list[list[str]]:
    response = client.get(f"{PATH}.csv", query_string=query)
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff")), delimiter=delimiter))


def book(client: FlaskClient, **query: str) -> Any:
    response = client.get(f"{PATH}.xlsx", query_string=query)
    assert response.status_code == 200, response.text
    return openpyxl.load_workbook(io.BytesIO(response.data))


def test_csv_has_a_row_for_each_bar_and_a_column_for_each_group(viewer: FlaskClient, world: World) -> None:
    days = period(world)
    head, *rows = table(viewer, step="day", **days)
    assert head == ["Period", "Press line (kWh)", "Lighting (kWh)", "Total (kWh)", "Estimated", "Coverage"]
    assert [row[0] for row in rows] == [(date.fromisoformat(days["from"]) + timedelta(days=n)).isoformat() for n in range(3)]
    assert [row[1:] for row in rows] == [["240", "72", "312", "0", "1"]] * 3


def test_csv_in_portuguese_is_what_excel_reads(viewer: FlaskClient, world: World) -> None:
    response = viewer.get(f"{PATH}.csv", query_string={"step": "15min", "locale": "pt-BR", **period(world, 2, 2)})
    text = response.get_data(as_text=True)
    assert text.startswith("\ufeffPeríodo;Press line (kWh);")
    assert ";2,5;0,75;3,25;0;1\r\n" in text
    assert text.splitlines()[1].split(";")[0].endswith(" 00:00")


def test_comparison_columns_are_those_of_the_screen(viewer: FlaskClient, world: World) -> None:
    head, *rows = table(viewer, step="day", compare="previous", group="gateway", **period(world))
    assert head[:2] == ["Period", "Total (kWh)"]
    assert head[4] == "Beside"
    assert head[6:] == ["Difference (kWh)", "Change"]
    for row in rows:
        assert (date.fromisoformat(row[0]) - date.fromisoformat(row[4])).days == 7
        assert row[6] == "0"


def test_all_resources_stand_in_one_file(viewer: FlaskClient, world: World) -> None:
    head, *rows = table(viewer, group="resource", step="day", **period(world))
    assert "Electricity: Total (kWh)" in head
    assert "Water: Total (m³)" in head
    assert rows[0][head.index("Water: Total (m³)")] == "48"


def test_no_name_is_a_formula(viewer: FlaskClient, world: World) -> None:
    water = {"resource": "water", "step": "day", "compare": "device", "with": str(world.devices["W01"])}
    head, *_ = table(viewer, **water, **period(world))
    assert not any(cell.startswith("=") for cell in head)
    assert "'=Water (m³)" in head
    for sheet in book(viewer, **water, **period(world)):
        assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


def test_a_workbook_has_dates_numbers_and_totals(viewer: FlaskClient, world: World) -> None:
    days = period(world)
    bars, totals = book(viewer, step="day", compare="previous", **days)
    assert (bars.title, totals.title) == ("Electricity, kWh per day", "Total of the period")
    first = list(bars[2])
    assert first[0].value == datetime.fromisoformat(days["from"])
    assert first[0].number_format == "d mmm yyyy"
    assert (first[1].value, first[1].data_type, first[1].number_format) == (240, "n", "#,##0.000")
    assert first[5].number_format == "0.0%"
    assert bars.freeze_panes == "B2"
    names = [row[1].value for row in totals.iter_rows(min_row=2)]
    assert names == ["Press line", "Lighting", "Total"]
    assert [cell.value for cell in totals[4]][:4] == ["Electricity", "Total", 936, "kWh"]
    assert totals.cell(4, 8).value == 936
    portuguese, _ = book(viewer, step="15min", locale="pt-BR", **days)
    assert portuguese.title == "Energia elétrica, kWh por 15 mi"
    assert portuguese["A2"].number_format == "dd/mm/yyyy hh:mm"


def test_it_hides_other_accounts(stranger: FlaskClient, viewer: FlaskClient, world: World) -> None:
    for kind in ("csv", "xlsx"):
        for name in ("devices", "with"):
            query = {name: str(world.devices["D01"]), "compare": "device"}
            assert stranger.get(f"{PATH}.{kind}", query_string=query).status_code == 404
    assert clean(stranger.get(f"{PATH}.csv", query_string={"period": "year"}).text, FORBIDDEN_TO_THEM)


@pytest.mark.parametrize(
    "query",
    [
        {"period": "custom", "from": "2026-02-30", "to": "x"},
        {"period": "custom", "from": "1970-01-01", "to": "2200-12-31", "step": "15min"},
        {"devices": ",".join(["x"] * 5000), "group": "?", "step": "week", "locale": "fr"},
        {"compare": "device", "with": "soon"},
        {"resource": "other", "group": "gateway"},
        {"day": "99", "period": "billing", "at": "0000-00-00"},
    ],
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_whatever_is_asked_for_is_a_file(viewer: FlaskClient, query: dict[str, str], kind: str) -> None:
    assert viewer.get(f"{PATH}.{kind}", query_string=query).status_code == 200


def test_sheets_have_names_that_spreadsheets_take() -> None:
    assert sheet_name("Energia [kWh]: 1/2?") == "Energia  kWh   1 2"
    assert sheet_name("x" * 60) == "x" * 31
    assert sheet_name("''") == "TDS"
