"""CSV imports: what is read as what, and that a broken line leaves nothing of its file behind."""

from __future__ import annotations

import resource
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from sql import ledger
from tests.conftest import Database
from tests.sql.plant import Meter, account, at, buckets, mac, meter, planned_for, quantities, refused, tds

D = Decimal
HEADER = "gateway_mac,device_code,timestamp,value,unit\n"


def csv_of(folder: Path, device: Meter, *lines: str, header: str = HEADER, ending: str = "\n") -> Path:
    """Write a file of readings of one device; a line is `timestamp,value[,unit]`."""
    rows = [
        line if line.count(",") > 2 or not line else f"{device.mac},D01,{line}{'' if line.count(',') == 2 else ',kWh'}"
        for line in lines
    ]
    file = folder / "readings.csv"
    file.write_bytes((header.rstrip("\n") + ending + "".join(row + ending for row in rows)).encode())
    return file


def stored(database: Database, device: Meter) -> list[tuple[str, Decimal]]:
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT time, value FROM tds.reading WHERE device_id = :d ORDER BY time"), {"d": device.id}
        ).all()
    return [(f"{row[0]:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip("."), row[1]) for row in rows]


def load(database: Database, device: Meter, file: Path) -> str:
    result = tds(database, "reading", "import", file, "--account", device.account)
    assert (result.code, result.err) == (0, ""), result
    return result.out


def test_it_reads_what_spreadsheets_write(bench: Database, tmp_path: Path) -> None:
    device = meter(bench)
    file = csv_of(
        tmp_path,
        device,
        "2026-01-01T00:00:00Z,10",
        f'"{device.mac.upper()}","D01","2026-01-01 00:15:00+00:00","10.5","kWh"',
        f"{device.mac.replace(':', '-')}, D01 ,2026-01-01T00:30:00.250+01:00, 9.25 ,kWh",
        "",
        header="\ufeff" + HEADER,
        ending="\r\n",
    )
    assert load(bench, device, file).startswith("Stored 3 readings; 0 were there already.")
    assert stored(bench, device) == [
        ("2025-12-31T23:30:00.25", D("9.25")),
        ("2026-01-01T00:00:00", D(10)),
        ("2026-01-01T00:15:00", D("10.5")),
    ]
    assert load(bench, device, file).startswith("Stored 0 readings; 3 were there already.")


@pytest.mark.parametrize(
    ("given", "unit", "wanted"),
    [
        ("1e3", "kWh", "1000"),
        ("1.5E-2", "kWh", "0.015"),
        ("+7", "kWh", "7"),
        (".5", "kWh", "0.5"),
        ("5.", "kWh", "5"),
        ("007.10", "kWh", "7.1"),
        ("-0", "kWh", "0"),
        ("999999999999999.999999", "kWh", "999999999999999.999999"),
        ("0.0000005", "kWh", "0"),
        ("0.0000015", "kWh", "0.000002"),
        ("0.00000250000000000000000000000000000000000001", "kWh", "0.000003"),
        ("1234", "Wh", "1.234"),
        ("0.0005", "Wh", "0"),
        ("0.0015", "Wh", "0.000002"),
        ("2", "MWh", "2000"),
        ("3", "KWH", "3"),
    ],
)  # fmt: skip
def test_a_value_is_exact_and_rounded_half_even_once(bench: Database, tmp_path: Path, given: str, unit: str, wanted: str) -> None:
    device = meter(bench)
    load(bench, device, csv_of(tmp_path, device, f"2026-01-01T00:00:00Z,{given},{unit}"))
    assert stored(bench, device) == [("2026-01-01T00:00:00", D(wanted))]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2026-01-01T00:00:00Z,abc", "'abc' is not a number"),
        ("2026-01-01T00:00:00Z,", "'' is not a number"),
        ('02:ff:ff:ff:ff:ff,D01,2026-01-01T00:00:00Z,"1,5",kWh', "has no device"),
        ("2026-01-01T00:00:00Z,1;5", "'1;5' is not a number"),
        ("2026-01-01T00:00:00Z,nan", "not a number"),
        ("2026-01-01T00:00:00Z,Infinity", "not a number"),
        ("2026-01-01T00:00:00Z,1_000", "not a number"),
        ("2026-01-01T00:00:00Z,١٢", "not a number"),
        ("2026-01-01T00:00:00Z,0x10", "not a number"),
        ("2026-01-01T00:00:00Z,1e15", "too large"),
        ("2026-01-01T00:00:00Z,1e999", "too large"),
        ("2026-01-01T00:00:00Z,1000000000000,MWh", "too large"),
        ("2026-01-01T00:00:00Z,-1", "is negative"),
        ("2026-01-01T00:00:00Z,-0.000001", "is negative"),
        ("2026-01-01T00:00:00Z,1,m³", "cannot be converted to kWh"),
        ("2026-01-01T00:00:00Z,1,furlong", "cannot be converted to kWh"),
        ("2026-02-30T00:00:00Z,1", "is not an ISO 8601 time"),
        ("01/02/2026 10:00,1", "is not an ISO 8601 time"),
        (",1", "is not an ISO 8601 time"),
        ("2026-01-01T00:00:00+99:00,1", "is not an ISO 8601 time"),
        ("0001-01-01T00:00:00+14:00,1", ""),
        ("1969-12-31T23:59:59Z,1", "before 1970"),
        ("9999-12-31T23:59:59-14:00,1", ""),
        ("2126-01-01T00:00:00Z,1", "in the future"),
        ("02:ff:ff:ff:ff:ff,D01,2026-01-01T00:00:00Z,1,kWh", "the account has no device 02:ff:ff:ff:ff:ff/D01"),
        ("nonsense,D01,2026-01-01T00:00:00Z,1,kWh", "'nonsense' is not a MAC address"),
        ("too,many,fields,in,this,line", "6 fields instead of 5"),
        ("too,few,of,them", "4 fields instead of 5"),
        ('2026-01-01T00:00:00Z,"1"2', "line 4"),
        ("2026-01-01T00:00:00Z,1\0", "line 4"),
    ],
)
def test_a_broken_line_is_named_and_nothing_stays(bench: Database, tmp_path: Path, line: str, says: str) -> None:
    device = meter(bench)
    file = csv_of(tmp_path, device, "2026-01-01T01:00:00Z,1", "2026-01-01T02:00:00Z,2", line)
    said = refused(tds(bench, "reading", "import", file, "--account", device.account))
    assert says in said
    assert "line 4" in said
    assert said.endswith("nothing was imported")
    assert stored(bench, device) == []
    with bench.owner.transaction() as connection:
        assert not connection.execute(text("SELECT count(*) FROM tds.dirty WHERE device_id = :d"), {"d": device.id}).scalar_one()


