"""What a tariff may be, its hours, and the days that count as holidays: pure arithmetic."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.errors import Refused
from sql.holidays import brazilian, easter
from sql.tariff_rules import (
    BANDS,
    DAY_TYPES,
    QUARTERS,
    Period,
    Terms,
    clock,
    faults,
    periods_of,
    quarter_of,
    rest_of,
    schedule_of,
    white_tariff,
)

D = Decimal
FLAT = Terms("electricity", date(2026, 1, 1), "Flat", "kWh", {"all": D("0.92")})
WHITE = FLAT._replace(
    name="Branca", prices={"off_peak": D("0.6"), "intermediate": D("0.9"), "peak": D("1.5")}, schedule=white_tariff()
)


def test_the_white_tariff_is_five_hours_of_weekdays() -> None:
    hours = white_tariff()
    by_band = {BANDS[band]: hours[:QUARTERS].count(band) / 4 for band in set(hours)}
    assert by_band == {"peak": 3, "intermediate": 2, "off_peak": 19}
    assert WHITE.band_of("weekday", quarter_of("17:00")) == "intermediate"
    assert WHITE.band_of("weekday", quarter_of("16:45")) == "off_peak"
    assert WHITE.band_of("weekday", quarter_of("20:45")) == "peak"
    assert WHITE.band_of("weekday", quarter_of("21:45")) == "intermediate"
    assert {WHITE.band_of(day, quarter) for day in DAY_TYPES[1:] for quarter in range(QUARTERS)} == {"off_peak"}
    assert periods_of(hours) == [
        Period(("weekday",), 68, 72, "intermediate"),
        Period(("weekday",), 72, 84, "peak"),
        Period(("weekday",), 84, 88, "intermediate"),
    ]


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=6), min_size=4, max_size=4), st.data())
def test_a_schedule_is_its_periods_and_the_rest(bands: list[list[int]], data: Any) -> None:
    hours: list[int] = []
    for own in bands:
        edges = sorted(data.draw(st.sets(st.integers(1, QUARTERS - 1), min_size=len(own) - 1, max_size=len(own) - 1)))
        for band, start, end in zip(own, [0, *edges], [*edges, QUARTERS], strict=True):
            hours += [band] * (end - start)
    assert schedule_of(periods_of(hours), rest_of(hours)) == tuple(hours)


@pytest.mark.parametrize(
    ("given", "quarter"), [("00:00", 0), ("17:30", 70), ("17h30", 70), ("18h", 72), (" 9:15 ", 37), ("24:00", 96)]
)
def test_times_of_day(given: str, quarter: int) -> None:
    assert quarter_of(given) == quarter
    assert quarter_of(clock(quarter)) == quarter


@pytest.mark.parametrize("given", ["", "17", "24:15", "25:00", "17:60", "-1:00", "17:3", "x:00", "١٧:00", "17:30:00", "1 7:30"])
def test_what_is_no_time_of_day(given: str) -> None:
    with pytest.raises(Refused) as error:
        quarter_of(given)
    assert error.value.key == "tariff_time"


def test_bands_change_on_quarter_hours() -> None:
    with pytest.raises(Refused) as error:
        quarter_of("17:20")
    assert error.value.key == "tariff_quarter"


@pytest.mark.parametrize(
    ("periods", "key"),
    [
        ([Period(("weekday",), 10, 10, "peak")], "tariff_order"),
        ([Period(("weekday",), 12, 10, "peak")], "tariff_order"),
        ([Period(("weekday",), 0, 97, "peak")], "tariff_order"),
        ([Period(("weekday", "sunday"), 0, 40, "peak"), Period(("sunday",), 39, 50, "special")], "tariff_overlap"),
    ],
)
def test_periods_that_cannot_be(periods: list[Period], key: str) -> None:
    with pytest.raises(Refused) as error:
        schedule_of(periods, "off_peak")
    assert error.value.key == key


@pytest.mark.parametrize(
    "good", [FLAT, WHITE, FLAT._replace(resource="gas", unit="MWh"), FLAT._replace(resource="water", unit="litros")]
)
def test_good_terms_have_no_fault(good: Terms) -> None:
    assert faults(good) == {}


@pytest.mark.parametrize(
    ("change", "field", "key"),
    [
        ({"resource": "temperature"}, "resource", "tariff_resource"),
        ({"valid_from": date(1969, 12, 31)}, "valid_from", "tariff_day"),
        ({"valid_from": date(2100, 1, 2)}, "valid_from", "tariff_day"),
        ({"name": " "}, "name", "name"),
        ({"name": "x" * 201}, "name", "name"),
        ({"unit": "m³"}, "unit", "tariff_unit"),
        ({"unit": "kW"}, "unit", "tariff_unit"),
        ({"unit": ""}, "unit", "tariff_unit"),
        ({"prices": {"all": D("-0.1")}}, "all", "tariff_amount"),
        ({"prices": {"all": D("1e9")}}, "all", "tariff_amount"),
        ({"prices": {"all": D("0.123456789")}}, "all", "tariff_amount"),
        ({"prices": {"all": D("NaN")}}, "all", "tariff_amount"),
        ({"demand": D("-1")}, "demand", "tariff_amount"),
        ({"resource": "water", "unit": "m³", "demand": D(1)}, "demand", "tariff_demand"),
        ({"contracted": D("-1")}, "contracted", "tariff_amount"),
        ({"resource": "gas", "unit": "m³", "contracted": D(1)}, "contracted", "tariff_demand"),
        ({"tolerance": D("100.1")}, "tolerance", "tariff_tax"),
        ({"excess": D("NaN")}, "excess", "tariff_excess"),
        ({"excess": D(2), "contracted": D(9)}, "excess", "tariff_excess_of"),
        ({"excess": D(2), "demand": D(9)}, "excess", "tariff_excess_of"),
        ({"standing": D("Infinity")}, "standing", "tariff_amount"),
        ({"tax": D("100.1")}, "tax", "tariff_tax"),
        ({"tax": D("-1")}, "tax", "tariff_tax"),
        ({"tax": D("1.23456")}, "tax", "tariff_tax"),
        ({"schedule": white_tariff()}, "periods", "tariff_unpriced"),
        ({"schedule": (1,) * 384, "prices": {"off_peak": D(1), "peak": D(2)}}, "periods", "tariff_unused"),
    ],
)
def test_each_fault_is_said_of_its_field(change: dict[str, Any], field: str, key: str) -> None:
    assert {name: fault.key for name, fault in faults(FLAT._replace(**change)).items()} == {field: key}


# From the tables of the Church: the earliest and the latest possible day among them.
@pytest.mark.parametrize(
    "day",
    [
        date(1818, 3, 22),
        date(1943, 4, 25),
        date(2000, 4, 23),
        date(2024, 3, 31),
        date(2025, 4, 20),
        date(2026, 4, 5),
        date(2038, 4, 25),
    ],
)
def test_easter(day: date) -> None:
    assert easter(day.year) == day


def test_brazils_holidays_of_2026() -> None:
    found = {one.day: one.name for one in brazilian(2026)}
    assert found[date(2026, 2, 17)] == "Carnaval"
    assert found[date(2026, 4, 3)] == "Paixão de Cristo"
    assert found[date(2026, 6, 4)] == "Corpus Christi"
    assert found[date(2026, 11, 20)] == "Consciência Negra"
    assert len(found) == 12
    assert date(2023, 11, 20) not in {one.day for one in brazilian(2023)}
    assert {one.name for one in brazilian(2026, "en")} >= {"Christmas Day", "Carnival"}
    assert all(easter(year).weekday() == 6 for year in range(1970, 2101))
