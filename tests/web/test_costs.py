"""The costs page: a month's bill line by line, in two languages, of the own account alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import ledger, tariffs
from sql.budgets import Budget, set_budget
from sql.pricing import of_plan
from sql.tariff_rules import Terms, white_tariff
from tds_dash.money import money, price
from tests.web.dash import answer, call
from tests.web.test_tokens import press
from tests.web.world import ZONE, World, is_measured_this_month

D = Decimal


@pytest.fixture(scope="module")
def priced(world: World) -> Iterator[World]:
    """Give the account a white tariff and a budget, for this module."""
    prices = {"off_peak": D("0.5"), "intermediate": D(1), "peak": D(2)}
    terms = Terms("electricity", date(2020, 1, 1), "Branca", "kWh", prices, white_tariff(), D(10), D("12.5"), D(20))
    with world.database.owner.transaction() as connection:
        tariffs.add_tariff(connection, world.account, terms)
        month = datetime.now(ZONE).date().replace(day=1)
        set_budget(connection, world.account, Budget("electricity", month, "money", "", D("1")))
    ledger.drain(world.database.owner)
    yield world
    with world.database.owner.transaction() as connection:
        for table in ("tariff", "budget"):
            connection.execute(text(f"DELETE FROM tds.{table}"))


def shown(client: FlaskClient, **values: Any) -> dict[str, Any]:
    return answer(call(client, "costs-bill.children", **values))


def test_it_shows_the_bill_of_the_month(viewer: FlaskClient, priced: World) -> None:
    found = shown(viewer, costs_resource="electricity")
    bill = str(found["costs-bill"]["children"])
    for line in ("Off-peak", "Intermediate", "Peak", "Standing charge", "Tax, 20", "Total", "R$12.50"):
        assert line in bill, line
    assert "budget" in str(found["costs-outlook"]["children"])
    assert found["costs-all"]["hidden"] is False
    chart = answer(call(viewer, "costs-chart.figure", costs_resource="electricity", costs_per="month"))
    assert {trace["name"] for trace in chart["costs-chart"]["figure"]["data"]} >= {"Off-peak", "Peak", "Intermediate"}


def test_what_is_estimated_is_hatched(viewer: FlaskClient, priced: World) -> None:
    """Five hours of one meter are missing ten days ago: what was spread over them is drawn apart."""
    chart = answer(call(viewer, "costs-chart.figure", costs_resource="electricity", costs_per="month"))["costs-chart"]
    hatched = [trace for trace in chart["figure"]["data"] if trace["marker"].get("pattern", {}).get("shape")]
    assert hatched
    assert all("(estimated)" in trace["name"] and "R$" in trace["customdata"][0] for trace in hatched)
    by_name = {trace["name"]: trace for trace in chart["figure"]["data"]}
    for trace in hatched:
        whole = by_name[trace["name"].removesuffix(" (estimated)")]
        assert len(whole["y"]) >= len(trace["y"])
    # Six hours of ten kWh lie between the readings around the gap, at 0.5, 1 or 2 each.
    assert 30 <= sum(value for trace in hatched for value in trace["y"]) <= 120


def test_the_overview_says_the_bill_of_the_month(viewer: FlaskClient, priced: World) -> None:
    cards = str(answer(call(viewer, "overview-cards.children"))["overview-cards"]["children"])
    bill = str(shown(viewer, costs_resource="electricity")["costs-cards"]["children"])
    if not is_measured_this_month(priced):
        assert "bill R$" not in cards
        return
    (amount,) = re.findall(r"kWh · bill R\$([\d,]+)", cards)
    total = re.findall(r"R\$([\d,]+\.\d\d)", bill)[0]
    assert abs(D(amount.replace(",", "")) - D(total.replace(",", ""))) <= 1, (
        "as the costs page has it, demand, standing charge and tax too"
    )


@pytest.mark.parametrize("step", ["hour", "day", "month"])
@pytest.mark.parametrize("group", ["device", "gateway"])
def test_the_explorers_costs_are_those_of_each_day_by_its_own_tariff(
    viewer: FlaskClient, priced: World, step: str, group: str
) -> None:
    """One price until ten days ago, in the midst of a month or not, and the white tariff's hours before; each line and their sum."""
    today = datetime.now(ZONE).date()
    flat = Terms("electricity", today - timedelta(days=10), "Flat", "MWh", {"all": D("777.7")})
    with priced.database.owner.transaction() as connection:
        made = tariffs.add_tariff(connection, priced.account, flat)
    ledger.drain(priced.database.owner)
    try:
        first = today - timedelta(days=40)
        given = {
            "resource": "electricity",
            "group": group,
            "period": "custom",
            "from": first.isoformat(),
            "to": today.isoformat(),
        }
        controls = {f"consumption_{name}": value for name, value in {**given, "step": step}.items()}
        said = str(answer(call(viewer, "consumption-chart.figure", **controls))["consumption-totals"]["children"])
        start = datetime.combine(first.replace(day=1) if step == "month" else first, time(), ZONE)
        with priced.database.owner.transaction() as connection:
            plan = tariffs.plan(connection, priced.account, "electricity")
            found = list(of_plan(connection, plan, {priced.devices[d]: n for n, d in enumerate(("D01", "D02"))}, "kWh", "day", start, datetime.now(UTC)))  # fmt: skip
        sums = [sum((one.cost or D(0) for one in found if one.group == number), D(0)) for number in (0, 1)]
        assert money(sum(sums), "BRL", "en") in said
        assert group == "gateway" or all(money(one, "BRL", "en") in said for one in sums)
    finally:
        with priced.database.owner.transaction() as connection:
            tariffs.remove_tariff(connection, made)
        ledger.drain(priced.database.owner)