@pytest.mark.parametrize("header", ["", "timestamp,value\n", "gateway_mac,device_code,timestamp,value\n", "gateway_mac;device_code;timestamp;value;unit\n",
                                    "gateway_mac,device_code,timestamp,value,unit,unit\n", "device_code,gateway_mac,timestamp,value,unit\n"])  # fmt: skip
def test_another_header_is_refused(bench: Database, tmp_path: Path, header: str) -> None:
    device = meter(bench)
    file = csv_of(tmp_path, device, "2026-01-01T01:00:00Z,1", header=header)
    assert "the first line must be gateway_mac,device_code,timestamp,value,unit" in refused(
        tds(bench, "reading", "import", file, "--account", device.account)
    )


def test_what_is_no_csv_file_is_refused(bench: Database, tmp_path: Path) -> None:
    device = meter(bench)
    arguments = ("--account", device.account)
    assert "cannot be read" in refused(tds(bench, "reading", "import", tmp_path / "absent.csv", *arguments))
    assert "cannot be read" in refused(tds(bench, "reading", "import", tmp_path, *arguments))
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + f"{device.mac},D01,2026-01-01T00:00:00Z,1,m".encode() + b"\xb3\n")
    assert "is not text in UTF-8" in refused(tds(bench, "reading", "import", latin, *arguments))
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    assert "the first line must be" in refused(tds(bench, "reading", "import", empty, *arguments))
    file = csv_of(tmp_path, device, "2026-01-01T00:00:00Z,1")
    assert "no account named 'Nobody'" in refused(tds(bench, "reading", "import", file, "--account", "Nobody"))
    assert stored(bench, device) == []


def test_a_strangers_device_is_not_found(bench: Database, tmp_path: Path) -> None:
    mine, theirs = meter(bench), meter(bench)
    file = csv_of(tmp_path, theirs, "2026-01-01T00:00:00Z,1")
    assert "has no device" in refused(tds(bench, "reading", "import", file, "--account", mine.account))
    assert stored(bench, theirs) == []


