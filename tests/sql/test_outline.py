"""Readings as a line: all of them while they are few, their outline where they are many, on every engine."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from sql.queries.outline import GAPS, MOST_POINTS, PARTS, Point, outline
from tests.conftest import Database
from tests.sql.plant import Meter, at, meter, put

START = at("2026-03-30T00:00")
GAP = timedelta(minutes=30)
Readings = list[tuple[datetime, Decimal]]


def readings(seed: int, count: int) -> Readings:
    """Give readings some minutes apart, now and then hours; values that jump about."""
    chance = random.Random(seed)
    moment, found = START + timedelta(seconds=chance.randrange(900)), []
    for _ in range(count):
        found.append((moment, Decimal(chance.randrange(100_000)) / 1000))
        moment += timedelta(minutes=chance.choice([5, 5, 5, 7, 15, 30]) if chance.random() > 0.02 else 300)
    return found


def expected(found: Readings, start: datetime, end: datetime) -> list[Point]:
    """Choose the points in plain Python."""
    inside = [one for one in found if start <= one[0] < end]
    points = [
        Point(moment, value, bool(index) and moment - inside[index - 1][0] > GAP) for index, (moment, value) in enumerate(inside)
    ]
    if len(points) <= MOST_POINTS:
        return points
    kept: set[datetime] = set()
    parts: dict[int, list[Point]] = {}
    for point in points:
        parts.setdefault(int((point.time - start) / (end - start) * PARTS), []).append(point)
    for part in parts.values():
        lowest, highest = min(one.value for one in part), max(one.value for one in part)
        kept |= {part[0].time, part[-1].time}
        kept |= {min(one.time for one in part if one.value == value) for value in (lowest, highest)}
    gaps = sorted(
        ((points[i].time - points[i - 1].time, points[i - 1].time, points[i].time) for i in range(1, len(points))),
        key=lambda gap: (-gap[0], gap[2]),
    )
    for length, before, after in gaps[:GAPS]:
        kept |= {before, after} if length > GAP else set()
    return [point for point in points if point.time in kept]


@pytest.fixture(scope="module")
def dense(bench: Database) -> tuple[Database, Meter, Readings]:
    """Give a meter with nine thousand readings."""
    device = meter(bench)
    found = readings(7, 9000)
    put(bench, device, found)
    return bench, device, found


@pytest.mark.parametrize("days", [0.2, 3, 8, 20, 60, 700])
def test_a_line_is_every_reading_or_its_outline(dense: tuple[Database, Meter, Readings], days: float) -> None:
    database, device, found = dense
    end = START + timedelta(days=days)
    with database.web.transaction(account_id=device.account_id) as conn:
        given = outline(conn, device.id, START, end, GAP)
    wanted = expected(found, START, end)
    assert given.points == wanted
    assert len(wanted) <= MOST_POINTS
    assert given.whole == (len([one for one in found if one[0] < end]) <= MOST_POINTS)


def test_a_period_without_readings_is_empty(dense: tuple[Database, Meter, Readings]) -> None:
    database, device, _ = dense
    with database.web.transaction(account_id=device.account_id) as conn:
        assert outline(conn, device.id, START - timedelta(days=9), START, GAP) == ([], True)
        assert outline(conn, device.id, START, START, GAP) == ([], True)


def test_it_hides_other_accounts(dense: tuple[Database, Meter, Readings]) -> None:
    database, device, _ = dense
    stranger = meter(database)
    with database.web.transaction(account_id=stranger.account_id) as conn:
        assert outline(conn, device.id, START, START + timedelta(days=700), GAP).points == []
