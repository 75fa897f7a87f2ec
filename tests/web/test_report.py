"""The monthly report: its numbers are the API's, it is of the own account alone, and what cannot be reported is said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import text

import cli
from sql import fleet, ledger, tariffs
from sql.budgets import Budget, set_budget
from sql.fleet import Account
from sql.tariff_rules import Terms
from tds_dash.costs_view import plain_name
from tds_dash.money import money
from tds_dash.periods import month_of
from tds_dash.report import cost_table, gather, page
from tds_dash.report.commands import made
from tds_dash.report.paper import Box, Paper
from tds_dash.wording import clock, number, percent
from tds_dash.wording import days as days_in_words
from tests.sql.plant import feed
from tests.web.world import OURS, SECRET, ZONE, World, is_measured_this_month

D = Decimal


def last_month() -> date:
    """Give the month before the running one, all of which the world has readings of."""
    today = datetime.now(ZONE).date()
    return gather.last_month(Account(0, "", ZONE.key, "en", "BRL"), datetime.now(UTC)) if today else today


@pytest.fixture(scope="module")
def priced(world: World) -> Iterator[World]:
    """Give electricity one price with demand and tax, and a budget in units that it passes, for this module."""
    terms = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": D("0.5")}, None, D(10), D("12.5"), D(20))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
        set_budget(connection, world.account, Budget("electricity", date(2020, 1, 1), "quantity", "kWh", D(5000)))
    ledger.drain(world.database.owner)
    yield world
    with world.database.owner.transaction() as connection:
        for table in ("tariff", "budget"):
            connection.execute(text(f"DELETE FROM tds.{table}"))


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def written(content: bytes) -> str:
    """Give the words of a report, in the order in which it is read aloud."""
    return " ".join(read(content).pages[0].extract_text().split("\n"))


def of(client: FlaskClient, month: date | str, **query: str) -> bytes:
    response = client.get(f"/report/{month if isinstance(month, str) else f'{month:%Y-%m}'}.pdf", query_string=query)
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/pdf"
    assert response.headers["Cache-Control"] == "no-store"
    return response.data


def asked(client: FlaskClient, address: str, **query: Any) -> Any:
    response = client.get(f"/api/v1/{address}", query_string=query)
    assert response.status_code == 200, response.text
    return simplejson.loads(response.text, use_decimal=True, parse_int=Decimal)


def test_its_numbers_are_those_of_the_api(viewer: FlaskClient, priced: World) -> None:
    month = last_month()
    days = month_of(month)
    period = {"from": days.first.isoformat(), "to": days.after.isoformat()}
    said = written(of(viewer, month, locale="en"))
    every = asked(viewer, "consumption", step="month", **period)
    for unit in ("kWh", "m³"):
        total = sum(row["consumption"] for row in every if row["unit"] == unit and row["consumption"] is not None)
        assert f"{number(total, 'en', significant=6)} {unit}" in said
    electricity = [row for row in every if row["unit"] == "kWh"]
    both = sum(row["consumption"] for row in electricity)
    missing = sum(row["estimated"] for row in electricity) / both
    assert f"{percent(missing, 'en', 1)} of the consumption estimated" in said
    assert f"{percent(sum(D(row['coverage']) for row in electricity) / 2, 'en', 1)} of the time measured" in said
    [peak] = asked(viewer, "peaks", **period, top=1)["top"]
    at = datetime.fromisoformat(peak["at"]).astimezone(ZONE)
    assert f"Peak {number(peak['demand'], 'en', 'kW', significant=4)}, {days_in_words(at, at, 'en')} {clock(at, 'en')}" in said
    costs = asked(viewer, "costs", step="month", **period, resource="electricity")
    energy = sum(row["cost"] for row in costs)
    demand, standing = peak["demand"] * 10, D("12.5")
    tax = (energy + demand + standing) * D("0.2")
    for amount in (energy, demand, standing, tax, energy + demand + standing + tax):
        assert money(amount, "BRL", "en") in said
    assert f"{percent(both / 5000, 'en')} of the budget of 5,000\u00a0kWh" in said
    for code, name in (("D01", "Press line"), ("D02", "Lighting")):
        own = sum(row["consumption"] for row in electricity if row["device_code"] == code)
        assert f"{name} {number(own, 'en', 'kWh', significant=4)}  {percent(own / both, 'en')}" in said


@pytest.fixture
def late(priced: World) -> Iterator[World]:
    """Give the account a meter that counts from the last month on alone, whatever of the month before it the world begins with."""
    with priced.database.owner.transaction() as conn:
        facts: dict[str, Any] = {"kind": "counter", "resource": "electricity", "unit": "kWh", "interval": 3600}
        device = fleet.add_device(conn, OURS, "L01", **facts)
    first = datetime.combine(last_month(), time(), ZONE).astimezone(UTC)
    hours = int((priced.newest - first) / timedelta(hours=1))
    feed(priced.database, device, [(first + timedelta(hours=n), n) for n in range(hours + 1)])
    yield priced
    with priced.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.device WHERE id = :id"), {"id": device})
    ledger.drain(priced.database.owner)


def test_months_that_were_hardly_measured_are_not_compared_without_a_word(viewer: FlaskClient, late: World) -> None:
    said = written(of(viewer, last_month(), locale="en"))
    assert "of the period before was measured" in said
    assert "No earlier period to compare with" in said
    assert "waits for a decision" in said


def test_it_is_one_page_that_can_be_read_aloud(viewer: FlaskClient, priced: World) -> None:
    document = read(of(viewer, last_month(), locale="pt-BR"))
    [page] = document.pages
    assert [round(float(side)) for side in page.mediabox] == [0, 0, 595, 842]
    root: Any = document.trailer["/Root"]
    assert root["/Lang"] == "pt-BR"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/MarkInfo"]["/Marked"]
    assert document.metadata
    assert document.metadata.title
    assert "Aurora" in document.metadata.title
    parts = [one.get_object() for one in root["/StructTreeRoot"]["/K"][0].get_object()["/K"]]
    kinds = [one["/S"] for one in parts]
    assert kinds[:2] == ["/P", "/H1"]
    assert kinds.count("/H2") == 2 + 3  # a card each for electricity and water; cost, devices, quality
    assert all("kWh" in one["/Alt"] or "m³" in one["/Alt"] for one in parts if one["/S"] == "/Figure")
    assert not page.images, "charts are drawn, not painted"
    fonts = [one.get_object() for one in page["/Resources"]["/Font"].values()]  # type: ignore[attr-defined]
    assert all("+Roboto" in one["/BaseFont"] for one in fonts)
    [link] = [one.get_object()["/A"]["/URI"] for one in page["/Annots"]]  # type: ignore[attr-defined]
    assert f"/consumption?group=resource&period=custom&from={last_month().isoformat()}" in link


def test_it_speaks_the_language_that_is_asked_for(viewer: FlaskClient, priced: World) -> None:
    month = last_month()
    english, portuguese = (written(of(viewer, month, locale=locale)) for locale in ("en", "pt-BR"))
    assert "Monthly report" in english
    assert "Data quality" in english
    assert "Relatório mensal" in portuguese
    assert "Qualidade dos dados" in portuguese
    assert "R$\u00a0" in portuguese
    assert written(of(viewer, month, locale="tlh"))[:40] == english[:40], "their own, where it is none of ours"


def test_the_running_month_is_up_to_now(viewer: FlaskClient, priced: World) -> None:
    month = datetime.now(ZONE).date().replace(day=1)
    if not is_measured_this_month(priced):
        page = viewer.get(f"/report/{month:%Y-%m}.pdf", headers={"Accept-Language": "en"})
        assert (page.status_code, "Nothing was measured in" in page.text) == (404, True)
        return
    assert "This month is still running" in written(of(viewer, month, locale="en"))


@pytest.mark.parametrize(
    ("month", "status", "sentence"),
    [
        ("2026-13", 400, "is no month"),
        ("2026-00", 400, "is no month"),
        ("0000-01", 400, "is no month"),
        ("2026-1", 400, "is no month"),
        ("٢٠٢٦-٠١", 400, "is no month"),
        ("last", 400, "is no month"),
        ("x" * 5000, 400, "is no month"),
        ("2026-01-01", 400, "is no month"),
        ("2099-12", 404, "has not begun"),
        ("1999-01", 404, "The first month with readings is"),
    ],
)
def test_a_month_without_a_report_is_said_to_be_one(viewer: FlaskClient, month: str, status: int, sentence: str) -> None:
    page = viewer.get(f"/report/{month}.pdf")
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert sentence in page.text
    assert "Traceback" not in page.text
    answer = viewer.get(f"/api/v1/reports/{month}.pdf")
    assert answer.status_code == status
    assert answer.json
    assert set(answer.json["error"]) == {"code", "message"}


def test_an_account_that_has_measured_nothing_has_none(newcomer: FlaskClient) -> None:
    page = newcomer.get(f"/report/{last_month():%Y-%m}.pdf")
    assert page.status_code == 404
    assert "needs a meter with readings" in page.text


def test_it_hides_other_accounts(viewer: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient, priced: World) -> None:
    month = last_month()
    ours, theirs = written(of(viewer, month)), written(of(stranger, month))
    assert SECRET not in ours
    assert "Boreal" not in ours
    assert SECRET in theirs
    assert "Press line" not in theirs
    assert "Aurora" not in theirs
    assert "R$" not in theirs, "our tariff"
    assert anonymous.get(f"/report/{month:%Y-%m}.pdf").status_code == 302
    assert anonymous.get(f"/api/v1/reports/{month:%Y-%m}.pdf").status_code == 401


def test_programs_get_the_same(viewer: FlaskClient, priced: World) -> None:
    address = f"/api/v1/reports/{last_month():%Y-%m}.pdf?locale=en"
    response = viewer.get(address)
    assert response.mimetype == "application/pdf"
    ours = written(of(viewer, last_month(), locale="en"))
    assert written(response.data).partition("Made")[0] == ours.partition("Made")[0]
    assert response.headers["ETag"]


def test_what_was_measured_before_a_meter_was_retired_counts(world: World, priced: World) -> None:
    month = last_month()
    with world.database.owner.transaction() as conn:
        account = Account(*fleet.find_account(conn, "Aurora"))
        before = whole(world, account, month)
        conn.execute(
            text("UPDATE tds.device SET retired_at = now(), active = false WHERE id = :id"), {"id": world.devices["D02"]}
        )
    try:
        after = whole(world, account, month)
    finally:
        with world.database.owner.transaction() as conn:
            conn.execute(
                text("UPDATE tds.device SET retired_at = NULL, active = true WHERE id = :id"), {"id": world.devices["D02"]}
            )
    assert after.sections[0].side == before.sections[0].side
    assert after.sections[0].cost
    assert after.sections[0].side.quantity == after.sections[0].cost.bill.quantity
    assert "devices=" in after.link
    assert "devices=" not in before.link


def whole(world: World, account: Account, month: date) -> gather.Report:
    with world.database.web.transaction(account_id=account.id) as conn:
        return gather.gather(conn, account, month, "en", datetime.now(UTC))


def test_names_that_no_font_has_and_names_without_end_are_drawn(world: World, priced: World) -> None:
    names = {"D01": "水道メーター 🏭 " + "long " * 17, "D02": "Łódź (żółć) \u202e\x1b[31m"}
    with world.database.owner.transaction() as conn:
        account = Account(*fleet.find_account(conn, "Aurora"))
        for code, name in names.items():
            conn.execute(text("UPDATE tds.device SET name = :n WHERE id = :id"), {"n": name, "id": world.devices[code]})
    try:
        said = written(made(world.database.web, world.database.settings, account, last_month(), "en"))
    finally:
        with world.database.owner.transaction() as conn:
            for code, name in {"D01": "Press line", "D02": "Lighting"}.items():
                conn.execute(text("UPDATE tds.device SET name = :n WHERE id = :id"), {"n": name, "id": world.devices[code]})
    assert "Łódź (żółć)" in said
    assert "?????? ? long" in said
    assert "…" in said


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
def test_the_names_of_all_parts_of_a_bill_are_written_whole(locale: str) -> None:
    paper = Paper("", "", locale, datetime.now(UTC))
    rows = [
        cost_table.Row(f"    {plain_name((kind, ''), locale)}", "1.234,5 kW", "", "")
        for kind in ("demand", "excess", "standing", "tax")
    ]
    for place, row in enumerate(rows):
        cost_table.line(
            paper,
            Box(0, 10 + 5 * place, page.INNER - page.SIDE - 2 * page.GAP, 5),
            10 + 5 * place,
            row,
            cost_table.TEXT,
            cost_table.TEXT,
        )
    said = written(paper.output())
    for row in rows:
        assert row.name.strip() in said


def test_the_command_writes_it(world: World, priced: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("settings.load", lambda: world.database.settings)
    file, month = tmp_path / "report.pdf", f"{last_month():%Y-%m}"
    assert cli.main(["report", "--account", "Aurora", "--month", month, "--out", str(file), "--locale", "en"]) == 0
    assert "Press line" in written(file.read_bytes())
    for arguments, line in (
        (["--account", "Nobody", "--month", month], "Nobody"),
        (["--account", "Aurora", "--month", "2026-13"], "is not a month"),
        (["--account", "Empty", "--month", month], "needs a meter with readings"),
    ):
        assert cli.main(["report", *arguments, "--out", str(tmp_path / "none.pdf")]) == 1
        assert line in capsys.readouterr().err
    assert not (tmp_path / "none.pdf").exists()
    assert cli.main(["report", "--account", "Aurora", "--month", month, "--out", str(tmp_path / "no" / "where.pdf")]) == 1
    assert OURS not in capsys.readouterr().err
