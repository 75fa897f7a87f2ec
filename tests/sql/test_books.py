"""Books: opening register, closing register and corrections prove the consumption, wherever the period's edges lie."""

from __future__ import annotations

import itertools
import random
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from sql import ledger
from sql.books import Books, books
from sql.errors import Refused
from tests.conftest import Database
from tests.project.tree import ROOT
from tests.sql import meters, test_ledger
from tests.sql.plant import at, buckets, feed, json_of, meter, page, put, refused, series, tds

D = Decimal


def kinds(found: Books) -> list[tuple[str, Decimal]]:
    return [(correction.kind, correction.amount) for correction in found.corrections]


def test_registers_are_interpolated_at_the_edges(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:10", 60, [100, 106, 118]))
    found = page(bench, device, "2026-01-01T00:30", "2026-01-01T01:45")
    # 20 of 60 minutes into +6; 35 of 60 into +12.
    assert (found.opening, found.closing, found.corrections) == (102, 113, [])
    assert (found.consumption, found.balanced) == (11, True)


def test_the_period_moves_outwards_to_quarter_hours(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1, 2, 3]))
    found = page(bench, device, "2026-01-01T00:16", "2026-01-01T00:29:59.999999")
    assert (found.start, found.end) == (at("2026-01-01T00:15"), at("2026-01-01T00:30"))
    assert (found.opening, found.closing, found.consumption) == (1, 2, 1)


def test_an_edge_inside_a_pair_that_is_not_plain(bench: Database) -> None:
    device = meter(bench, modulus=D(1000), resolution=D(1))
    feed(bench, device, [("2026-01-01T00:00", 994), ("2026-01-01T01:00", 2), ("2026-01-01T02:00", 4)])
    # A rollover of +8 over an hour: two a quarter-hour. Opening inside it, the register is taken as if it ran on.
    found = page(bench, device, "2026-01-01T00:30", "2026-01-01T02:00")
    assert (found.opening, found.closing, kinds(found)) == (998, 4, [("rollover", 1000)])
    assert (found.consumption, found.estimated, found.balanced) == (6, 6, True)
    found = page(bench, device, "2026-01-01T00:15", "2026-01-01T00:45")
    assert (found.opening, found.closing, kinds(found), found.consumption, found.balanced) == (996, 1000, [], 4, True)
    found = page(bench, device, "2026-01-01T00:45", "2026-01-01T01:00")
    assert (found.opening, found.closing, kinds(found), found.consumption) == (1000, 2, [("rollover", 1000)], 2)


@pytest.mark.parametrize(
    ("start", "end", "opening", "closing", "consumption"),
    [
        ("2025-12-31T20:00", "2025-12-31T22:00", 10, 10, 0),  # before the first reading
        ("2025-12-31T20:00", "2026-01-01T00:15", 10, 11, 1),
        ("2026-01-01T00:30", "2026-01-02T00:00", 12, 13, 1),
        ("2026-01-01T00:45", "2026-01-02T00:00", 13, 13, 0),  # after the last
        ("2026-01-05T00:00", "2026-01-06T00:00", 13, 13, 0),
        ("2026-06-05T00:00", "2026-07-06T00:00", 13, 13, 0),
        ("1990-01-01T00:00", "2099-01-01T00:00", 10, 13, 3),
    ],
)
def test_periods_that_reach_beyond_the_readings(
    bench: Database, start: str, end: str, opening: int, closing: int, consumption: int
) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [10, 11, 12, 13]))
    found = page(bench, device, start, end)
    assert (found.opening, found.closing, found.consumption, found.balanced) == (opening, closing, consumption, True)


def test_a_device_without_readings_has_empty_books(bench: Database) -> None:
    found = page(bench, meter(bench), "2026-01-01", "2026-01-02")
    assert (found.opening, found.closing, found.consumption, found.balanced) == (None, None, 0, True)


