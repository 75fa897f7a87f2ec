"""What people decide of events: figures follow at the next drain, books stay balanced, and an undo gives the old figures back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from sql import ledger
from tests.conftest import Database
from tests.sql.plant import (
    Meter,
    event_id,
    events,
    feed,
    json_of,
    ledger_text,
    meter,
    page,
    quantities,
    refused,
    series,
    slots,
    sound,
    tds,
)

D = Decimal


def hostile(database: Database, **given: Any) -> Meter:
    """Make a meter with a reset at 00:30 and an unresolved jump at 01:15."""
    device = meter(database, resolution=D(1), **given)
    feed(database, device, series("2026-01-01T00:00", 15, [9990, 9991, 5, 6, 7, 800, 801]))
    assert events(database, device) == [("reset", "01-01 00:30", D(9991)), ("unresolved", "01-01 01:15", D(-793))]
    return device


def settled(database: Database, device: Meter) -> None:
    """Drain, then hold that all books agree, over the whole and over every hour."""
    ledger.drain(database.owner)
    sound(database, device)
    assert page(database, device, "2026-01-01", "2026-01-02").balanced
    for hour in range(3):
        assert page(database, device, f"2026-01-01T{hour:02}:00", f"2026-01-01T{hour + 1:02}:00").balanced


def decide(database: Database, *arguments: Any) -> None:
    result = tds(database, "event", *arguments)
    assert (result.code, result.err) == (0, ""), result


def listed(database: Database, device: Meter) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json_of(tds(database, "event", "list", "--account", device.account, "--json"))
    return found


def test_events_are_listed_with_what_was_assumed(bench: Database) -> None:
    device = hostile(bench)
    jump, reset = listed(bench, device)
    assert (reset["kind"], reset["correction"], reset["decision"]) == ("reset", 9991, None)
    assert reset["sentence"] == "register fell from 9991 to 5: reset to zero? +5 kWh"
    assert jump["sentence"].startswith("register rose from 7 to 800, which no rule explains")
    assert (jump["gateway_mac"], jump["device_code"]) == (device.mac, "D01")
    assert "reset" in tds(bench, "event", "list", "--account", device.account).out


def test_a_rollover_is_said_with_its_digits(bench: Database) -> None:
    device = meter(bench, resolution=D(1), modulus=D(10_000))
    feed(bench, device, series("2026-01-01T00:00", 15, [9998, 3, 4]))
    assert [row["sentence"] for row in listed(bench, device)] == [
        "register fell from 9998 to 3: rollover of a 4-digit register? +5 kWh"
    ]


def test_accepting_changes_no_figure(bench: Database) -> None:
    device = hostile(bench)
    before = ledger_text(bench, [device.id])
    number = event_id(bench, device, "reset")
    decide(bench, "accept", number)
    decide(bench, "accept", number)
    settled(bench, device)
    assert ledger_text(bench, [device.id]) == before
    (row,) = [row for row in listed(bench, device) if row["kind"] == "reset"]
    assert (row["decision"], row["decided_by"]) == ("accept", "command line")
    decide(bench, "undo", number)
    assert [row["decision"] for row in listed(bench, device)] == [None, None]


def test_a_correction_gives_the_registers_of_the_pair(bench: Database) -> None:
    device = hostile(bench)
    before, seen = ledger_text(bench, [device.id]), events(bench, device)
    decide(bench, "correct", event_id(bench, device, "reset"), "--final", "9993.5", "--initial", "2")
    settled(bench, device)
    # (9993.5 - 9991) + (5 - 2) = 5.5
    assert quantities(bench, device)["01-01 00:15"] == D("5.5")
    assert slots(bench, device)["01-01 00:15"].estimated == D("5.5")
    assert ("reset", "01-01 00:30", D("9991.5")) in events(bench, device)
    decide(bench, "undo", event_id(bench, device, "reset"))
    settled(bench, device)
    assert (ledger_text(bench, [device.id]), events(bench, device)) == (before, seen)


def test_an_ignored_reading_leaves_the_accepted_ones(bench: Database) -> None:
    device = hostile(bench)
    before, seen = ledger_text(bench, [device.id]), events(bench, device)
    number = event_id(bench, device, "unresolved")
    decide(bench, "ignore", number)
    settled(bench, device)
    # Without 800 at 01:15, the next pair is 7 -> 801: unresolved in its turn; one more is left out.
    assert [kind for kind, *_ in events(bench, device)].count("unresolved") == 2
    assert slots(bench, device)["01-01 01:15"].readings == 0
    (row,) = [row for row in listed(bench, device) if row["id"] == number]
    assert row["decision"] == "ignore"
    other = next(row["id"] for row in listed(bench, device) if row["kind"] == "unresolved" and row["id"] != number)
    decide(bench, "ignore", other)
    settled(bench, device)
    assert max(start for start, slot in slots(bench, device).items() if slot.quantity is not None) == "01-01 00:45"
    assert page(bench, device, "2026-01-01", "2026-01-02").closing == 7
    decide(bench, "undo", other)
    decide(bench, "undo", number)
    settled(bench, device)
    assert (ledger_text(bench, [device.id]), events(bench, device)) == (before, seen)


def test_an_ignored_last_reading_does_not_come_back_with_the_next(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [1, 2, 500]))
    decide(bench, "ignore", event_id(bench, device, "unresolved"))
    settled(bench, device)
    feed(bench, device, [("2026-01-01T00:45", 4)])
    settled(bench, device)
    assert quantities(bench, device) == {"01-01 00:00": 1, "01-01 00:15": 1, "01-01 00:30": 1, "01-01 00:45": None}


def test_an_ignored_first_reading_moves_the_beginning(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [1, 500, 501, 502]))
    decide(bench, "ignore", event_id(bench, device, "unresolved"))
    settled(bench, device)
    assert [kind for kind, *_ in events(bench, device)] == ["unresolved", "unresolved"]
    assert page(bench, device, "2026-01-01", "2026-01-02").balanced


def test_a_device_all_of_whose_readings_are_ignored_has_no_figures(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [1, 500]))
    with bench.owner.transaction() as connection:
        for moment in ("2026-01-01T00:00Z", "2026-01-01T00:15Z"):
            connection.execute(
                text(
                    "INSERT INTO tds.decision (device_id, kind, at, event_kind, decided_by) VALUES (:d, 'ignore', :t, 'unresolved', 'test')"
                ),
                {"d": device.id, "t": moment},
            )
        ledger.mark_dirty(connection, [device.id])
    ledger.drain(bench.owner)
    assert slots(bench, device) == {}
    sound(bench, device)
    feed(bench, device, series("2026-01-02T00:00", 15, [600, 601]))
    assert quantities(bench, device) == {"01-02 00:00": 1, "01-02 00:15": None}
    sound(bench, device)


def test_a_replacement_is_recorded_and_undone(bench: Database) -> None:
    device = hostile(bench)
    before, seen = ledger_text(bench, [device.id]), events(bench, device)
    arguments = ("device", "replace", device.mac, "D01", "--at", "2026-01-01T00:20:00Z", "--final", "9991.7", "--initial", "0.5")
    assert tds(bench, *arguments).code == 0
    settled(bench, device)
    # (9991.7 - 9991) + (5 - 0.5) = 5.2
    assert quantities(bench, device)["01-01 00:15"] == D("5.2")
    assert ("replacement", "01-01 00:30", D("9991.2")) in events(bench, device)
    (row,) = [row for row in listed(bench, device) if row["kind"] == "replacement"]
    assert (row["decision"], row["final"], row["initial"]) == ("replacement", D("9991.7"), D("0.5"))
    assert "something else is decided for that instant" in refused(tds(bench, *arguments))
    assert "is not ignored" in refused(tds(bench, "event", "ignore", row["id"])) or "decided already" in refused(
        tds(bench, "event", "ignore", row["id"])
    )
    assert "decided already" in refused(tds(bench, "event", "correct", row["id"], "--final", "9992", "--initial", "1"))
    decide(bench, "undo", row["id"])
    settled(bench, device)
    assert (ledger_text(bench, [device.id]), events(bench, device)) == (before, seen)
    with bench.owner.transaction() as connection:
        undone = (
            connection.execute(text("SELECT undone_by FROM tds.decision WHERE device_id = :d"), {"d": device.id}).scalars().all()
        )
    assert undone == ["command line"]


def test_a_replacement_between_two_plain_readings_is_an_event(bench: Database) -> None:
    device = meter(bench, resolution=D(1))
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 101, 102]))
    assert (
        tds(
            bench, "device", "replace", device.mac, "D01", "--at", "2026-01-01T00:15Z", "--final", "100.5", "--initial", "100"
        ).code
        == 0
    )
    settled(bench, device)
    assert quantities(bench, device)["01-01 00:00"] == D("1.5")
    assert events(bench, device) == [("replacement", "01-01 00:15", D("0.5"))]


def replaced(database: Database, device: Meter, at: str, final: str, initial: str) -> Any:
    when = f"2026-01-01T{at}Z"
    return tds(database, "device", "replace", device.mac, "D01", "--at", when, "--final", final, "--initial", initial)


def test_two_replacements_within_one_pair_fit_each_other_and_both_count(bench: Database) -> None:
    device = meter(bench, resolution=D(1))
    feed(bench, device, series("2026-01-01T00:00", 60, [100, 3]))
    assert replaced(bench, device, "00:20", "101", "0.5").code == 0
    assert "the final register 0.4 is below the reading before it, 0.5" in refused(replaced(bench, device, "00:40", "0.4", "2"))
    assert "the initial register 102 is above the reading after it, 101" in refused(
        replaced(bench, device, "00:10", "100", "102")
    )
    # The meter in between never reached the first one's register.
    assert replaced(bench, device, "00:40", "6.5", "2").code == 0
    settled(bench, device)
    # (101 - 100) + (6.5 - 0.5) + (3 - 2) = 8
    assert sum(quantity or 0 for quantity in quantities(bench, device).values()) == 8


def test_a_pair_that_is_corrected_is_not_replaced_as_well(bench: Database) -> None:
    device = hostile(bench)
    decide(bench, "correct", event_id(bench, device, "reset"), "--final", "9995", "--initial", "0")
    assert "corrected already" in refused(replaced(bench, device, "00:20", "9995", "0"))
    settled(bench, device)
    assert quantities(bench, device)["01-01 00:15"] == 9  # (9995 - 9991) + (5 - 0), once


def test_a_replacement_within_a_run_of_zeros_is_no_glitch(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 0, 101]))
    assert [kind for kind, *_ in events(bench, device)] == ["glitch"]
    assert (
        tds(bench, "device", "replace", device.mac, "D01", "--at", "2026-01-01T00:10Z", "--final", "100", "--initial", "0").code
        == 0
    )
    settled(bench, device)
    assert [kind for kind, *_ in events(bench, device)] == ["replacement", "unresolved"]


def test_a_late_reading_that_splits_a_replaced_pair_keeps_the_replacement(bench: Database) -> None:
    device = meter(bench, resolution=D(1))
    feed(bench, device, series("2026-01-01T00:00", 60, [100, 3]))
    assert (
        tds(bench, "device", "replace", device.mac, "D01", "--at", "2026-01-01T00:30Z", "--final", "104", "--initial", "0").code
        == 0
    )
    settled(bench, device)
    feed(bench, device, [("2026-01-01T00:29", "103.9"), ("2026-01-01T00:31", "0.1")])
    settled(bench, device)
    assert sum(quantity or 0 for quantity in quantities(bench, device).values()) == 7
    assert events(bench, device) == [("replacement", "01-01 00:31", D(104))]


def test_what_contradicts_the_readings_is_refused(bench: Database) -> None:
    device = hostile(bench)
    before = ledger_text(bench, [device.id])
    reset = event_id(bench, device, "reset")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for arguments, says in (
        (("event", "correct", reset, "--final", "9990", "--initial", "0"), "is below the reading before it"),
        (("event", "correct", reset, "--final", "9995", "--initial", "6"), "is above the reading after it"),
        (("event", "correct", reset, "--final", "1e15", "--initial", "0"), "between 0 and 10^15"),
        (("event", "correct", reset, "--final", "9995", "--initial", "-1"), "between 0 and 10^15"),
        (("event", "accept", 99_999_999), "there is no event 99999999"),
        (("event", "undo", reset), "nothing was decided"),
        (
            ("device", "replace", device.mac, "D01", "--at", "2025-12-31", "--final", "9995", "--initial", "0"),
            "lies outside the device's readings",
        ),
        (
            ("device", "replace", device.mac, "D01", "--at", "2026-01-01T01:30:00.000001Z", "--final", "9995", "--initial", "0"),
            "lies outside",
        ),
        (("device", "replace", device.mac, "D01", "--at", tomorrow, "--final", "9995", "--initial", "0"), "future"),
        (("device", "replace", device.mac, "D01", "--at", "soon", "--final", "9995", "--initial", "0"), "is not a date"),
        (("device", "replace", device.mac, "D99", "--at", "2026-01-01", "--final", "9995", "--initial", "0"), "has no device"),
    ):
        assert says in refused(tds(bench, *arguments)), arguments
    assert tds(bench, "event", "accept", "first").code == 2
    assert tds(bench, "event", "correct", reset, "--final", "9995").code == 2
    settled(bench, device)
    assert ledger_text(bench, [device.id]) == before
    gauge = meter(bench, kind="gauge")
    assert "only a counter" in refused(
        tds(bench, "device", "replace", gauge.mac, "D01", "--at", "2026-01-01", "--final", "1", "--initial", "0")
    )


def test_an_ignored_reading_is_no_register_that_a_replacement_has_to_fit(bench: Database) -> None:
    device = meter(bench, resolution=D(1))
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 101, 90_000]) + series("2026-01-01T06:00", 15, [3, 4]))
    decide(bench, "ignore", event_id(bench, device, "unresolved"))
    settled(bench, device)
    registers = ("--final", "110", "--initial", "1")
    assert tds(bench, "device", "replace", device.mac, "D01", "--at", "2026-01-01T03:00:00Z", *registers).err == ""
    settled(bench, device)
    assert sum(quantity or 0 for quantity in quantities(bench, device).values()) == D(110 - 100 + 4 - 1)


def test_a_glitch_is_accepted_but_not_corrected_or_ignored(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 0, 101]))
    number = event_id(bench, device, "glitch")
    assert "no registers to correct" in refused(tds(bench, "event", "correct", number, "--final", "100", "--initial", "0"))
    assert "left out already" in refused(tds(bench, "event", "ignore", number))
    decide(bench, "accept", number)
    assert [row["decision"] for row in listed(bench, device)] == ["accept"]


def test_what_was_decided_is_not_decided_again(bench: Database) -> None:
    device = hostile(bench)
    number = event_id(bench, device, "unresolved")
    decide(bench, "accept", number)
    decide(bench, "correct", number, "--final", "9", "--initial", "799")  # a confirmation gives way
    for arguments in (("accept", number), ("ignore", number), ("correct", number, "--final", "9", "--initial", "700")):
        assert "decided already (correct): undo that first" in refused(tds(bench, "event", *arguments))
    settled(bench, device)
    assert quantities(bench, device)["01-01 01:00"] == 3
    decide(bench, "undo", number)
    decide(bench, "ignore", number)
    settled(bench, device)


def test_an_event_that_became_another_may_be_accepted_again(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 0, 101]))
    decide(bench, "accept", event_id(bench, device, "glitch"))
    # A late second return makes the pair that ends at 00:30 another event of the same instant.
    feed(bench, device, [("2026-01-01T00:20", "0.5"), ("2026-01-01T00:29:59", 1)])
    if [kind for kind, *_ in events(bench, device)] == ["glitch"]:
        with bench.owner.transaction() as connection:
            connection.execute(text("UPDATE tds.device SET max_rate = 0.001 WHERE id = :d"), {"d": device.id})
            ledger.mark_dirty(connection, [device.id])
        ledger.drain(bench.owner)
    latest = max(events(bench, device), key=lambda event: event[1])
    assert latest[:2] == ("unresolved", "01-01 00:30")
    number = next(row["id"] for row in listed(bench, device) if row["at"].startswith("2026-01-01T00:30"))
    decide(bench, "accept", number)
    assert next(row["decision"] for row in listed(bench, device) if row["id"] == number) == "accept"


def test_decisions_of_another_account_are_not_listed(bench: Database) -> None:
    mine, theirs = hostile(bench), hostile(bench)
    assert {row["gateway_mac"] for row in listed(bench, mine)} == {mine.mac}
    assert event_id(bench, theirs, "reset") not in {row["id"] for row in listed(bench, mine)}
    assert "no account named" in refused(tds(bench, "event", "list", "--account", "Nobody", "--json"))
