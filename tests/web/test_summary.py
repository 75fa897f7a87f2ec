"""This month against the same part of the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from sql.consumption import ConsumptionRow
from tds_dash.amounts import Amount, in_main_unit
from tds_dash.figures import ChartDevice
from tds_dash.summary import ResourceSummary, change, month_so_far, summary
from tds_dash.view import midnight

ZONE = ZoneInfo("America/Sao_Paulo")


def at(*parts: int) -> datetime:
    """Give a wall time of the zone."""
    return datetime(*parts, tzinfo=ZONE)  # type: ignore[arg-type]


def row(device: int, bucket: datetime, consumption: str, coverage: float = 1.0) -> ConsumptionRow:
    """Give a bucket."""
    return ConsumptionRow(device, bucket, Decimal(consumption), Decimal(0), coverage, None, None, None, 1)


def test_it_compares_the_same_part() -> None:
    period = month_so_far(at(2026, 11, 23, 14, 7), ZONE)
    assert (period.start, period.last_start) == (at(2026, 11, 1), at(2026, 10, 1))
    assert period.same == at(2026, 10, 23, 14, 7)
    assert period.comparable


@pytest.mark.parametrize("now", [at(2026, 3, 29, 10), at(2026, 3, 31, 23, 59), at(2026, 10, 31, 0, 0)])
def test_it_does_not_compare_with_a_day_that_was_not(now: datetime) -> None:
    assert not month_so_far(now, ZONE).comparable


def test_the_first_of_the_month_is_compared() -> None:
    period = month_so_far(at(2026, 12, 1, 0, 20), ZONE)
    assert (period.last_day, period.same) == (at(2026, 11, 1), at(2026, 11, 1, 0, 20))


def summed(coverage: float = 1.0) -> tuple[ResourceSummary, datetime]:
    """Add up two months of 24 a day."""
    now = at(2026, 11, 23, 12, 0)
    device = ChartDevice(1, "A", "electricity", "kWh")
    days = [row(1, midnight(at(2026, 10, 1).date() + timedelta(days=n), ZONE), "24", coverage) for n in range(53)]
    days.append(row(1, midnight(now.date(), ZONE), "18", 0.5))
    part = [row(1, (at(2026, 10, 23) + timedelta(minutes=15 * n)).astimezone(UTC), "0.25", coverage) for n in range(48)]
    return summary([device], [1], days, part, month_so_far(now, ZONE), ZONE), now


def test_it_adds_up() -> None:
    found, now = summed()
    assert found.month.quantity == 22 * 24 + 18
    assert found.before.quantity == 22 * 24 + 12
    assert found.today == Amount(Decimal(18), 1.0)
    assert (found.month.coverage, found.before.coverage) == pytest.approx((1.0, 1.0))
    assert (len(found.spark), found.spark[-1], found.spark[0]) == (30, 18, 24)
    said = change(found, now, ZONE, "en")
    assert said.share == Decimal(546) / Decimal(540) - 1
    assert said.period == "1–23 Oct"


def test_it_compares_only_what_was_measured() -> None:
    found, now = summed(coverage=0.9)
    said = change(found, now, ZONE, "en")
    assert said.share is None
    assert "90" in said.reason


def test_it_has_nothing_to_compare_with_in_the_first_month() -> None:
    found, now = summed()
    assert change(found._replace(before=Amount(None, 0.0)), now, ZONE, "en").share is None
    assert change(found._replace(before=Amount(Decimal(0), 1.0)), now, ZONE, "en").share is None


def test_units_of_one_resource_are_brought_together() -> None:
    devices = [
        ChartDevice(1, "A", "electricity", "MWh"),
        ChartDevice(2, "B", "electricity", "kWh"),
        ChartDevice(3, "C", "electricity", "pulse"),
    ]
    rows = [row(device.id, at(2026, 11, 1), "1.5") for device in devices]
    shown, converted = in_main_unit(devices, rows)
    assert [device.unit for device in shown] == ["kWh", "kWh", "pulse"]
    assert [one.consumption for one in converted] == [1500, Decimal("1.5"), Decimal("1.5")]
