"""How a meter's days follow a temperature: what every day takes, and how much more each degree beyond a turning point. Pure.

The energy signature of a building, by least squares: of a line, and of lines that turn up at some temperature for cooling or for
heating, the one that leaves the least unexplained; a turn has to earn its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal, NamedTuple

Kind = Literal["cooling", "heating", "line"]
LEAST_DAYS = 14
LEAST_SPREAD = 3.0  # degrees from the coldest day to the warmest
LEAST_BEYOND = 5  # days on the side of a turn that rises
TURN_STEP = 0.5
TURN_EARNS = 0.95  # of what the plain line leaves unexplained, a turn may leave so much
EDGE = 0.1  # no turn among the coldest and the warmest tenth of the days


class Day(NamedTuple):
    """A day that was measured: its mean temperature and what was consumed."""

    day: date
    temperature: float
    consumption: float

    @property
    def weekend(self) -> bool:
        """Tell whether it is a Saturday or a Sunday."""
        return self.day.isoweekday() > 5


class Relation(NamedTuple):
    """A line fitted to days: `level` at the turn (of a plain line at nought), `slope` for each degree beyond it, the share of the differences between days that it explains."""

    kind: Kind
    turn: float
    level: float
    slope: float
    explained: float
    low: float
    high: float

    def degrees(self, temperature: float) -> float:
        """Give how many degrees a temperature is beyond the turn."""
        return _beyond(self.kind, self.turn)(temperature)

    def at(self, temperature: float) -> float:
        """Give what a day of a temperature takes by the line."""
        return self.level + self.slope * self.degrees(temperature)

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Give the points between which the line is straight."""
        turns = [self.turn] if self.kind != "line" and self.low < self.turn < self.high else []
        return [(x, self.at(x)) for x in (self.low, *turns, self.high)]


def enough(days: Sequence[Day]) -> bool:
    """Tell whether days are enough, and different enough, for a line."""
    return len(days) >= LEAST_DAYS and spread(days) >= LEAST_SPREAD


def spread(days: Sequence[Day]) -> float:
    """Give how many degrees lie between the coldest and the warmest day."""
    temperatures = [one.temperature for one in days]
    return max(temperatures) - min(temperatures) if temperatures else 0.0


def fit(days: Sequence[Day]) -> Relation | None:
    """Fit a line; None where there are too few days, or all are as warm."""
    if not enough(days):
        return None
    temperatures = sorted(one.temperature for one in days)
    plain = _fitted("line", 0.0, days)
    assert plain is not None
    first, last = (temperatures[round(share * (len(temperatures) - 1))] for share in (EDGE, 1 - EDGE))
    turns = [first + TURN_STEP * number for number in range(int((last - first) / TURN_STEP) + 1)]
    kinds: tuple[Kind, ...] = ("cooling", "heating")
    turned = [found for kind in kinds for turn in turns if (found := _fitted(kind, turn, days)) is not None]
    best = max(turned, key=lambda one: one.explained, default=plain)
    return best if 1 - best.explained <= TURN_EARNS * (1 - plain.explained) else plain


def _fitted(kind: Kind, turn: float, days: Sequence[Day]) -> Relation | None:
    beyond = _beyond(kind, turn)
    xs, ys = [beyond(one.temperature) for one in days], [one.consumption for one in days]
    if kind != "line" and sum(x > 0 for x in xs) < LEAST_BEYOND:
        return None
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    square = sum((x - mean_x) ** 2 for x in xs)
    total = sum((y - mean_y) ** 2 for y in ys)
    if not square:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / square
    if kind != "line" and slope <= 0:
        return None
    explained = slope**2 * square / total if total else 0.0
    temperatures = [one.temperature for one in days]
    return Relation(kind, turn, mean_y - slope * mean_x, slope, min(explained, 1.0), min(temperatures), max(temperatures))


def _beyond(kind: Kind, turn: float) -> Callable[[float], float]:
    if kind == "cooling":
        return lambda temperature: max(temperature - turn, 0.0)
    if kind == "heating":
        return lambda temperature: max(turn - temperature, 0.0)
    return lambda temperature: temperature - turn
