"""The ledger's rules one by one, against numbers worked out by hand (see FIGURES: accept, increment, spread)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sql import ledger
from tests.conftest import Database
from tests.sql.plant import Slot, events, feed, ledger_text, meter, put, quantities, series, slots, sound

D = Decimal
# The meters of this file may run at 100 kWh/h: 25.001 in a quarter-hour with their resolution of 0.001.


def rows(database: Database, readings: list, **given: object) -> tuple[dict[str, Decimal | None], list]:
    device = meter(database, **given)
    feed(database, device, readings)
    sound(database, device)
    return quantities(database, device), events(database, device)


def test_a_first_reading_has_no_consumption(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [("2026-01-01T00:20", 500)])
    assert slots(bench, device) == {"01-01 00:15": Slot(None, None, 0, 1)}


def test_readings_on_the_grid_fill_the_slots_before_them(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 101, 103]))
    assert slots(bench, device) == {
        "01-01 00:00": Slot(D(1), D(0), 900, 1),
        "01-01 00:15": Slot(D(2), D(0), 900, 1),
        "01-01 00:30": Slot(None, None, 0, 1),
    }


def test_an_edge_between_readings_is_shared_by_time(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [("2026-01-01T00:05", 0), ("2026-01-01T00:20", 3)])
    assert slots(bench, device) == {"01-01 00:00": Slot(D(2), D(0), 600, 1), "01-01 00:15": Slot(D(1), D(0), 300, 1)}


def test_thirds_add_up_by_cumulative_rounding(bench: Database) -> None:
    found, _ = rows(bench, [("2026-01-01T00:10", 0), ("2026-01-01T00:40", 1)])
    # 1/6, 4/6 and 6/6 of the way: 0.166667, 0.666667, 1 and their differences
    assert found == {"01-01 00:00": D("0.166667"), "01-01 00:15": D("0.5"), "01-01 00:30": D("0.333333")}


def test_stamps_below_a_second_count_to_the_microsecond(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [("2026-01-01T00:14:59.500000", 0), ("2026-01-01T00:15:00.250001", "0.001")])
    found = slots(bench, device)
    # half a second of 0.750001 s lies before the edge: 0.001 * 0.5 / 0.750001 = 0.000666665777…
    assert found["01-01 00:00"] == Slot(D("0.000667"), D(0), 0.5, 1)
    assert found["01-01 00:15"] == Slot(D("0.000333"), D(0), 0.250001, 1)


def test_two_readings_a_microsecond_apart_are_two_readings(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [("2026-01-01T00:00:00.000001", 5), ("2026-01-01T00:00:00.000002", "5.001")])
    assert slots(bench, device) == {"01-01 00:00": Slot(D("0.001"), D(0), 0.000001, 2)}


def test_duplicates_change_nothing(bench: Database) -> None:
    device = meter(bench)
    readings = series("2026-01-01T00:00", 15, [1, 2, 4, 8])
    feed(bench, device, readings)
    before = ledger_text(bench, [device.id])
    feed(bench, device, readings[1:3])
    assert ledger_text(bench, [device.id]) == before


def test_a_run_of_zeros_is_left_out_and_bridged(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [50, 51, 0, 0, 54]))
    assert slots(bench, device) == {
        "01-01 00:00": Slot(D(1), D(0), 900, 1),
        "01-01 00:15": Slot(D(1), D(0), 900, 1),
        "01-01 00:30": Slot(D(1), D(0), 900, 0),
        "01-01 00:45": Slot(D(1), D(0), 900, 0),
        "01-01 01:00": Slot(None, None, 0, 1),
    }
    assert events(bench, device) == [("glitch", "01-01 01:00", D(0))]


def test_the_glitch_window_includes_both_its_ends(bench: Database) -> None:
    # The last reading before the fall at 00:00, the return exactly two hours later.
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [100, *[0] * 7, 108]))
    assert seen == [("glitch", "01-01 02:00", D(0))]
    assert [found[f"01-01 {h:02}:{m:02}"] for h in (0, 1) for m in (0, 15, 30, 45)] == [D(1)] * 8


def test_a_run_longer_than_the_window_is_a_reset_and_an_unresolved_jump(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [100, *[0] * 8, 108]))
    assert seen == [("reset", "01-01 00:15", D(100)), ("unresolved", "01-01 02:15", D(-108))]
    assert set(found.values()) == {D(0), None}


def test_the_window_grows_with_the_interval(bench: Database) -> None:
    hourly = series("2026-01-01T00:00", 60, [1000, 0, 0, 1030])
    _, seen = rows(bench, hourly, interval=3600)
    assert seen == [("glitch", "01-01 03:00", D(0))]
    _, seen = rows(bench, hourly, interval=1800)
    assert [kind for kind, *_ in seen] == ["reset", "unresolved"]


def test_a_return_below_the_old_level_is_no_return(bench: Database) -> None:
    _, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 0, "99.9"]))
    assert [kind for kind, *_ in seen] == ["reset", "unresolved"]


def test_a_return_that_is_a_plausible_climb_is_no_glitch(bench: Database) -> None:
    # 20 kWh in a quarter-hour is possible: the register was reset to 0 and then moved by 20.
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [10, 0, 20]))
    assert seen == [("reset", "01-01 00:15", D(10))]
    assert (found["01-01 00:00"], found["01-01 00:15"]) == (D(0), D(20))


def test_a_return_too_high_to_be_a_continuation_is_no_glitch(bench: Database) -> None:
    # From 100 the register may reach 150.001 in half an hour.
    _, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 0, "150.002"]))
    assert [kind for kind, *_ in seen] == ["reset", "unresolved"]
    _, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 0, "150.001"]))
    assert [kind for kind, *_ in seen] == ["glitch"]


def test_an_upward_spike_is_left_out(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [10, 11, 50_000, 50_000, 14]))
    assert seen == [("glitch", "01-01 01:00", D(0))]
    assert [found[f"01-01 00:{m:02}"] for m in (0, 15, 30, 45)] == [D(1)] * 4


def test_two_runs_back_to_back_are_two_glitches(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 0, 102, 0, 104]))
    assert seen == [("glitch", "01-01 00:30", D(0)), ("glitch", "01-01 01:00", D(0))]
    assert [found[f"01-01 00:{m:02}"] for m in (0, 15, 30, 45)] == [D(1)] * 4


def test_a_late_reading_inside_a_run_shortens_it(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 0, 102]))
    assert events(bench, device) == [("glitch", "01-01 00:30", D(0))]
    feed(bench, device, [("2026-01-01T00:20", "101.5")])
    assert events(bench, device) == [("glitch", "01-01 00:20", D(0))]
    # 1.5 over 20 minutes: 1.125 to 00:15; then 0.375 and 0.5
    assert quantities(bench, device) == {"01-01 00:00": D("1.125"), "01-01 00:15": D("0.875"), "01-01 00:30": None}
    sound(bench, device)


def test_a_late_return_makes_a_glitch_of_what_was_a_reset(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 0]))
    assert events(bench, device) == [("reset", "01-01 00:15", D(100))]
    feed(bench, device, [("2026-01-01T00:30", 102)])
    assert events(bench, device) == [("glitch", "01-01 00:30", D(0))]
    assert quantities(bench, device) == {"01-01 00:00": D(1), "01-01 00:15": D(1), "01-01 00:30": None}


def test_a_reset_counts_the_new_value_as_estimated(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 3, 4]))
    assert slots(bench, device) == {
        "01-01 00:00": Slot(D(3), D(3), 0, 1),
        "01-01 00:15": Slot(D(1), D(0), 900, 1),
        "01-01 00:30": Slot(None, None, 0, 1),
    }
    assert events(bench, device) == [("reset", "01-01 00:15", D(100))]


def test_a_rollover_wraps_at_the_modulus(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [9998, 3]), modulus=D(10_000), resolution=D(1))
    assert found == {"01-01 00:00": D(5), "01-01 00:15": None}
    assert seen == [("rollover", "01-01 00:15", D(10_000))]


def test_a_wrap_that_is_too_fast_is_a_reset(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [5000, 3]), modulus=D(10_000), resolution=D(1))
    assert found == {"01-01 00:00": D(3), "01-01 00:15": None}
    assert seen == [("reset", "01-01 00:15", D(5000))]


def test_jitter_is_booked_with_its_sign(bench: Database) -> None:
    # The resolution is the jitter unless another is given; falls within it are differences like any other.
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 99, 101]), resolution=D(1))
    assert (found, seen) == ({"01-01 00:00": D(-1), "01-01 00:15": D(2), "01-01 00:30": None}, [])
    _, seen = rows(bench, series("2026-01-01T00:00", 15, [100, "98.9"]), resolution=D(1))
    assert seen == [("unresolved", "01-01 00:15", D("1.1"))]
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [100, 96]), resolution=D(1), jitter=D(4))
    assert (found["01-01 00:00"], seen) == (D(-4), [])


def test_a_rise_is_too_fast_beyond_the_rate_and_one_resolution(bench: Database) -> None:
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [0, "25.001"]))
    assert (found["01-01 00:00"], seen) == (D("25.001"), [])
    found, seen = rows(bench, series("2026-01-01T00:00", 15, [0, "25.002", "26.002"]))
    assert (found["01-01 00:00"], found["01-01 00:15"]) == (D(0), D(1))
    assert seen == [("unresolved", "01-01 00:15", D("-25.002"))]


def test_a_coarse_register_is_not_all_jumps(bench: Database) -> None:
    # 1 m³ steps, at most 5 m³/h, every 5 minutes: one step is more than 5/12 m³ and still believed, two are not.
    water = {"resource": "water", "unit": "m³", "resolution": D(1), "max_rate": D(5), "interval": 300}
    found, seen = rows(bench, series("2026-01-01T00:00", 5, [7, 7, 8, 8, 8, 9, 9]), **water)
    assert (found, seen) == ({"01-01 00:00": D(1), "01-01 00:15": D(1), "01-01 00:30": None}, [])
    _, seen = rows(bench, series("2026-01-01T00:00", 5, [7, 9]), **water)
    assert seen == [("unresolved", "01-01 00:05", D(-2))]


def test_a_meter_of_every_six_hours_is_measured_and_keeps_its_glitch_window(bench: Database) -> None:
    device = meter(bench, interval=21_600)
    feed(bench, device, series("2026-01-01T00:00", 360, [1000, 0, 1048, 1072]))
    found = slots(bench, device)
    assert events(bench, device) == [("glitch", "01-01 12:00", D(0))]
    assert len(found) == 73
    assert {slot.quantity for slot in found.values()} == {D(1), None}
    assert {slot.estimated for slot in found.values()} == {D(0), None}
    sound(bench, device)


@pytest.mark.parametrize(("minutes", "measured"), [(45, True), (46, False), (60, False)])
def test_a_pair_beyond_the_gap_limit_is_estimated(bench: Database, minutes: int, measured: bool) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", minutes, [0, 8]))
    found = slots(bench, device)
    assert sum(slot.quantity or 0 for slot in found.values()) == 8
    assert sum(slot.estimated or 0 for slot in found.values()) == (0 if measured else 8)
    assert sum(slot.covered for slot in found.values()) == (minutes * 60 if measured else 0)


def test_the_gap_limit_is_never_below_half_an_hour(bench: Database) -> None:
    device = meter(bench, interval=60)
    feed(bench, device, series("2026-01-01T00:00", 30, [0, 1, 2]))
    assert {slot.estimated for slot in slots(bench, device).values()} == {D(0), None}


def test_a_changed_setting_recomputes_the_whole_history(bench: Database) -> None:
    device = meter(bench, resolution=D(1))
    feed(bench, device, series("2026-01-01T00:00", 15, [9998, 3, 4, 60]))
    assert events(bench, device) == [("reset", "01-01 00:15", D(9998)), ("unresolved", "01-01 00:45", D(-56))]
    from sql import fleet

    with bench.owner.transaction() as connection:
        fleet.set_device(connection, device.mac, device.code, modulus=D(10_000), max_rate=D(1000))
    ledger.drain(bench.owner)
    assert events(bench, device) == [("rollover", "01-01 00:15", D(10_000))]
    assert quantities(bench, device) == {"01-01 00:00": D(5), "01-01 00:15": D(1), "01-01 00:30": D(56), "01-01 00:45": None}
    sound(bench, device)


def test_a_changed_kind_recomputes_the_whole_history(bench: Database) -> None:
    from sql import fleet

    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [5, 3, 4]))
    for kind, wanted in (("gauge", [None, None, None]), ("interval", [D(3), D(4), None]), ("counter", [D(3), D(1), None])):
        with bench.owner.transaction() as connection:
            fleet.set_device(connection, device.mac, device.code, kind=kind)
        ledger.drain(bench.owner)
        assert list(quantities(bench, device).values()) == wanted
        assert bool(events(bench, device)) == (kind == "counter")
        sound(bench, device)


def test_every_order_of_arrival_of_a_hostile_day_gives_the_same(bench: Database) -> None:
    values = [9990, 9992, 0, 0, 9996, 9999, 2, 3, 700, 5, 6, 1, 40, 41]
    readings = series("2026-01-01T00:00", 15, values)
    outcomes = []
    for order in (
        range(14),
        reversed(range(14)),
        [i * 5 % 14 for i in range(14)],
        [13, 0, 7, 3, 10, 5, 1, 12, 2, 4, 6, 8, 9, 11],
    ):
        device = meter(bench, modulus=D(10_000), resolution=D(1))
        for i in order:
            put(bench, device, [readings[i]])
            while ledger.process_one_batch(bench.owner):
                pass
        outcomes.append((slots(bench, device), events(bench, device)))
    assert all(outcome == outcomes[0] for outcome in outcomes[1:])
