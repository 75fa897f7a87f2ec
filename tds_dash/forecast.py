"""How a month is going to end: a pure function of the days that were measured.

Each kind of day (weekday, Saturday, Sunday or holiday) has its mean over the last eight weeks; the days of the last four weeks,
each against the mean of its kind, say how high consumption stands now and where it is heading; the days to come are
expected accordingly. The band is how far those days strayed from that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt
from statistics import fmean
from typing import NamedTuple

ONE_DAY = timedelta(days=1)
WINDOW, RECENT = 56, 28  # days that the kinds of days are learnt from, and the level and trend
FEWEST = 10  # days measured; of fewer nothing is said
FAIR = 0.95  # the share of a day that must be measured
DAMPED = 0.97  # a trend weakens by so much with each day
SPREAD = 2.0  # of the days' own straying: four of five simulated months end within the band


class Day(NamedTuple):
    """What a local day consumed, and which share of it was measured."""

    quantity: Decimal
    coverage: float


class Forecast(NamedTuple):
    """How a month is expected to end, from what to what, and the cumulated expectation at the end of each day to come."""

    expected: Decimal
    low: Decimal
    high: Decimal
    days: tuple[tuple[date, Decimal], ...]

    def passes(self, budget: Decimal) -> date | None:
        """Give the day on which a budget will be passed; None where it will not."""
        return next((day for day, total in self.days if total > budget), None)


def forecast(days: Mapping[date, Day], kind: Callable[[date], str], today: date, start: date, end: date) -> Forecast | None:
    """Expect how the month from `start` to `end` (excluded) ends, as of the beginning of `today`; None where too little is known.

    `kind` tells what kind of day a day is. What was consumed today so far is what is expected of it at least.
    """
    known = [day for day in sorted(days) if today - WINDOW * ONE_DAY <= day < today and days[day].coverage >= FAIR]
    if len(known) < FEWEST:
        return None
    means = _means(days, known, kind)
    ratios = [
        ((day - today).days, float(days[day].quantity) / means[kind(day)])
        for day in known
        if day >= today - RECENT * ONE_DAY and means.get(kind(day))
    ]
    level, slope = _line(ratios)
    total = float(sum((one.quantity for day, one in days.items() if start <= day < today), Decimal(0)))
    rest, course, expected_day = 0.0, [], today
    lean = 0.0
    while expected_day < end:
        lean += DAMPED ** ((expected_day - today).days + 1) if expected_day > today else 0.0
        amount = means.get(kind(expected_day), fmean(means.values())) * max(level + slope * lean, 0.0)
        if expected_day == today and today in days:
            amount = max(amount, float(days[today].quantity))
        rest += amount
        course.append((expected_day, _exact(total + rest)))
        expected_day += ONE_DAY
    strayed = _strayed(ratios, level, slope)
    left = max((end - today).days, 1)
    # Days stray each for itself; the level by as much as four weeks tell of it.
    margin = SPREAD * rest * strayed * (1 / left + 9 / max(len(ratios), 1)) ** 0.5
    return Forecast(_exact(total + rest), _exact(max(total, total + rest - margin)), _exact(total + rest + margin), tuple(course))


def _means(days: Mapping[date, Day], known: list[date], kind: Callable[[date], str]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for day in known:
        found.setdefault(kind(day), []).append(float(days[day].quantity))
    return {name: fmean(values) for name, values in found.items()}


def _line(ratios: list[tuple[int, float]]) -> tuple[float, float]:
    """Fit a line through ratios by day, today being 0: its height today, and its slope."""
    if len(ratios) < FEWEST:
        return (fmean(value for _, value in ratios) if ratios else 1.0), 0.0
    middle, mean = fmean(at for at, _ in ratios), fmean(value for _, value in ratios)
    slope = sum((at - middle) * (value - mean) for at, value in ratios) / sum((at - middle) ** 2 for at, _ in ratios)
    return mean - slope * middle, slope


def _strayed(ratios: list[tuple[int, float]], level: float, slope: float) -> float:
    """Give how far days stray from the line."""
    if not ratios:
        return 0.5
    return sqrt(fmean((value - level - slope * at) ** 2 for at, value in ratios))


def _exact(value: float) -> Decimal:
    return Decimal(repr(round(value, 6)))
