"""`tds simulate` tells the truth: of a run that went well, of one that did not, and of rows that were tampered with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from settings import Settings
from simulator import load
from simulator.commands import simulate
from simulator.load_fleet import SORTS, Station, mac_of, register_stations, shown, thousandths
from simulator.reckoning import count_rows, find_messages, instant
from simulator.visibility import percentiles
from sql import fleet
from sql.errors import Refused
from tests.conftest import Database
from tests.faults.cell import Cell
from tests.ports import free_port

NOON = 1_795_435_200_000_000


@pytest.fixture
def cell(database: Database) -> Iterator[Cell]:
    """A broker and an empty migrated database, on each engine."""
    made = Cell(database)
    yield made
    made.close()


@pytest.fixture
def plain_cell(plain_database: Database) -> Iterator[Cell]:
    """The same on the embedded engine alone."""
    made = Cell(plain_database)
    yield made
    made.close()


def run(settings: Settings, capsys: pytest.CaptureFixture[str], **options: float) -> tuple[int, dict[str, object], str]:
    """Run the command; gives its exit code, its JSON and what it said besides."""
    given = {"gateways": 3, "devices": 4, "rate": 30.0, "duration": 2.0, "json": True} | options
    capsys.readouterr()
    code = simulate(settings, argparse.Namespace(**given))
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_everything_published_is_stored_once_and_measured(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    cell.ingester().wait_until_subscribed()
    code, result, _ = run(cell.settings, capsys)
    assert code == 0
    assert [result[name] for name in ("published", "acknowledged", "stored", "lost", "duplicated")] == [60, 60, 60, 0, 0]
    assert 0 < result["messages_per_s"] < 40, "it keeps to the rate, where the machine does"  # type: ignore[operator]
    assert result["readings_per_s"] == pytest.approx(4 * result["messages_per_s"], rel=0.02)  # type: ignore[operator]
    latency = result["latency_ms"]
    assert isinstance(latency, dict)
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    with cell.database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.reading")).scalar() == 240
        assert connection.execute(text("SELECT count(*) FROM tds.rejection")).scalar() == 0
        assert [account.name for account in fleet.list_accounts(connection)] == ["simulation"]
        resources = connection.execute(text("SELECT DISTINCT resource FROM tds.device ORDER BY 1")).scalars().all()
    assert resources == ["electricity", "gas", "temperature", "water"]
    again, second, _ = run(cell.settings, capsys, gateways=4)
    assert (again, second["stored"], second["duplicated"]) == (0, 60, 0)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_process_drives_two_thousand_gateways_and_says_how_far_it_is(
    plain_cell: Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_cell.ingester().wait_until_subscribed()
    code, result, said = run(plain_cell.settings, capsys, gateways=2000, devices=8, rate=200.0, duration=30.0)
    assert (code, result["gateways"], result["published"]) == (0, 2000, 6000)
    assert [result[name] for name in ("acknowledged", "stored", "lost", "duplicated")] == [6000, 6000, 0, 0]
    assert len([line for line in said.splitlines() if line.startswith("published ")]) >= 3


def test_without_an_ingester_it_says_lost_and_fails(
    plain_cell: Cell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "PATIENCE_SECONDS", 2)
    code, result, said = run(plain_cell.settings, capsys)
    assert (code, result["acknowledged"], result["stored"], result["lost"]) == (1, 60, 0, 60)
    assert result["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert said.strip().splitlines()[-1] == "tds: not everything that was published was stored once: does `tds ingest` run?"


def test_without_a_broker_it_registers_nothing_and_says_what_to_start(plain_database: Database) -> None:
    settings = replace(plain_database.settings, mqtt_port=free_port())
    with pytest.raises(Refused, match="start `tds broker`"):
        simulate(settings, argparse.Namespace(gateways=1, devices=1, rate=1.0, duration=1.0, json=True))
    with plain_database.owner.transaction() as connection:
        assert fleet.list_gateways(connection) == []


def test_a_gateway_of_another_account_is_left_alone(plain_database: Database) -> None:
    plain_database.account("Somebody")
    with plain_database.owner.transaction() as connection:
        fleet.add_gateway(connection, mac_of(1), "Somebody")
    with pytest.raises(Refused, match="belongs to the account Somebody"):
        register_stations(plain_database.owner, 2, 1, 1, "UTC", "en", print)
    with plain_database.owner.transaction() as connection:
        assert [account.name for account in fleet.list_accounts(connection)] == ["Somebody"]


def test_the_reckoning_sees_what_is_missing_changed_or_too_much(database: Database) -> None:
    (station,) = register_stations(database.owner, 1, 4, 1, "UTC", "en", print)
    sent = [NOON + second * 1_000_000 for second in range(5)]
    rows = [
        {"device": device, "at": instant(micros), "value": thousandths(place, micros) / 1000}
        for micros in sent
        for place, device in enumerate(station.device_ids)
    ]
    insert = text("INSERT INTO tds.reading VALUES (:device, :at, round(CAST(:value AS numeric), 3))")
    with database.owner.transaction() as connection:
        connection.execute(insert, rows)
    assert count_rows(database.owner, [station], sent[0], sent[-1]) == 20
    assert find_messages(database.owner, station, sent) == ([True] * 5, 0)
    with database.owner.transaction() as connection:
        connection.execute(
            text("DELETE FROM tds.reading WHERE device_id = :id AND time = :at"),
            {"id": station.device_ids[2], "at": instant(sent[1])},
        )
        connection.execute(
            text("UPDATE tds.reading SET value = value + 0.001 WHERE device_id = :id AND time = :at"),
            {"id": station.device_ids[0], "at": instant(sent[3])},
        )
        connection.execute(insert, {"device": station.device_ids[1], "at": instant(sent[0] + 1), "value": 5})
    assert find_messages(database.owner, station, sent) == ([True, False, True, False, True], 1)


def test_nothing_sent_is_nothing_found(plain_database: Database) -> None:
    assert find_messages(plain_database.owner, Station(mac_of(0), (1,)), []) == ([], 0)


def test_values_only_rise_where_they_count_and_are_the_text_that_is_sent() -> None:
    for place in range(8):
        values = [thousandths(place, NOON + hour * 3_600_000_000) for hour in range(48)]
        if SORTS[place % 4].kind == "counter":
            assert values == sorted(values)
        assert [round(float(shown(8, NOON)[place].value) * 1000)] == values[:1]
    assert {one.unit for one in shown(4, NOON)} == {"kWh", "m³", "°C"}


def test_percentiles_are_ranks_of_what_was_measured() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}
