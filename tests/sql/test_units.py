"""Units: exact factors, one rounding, half to even, and no unit taken for another."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.units import UNITS, canonical, convert, convertible

D = Decimal


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        ("1234.5", "Wh", "kWh", "1.2345"),
        ("1.2345", "kWh", "Wh", "1234.5"),
        ("0.000001", "MWh", "Wh", "1"),
        ("7", "GWh", "kWh", "7000000"),
        ("1", "L", "m³", "0.001"),
        ("1", "m3", "L", "1000"),
        ("2.5", "hL", "m³", "0.25"),
        ("3", "dm³", "L", "3"),
        ("1", "ML", "m³", "1000"),
        ("1", "mL", "m³", "0.000001"),
        ("1000000", "mWh", "kWh", "1"),
        ("212", "°F", "°C", "100"),
        ("-40", "°F", "°C", "-40"),
        ("32", "°F", "°C", "0"),
        ("100", "°F", "°C", "37.777778"),
        ("37.777778", "°C", "°F", "100"),
        ("0", "K", "°C", "-273.15"),
        ("0", "°C", "K", "273.15"),
        ("0", "K", "°F", "-459.67"),
        ("1", "bar", "kPa", "100"),
        ("101325", "Pa", "bar", "1.01325"),
        ("5", "t", "kg", "5000"),
        ("0.0000005", "kWh", "kWh", "0"),
        ("0.0000015", "kWh", "kWh", "0.000002"),
        ("0.0000025", "kWh", "kWh", "0.000002"),
        ("0.00000250000000001", "kWh", "kWh", "0.000003"),
        ("-0.0000015", "°C", "°C", "-0.000002"),
        ("0.0015", "Wh", "kWh", "0.000002"),
        ("0.0025", "Wh", "kWh", "0.000002"),
        ("999999999999999.9999994", "kWh", "kWh", "999999999999999.999999"),
        ("999999999999.999999", "MWh", "Wh", "999999999999999999"),
        ("1e-400", "kWh", "kWh", "0"),
        ("1E+3", "kWh", "Wh", "1000000"),
    ],
)
def test_values_are_converted_exactly_and_rounded_once(value: str, source: str, target: str, wanted: str) -> None:
    assert convert(D(value), source, target) == D(wanted)


@pytest.mark.parametrize(
    ("spelled", "unit"),
    [
        ("kwh", "kWh"),
        ("KWH", "kWh"),
        (" kWh ", "kWh"),
        ("mwh", "MWh"),
        ("MWH", "MWh"),
        ("m3", "m³"),
        ("M3", "m³"),
        ("m^3", "m³"),
        ("l", "L"),
        ("litros", "L"),
        ("c", "°C"),
        ("C", "°C"),
        ("ºC", "°C"),
        ("℃", "°C"),
        ("f", "°F"),
        ("k", "K"),
        ("pulses", "pulse"),
        ("furlong", "furlong"),
    ],
)
def test_a_unit_is_known_under_its_spellings(spelled: str, unit: str) -> None:
    assert canonical(spelled) == unit


def test_a_prefix_is_never_taken_for_another() -> None:
    """Milli and mega differ by their case alone: a factor of 10^9."""
    assert canonical("mWh") == "mWh"
    assert canonical("ML") == "ML"
    assert canonical("mL") == "mL"
    assert canonical("mW") != canonical("MW")


@pytest.mark.parametrize(
    ("source", "target"),
    [("kWh", "m³"), ("kWh", "kvarh"), ("kWh", "kW"), ("furlong", "kWh"), ("", "kWh"), ("°C", "%"), ("m", "m³")],
)
def test_units_of_two_families_are_not_converted(source: str, target: str) -> None:
    assert not convertible(source, target)
    with pytest.raises(ValueError, match="no factor"):
        convert(D(1), source, target)


def test_a_unit_that_is_unknown_is_convertible_to_itself() -> None:
    assert convert(D("1.5"), "furlong", "furlong") == D("1.5")


@given(
    st.decimals(min_value=0, max_value=10**12, places=6),
    st.sampled_from([(a, b) for a in UNITS for b in UNITS if UNITS[a].family == UNITS[b].family]),
)
def test_there_and_back_is_the_same_to_the_last_place(value: Decimal, units: tuple[str, str]) -> None:
    there, back = units
    # Only where the way there does not coarsen: a larger number holds at least as many digits.
    if convert(value, there, back) >= value and "°F" not in units:
        assert convert(convert(value, there, back), back, there) == value