def test_a_time_without_offset_is_the_accounts(bench: Database, tmp_path: Path) -> None:
    device = meter(bench, "Europe/Madrid")
    load(
        bench,
        device,
        csv_of(tmp_path, device, "2026-01-01T00:00,1", "2026-07-01,2", "2026-03-29T02:30:00,3", "2025-10-26T02:30:00,4"),
    )
    # Skipped 02:30 in March: as if the clock had not moved; repeated 02:30 in October: the first of the two.
    assert stored(bench, device) == [
        ("2025-10-26T00:30:00", D(4)),
        ("2025-12-31T23:00:00", D(1)),
        ("2026-03-29T01:30:00", D(3)),
        ("2026-06-30T22:00:00", D(2)),
    ]


def test_an_hour_that_comes_twice_is_not_swallowed_in_silence(bench: Database, tmp_path: Path) -> None:
    device = meter(bench, "Europe/Madrid")
    lines = [
        f"2025-10-26T{hour}:{minute:02},{i}"
        for i, (hour, minute) in enumerate((h, m) for h in ("01", "02", "02", "03") for m in (0, 30))
    ]
    load(bench, device, csv_of(tmp_path, device, *lines))
    assert [int(value) for _, value in stored(bench, device)] == [0, 1, 2, 3, 6, 7]
    assert [row["reason"] for row in rejections(bench, device)] == ["conflicting_duplicate"] * 2


def rejections(database: Database, device: Meter) -> list[dict[str, object]]:
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT reason, detail, device_code, convert_from(payload, 'UTF8') AS payload FROM tds.rejection WHERE account_id = :a ORDER BY id"
            ),
            {"a": device.account_id},
        )
        return [dict(row._mapping) for row in rows]


def test_of_two_values_for_one_instant_the_first_wins_and_the_other_is_a_rejection(bench: Database, tmp_path: Path) -> None:
    device = meter(bench)
    file = csv_of(
        tmp_path,
        device,
        "2026-01-01T00:00:00Z,5.50",
        "2026-01-01T00:00:00Z,6",
        "2026-01-01T00:00:00Z,5.5",
        "2026-01-01T00:15:00Z,7",
    )
    assert load(bench, device, file).startswith("Stored 2 readings")
    assert stored(bench, device) == [("2026-01-01T00:00:00", D("5.5")), ("2026-01-01T00:15:00", D(7))]
    again = csv_of(tmp_path, device, "2026-01-01T00:15:00Z,8", "2026-01-01T00:15:00+00:00,7.000")
    load(bench, device, again)
    load(bench, device, again)
    assert [(row["reason"], row["detail"], row["payload"]) for row in rejections(bench, device)] == [
        ("conflicting_duplicate", "stored: 5.5", f"{device.mac},D01,2026-01-01T00:00:00Z,6,kWh"),
        ("conflicting_duplicate", "stored: 7", f"{device.mac},D01,2026-01-01T00:15:00Z,8,kWh"),
    ]


def test_temperatures_may_be_negative_and_are_converted(bench: Database, tmp_path: Path) -> None:
    device = meter(bench, kind="gauge", resource="temperature", unit="°C")
    load(
        bench,
        device,
        csv_of(
            tmp_path,
            device,
            "2026-01-01T00:00Z,-12.5,°C",
            "2026-01-01T00:15Z,-40,°F",
            "2026-01-01T00:30Z,1,F",
            "2026-01-01T00:45Z,0,K",
        ),
    )
    assert [value for _, value in stored(bench, device)] == [D("-12.5"), D(-40), D("-17.222222"), D("-273.15")]


def test_imported_history_becomes_figures_at_the_next_drain(bench: Database, tmp_path: Path) -> None:
    device = meter(bench)
    load(bench, device, csv_of(tmp_path, device, "2026-01-01T00:30Z,3", "2026-01-01T00:00Z,1"))
    assert quantities(bench, device) == {}
    assert tds(bench, "ledger", "drain").code == 0
    assert quantities(bench, device) == {"01-01 00:00": D(1), "01-01 00:15": D(1), "01-01 00:30": None}
    with bench.owner.transaction() as connection:
        seen = connection.execute(text("SELECT time, value FROM tds.device_seen WHERE device_id = :d"), {"d": device.id}).one()
    assert tuple(seen) == (at("2026-01-01T00:30"), D(3))


