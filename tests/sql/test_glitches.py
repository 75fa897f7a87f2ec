"""Runs of glitches are those of the second opinion, and a window full of odd readings is gone through in little more than its length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sql.glitches import Odd, find_runs
from tests.sql.meters import Meter, Reading, accepted, seconds

START = datetime(2026, 5, 4, tzinfo=UTC)
RATE, RESOLUTION, JITTER = Decimal("7.2"), Decimal(1), Decimal(2)
STEPS = st.tuples(st.sampled_from([1, 20, 300, 1200]), st.one_of(st.sampled_from([0, 40, 50, 52, 1000]), st.integers(0, 60)))


def meter_of(steps: Sequence[tuple[int, int]], replaced: Sequence[int] = ()) -> Meter:
    """Make a meter of seconds since the reading before and values, replaced so many seconds after its first reading."""
    readings, at = [], START
    for after, value in steps:
        at += timedelta(seconds=after)
        readings.append(Reading(at, Decimal(value)))
    replacements = [(START + timedelta(seconds=each), Decimal(0), Decimal(0)) for each in replaced]
    return Meter("counter", 900, RATE, RESOLUTION, None, readings, replacements, jitter=JITTER)


def odd_of(meter: Meter) -> list[Odd]:
    """Give the meter's odd readings, as the database does."""
    found = []
    for n, (p, q) in enumerate(pairwise(meter.readings), 2):
        falls = q.value < p.value - meter.slack
        if falls or not meter.plausible(q.value - p.value, q.time - p.time):
            height = q.value * 3600 - meter.max_rate * seconds(q.time - START)
            ceiling = (p.value + meter.resolution) * 3600 - meter.max_rate * seconds(p.time - START)
            floor = p.value if falls else p.value - meter.slack
            found.append(Odd(1, n, q.time, falls, q.value, height, p.time, floor, ceiling, p.time + meter.reach))
    return found


@settings(max_examples=1000, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=70), st.lists(st.integers(0, 9000), max_size=2))
def test_runs_are_those_of_the_second_opinion(steps: list[tuple[int, int]], replaced: list[int]) -> None:
    meter = meter_of(steps, replaced)
    found = find_runs(odd_of(meter), sorted(at for at, _, _ in meter.replacements))
    assert [(run.since, run.at) for run in found] == [(p.time, q.time) for p, q in accepted(meter)[1]]


class Counted(Decimal):
    """A value that counts how often one is compared."""

    compared = 0

    def __lt__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__lt__(other)  # type: ignore[operator]

    def __le__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__le__(other)  # type: ignore[operator]

    def __ge__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__ge__(other)  # type: ignore[operator]


def comparisons(count: int) -> int:
    """Count the comparisons of a window of readings that fall and climb in turn, none of which returns."""
    readings = [
        Reading(START + i * timedelta(milliseconds=1), Decimal(-10 * i if i % 2 else 10**6 + 10 * i)) for i in range(count)
    ]
    odd = odd_of(Meter("counter", 900, RATE, RESOLUTION, None, readings))
    Counted.compared = 0
    assert not find_runs([one._replace(value=Counted(one.value), height=Counted(one.height)) for one in odd], [])
    assert len(odd) == count - 1
    return Counted.compared


def test_a_window_full_of_odd_readings_takes_little_more_than_its_length() -> None:
    assert 0 < comparisons(4000) < 3 * comparisons(2000)