def test_a_glitch_is_no_register(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [100, 101, 0, 0, 104]))
    found = page(bench, device, "2026-01-01T00:30", "2026-01-01T00:45")
    assert (found.opening, found.closing, found.consumption, found.corrections) == (102, 103, 1, [])


def test_readings_that_are_not_booked_yet_are_not_in_the_books(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1]))
    put(bench, device, series("2026-01-01T00:30", 15, [2, 3]))
    assert page(bench, device, "2026-01-01", "2026-01-02").balanced
    ledger.drain(bench.owner)
    assert page(bench, device, "2026-01-01", "2026-01-02").closing == 3


def test_an_interval_device_has_sums_and_no_registers(bench: Database) -> None:
    device = meter(bench, kind="interval")
    feed(bench, device, series("2026-01-01T00:00", 15, [5, 6, 7]))
    found = page(bench, device, "2026-01-01", "2026-01-02")
    assert (found.opening, found.closing, found.consumption, found.balanced) == (None, None, 13, True)
    with pytest.raises(Refused, match="a gauge has no register"):
        page(bench, meter(bench, kind="gauge"), "2026-01-01", "2026-01-02")


def test_the_command_prints_one_document_with_exact_numbers(bench: Database) -> None:
    device = meter(bench, "America/Sao_Paulo", modulus=D(1000), resolution=D(1))
    feed(bench, device, [("2026-01-01T03:00", "994.1"), ("2026-01-01T03:15", "2.000001"), ("2026-01-02T03:00", 4)])
    arguments = (
        "books",
        "--account",
        device.account,
        "--device",
        device.name.upper().replace("D01", "D01"),
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-02",
    )
    found = json_of(tds(bench, *arguments, "--json"))
    assert found == {
        "device": device.name,
        "unit": "kWh",
        "from": "2026-01-01T00:00:00-03:00",
        "to": "2026-01-02T00:00:00-03:00",
        "opening": D("994.1"),
        "closing": 4,
        "corrections": [{"at": "2026-01-01T00:15:00-03:00", "kind": "rollover", "amount": 1000}],
        "consumption": D("9.9"),
        "estimated": D("9.9"),
        "balanced": True,
    }
    assert "balanced: True" in tds(bench, *arguments).out


def test_what_the_command_cannot_find_is_refused(bench: Database) -> None:
    device, other = meter(bench), meter(bench)

    def said(name: str, start: str = "2026-01-01", end: str = "2026-01-02") -> str:
        return refused(tds(bench, "books", "--account", device.account, "--device", name, "--from", start, "--to", end, "--json"))

    assert "the account has no device" in said(other.name)
    assert "the account has no device" in said(f"{device.mac}/D99")
    assert "name it as MAC/CODE" in said(device.mac)
    assert "is not a MAC address" in said("D01")
    assert "the period is empty" in said(device.name, "2026-01-02", "2026-01-02")
    assert "is not a date" in said(device.name, "2026-02-30")
    assert "is not a date" in said(device.name, "yesterday")
    assert "between 1970 and 2100" in said(device.name, "1900-01-01")


def test_of_two_devices_of_one_name_the_one_in_use_is_meant(bench: Database) -> None:
    from sqlalchemy import text

    from sql import fleet

    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [0, 1]))
    with bench.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :d"), {"d": device.id})
        again = fleet.add_device(connection, device.mac, "D01", kind="counter", resource="electricity", unit="kWh")
    feed(bench, again, series("2026-01-01T00:00", 15, [0, 7]))
    arguments = ("--account", device.account, "--device", device.name, "--from", "2026-01-01", "--to", "2026-01-02")
    assert json_of(tds(bench, "books", *arguments, "--json"))["consumption"] == 7


