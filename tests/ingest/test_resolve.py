"""What a message comes to, given the register: pure, without a database."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.directory import Device, Directory, Gateway
from ingest.message import decode
from ingest.resolve import Resolved, resolve
from tests.ingest.cast import MAC, STRANGER, payload, topic

NOW = datetime(2026, 2, 18, 15, 0, tzinfo=UTC)
EARLIER = "2026-02-18T14:45:00Z"


def register(zone: str = "America/Sao_Paulo", **devices: Device) -> Directory:
    """A register of one gateway with a device of each kind."""
    directory = Directory()
    known = {
        "D01": Device(1, "kWh", "counter", True),
        "D02": Device(2, "m³", "interval", True),
        "D03": Device(3, "°C", "gauge", True),
        "D09": Device(9, "kWh", "counter", False),
        **devices,
    }
    directory.gateways[MAC] = Gateway(7, 70, ZoneInfo(zone), known)
    return directory


def said(
    *readings: tuple[Any, ...], time: str | datetime = EARLIER, mac: str = MAC, directory: Directory | None = None
) -> Resolved:
    """Resolve a message with these readings."""
    return resolve(decode(topic(mac), payload(readings, time, mac)), directory or register(), NOW)


def reasons(resolved: Resolved) -> list[tuple[str | None, str]]:
    """The rejections by device code and reason."""
    return [(rejection.code, rejection.reason) for rejection in resolved.rejections]


def test_it_gives_rows_in_the_devices_own_units() -> None:
    resolved = said(("D01", 1500, "Wh"), ("D02", "250.5", "L"), ("D03", 212, "°F"))
    time = datetime(2026, 2, 18, 14, 45, tzinfo=UTC)
    assert [(row.device_id, row.time, row.value) for row in resolved.rows] == [
        (1, time, Decimal("1.5")),
        (2, time, Decimal("0.2505")),
        (3, time, Decimal(100)),
    ]
    assert not resolved.rejections
    assert not resolved.missed


@pytest.mark.parametrize(
    ("valor", "unit", "value"),
    [("0.0000005", "kWh", "0"), ("0.0000015", "kWh", "0.000002"), ("0.0000025", "kWh", "0.000002"), ("0.0005", "Wh", "0"), ("0.0015", "Wh", "0.000002"),
     ("0.00150000000000000000000000000000000001", "Wh", "0.000002"), ("0.00250000000000000000000000000000000001", "Wh", "0.000003")],
)  # fmt: skip
def test_it_rounds_half_even_to_six_places_once_and_after_conversion(valor: str, unit: str, value: str) -> None:
    assert [row.value for row in said(("D01", valor, unit)).rows] == [Decimal(value)]


def test_one_bad_reading_does_not_take_the_others_with_it() -> None:
    resolved = said(
        ("D01", 1, "kWh"), ("D77", 1, "kWh"), ("D09", 1, "kWh"), ("D01", -1, "kWh"), ("D02", 1, "kWh"), ("D03", -5, "°C")
    )
    assert [(row.device_id, row.value) for row in resolved.rows] == [(1, 1), (3, -5)]
    assert reasons(resolved) == [
        ("D77", "unknown_device"),
        ("D09", "inactive_device"),
        ("D01", "negative_value"),
        ("D02", "unit_mismatch"),
    ]
    assert resolved.missed
    assert json.loads(resolved.rejections[0].payload)["leituras"] == [{"dispositivo_codigo": "D77", "valor": 1, "unidade": "kWh"}]


def test_a_message_of_an_unknown_gateway_is_one_rejection() -> None:
    resolved = said(("D01", 1, "kWh"), ("D02", 1, "m³"), mac=STRANGER)
    assert reasons(resolved) == [(None, "unknown_gateway")]
    assert resolved.missed
    assert resolved.gateway is None


@pytest.mark.parametrize("kind", ["counter", "interval"])
def test_a_register_and_an_amount_are_never_negative(kind: str) -> None:
    directory = register(X=Device(4, "kWh", kind, True))
    assert reasons(said(("X", "-0.000001", "kWh"), directory=directory)) == [("X", "negative_value")]
    assert [row.value for row in said(("X", "-0.0000001", "kWh"), ("X", "-0", "kWh"), directory=directory).rows] == [0, 0]


def test_a_temperature_below_zero_fahrenheit_is_a_temperature() -> None:
    assert [row.value for row in said(("D03", -40, "°F")).rows] == [-40]


@pytest.mark.parametrize(("valor", "unit"), [("999999999999", "GWh"), ("999999999999999.9999999", "kWh")])
def test_a_value_that_conversion_or_rounding_brings_to_1e15_is_refused(valor: str, unit: str) -> None:
    assert reasons(said(("D01", valor, unit))) == [("D01", "bad_value")]


@pytest.mark.parametrize("unit", ["", "m³", "kW", "KWh ", "\x00", "kWh" * 1000])
def test_a_unit_without_a_factor_is_refused_unless_it_is_only_another_spelling(unit: str) -> None:
    assert reasons(said(("D01", 1, unit))) == ([] if unit == "KWh " else [("D01", "unit_mismatch")])


def test_a_time_ten_minutes_ahead_is_taken_and_one_beyond_is_not() -> None:
    limit = NOW + timedelta(minutes=10)
    assert len(said(("D01", 1, "kWh"), time=limit).rows) == 1
    assert reasons(said(("D01", 1, "kWh"), time=limit + timedelta(microseconds=1))) == [("D01", "future_timestamp")]
    assert reasons(said(("D01", 1, "kWh"), time="9999-12-31T23:59:59-14:00")) == [("D01", "bad_timestamp")]


def test_a_time_of_two_years_ago_is_taken_and_one_before_is_not() -> None:
    limit = NOW - timedelta(days=730)
    assert len(said(("D01", 1, "kWh"), time=limit).rows) == 1
    assert reasons(said(("D01", 1, "kWh"), time=limit - timedelta(seconds=1))) == [("D01", "too_old")]
    assert reasons(said(("D01", 1, "kWh"), time="0001-01-01T00:00:00+14:00")) == [("D01", "bad_timestamp")]


def test_a_time_without_an_offset_is_the_accounts() -> None:
    assert said(("D01", 1, "kWh"), time="2026-02-18T11:45:00").rows[0].time == datetime(2026, 2, 18, 14, 45, tzinfo=UTC)
    tokyo = said(("D01", 1, "kWh"), time="2026-02-18T11:45:00", directory=register("Asia/Tokyo"))
    assert tokyo.rows[0].time == datetime(2026, 2, 18, 2, 45, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_its_first_and_one_that_is_skipped_lies_after_it() -> None:
    berlin = register("Europe/Berlin")
    assert said(("D01", 1, "kWh"), time="2025-10-26T02:30:00", directory=berlin).rows[0].time == datetime(
        2025, 10, 26, 0, 30, tzinfo=UTC
    )
    assert said(("D01", 1, "kWh"), time="2025-03-30T02:30:00", directory=berlin).rows[0].time == datetime(
        2025, 3, 30, 1, 30, tzinfo=UTC
    )


def test_readings_of_one_message_may_have_their_own_times() -> None:
    resolved = said(("D01", 1, "kWh"), ("D01", 2, "kWh", "2026-02-18T14:30:00Z"), ("D01", 3, "kWh", "2026-02-18T11:15:00"))
    assert [row.time.minute for row in resolved.rows] == [45, 30, 15]
