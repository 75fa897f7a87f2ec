"""What a month still costs: each day to come by its own tariff; figures made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sql.bills import Bill, bill_of
from sql.pricing import Portion
from sql.tariff_rules import Terms, white_tariff
from sql.tariffs import Plan, Tariff
from tds_dash.cost_ahead import ahead, mean_price

D = Decimal
JUNE = (date(2026, 6, 1), date(2026, 7, 1))
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
PRICES = {"off_peak": D(1), "intermediate": D(2), "peak": D(5)}


def tariff(number: int, day: str, prices: dict[str, Decimal], schedule: tuple[int, ...] | None = None, tax: str = "0") -> Tariff:
    terms = Terms("electricity", date.fromisoformat(day), "", "kWh", prices, schedule, tax=D(tax))
    return Tariff(number, 1, 1, None, None, terms)


def so_far(plan: Plan, *found: Portion) -> Bill:
    return bill_of(plan, "electricity", found, [(*JUNE, None)], "BRL", JUNE[1])


def portion(of: Tariff, quantity: str, band: str = "all") -> Portion:
    return Portion(1, NOON, of, band, D(quantity), D(0), "kWh")


def days(*totals: str) -> list[tuple[date, Decimal]]:
    return [(date(2026, 6, 11 + n), D(total)) for n, total in enumerate(totals)]


def test_one_price_goes_on_as_it_was() -> None:
    only = tariff(1, "2026-01-01", {"all": D(2)}, tax="10")
    plan = Plan("UTC", (only,))
    found = ahead(so_far(plan, portion(only, "100")), plan, days("110", "130"), "kWh")
    assert found is not None
    assert found.days == ((date(2026, 6, 11), D(242)), (date(2026, 6, 12), D(286)))
    assert found.rate == D("2.2")
    assert (found.of(D(130)), found.of(D(140))) == (286, 308)
    in_mwh = ahead(so_far(plan, portion(only, "100")), plan, days("0.11", "0.13"), "MWh")
    assert in_mwh is not None
    assert in_mwh.days == found.days


def test_a_tariff_that_begins_within_the_month_prices_its_own_days() -> None:
    old, new = tariff(1, "2026-01-01", {"all": D(2)}, tax="10"), tariff(2, "2026-06-12", {"all": D(3)}, tax="20")
    plan = Plan("UTC", (old, new))
    found = ahead(so_far(plan, portion(old, "100")), plan, days("110", "130", "140"), "kWh")
    assert found is not None
    assert [total for _, total in found.days] == [242, 242 + 72, 242 + 72 + 36]
    assert found.rate == D(130) / 40


def test_bands_cost_what_they_have_so_far_and_a_new_ones_hours_before() -> None:
    only = tariff(1, "2026-01-01", PRICES, white_tariff())
    plan = Plan("UTC", (only,), frozenset({date(2026, 6, 12)}))
    found = ahead(so_far(plan, portion(only, "60", "off_peak"), portion(only, "40", "peak")), plan, days("110"), "kWh")
    assert found is not None
    assert found.rate == D("2.6")
    # A weekday has three hours of peak and two of intermediate; a holiday none.
    assert round(mean_price(plan, only, date(2026, 6, 11)), 9) == round(D(19 * 1 + 2 * 2 + 3 * 5) / 24, 9)
    assert mean_price(plan, only, date(2026, 6, 12)) == 1
    fresh = ahead(so_far(plan), plan, days("10", "20"), "kWh")
    assert fresh is not None
    assert round(fresh.days[-1][1], 9) == round(10 * D(38) / 24 + 10, 9)


@pytest.mark.parametrize("unit", ["m³", "kvarh"])
def test_what_cannot_be_priced_is_not(unit: str) -> None:
    only = tariff(1, "2026-01-01", {"all": D(2)})
    plan = Plan("UTC", (only,))
    assert ahead(so_far(plan, portion(only, "100")), plan, days("110"), unit) is None
    assert ahead(so_far(plan, portion(only, "100")), plan, [], "kWh") is None
    late = Plan("UTC", (tariff(1, "2026-06-12", {"all": D(2)}),))
    assert ahead(so_far(late, Portion(1, NOON, None, "all", D(5), D(0), "kWh")), late, days("110"), "kWh") is None