def random_books(database: Database, seeds: range) -> None:
    """Hold that books balance over random periods of random meters, and say what the ledger sums to."""
    database.account("Account UTC", "UTC")
    made = []
    for seed in seeds:
        drawn = meters.random_meter(seed, days=2)
        device = test_ledger.add_meter(database, "Account UTC", drawn)
        for part in test_ledger.batches(drawn, seed):
            test_ledger.store(database, device, part)
        made.append((seed, device, drawn))
    ledger.drain(database.owner)
    for seed, device, drawn in made:
        dice = random.Random(seed)
        slots, _ = meters.ledger(drawn)
        first, last = drawn.readings[0].time - timedelta(hours=3), drawn.readings[-1].time + timedelta(hours=3)
        edges = [first + (last - first) * dice.random() for _ in range(12)] + [
            reading.time for reading in dice.sample(drawn.readings, 4)
        ]
        with database.owner.transaction() as connection:
            for low, high in itertools.pairwise(edges):
                if low == high:
                    continue
                found = books(connection, device, min(low, high), max(low, high))
                wanted = sum((slot.quantity or D(0) for start, slot in slots.items() if found.start <= start < found.end), D(0))
                assert (found.balanced, found.consumption) == (True, wanted), (seed, found)


def test_books_of_random_meters_balance_over_any_period(database: Database) -> None:
    random_books(database, range(7000, 7025))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_books_of_300_random_meters_balance_over_any_period(database: Database) -> None:
    random_books(database, range(8000, 8300))


# What the gateway of the guide's example sends in the evening; the text names some of it.
LATER = [("11:00", 12), ("11:15", 16), ("11:30", 20), ("11:45", 24), ("12:00", 28), ("12:15", 36), ("12:30", 46), ("12:45", 56)]


@pytest.mark.parametrize(("guide", "word"), [("docs/manager/figures.md", "together"), ("docs/pt-BR/numeros.md", "juntas")])
def test_the_example_of_the_managers_guide_is_what_the_ledger_says(bench: Database, guide: str, word: str) -> None:
    written = (ROOT / guide).read_text(encoding="utf-8")

    def table(form: str) -> list[list[Decimal]]:
        found = re.finditer(form, written, re.MULTILINE)
        return [[D(re.sub(r"[.,]", "", number)) for number in row.groups()] for row in found]

    def hours() -> list[list[Decimal]]:
        found = buckets(bench, device, "hour", "2026-11-25T10:00", "2026-11-25T13:00").values()
        return [[row.consumption or D(0), row.estimated or D(0), D(row.coverage) * 100] for row in found]

    readings = table(r"^\| (\d\d)[:h](\d\d) \| ([\d.,]+) \|$")
    rows = table(r"^\| \d\d–\d\d \| (\d+) kWh \| (\d+)(?: kWh)? \| (\d+) % \|$")
    sums = table(rf"^\| {word} \| \*\*(\d+) kWh\*\* \| (\d+) kWh \| (\d+) % \|$")
    closing, opening, correction, taken = table(r"^\| (?:[−+=] )?[^|\d]+(?:10[:h]30)? \| \*{0,2}([\d.,]+)\*{0,2} \|$")
    assert (len(readings), len(rows), len(sums)) == (5, 6, 2)

    device = meter(bench, modulus=D(10_000), resolution=D("0.1"))
    feed(bench, device, [(f"2026-11-25T{hour:02}:{minute:02}", value) for hour, minute, value in readings])
    assert hours() == rows[:3]
    found = page(bench, device, "2026-11-25T10:00", "2026-11-25T13:00")
    assert ([found.closing], [found.opening], kinds(found)) == (closing, opening, [("rollover", correction[0])])
    assert ([found.consumption], found.balanced) == (taken, True)
    feed(bench, device, [(f"2026-11-25T{time}", value) for time, value in LATER])
    assert hours() == rows[3:]
    for three, together in zip((rows[:3], rows[3:]), sums, strict=True):
        assert [sum(row[0] for row in three), sum(row[1] for row in three), round(sum(row[2] for row in three) / 3)] == together
