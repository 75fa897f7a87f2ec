"""Meters behave like meters, and the same at every time of asking."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from simulator import profiles
from simulator.meters import (
    MILLION,
    SLOT,
    Gauge,
    Integers,
    Interval,
    Register,
    Replacement,
    decimals,
    reading,
)

ORIGIN = int(datetime(2025, 10, 23, 3, tzinfo=UTC).timestamp())
YEAR = np.arange(ORIGIN, ORIGIN + 366 * 86_400, SLOT, dtype=np.int64)


def register(**changes: object) -> Register:
    """A factory's electricity meter with a display of 0.1 kWh."""
    facts: dict[str, object] = {
        "seed": 7,
        "zone": "America/Sao_Paulo",
        "load": profiles.FACTORY_POWER,
        "full_load": 80 * MILLION,
        "step": 100_000,
        "origin": ORIGIN,
        "start": 1_234 * MILLION,
    }
    return Register(**(facts | changes))  # type: ignore[arg-type]


def one(time: int) -> Integers:
    """An array of one instant."""
    return np.array([time], dtype=np.int64)


def test_a_year_at_once_and_single_readings_of_a_fresh_meter_agree() -> None:
    """History and the live feed join without a seam, whatever was asked before."""
    whole = register().values(YEAR)
    for place in (0, 1, 96, 3071, 3072, 20_000, YEAR.size - 1):
        assert register().values(one(int(YEAR[place])))[0] == whole[place]
    late_first = register()
    assert late_first.values(one(int(YEAR[-1])))[0] == whole[-1]
    assert late_first.values(one(int(YEAR[5])))[0] == whole[5]


def test_gauges_agree_too() -> None:
    gauge = Gauge(3, "Europe/London", profiles.FREEZER, 100_000)
    whole = gauge.values(YEAR)
    assert [int(gauge.values(one(int(time)))[0]) for time in YEAR[::1000]] == whole[::1000].tolist()


def test_a_register_never_falls_and_moves_within_a_quarter_hour() -> None:
    minutes = np.arange(ORIGIN, ORIGIN + 3 * 86_400, 60, dtype=np.int64)
    moved = np.diff(register().values(minutes))
    assert moved.min() >= 0
    assert np.count_nonzero(moved) > minutes.size // 2


def test_a_register_shows_whole_steps_of_its_display() -> None:
    assert set((register(step=10_000).values(YEAR[:500]) % 10_000).tolist()) == {0}
    shown = reading(register(), ORIGIN)
    assert (shown, str(shown)) == (Decimal("1234.0"), "1234.0")


def test_it_refuses_a_time_before_its_origin() -> None:
    with pytest.raises(ValueError, match="before its origin"):
        register().values(one(ORIGIN - 1))


@pytest.mark.parametrize("seed", range(5))
def test_seeds_differ_in_detail_but_not_in_size(seed: int) -> None:
    mine, other = register(seed=seed).total(YEAR), register(seed=seed + 1).total(YEAR)
    assert not np.array_equal(mine, other)
    assert abs(int(mine[-1]) - int(other[-1])) < int(mine[-1]) // 20


def test_a_rollover_takes_exactly_the_modulus() -> None:
    plain, wrapped = register(), register(modulus=100_000 * MILLION)
    difference = plain.values(YEAR) - wrapped.values(YEAR)
    assert set((difference % (100_000 * MILLION)).tolist()) == {0}
    assert wrapped.values(YEAR).max() < 100_000 * MILLION
    assert difference.max() > 0


def test_a_replaced_register_begins_anew_and_loses_nothing() -> None:
    at = ORIGIN + 100 * 86_400 + 450
    old, new = register(), register(replacement=Replacement(at, 5 * MILLION))
    before, after = one(at - 450), one(at + 450)
    assert new.values(before)[0] == old.values(before)[0]
    assert new.values(one(at))[0] == 5 * MILLION
    assert new.final() == old.values(one(at))[0]
    taken = new.final() - new.values(before)[0] + new.values(after)[0] - 5 * MILLION
    assert abs(int(taken) - int(old.total(after)[0] - old.total(before)[0])) <= 3 * new.step


def test_intervals_add_up_to_their_register() -> None:
    pulses = Interval(register(step=10_000))
    shown = pulses.register.values(YEAR)
    assert int(pulses.values(YEAR).sum()) == int(shown[-1] - shown[0])
    assert pulses.values(YEAR).min() >= 0


def test_a_gauge_swings_by_day_and_by_year() -> None:
    outside = Gauge(11, "America/Sao_Paulo", profiles.OUTDOORS_SOUTH, 100_000)
    times = np.arange(ORIGIN // 86_400 * 86_400, ORIGIN + 360 * 86_400, 3600, dtype=np.int64)
    level = outside.values(times) / MILLION
    utc_hour, month = times // 3600 % 24, (times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)) % 12
    assert level[utc_hour == 17].mean() - level[utc_hour == 7].mean() > 5  # 14 h against 4 h in São Paulo
    assert level[month == 1].mean() - level[month == 6].mean() > 4  # February against July
    assert np.abs(np.diff(level)).max() < 4
    assert 5 < level.min() < level.max() < 40


@pytest.mark.parametrize(("step", "places"), [(MILLION, 0), (100_000, 1), (1_000, 3), (1, 6)])
def test_a_step_says_how_many_digits_a_display_has(step: int, places: int) -> None:
    assert decimals(step) == places


@pytest.mark.parametrize("step", [250_000, 10 * MILLION])
def test_a_step_that_no_display_has_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="power of ten"):
        decimals(step)
