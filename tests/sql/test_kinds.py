"""Interval devices and gauges, by hand: what is booked where, and what a level's mean is."""

from __future__ import annotations

from decimal import Decimal

from tests.conftest import Database
from tests.sql.plant import Slot, buckets, events, feed, meter, series, slots, sound

D = Decimal


def test_an_interval_value_belongs_to_the_time_since_the_reading_before(bench: Database) -> None:
    device = meter(bench, kind="interval")
    feed(bench, device, [("2026-01-01T00:00", 99), ("2026-01-01T00:10", 2), ("2026-01-01T00:20", 4)])
    assert slots(bench, device) == {"01-01 00:00": Slot(D(4), D(0), 900, 2), "01-01 00:15": Slot(D(2), D(0), 300, 1)}
    assert events(bench, device) == []


def test_an_interval_value_after_a_gap_belongs_to_the_declared_interval(bench: Database) -> None:
    device = meter(bench, kind="interval")
    feed(bench, device, [("2026-01-01T00:15", 9), ("2026-01-01T00:30", 6), ("2026-01-01T01:30", 8), ("2026-01-01T01:40", 1)])
    assert slots(bench, device) == {
        "01-01 00:15": Slot(D(6), D(0), 900, 1),
        "01-01 00:30": Slot(D(0), D(0), 0, 1),
        "01-01 00:45": Slot(D(0), D(0), 0, 0),
        "01-01 01:00": Slot(D(0), D(0), 0, 0),
        "01-01 01:15": Slot(D(8), D(0), 900, 0),
        "01-01 01:30": Slot(D(1), D(0), 600, 2),
    }
    sound(bench, device)


def test_an_interval_longer_than_a_slot_is_shared_by_time(bench: Database) -> None:
    device = meter(bench, kind="interval", interval=3600)
    feed(bench, device, series("2026-01-01T00:05", 60, [0, 12]))
    found = [slot.quantity for slot in slots(bench, device).values()]
    assert found == [D(2), D(3), D(3), D(3), D(1)]


def test_an_interval_device_knows_no_falls_and_no_jumps(bench: Database) -> None:
    device = meter(bench, kind="interval", modulus=D(100), max_rate=D(1))
    feed(bench, device, series("2026-01-01T00:00", 15, [5, 500, 0, 7]))
    assert [slot.quantity for slot in slots(bench, device).values()] == [D(500), D(0), D(7), None]
    assert events(bench, device) == []


def test_late_interval_values_take_their_share_of_the_gap(bench: Database) -> None:
    device = meter(bench, kind="interval", interval=3600)
    feed(bench, device, series("2026-01-01T00:00", 60, [1, 4, 8]))
    # The reading at 02:00 says 8 for its hour; one at 01:30 leaves it the half hour after.
    feed(bench, device, [("2026-01-01T01:30", 2)])
    assert [slot.quantity for slot in slots(bench, device).values()] == [D(1)] * 4 + [D(1), D(1), D(4), D(4), None]
    sound(bench, device)


def test_a_gauge_has_a_time_weighted_mean(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, series("2026-01-01T00:00", 15, [20, 22, "-21"]))
    quarter = buckets(bench, device, "15min", "2026-01-01", "2026-01-02")
    first, second, third = quarter.values()
    assert (first.mean, first.minimum, first.maximum, first.readings, first.coverage) == (21, 20, 20, 1, 1.0)
    assert (second.mean, second.minimum, second.maximum) == (D("0.5"), 22, 22)
    assert (third.mean, third.minimum, third.readings, third.coverage) == (None, -21, 1, 0.0)
    assert {row.consumption for row in quarter.values()} == {None}
    (hour,) = buckets(bench, device, "hour", "2026-01-01", "2026-01-02").values()
    assert (hour.mean, hour.minimum, hour.maximum, hour.readings, hour.coverage) == (D("10.75"), -21, 22, 3, 0.5)
    assert events(bench, device) == []
    sound(bench, device)


def test_uneven_readings_weigh_by_their_time(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    # 10 at 00:00, 40 at 00:10, 40 at 00:30: 10 min at a mean of 25, 20 min of 40.
    feed(bench, device, [("2026-01-01T00:00", 10), ("2026-01-01T00:10", 40), ("2026-01-01T00:30", 40)])
    (hour,) = buckets(bench, device, "hour", "2026-01-01", "2026-01-02").values()
    assert (hour.mean, hour.coverage) == (35, 0.5)
    quarter = list(buckets(bench, device, "15min", "2026-01-01", "2026-01-02").values())
    assert quarter[0].mean == 30  # 10 min of 25 and 5 min of 40


def test_a_gauge_is_not_interpolated_beyond_the_gap_limit(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, [("2026-01-01T00:00", 10), ("2026-01-01T00:45", 40), ("2026-01-01T01:31", 0)])
    (day,) = buckets(bench, device, "day", "2026-01-01", "2026-01-02").values()
    assert (day.mean, day.minimum, day.maximum, day.readings) == (25, 0, 40, 3)
    assert day.coverage == 2700 / 86_400
    assert set(slots(bench, device)) == {"01-01 00:00", "01-01 00:15", "01-01 00:30", "01-01 00:45", "01-01 01:30"}


def test_a_late_gauge_reading_bends_the_line(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, series("2026-01-01T00:00", 30, [0, 0]))
    feed(bench, device, [("2026-01-01T00:15", 8)])
    (hour,) = buckets(bench, device, "hour", "2026-01-01", "2026-01-02").values()
    assert (hour.mean, hour.maximum, hour.readings) == (4, 8, 3)
    sound(bench, device)


def test_a_gauge_mean_has_six_places_and_no_drift(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, [("2026-01-01T00:00", 0), ("2026-01-01T00:00:01", "0.000001"), ("2026-01-01T00:00:03", 0)])
    (hour,) = buckets(bench, device, "hour", "2026-01-01", "2026-01-02").values()
    # The area is 1.5 millionths of a unit second over 3 s: 0.0000005, which six places cannot show exactly.
    assert hour.mean in (D("0.000000"), D("0.000001"))
