"""A bill's lines: rounded half-even one by one, shared out by days where a tariff changes, and nothing of them rounded before."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sql import bills, tariffs
from sql.bills import Bill, bill_of, measured_bill, months_of, rounded
from sql.pricing import Demand, Portion
from sql.tariff_rules import Period, Terms
from sql.tariffs import Plan, Tariff
from tests.conftest import Database
from tests.sql.plant import feed, meter, meter_of, series
from tests.sql.tariffs import banded, flat, give

D = Decimal
JUNE = (date(2026, 6, 1), date(2026, 7, 1))
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def kept(number: int, terms: Terms) -> Tariff:
    return Tariff(number, 1, 1, None, None, terms)


def portion(tariff: Tariff | None, quantity: str, band: str = "all", unit: str = "kWh") -> Portion:
    return Portion(1, NOON, tariff, band, D(quantity), D(0), unit)


def june(plan: Plan, *found: Portion, power: str = "0", currency: str = "BRL") -> Bill:
    largest = Demand(D(power), NOON) if power != "0" else None
    return bill_of(plan, "electricity", found, [(*JUNE, largest)], currency, JUNE[1])


def amounts(bill: Bill) -> list[tuple[str, str, Decimal | None]]:
    return [(line.kind, line.band, line.amount) for line in bill.lines]


@pytest.mark.parametrize(
    ("amount", "currency", "wanted"),
    [
        ("0.125", "BRL", "0.12"),
        ("0.135", "BRL", "0.14"),
        ("2.5", "JPY", "2"),
        ("3.5", "JPY", "4"),
        ("1.2345", "KWD", "1.234"),
        ("-0.125", "EUR", "-0.12"),
    ],
)
def test_money_is_rounded_half_even(amount: str, currency: str, wanted: str) -> None:
    assert rounded(D(amount), currency) == D(wanted)
    assert str(rounded(D(amount), currency)) == wanted


def test_a_bill_has_a_line_for_each_band_and_charge() -> None:
    own = kept(
        1,
        banded(
            "2026-01-01",
            {"peak": "1.5", "off_peak": "0.6"},
            [Period(("weekday",), 72, 84, "peak")],
            demand=D("30.5"),
            standing=D("12"),
            tax=D("18"),
        ),
    )
    bill = june(Plan("UTC", (own,)), portion(own, "100.01", "off_peak"), portion(own, "10.001", "peak"), power="7")
    assert amounts(bill) == [
        ("energy", "off_peak", D("60.01")),  # 60.006
        ("energy", "peak", D("15.00")),
        ("demand", "", D("213.50")),
        ("standing", "", D("12.00")),
        ("tax", "", D("54.09")),  # 18 % of 300.51 is 54.0918
    ]
    assert bill.total == D("354.60")
    energy = sum(line.amount for line in bill.lines if line.kind == "energy" and line.amount is not None)
    assert (bill.quantity, bill.unit, energy) == (D("110.011"), "kWh", D("75.01"))


def test_a_tariff_that_changes_within_the_month_is_shared_out_by_days() -> None:
    old = kept(1, flat("2026-01-01", "1", standing=D(30), demand=D(10), tax=D(10)))
    new = kept(2, flat("2026-06-11", "2", standing=D(60), demand=D(20)))
    bill = june(Plan("UTC", (old, new)), portion(old, "5"), portion(new, "7"), power="3")
    assert amounts(bill) == [
        ("energy", "all", D("5.00")), ("demand", "", D("10.00")), ("standing", "", D("10.00")), ("tax", "", D("2.50")),
        ("energy", "all", D("14.00")), ("demand", "", D("40.00")), ("standing", "", D("40.00")),
    ]  # fmt: skip
    assert [(line.days, line.of_days) for line in bill.lines if line.kind == "standing"] == [(10, 30), (20, 30)]


def test_a_contracted_demand_is_charged_for_at_least() -> None:
    own = kept(1, flat("2026-01-01", "1", demand=D(10), contracted=D(5)))
    for power, charged, at in (("3", D(50), None), ("7", D(70), NOON), ("0", D(50), None)):
        (line,) = [line for line in june(Plan("UTC", (own,)), portion(own, "1"), power=power).lines if line.kind == "demand"]
        assert (line.amount, line.at) == (charged, at)
    half = kept(2, flat("2026-06-16", "1"))
    (line,) = [line for line in june(Plan("UTC", (own, half)), portion(own, "1"), power="3").lines if line.kind == "demand"]
    assert (line.amount, line.days, line.of_days) == (25, 15, 30)


@pytest.mark.parametrize(("power", "charged"), [("99", None), ("105", None), ("105.001", D("1000.20")), ("130", D("6000.00"))])
def test_demand_beyond_the_contracted_and_its_tolerance_is_charged_for_from_the_first_kilowatt(
    power: str, charged: Decimal | None
) -> None:
    """Brazil's *ultrapassagem* (ANEEL 1000/2021, article 301): (measured - contracted) * twice the price, on top of the demand's."""
    own = kept(1, flat("2026-01-01", "1", demand=D(100), contracted=D(100), tolerance=D(5), excess=D(2), tax=D(10)))
    found = {line.kind: line for line in june(Plan("UTC", (own,)), portion(own, "1"), power=power).lines}
    assert (found["excess"].amount if "excess" in found else None) == charged
    assert found["demand"].amount == max(D(power), D(100)) * 100
    if charged is not None:
        assert (found["excess"].quantity, found["excess"].price, found["excess"].at) == (D(power) - 100, 200, NOON)
        assert found["tax"].quantity == 1 + D(power) * 100 + charged


def test_excess_is_shared_out_by_days_of_each_tariffs_own_contract() -> None:
    old = kept(1, flat("2026-01-01", "1", demand=D(10), contracted=D(5), excess=D(2)))
    new = kept(2, flat("2026-06-11", "1", demand=D(10), contracted=D(8), excess=D(3)))
    lines = june(Plan("UTC", (old, new)), portion(old, "1"), portion(new, "1"), power="9").lines
    assert [(one.amount, one.days) for one in lines if one.kind == "excess"] == [(D("26.67"), 10), (D("20.00"), 20)]


def test_what_has_no_price_is_a_line_without_an_amount() -> None:
    own = kept(1, flat("2026-06-11", "1", tax=D(10)))
    bill = june(Plan("UTC", (own,)), portion(None, "8"), portion(own, "2"), portion(own, "3", unit="kvarh"))
    assert amounts(bill) == [("unpriced", "", None), ("energy", "all", D("2.00")), ("unpriced", "", None), ("tax", "", D("0.20"))]
    assert bill.total == D("2.20")
    assert june(Plan("UTC"), portion(None, "8")).total is None


def test_wh_and_mwh_are_counted_in_the_tariffs_unit() -> None:
    own = kept(1, flat("2026-01-01", "500")._replace(unit="MWh"))
    bill = june(Plan("UTC", (own,)), portion(own, "1500", unit="kWh"), portion(own, "500000", unit="Wh"))
    assert (bill.quantity, bill.unit, bill.total) == (D(2), "MWh", D("1000.00"))


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("2026-06-01", "2026-07-01", ["2026-06-01"]),
        ("2026-10-13", "2026-11-13", ["2026-10-13"]),
        ("2026-06-05", "2026-06-12", ["2026-06-05"]),
        ("2026-01-31", "2026-03-31", ["2026-01-31", "2026-02-28"]),
        ("2026-07-13", "2026-10-13", ["2026-07-13", "2026-08-13", "2026-09-13"]),
        ("2026-12-01", "2027-02-01", ["2026-12-01", "2027-01-01"]),
    ],
)
def test_a_period_is_cut_into_its_months(start: str, end: str, wanted: list[str]) -> None:
    months = months_of(date.fromisoformat(start), date.fromisoformat(end))
    assert [low.isoformat() for low, _ in months] == wanted
    assert months[-1][1].isoformat() == end
    assert [high for _, high in months[:-1]] == [low for low, _ in months[1:]]


def test_a_measured_bill_holds_all_meters_of_the_account(bench: Database) -> None:
    zone = "America/Sao_Paulo"
    device = meter(bench, zone)
    other, water = (
        meter_of(bench, device.account, device.account_id, zone, unit="Wh", max_rate=D(10**6)),
        meter_of(bench, device.account, device.account_id, zone, resource="water", unit="m³"),
    )
    feed(bench, device, series("2026-06-10T00:00", 15, range(97), zone))
    feed(bench, other, series("2026-06-12T00:00", 15, range(0, 96500, 1000), zone)[:97])
    feed(bench, water, series("2026-06-10T00:00", 15, range(50), zone))
    hours = banded("2026-06-11", {"peak": "3", "off_peak": "1"}, [Period(("weekday",), 72, 84, "peak")], demand=D(5), tax=D(10))
    give(bench, device, flat("2026-01-01", "2", standing=D(30)), hours)

    def bill(resource: str, **more: Any) -> Bill:
        with bench.owner.transaction() as connection:
            return measured_bill(
                connection,
                device.account_id,
                tariffs.plan(connection, device.account_id, resource),
                resource,
                JUNE,
                "BRL",
                **more,
            )

    whole = bill("electricity")
    assert amounts(whole) == [
        ("energy", "all", D("192.00")), ("standing", "", D("10.00")),
        ("energy", "off_peak", D("84.00")), ("energy", "peak", D("36.00")), ("demand", "", D("13.33")), ("tax", "", D("13.33")),
    ]  # fmt: skip
    assert whole.quantity == 96 + 96
    so_far = bill("electricity", until=date(2026, 6, 12))
    assert [line.quantity for line in so_far.lines if line.kind == "energy"] == [96, 0, 0]
    assert "demand" not in {line.kind for line in so_far.lines}
    assert bill("water").total is None
    assert bill("water").quantity == 49
    assert bill("gas").lines == ()


def test_the_currencys_places() -> None:
    assert [bills.places(currency) for currency in ("BRL", "GBP", "JPY", "KWD")] == [2, 2, 0, 3]