def test_a_broken_last_line_of_many_blocks_leaves_nothing(
    bench: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.imports.BLOCK", 100)
    device = meter(bench)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [f"{(start + timedelta(minutes=i)).isoformat()},{i}" for i in range(1050)]
    assert "line 1052: 'end' is not a number" in refused(
        tds(bench, "reading", "import", csv_of(tmp_path, device, *lines, "2026-02-01T00:00Z,end"), "--account", device.account)
    )
    assert stored(bench, device) == []
    assert load(bench, device, csv_of(tmp_path, device, *lines, *lines[:50])).startswith(
        "Stored 1050 readings; 50 were there already."
    )
    ledger.drain(bench.owner)
    (day,) = list(buckets(bench, device, "day", "2026-01-01", "2026-01-02").values())
    assert day.consumption == 1049


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_huge_file_is_read_in_a_stream(bench: Database, tmp_path: Path) -> None:
    device = meter(bench, interval=60, max_rate=D(1_000_000))
    start = datetime(2022, 1, 1, tzinfo=UTC)
    peaks = []
    for name, lines in (("some.csv", range(450_000)), ("more.csv", range(450_000, 1_800_000))):
        with (tmp_path / name).open("w") as out:
            out.write(HEADER)
            for i in lines:
                out.write(f"{device.mac},D01,{(start + timedelta(minutes=i)):%Y-%m-%dT%H:%M:%SZ},{i},kWh\n")
        assert load(bench, device, tmp_path / name).startswith(f"Stored {len(lines)} readings")
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 20_000  # KiB: a file of three times the size needs no more memory


def test_devices_are_imported_all_or_none(bench: Database, tmp_path: Path) -> None:
    name, _ = account(bench)
    address = mac()
    assert tds(bench, "gateway", "add", address, "--account", name, "--capacity", "3").code == 0
    file = tmp_path / "devices.csv"
    head = "gateway_mac,code,name,kind,resource,unit,interval,max_rate,resolution,modulus\n"
    good = f"{address},D01,Main meter,counter,electricity,kWh,300,50,0.1,100000\n{address.upper()},D02,,gauge,temperature,C,,,,\n"
    for broken, says in (
        (f"{address},D01,Twice,counter,water,m3,,,,\n", "line 4: the gateway .* has a device D01 already"),
        (f"{address},D03,,counter,water,m3,,,,\n{address},D04,,counter,water,m3,,,,\n", "line 5: the gateway .* is full"),
        (f"{address},D03,,clock,water,m3,,,,\n", "line 4: the kind must be"),
        (f"{address},D03,,counter,water,m3,ten,,,\n", "line 4: interval is not a number: ten"),
        (f"{address},D03,,counter,water,m3,900.5,,,\n", "line 4: interval is not a number: 900.5"),
        (f"{address},D03,,counter,water,m3,,-1,,\n", "line 4: the largest rate must be greater than 0"),
        (f"{mac()},D03,,counter,water,m3,,,,\n", "line 4: there is no gateway"),
        ("x,D03,,counter,water,m3,,,,\n", "line 4: 'x' is not a MAC address"),
        ("short\n", "line 4: 1 fields instead of 10"),
    ):
        file.write_text(head + good + broken)
        import re

        assert re.search(says, refused(tds(bench, "device", "import", file, "--account", name)))
    with bench.owner.transaction() as connection:
        assert not connection.execute(text("SELECT count(*) FROM tds.device d JOIN tds.account a ON a.id = d.account_id WHERE a.name = :n"), {"n": name}).scalar_one()  # fmt: skip
    file.write_text(head + good)
    assert tds(bench, "device", "import", file, "--account", name).out == "Added 2 devices.\n"
    assert planned_for(bench)
    with bench.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT code, d.name, unit, interval_seconds, max_rate, resolution, modulus FROM tds.device d JOIN tds.account a ON a.id = d.account_id"
                 " WHERE a.name = :n ORDER BY code"), {"n": name}
        ).all()  # fmt: skip
    assert [tuple(row) for row in rows] == [
        ("D01", "Main meter", "kWh", 300, 50, D("0.1"), 100_000),
        ("D02", "D02", "°C", 900, 1000, 1, None),
    ]


def test_a_gateway_of_another_account_takes_no_imported_devices(bench: Database, tmp_path: Path) -> None:
    mine, theirs = meter(bench), meter(bench)
    file = tmp_path / "devices.csv"
    file.write_text(f"gateway_mac,code,name,kind,resource,unit\n{theirs.mac},D09,,counter,water,m3\n")
    assert f"is not of the account {mine.account}" in refused(tds(bench, "device", "import", file, "--account", mine.account))