def test_the_bill_is_a_file_too(viewer: FlaskClient, stranger: FlaskClient, anonymous: FlaskClient, priced: World) -> None:
    found = shown(viewer, costs_resource="electricity")
    assert found["costs-export"]["hidden"] is False
    bill = viewer.get("/_costs/export.csv?resource=electricity").text.split("\r\n\r\n")[0]
    _, head, *rows, total = csv.reader(io.StringIO(bill))
    amounts = [Decimal(row[head.index("Amount (BRL)")]) for row in rows]
    assert sum(amounts) == Decimal(total[-1])
    by_days = [row for row in rows if row[0] in ("Standing charge", "Tax")]
    assert {tuple(row[head.index(name)] for name in ("Quantity", "Unit")) for row in by_days} == {("", "")}
    assert [row[head.index("Days")] for row in by_days if row[0] == "Standing charge"] != [""]
    assert money(sum(amounts), "BRL", "en") in str(found["costs-bill"]["children"])
    assert "Branca" not in stranger.get("/_costs/export.csv?resource=electricity").text
    assert viewer.get("/_costs/export.csv?resource=steam&month=2026-13").status_code == 200
    assert anonymous.get("/_costs/export.csv").status_code == 401


def test_it_says_what_to_do_where_there_is_no_tariff(viewer: FlaskClient, priced: World) -> None:
    found = shown(viewer, costs_resource="water")
    assert found["costs-all"]["hidden"] is True
    assert "No tariff for water yet" in str(found["costs-empty"]["children"])


def test_a_stranger_sees_nothing_of_it(stranger: FlaskClient, priced: World) -> None:
    found = shown(stranger, costs_resource="electricity")
    assert found["costs-all"]["hidden"] is True
    assert "Branca" not in str(found)


@pytest.mark.parametrize("month", [None, "", "2026-13", "1999-01", 5, ["2026-01"], "x" * 9999])
def test_a_month_that_is_none_is_the_running_one(viewer: FlaskClient, priced: World, month: object) -> None:
    assert "so far" in str(shown(viewer, costs_resource="electricity", costs_month=month)["costs-bill-title"]["children"])


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "wanted"),
    [
        ("1234.56", "BRL", "pt-BR", "R$\u00a01.234,56"),
        ("1234.56", "BRL", "en", "R$1,234.56"),
        ("-0.5", "GBP", "en", "\u2212£0.50"),
        ("-0.5", "GBP", "pt-BR", "\u2212£\u00a00,50"),
        ("1234.5", "JPY", "en", "¥1,234"),
        ("3", "CHF", "en", "CHF\u00a03.00"),
        ("3", "USD", "pt-BR", "US$\u00a03,00"),
    ],
)
def test_money_is_written_as_the_reader_does(amount: str, currency: str, locale: str, wanted: str) -> None:
    assert money(D(amount), currency, locale) == wanted
    assert money(None, currency, locale) == "\u2014"


def test_prices_keep_their_decimals() -> None:
    assert price(D("0.65313"), "BRL", "pt-BR") == "R$\u00a00,65313"
    assert price(D("2"), "BRL", "en") == "R$2.00"


def test_two_people_do_not_overwrite_each_others_budget_silently(
    admin: FlaskClient, sign_in: Callable[[str], FlaskClient], priced: World
) -> None:
    other = sign_in("both@example.com")
    other.post("/accounts", data={"account": priced.account})
    form = {"budgets_resource": "water", "budgets_month": "2026-03", "budgets_measure": "money"}

    def looked(client: FlaskClient) -> Any:
        return answer(call(client, "budgets-seen.data"))["budgets-seen"]["data"]

    def pressed(client: FlaskClient, seen: Any, amount: str) -> str:
        found = answer(
            call(client, "budgets-amount-fault.children", budgets_save=1, **form, budgets_amount=amount, budgets_seen=seen)
        )
        return str(found["budgets-amount-fault"]["children"] or "")

    before = looked(admin)
    assert pressed(admin, before, "100") == ""
    assert "Somebody else" in pressed(other, before, "200")
    assert "Somebody else" in pressed(other, {"97250": {"amount": "1"}}, "200")
    assert pressed(other, before, "100") == "", "the same again changes nothing"
    mine = looked(other)
    assert pressed(other, mine, "200") == ""
    number = next(name for name in looked(other) if name not in before)
    gone = {"budgets_asked": {"verb": "remove", "id": int(number)}}
    assert "Somebody else" in str(answer(press(admin, "budgets-asked", **gone, budgets_seen=mine)))
    assert "Somebody else" not in str(answer(press(admin, "budgets-asked", **gone, budgets_seen=looked(admin))))
    with priced.database.owner.transaction() as conn:
        lines = conn.execute(
            text("SELECT action, before->>'amount', after->>'amount' FROM tds.audit WHERE object = 'water 2026-03' ORDER BY id")
        ).all()
    assert lines == [("budget.set", None, "100"), ("budget.set", "100", "200"), ("budget.removed", "200", None)]


def test_a_holiday_that_is_there_is_said_to_be(admin: FlaskClient, priced: World) -> None:
    typed = {"holidays_save": 1, "holidays_day": "2026-08-03", "holidays_name": "Founding day"}
    said = [answer(call(admin, "holidays-day-fault.children", **typed))["holidays-day-fault"]["children"] for _ in range(2)]
    assert said == [None, "That day is a holiday already."]
    with priced.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.holiday WHERE day = '2026-08-03'"))
