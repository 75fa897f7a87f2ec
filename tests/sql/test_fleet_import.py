"""Devices by the file: read in whichever way a spreadsheet wrote it, planned line by line, all or nothing, taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import fleet_editing, fleet_import
from sql.errors import NotFound, Refused
from sql.fleet_lines import read_lines
from tests.conftest import Database
from tests.sql.plant import feed, mac, planned_for, series
from tests.sql.test_fleet_editing import Crew, build

HEADER = "gateway_mac,code,name,kind,resource,unit"
COMMA = HEADER + ",interval,max_rate\n"


@pytest.fixture
def crew(bench: Database) -> Crew:
    """Build an account of its own."""
    return build(bench)


def test_a_file_of_a_portuguese_spreadsheet() -> None:
    head = "code;gateway_mac;name;kind;resource;unit;max_rate;resolution;gateway_name;gateway_capacity"
    line = "D01;AA-BB-CC-DD-EE-FF;Forno nº 1;Counter;electricity;kWh;12,5;0,001;Torre A;16"
    (one,) = read_lines(f"\ufeff{head}\r\n{line}\r\n;;;;;;;;;\r\n")
    assert one.device is not None
    assert (one.number, one.mac, one.code, one.fault) == (2, "aa:bb:cc:dd:ee:ff", "D01", None)
    assert (one.device.max_rate, one.device.resolution, one.device.kind) == (Decimal("12.5"), Decimal("0.001"), "counter")
    assert (one.gateway_name, one.capacity) == ("Torre A", 16)


@pytest.mark.parametrize(("written", "name"), [("'=1+1", "=1+1"), ("a;'=1", "a;=1"), ("O'Neill", "O'Neill")])
def test_what_an_export_guards_comes_back_as_it_was(written: str, name: str) -> None:
    (one,) = read_lines(f"{HEADER}\naa:bb:cc:dd:ee:ff,D01,{written},gauge,other,V")
    assert one.device is not None
    assert one.device.name == name


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("", "columns_missing"),
        ("gateway_mac,code\nx,y\n", "columns_missing"),
        (f"{HEADER},colour\n", "columns_odd"),
        (f"{HEADER},unit\n", "columns_odd"),
        (f"{HEADER}\n", "no_devices"),
        (f'{HEADER}\n"x,y\n', "not_csv"),
    ],
)
def test_what_is_no_such_file_is_refused_whole(content: str, key: str) -> None:
    with pytest.raises(Refused) as refused:
        read_lines(content)
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("nonsense,D01,n,counter,water,L,900,1", "not_a_mac"),
        ("02:00:00:00:00:01,D/1,n,counter,water,L,900,1", "device_code"),
        ("02:00:00:00:00:01,D01,n,meter,water,L,900,1", "device_kind"),
        ("02:00:00:00:00:01,D01,n,counter,steam,L,900,1", "device_resource"),
        ("02:00:00:00:00:01,D01,n,counter,water,,900,1", "device_unit"),
        ("02:00:00:00:00:01,D01,n,counter,water,L,0.5,1", "column_whole"),
        ("02:00:00:00:00:01,D01,n,counter,water,L,900,=1+1", "column_number"),
        ("02:00:00:00:00:01,D01,n,counter,water,L,900,0", "above_nought"),
        ("02:00:00:00:00:01,D01,n,counter,water,L,900", "fields"),
        ("02:00:00:00:00:01,D01,n\x1b[1m,counter,water,L,900,1", "name"),
    ],
)
def test_a_faulty_line_says_why(line: str, key: str) -> None:
    (one,) = read_lines(COMMA + line)
    assert one.fault is not None
    assert one.fault.key == key


def file_of(*rows: tuple[str, str]) -> str:
    return COMMA + "".join(f"{address},{code},Meter {code},counter,electricity,kWh,900,100\n" for address, code in rows)


def test_every_line_is_judged_before_anything_is_done(crew: Crew, bench: Database) -> None:
    stranger, fresh = build(bench), mac()
    with crew.acting() as connection:
        first = connection.execute(text("SELECT mac FROM tds.gateway WHERE id = :g"), {"g": crew.first}).scalar_one()
        rows = [(first, "D01"), (first, "E1"), (first, "E1"), (crew.mac, "A"), (crew.mac, "B"), (stranger.mac, "A"), (fresh, "A")]
        lines = read_lines(file_of(*rows))
        told = [one.fault.key if one.fault else "" for one in fleet_import.plan(connection, lines, False).lines]
        also = fleet_import.plan(connection, lines, True)
        with pytest.raises(Refused) as refused:
            fleet_import.carry_out(connection, crew.account, "x.csv", lines, True, "me")
        assert connection.execute(text("SELECT count(*) FROM tds.device")).scalar_one() == 1
    assert told == ["code_taken", "", "line_twice", "", "gateway_has_no_room", "mac_taken", "mac_unknown"]
    assert also.lines[6].fault is None
    assert ([line.mac for line in also.new_gateways], also.good) == ([fresh], 3)
    assert refused.value.key == "import_faulty"


def test_it_comes_whole_and_goes_whole(crew: Crew, bench: Database) -> None:
    fresh = mac()
    rows = [(crew.mac, "A"), *((fresh, f"M{n}") for n in range(8))]
    with crew.acting() as connection:
        made = fleet_import.carry_out(
            connection, crew.account, "\x00fleet.csv\n", read_lines(file_of(*rows)), True, "me@example.com"
        )
        assert (made.name, made.gateways, made.devices, made.left) == ("fleet.csv", 1, 9, 9)
        assert connection.execute(text("SELECT count(*) FROM tds.device")).scalar_one() == 10
        assert [one.id for one in fleet_import.imports(connection, 5)] == [made.id]
    assert planned_for(bench)
    with crew.acting() as connection:
        gone = fleet_import.undo(connection, made.id, "you@example.com")
        assert (gone.left, gone.undone_by) == (0, "you@example.com")
        assert connection.execute(text("SELECT count(*) FROM tds.device")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM tds.gateway")).scalar_one() == 2
        with pytest.raises(Refused) as again:
            fleet_import.undo(connection, made.id, "you@example.com")
    assert again.value.key == "undone_already"


def test_it_stays_where_something_has_come_since(crew: Crew) -> None:
    fresh = mac()
    lines = read_lines(file_of((fresh, "A"), (fresh, "B")))
    with crew.acting() as connection:
        made = fleet_import.carry_out(connection, crew.account, "x.csv", lines, True, "me")
        ids = dict(connection.execute(text("SELECT code, id FROM tds.device WHERE import_id = :i"), {"i": made.id}).all())  # type: ignore[arg-type]
        gateway = connection.execute(text("SELECT id FROM tds.gateway WHERE import_id = :i"), {"i": made.id}).scalar_one()
    with crew.database.owner.transaction() as connection:
        connection.execute(text("INSERT INTO tds.gateway_seen VALUES (:g, now(), true)"), {"g": gateway})
    assert why_not(crew, made.id) == "undo_heard"
    feed(crew.database, ids["B"], series("2026-01-05T00:00", 15, [1, 2]))
    assert why_not(crew, made.id) == "undo_received"
    with crew.acting() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.device WHERE import_id = :i"), {"i": made.id}).scalar_one() == 2


def test_what_was_changed_since_is_counted(crew: Crew) -> None:
    with crew.acting() as connection:
        made = fleet_import.carry_out(
            connection, crew.account, "x.csv", read_lines(file_of((mac(), "A"), (crew.mac, "B"))), True, "me"
        )
        a, b = connection.execute(text("SELECT id FROM tds.device WHERE import_id = :i ORDER BY id"), {"i": made.id}).scalars()
        for device in (a, b):
            state = fleet_editing.device_state(connection, device, hold=True)
            fleet_editing.change_device(connection, state, state.settings._replace(name="Mine"), True)
        assert fleet_import.find_import(connection, made.id).edited == 2
        gone = fleet_import.undo(connection, made.id, "me")
    assert (gone.left, gone.edited) == (0, 0)


def why_not(crew: Crew, number: int) -> str:
    with pytest.raises(Refused) as refused, crew.acting() as connection:
        fleet_import.undo(connection, number, "me")
    return refused.value.key


def test_a_strangers_import_is_not_there(crew: Crew, bench: Database) -> None:
    stranger = build(bench)
    with stranger.acting() as connection:
        made = fleet_import.carry_out(
            connection, stranger.account, "x.csv", read_lines(file_of((stranger.mac, "A"))), False, "me"
        )
    with pytest.raises(NotFound), crew.acting() as connection:
        fleet_import.undo(connection, made.id, "me")
    with crew.acting() as connection:
        assert fleet_import.imports(connection, 5) == []
