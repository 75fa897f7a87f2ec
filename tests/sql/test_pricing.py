"""What consumption costs, against a second opinion: random tariffs and holidays, over days on which the clock changes, at every step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql import bands, pricing, tariffs
from sql.consumption import OTHERS, STEPS, consumption
from sql.pricing import Cost
from sql.pricing import Meter as Priced
from sql.tariff_rules import DAY_TYPES, QUARTERS, Period, Terms
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of, series
from tests.sql.tariffs import banded, expected, flat, give, slot_rows, take_away

D = Decimal
# A midnight that comes twice, one that does not come, a clock that goes back by half an hour; the end of a month each.
PLACES = {"Atlantic/Azores": "2025-10-22", "America/Santiago": "2025-08-28", "Australia/Lord_Howe": "2026-03-28"}
DAYS = 12
PRICES = st.decimals(min_value=0, max_value=100, places=5)
BANDS = ("off_peak", "intermediate", "peak", "special")


def plant(database: Database, zone: str) -> list[Meter]:
    """Two meters, one counting in Wh and with a hole, over twelve days around a change of the clock."""
    start = PLACES[zone]
    first = meter(database, zone)
    second = meter_of(database, first.account, first.account_id, zone, unit="Wh", max_rate=D(100_000))
    feed(database, first, series(f"{start}T00:07", 30, [i * 3 + i * i % 7 for i in range(DAYS * 48)], zone))
    rows = series(f"{start}T00:00", 45, [i * 800 + i * i % 90 for i in range(DAYS * 32)], zone)
    feed(database, second, rows[:100] + rows[180:])
    return [first, second]


@pytest.fixture(scope="module", params=list(PLACES))
def meters(bench: Database, request: pytest.FixtureRequest) -> Iterator[tuple[Database, list[Meter]]]:
    """Give the plant of a zone, on each engine."""
    return bench, plant(bench, request.param)


@st.composite
def worlds(draw: Any, first: date) -> tuple[list[Terms], Mapping[str, tuple[list[Period], str]], list[date]]:
    """Draw up to three tariffs that begin within the days or before them, their hours as they are typed, and holidays."""
    days = sorted(draw(st.sets(st.integers(-6, DAYS + 1), min_size=1, max_size=3)))
    terms: list[Terms] = []
    typed: dict[str, tuple[list[Period], str]] = {}
    for number in days:
        day = (first + timedelta(days=number)).isoformat()
        if draw(st.integers(0, 3)) == 0:
            terms.append(flat(day, str(draw(PRICES))))
            continue
        periods = []
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, QUARTERS - 1))
            end = draw(st.integers(start + 1, QUARTERS))
            which = tuple(sorted(draw(st.sets(st.sampled_from(DAY_TYPES), min_size=1)), key=DAY_TYPES.index))
            taken = [one for one in periods if set(one.days) & set(which) and one.start < end and start < one.end]
            if not taken:
                periods.append(Period(which, start, end, draw(st.sampled_from(BANDS))))
        rest = draw(st.sampled_from(BANDS))
        whole = {one.band for one in periods} | {rest}
        full = sum(len(one.days) * (one.end - one.start) for one in periods) == 4 * QUARTERS
        prices = {
            band: str(draw(PRICES)) for band in whole - ({rest} if full and rest not in {one.band for one in periods} else set())
        }
        made = banded(day, prices, periods, rest)
        terms.append(made)
        typed[made.name] = (periods, rest)
    holidays = [first + timedelta(days=number) for number in draw(st.sets(st.integers(0, DAYS), max_size=4))]
    return terms, typed, holidays


def priced(database: Database, own: list[Meter], step: Any, low: datetime, high: datetime, together: bool = False) -> list[Cost]:
    """Ask for costs, by device or all together."""
    with database.owner.transaction() as connection:
        plans = tariffs.plans(connection, own[0].account_id)
        known = pricing.meters(connection, own[0].account_id)
        groups = {one.id: 1 if together else one.id for one in known}
        return pricing.costs(connection, plans, known, groups, step, low, high)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(data=st.data())
def test_it_is_what_a_second_opinion_says(meters: tuple[Database, list[Meter]], data: Any) -> None:
    database, own = meters
    zone, first = own[0].zone, date.fromisoformat(PLACES[own[0].zone])
    terms, typed, holidays = data.draw(worlds(first))
    give(database, own[0], *terms, holidays=[day.isoformat() for day in holidays])
    try:
        low, high = at(f"{first - timedelta(days=5)}T00:00", zone), at(f"{first + timedelta(days=DAYS + 5)}T00:00", zone)
        # In Wh a thousandth of the price: the second opinion counts in kWh.
        rows = [
            (number, start, quantity / (1000 if number == own[1].id else 1))
            for number, start, quantity in slot_rows(database, [one.id for one in own])
        ]
        wanted = {}
        for step in STEPS:
            wanted[step] = expected(rows, step, zone, terms, typed, set(holidays))
            found = priced(database, own, step, low, high)
            assert {(one.group, one.bucket): one.cost for one in found if one.cost is not None} == wanted[step], step
            sums: dict[datetime, Decimal] = defaultdict(Decimal)
            for (_, bucket), cost in wanted[step].items():
                sums[bucket] += cost
            together = priced(database, own, step, low, high, together=True)
            assert {one.bucket: one.cost for one in together if one.cost is not None} == sums, step
        assert len({sum(one.values()) for one in wanted.values()}) == 1, "steps add up"
        quantities_are_consumption(database, own, low, high)
        assert bands.differences(database.owner, [one.id for one in own]) == []
    finally:
        take_away(database, own[0])


def quantities_are_consumption(database: Database, own: list[Meter], low: datetime, high: datetime) -> None:
    """Hold that the bands of a bucket add up to what every chart shows of it."""
    for step in STEPS:
        found = {
            (one.group, one.bucket): sum(part.quantity for part in one.bands) for one in priced(database, own, step, low, high)
        }
        with database.owner.transaction() as connection:
            rows = consumption(connection, [one.id for one in own], step, low, high, own[0].zone)
        assert found == {(row.device_id, row.bucket): row.consumption for row in rows if row.consumption is not None}, step


def test_nothing_costs_anything_without_a_tariff(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-03-01T00:00", 15, range(100)))
    period = (at("2026-03-01"), at("2026-03-03"))
    assert priced(bench, [device], "day", *period) == []
    give(bench, device, flat("2026-03-02", "2"))
    found = priced(bench, [device], "day", *period)
    assert [(one.cost, one.unpriced) for one in found] == [(None, True), (D(3 * 2), False)]
    (month,) = priced(bench, [device], "month", *period)
    assert (month.cost, month.unpriced) == (D(6), True)
    assert [(part.band, part.quantity, part.cost) for part in month.bands] == [("all", D(96), None), ("all", D(3), D(6))]


def test_a_unit_without_a_factor_has_no_price(bench: Database) -> None:
    device = meter(bench, unit="kvarh")
    feed(bench, device, series("2026-03-01T00:00", 15, range(10)))
    give(bench, device, flat("2026-01-01", "2"))
    (day,) = priced(bench, [device], "day", at("2026-03-01"), at("2026-03-02"))
    assert (day.cost, day.unpriced) == (None, True)


def test_more_digits_than_a_usual_decimal_are_kept(bench: Database) -> None:
    device = meter(bench, max_rate=D("1e14"), resolution=D(0))
    feed(
        bench,
        device,
        [
            ("2026-03-01T00:00Z", "0"),
            ("2026-03-01T00:15Z", "9876543210987.654321"),
            ("2026-03-01T00:30Z", "9876543210987.654322"),
        ],
    )
    give(bench, device, flat("2026-01-01", "123456789.12345678"))
    for step in STEPS:
        found = priced(bench, [device], step, at("2026-03-01"), at("2026-03-02"))
        exact = Context(prec=100)
        assert sum_exactly(found) == exact.multiply(D("9876543210987.654322"), D("123456789.12345678")), step


def sum_exactly(found: list[Cost]) -> Decimal:
    exact = Context(prec=100)
    total = D(0)
    for one in found:
        total = exact.add(total, one.cost or D(0))
    return total


def test_devices_that_nobody_asks_for_are_left_out(bench: Database) -> None:
    first = meter(bench)
    other = meter_of(bench, first.account, first.account_id)
    feed(bench, first, series("2026-03-01T00:00", 15, range(10)))
    feed(bench, other, series("2026-03-01T00:00", 15, range(0, 50, 5)))
    give(bench, first, banded("2026-01-01", {"peak": "3", "off_peak": "1"}, [Period(("sunday",), 0, 4, "peak")]))
    period = (at("2026-03-01"), at("2026-03-02"))
    with bench.owner.transaction() as connection:
        plans, known = tariffs.plans(connection, first.account_id), pricing.meters(connection, first.account_id)
        found = pricing.costs(connection, plans, known, {first.id: OTHERS}, "day", *period)
        assert [(one.group, one.cost) for one in found] == [(OTHERS, D(4 * 3 + 5))]
        assert pricing.costs(connection, plans, known, {}, "day", *period) == []
        assert pricing.costs(connection, plans, known, {first.id: 1}, "day", period[1], period[0]) == []
        assert known == [Priced(first.id, "electricity", "kWh"), Priced(other.id, "electricity", "kWh")]
