"""`tds consumption` and `tds ledger`: columns, empty buckets, periods that move outwards, and the same bytes from both engines."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sql import fleet, ledger
from tests import conftest
from tests.conftest import Database
from tests.sql import meters
from tests.sql.plant import Meter, Result, account, at, feed, json_of, mac, meter, meter_of, put, refused, series, tds

D = Decimal
FIELDS = [
    "bucket",
    "gateway_mac",
    "device_code",
    "unit",
    "consumption",
    "estimated",
    "coverage",
    "mean",
    "minimum",
    "maximum",
    "readings",
]


def report(database: Database, device: Meter, step: str, start: str, end: str, *more: str) -> list[dict[str, str]]:
    result = tds(database, "consumption", "--account", device.account, "--step", step, "--from", start, "--to", end, *more)
    assert (result.code, result.err) == (0, ""), result
    assert "\r" not in result.out
    return list(csv.DictReader(io.StringIO(result.out)))


def test_every_bucket_of_the_period_is_a_row(bench: Database) -> None:
    device = meter(bench, "America/Sao_Paulo")
    feed(bench, device, series("2026-01-01T03:10", 15, [10, "10.5", 11]))
    rows = report(bench, device, "15min", "2026-01-01", "2026-01-01T01:00")
    assert list(rows[0]) == FIELDS
    assert [tuple(row.values()) for row in rows] == [
        ("2026-01-01T00:00:00-03:00", device.mac, "D01", "kWh", "0.166667", "0", "0.333333", "", "", "", "1"),
        ("2026-01-01T00:15:00-03:00", device.mac, "D01", "kWh", "0.5", "0", "1", "", "", "", "1"),
        ("2026-01-01T00:30:00-03:00", device.mac, "D01", "kWh", "0.333333", "0", "0.666667", "", "", "", "1"),
        ("2026-01-01T00:45:00-03:00", device.mac, "D01", "kWh", "", "", "0", "", "", "", "0"),
    ]


def test_consumption_is_empty_before_and_after_and_never_in_a_gap(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, [("2026-01-01T00:00", 5), ("2026-01-04T00:00", 5), ("2026-01-04T00:15", 5)])
    rows = report(bench, device, "day", "2025-12-31", "2026-01-06")
    assert [(row["consumption"], row["estimated"], row["coverage"], row["readings"]) for row in rows] == [
        ("", "", "0", "0"),
        ("0", "0", "0", "1"),
        ("0", "0", "0", "0"),
        ("0", "0", "0", "0"),
        ("0", "0", "0.010417", "2"),
        ("", "", "0", "0"),
    ]


def test_a_gauge_has_mean_minimum_and_maximum(bench: Database) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    feed(bench, device, series("2026-01-01T00:00", 15, ["-1.5", 3, "2.250"]))
    (row,) = report(bench, device, "hour", "2026-01-01T00:59", "2026-01-01T01:00")
    assert tuple(row.values())[3:] == ("°C", "", "", "0.5", "1.6875", "-1.5", "3", "3")


@pytest.mark.parametrize(
    ("step", "start", "end", "first", "last"),
    [
        ("15min", "2026-03-28T10:07", "2026-03-28T10:16", "2026-03-28T10:00:00+01:00", "2026-03-28T10:15:00+01:00"),
        ("hour", "2026-03-29T00:30", "2026-03-29T03:01", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"),
        ("day", "2026-03-28T12:00", "2026-03-29T00:00:01", "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"),
        ("day", "2026-03-28T12:00:00Z", "2026-03-29T22:00:00Z", "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"),
        ("month", "2026-02-28", "2026-04-02", "2026-02-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
        ("month", "2026-02-01", "2026-03-01", "2026-02-01T00:00:00+01:00", "2026-02-01T00:00:00+01:00"),
    ],
)
def test_the_period_moves_outwards_to_the_step(bench: Database, step: str, start: str, end: str, first: str, last: str) -> None:
    device = meter(bench, "Europe/Madrid")
    rows = report(bench, device, step, start, end)
    assert (rows[0]["bucket"], rows[-1]["bucket"]) == (first, last)


@pytest.mark.parametrize(
    ("zone", "day", "quarters", "hours"),
    [
        ("Europe/Madrid", "2026-03-29", 92, 23),
        ("Europe/Madrid", "2026-10-25", 100, 25),
        ("Australia/Lord_Howe", "2026-04-05", 98, 25),
        ("Australia/Lord_Howe", "2026-10-04", 94, 24),
        ("Asia/Kolkata", "2026-03-29", 96, 24),
        ("America/Sao_Paulo", "2026-03-29", 96, 24),
    ],
)
def test_days_have_as_many_rows_as_they_have_hours(bench: Database, zone: str, day: str, quarters: int, hours: int) -> None:
    device = meter(bench, zone)
    following = (at(day) + timedelta(days=1)).date().isoformat()
    assert len(report(bench, device, "15min", day, following)) == quarters
    rows = report(bench, device, "hour", day, following)
    assert len(rows) == hours
    assert len({row["bucket"] for row in rows}) == hours
    assert len(report(bench, device, "day", day, following)) == 1


def test_devices_come_in_the_order_of_their_names(bench: Database) -> None:
    name, number = account(bench)
    devices = sorted((meter_of(bench, name, number) for _ in range(3)), key=lambda device: device.mac)
    with bench.owner.transaction() as connection:
        fleet.add_device(connection, devices[0].mac, "A1", kind="counter", resource="water", unit="m3")
    rows = report(bench, devices[0], "day", "2026-01-01", "2026-01-03")
    assert [(row["gateway_mac"], row["device_code"], row["unit"]) for row in rows[::2]] == [
        (devices[0].mac, "A1", "m³"),
        (devices[0].mac, "D01", "kWh"),
        (devices[1].mac, "D01", "kWh"),
        (devices[2].mac, "D01", "kWh"),
    ]
    chosen = report(
        bench,
        devices[0],
        "day",
        "2026-01-01",
        "2026-01-02",
        "--device",
        devices[2].name,
        "--device",
        devices[0].name.upper().replace("D01", "D01"),
    )
    assert [row["gateway_mac"] for row in chosen] == [devices[0].mac, devices[2].mac]


def test_json_has_the_same_rows_with_exact_numbers(bench: Database) -> None:
    device = meter(bench)
    feed(
        bench,
        device,
        [
            ("2026-01-01T00:00", "100000000000000.1"),
            ("2026-01-01T00:15", "100000000000000.100001"),
            ("2026-01-01T00:30", "100000000000001.3"),
        ],
    )
    arguments = (
        "consumption",
        "--account",
        device.account,
        "--step",
        "15min",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-01T00:45",
    )
    result = tds(bench, *arguments, "--format", "json")
    assert "e-" not in result.out.lower().replace('"device_code', "")
    assert json_of(result) == [
        dict(zip(FIELDS, row, strict=True))
        for row in (
            ("2026-01-01T00:00:00+00:00", device.mac, "D01", "kWh", D("0.000001"), 0, 1, None, None, None, 1),
            ("2026-01-01T00:15:00+00:00", device.mac, "D01", "kWh", D("1.199999"), 0, 1, None, None, None, 1),
            ("2026-01-01T00:30:00+00:00", device.mac, "D01", "kWh", None, None, 0, None, None, None, 1),
        )
    ]
    assert json.loads(tds(bench, *arguments, "--format", "json").out)[0]["consumption"] == 0.000001


def test_an_account_without_devices_prints_no_rows(bench: Database) -> None:
    name, _ = account(bench)
    arguments = ("consumption", "--account", name, "--step", "day", "--from", "2026-01-01", "--to", "2026-01-02")
    assert tds(bench, *arguments) == Result(0, ",".join(FIELDS) + "\n", "")
    assert json_of(tds(bench, *arguments, "--format", "json")) == []


def test_what_cannot_be_reported_is_refused(bench: Database) -> None:
    device, stranger = meter(bench), meter(bench)

    def run(*more: str, start: str = "2026-01-01", end: str = "2026-01-02") -> Result:
        return tds(bench, "consumption", "--account", device.account, "--step", "day", "--from", start, "--to", end, *more)

    assert "has no device" in refused(run("--device", stranger.name))
    assert "name it as MAC/CODE" in refused(run("--device", device.mac))
    assert "the period is empty" in refused(run(end="2026-01-01"))
    assert "the period is empty" in refused(run(end="2025-01-01"))
    for day in ("2026-02-30", "01/02/2026", "2026-1-1", "tomorrow", "2026-01-01T25:00", "99999-01-01", ""):
        assert "is not a date or an ISO 8601 instant" in refused(run(end=day)), day
    assert "between 1970 and 2100" in refused(run(start="1950-01-01"))
    assert "between 1970 and 2100" in refused(run(end="2150-01-01"))
    assert run("--step", "week").code == 2
    assert run("--format", "xml").code == 2
    assert tds(bench, "consumption", "--account", device.account).code == 2


def test_another_accounts_devices_are_not_reported(bench: Database) -> None:
    device, stranger = meter(bench), meter(bench)
    feed(bench, stranger, series("2026-01-01T00:00", 15, [1, 2]))
    assert {row["gateway_mac"] for row in report(bench, device, "day", "2026-01-01", "2026-01-02")} == {device.mac}


def test_drain_and_verify_say_what_they_did(bench: Database) -> None:
    device = meter(bench)
    put(bench, device, series("2026-01-01T00:00", 15, [1, 2, 4]))
    assert tds(bench, "ledger", "drain").code == 0
    assert tds(bench, "ledger", "drain").code == 0
    assert json_of(tds(bench, "ledger", "verify", "--json")) == {"balanced": True, "differences": []}
    assert tds(bench, "ledger", "verify").out == "Every rollup equals the ledger, and the ledger equals its readings.\n"


@pytest.mark.skipif(not conftest.TIMESCALEDB, reason="needs both engines")
def test_both_engines_print_the_same_bytes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """After the same import, in every zone and step, with every kind of device."""
    zones = ("America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "Atlantic/Azores")
    files: dict[str, str] = {}
    addresses = [mac() for _ in zones]
    for number, (zone, address) in enumerate(zip(zones, addresses, strict=True)):
        lines = []
        for code, seed in (("D01", 40 + number), ("D02", 50 + number), ("D03", 60 + number)):
            drawn = meters.random_meter(seed, days=3, start=at("2026-10-23"))
            lines += [
                f"{address},{code},{reading.time.isoformat()},{reading.value % 977 if code == 'D03' else reading.value},kWh"
                for reading in drawn.readings
            ]
        files[zone] = "gateway_mac,device_code,timestamp,value,unit\n" + "\n".join(lines) + "\n"
    printed = []
    for engine in ("plain", "timescaledb"):
        folder = tmp_path / engine
        folder.mkdir()
        made = conftest._make(request, engine, folder)
        database = next(made)
        output = []
        for zone, address in zip(zones, addresses, strict=True):
            assert tds(database, "account", "add", zone, "--timezone", zone).code == 0
            assert tds(database, "gateway", "add", address, "--account", zone).code == 0
            for code, kind in (("D01", "counter"), ("D02", "interval"), ("D03", "gauge")):
                with database.owner.transaction() as connection:
                    fleet.add_device(
                        connection,
                        address,
                        code,
                        kind=kind,
                        resource="electricity",
                        unit="kWh",
                        max_rate=D(50),
                        modulus=D(10_000),
                    )
            file = folder / "readings.csv"
            file.write_text(files[zone])
            assert tds(database, "reading", "import", file, "--account", zone).code == 0
        assert tds(database, "ledger", "drain").code == 0
        assert tds(database, "ledger", "verify").code == 0
        for zone in zones:
            for step, end in (("15min", "2026-10-28"), ("hour", "2026-10-28"), ("day", "2026-11-02"), ("month", "2026-12-01")):
                for form in ("csv", "json"):
                    result = tds(
                        database,
                        "consumption",
                        "--account",
                        zone,
                        "--step",
                        step,
                        "--from",
                        "2026-10-22",
                        "--to",
                        end,
                        "--format",
                        form,
                    )
                    assert result.code == 0
                    output.append(result.out)
            events = json_of(tds(database, "event", "list", "--account", zone, "--json"))
            output.append(str([(event["at"], event["kind"], event["correction"]) for event in events]))
        printed.append(output)
        next(made, None)
    assert printed[0] == printed[1]


def test_reports_are_the_same_after_a_recomputation(bench: Database) -> None:
    device = meter(bench, "Asia/Kolkata")
    feed(bench, device, series("2026-01-01T00:03", 14, range(100)))
    before = [report(bench, device, step, "2025-12-01", "2026-02-01") for step in ("hour", "day", "month")]
    with bench.owner.transaction() as connection:
        ledger.mark_dirty(connection, [device.id])
    assert tds(bench, "ledger", "drain").code == 0
    assert [report(bench, device, step, "2025-12-01", "2026-02-01") for step in ("hour", "day", "month")] == before
