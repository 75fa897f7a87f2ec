"""What kept messages tell of an unknown device: its unit, what it measures and how, how often it sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sql.adoption import Guess, Sent, guessed, interval, sent

START = datetime(2026, 2, 18, 12, tzinfo=UTC)


def series(unit: str, values: list[float], minutes: float = 15) -> list[Sent]:
    return [Sent(START + n * timedelta(minutes=minutes), Decimal(str(value)), unit) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("kWh", [1, 2, 3, 4], Guess("counter", "electricity", "kWh", 900)),
        ("kwh", [1, 2, 3, 4], Guess("counter", "electricity", "kWh", 900)),
        ("kWh", [5, 2, 7, 1, 6], Guess("interval", "electricity", "kWh", 900)),
        ("m3", [1, 1, 1, 2], Guess("counter", "water", "m³", 900)),
        ("L", [1, 2, 3, 0], Guess("interval", "water", "L", 900)),
        ("°C", [20, 19, 21], Guess("gauge", "temperature", "°C", 900)),
        ("kW", [1, 2, 3], Guess("gauge", "electricity", "kW", 900)),
        ("ppm", [1, 2, 3], Guess("gauge", "other", "ppm", 900)),
        ("kWh", [1, 2], Guess("counter", "electricity", "kWh", None)),
        ("", [], Guess("gauge", "other", "", None)),
    ],
)
def test_it_guesses_by_unit_values_and_times(unit: str, values: list[float], expected: Guess) -> None:
    assert guessed(series(unit, values)) == expected
    assert guessed(series(unit, values)[::-1]) == expected


def test_a_single_fall_is_a_rollover_and_no_interval_meter() -> None:
    assert guessed(series("kWh", [*range(9990, 10_000), *range(10)])).kind == "counter"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (58, 60),
        (63, 60),
        (301, 300),
        (870, 900),
        (3605, 3600),
        (90, 90),
        (86_000, 86_400),
        (0.2, 1),
        (500_000, 500_000),
        (10**9, 31_622_400),
    ],
)
def test_it_takes_the_usual_step_where_one_is_near(seconds: float, expected: int) -> None:
    assert interval([START + n * timedelta(seconds=seconds) for n in range(5)]) == expected


def test_gaps_and_repetitions_do_not_disturb() -> None:
    minutes = [0, 5, 5, 10, 15, 20, 300, 305, 310]
    assert interval([START + timedelta(minutes=minute) for minute in minutes]) == 300


@pytest.mark.parametrize(
    "given",
    [b"", b"\xff", b"[]", b"{}", b'{"leituras": []}', b'{"leituras": [1]}', b'{"leituras": [{}]}', b"[" * 100_000, b'{"leituras": [{"unidade": "x", "timestamp": "soon"}]}', b'{"leituras": {"0": 1}}', b"null"],
    ids=lambda given: given[:12],
)  # fmt: skip
def test_what_cannot_be_understood_is_left_out(given: bytes) -> None:
    assert sent(given) == Sent(None, None, "")


def test_it_reads_a_kept_reading() -> None:
    def one(**reading: Any) -> Sent:
        return sent(json.dumps({"gateway_mac": "x", "timestamp": "2026-02-18T12:00:00Z", "leituras": [reading]}).encode())

    assert one(unidade="kWh", valor="1.5") == Sent(START, Decimal("1.5"), "kWh")
    assert one(unidade="kWh", valor=2, timestamp="2026-02-18T14:00:00+02:00").time == START
    assert one(unidade="kWh", valor=2, timestamp="2026-02-18T12:00:00").time == START
    assert one(unidade="kWh", valor="NaN").value is None
    assert one(unidade="kWh", valor=True).value is None
    assert len(one(unidade="k" * 500, valor=1).unit) == 16
