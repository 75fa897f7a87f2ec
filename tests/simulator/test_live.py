"""The live feed continues where history stopped, on the minute and on the quarter-hour, until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from settings import ROOT
from simulator.identities import keep_identities, read_identities
from simulator.live import PERIOD, READY, Feed
from simulator.meters import SLOT, reading
from simulator.settling import settle
from simulator.world import Gateway, World, build_world
from tests.conftest import Database
from tests.faults.cell import Cell, wait_for

ANCHOR = datetime(2026, 11, 23, 16, 5, 17, tzinfo=UTC)
SINCE = int(ANCHOR.timestamp()) // SLOT * SLOT


def feed(world: World, name: str, phase: int = 10) -> tuple[Feed, Gateway]:
    """The feed of one gateway by its name."""
    gateway = next(gateway for gateway in world.gateways if gateway.name == name)
    return Feed(gateway, phase, SINCE, 1000), gateway


def sent(made: Feed, *instants: int) -> list[tuple[datetime, list[str]]]:
    """Time and codes of each message that is due at these instants, one after the other."""
    found = []
    for instant in instants:
        for seq, payload in made.due(instant):
            message = json.loads(payload)
            assert message["seq"] == seq
            codes = [one["dispositivo_codigo"] for one in message["leituras"]]
            found.append((datetime.fromisoformat(message["timestamp"]), codes))
    return found


@pytest.fixture(scope="module", name="world")
def made_world() -> World:
    """A month of the demo world."""
    return build_world(ANCHOR, 1)


def test_it_speaks_at_once_and_then_once_a_minute(world: World) -> None:
    made, _ = feed(world, "Cold rooms")
    first = SINCE + 317
    times = [time for time, _ in sent(made, *range(first, first + 180))]
    assert times[0] == datetime.fromtimestamp(first, UTC)
    assert [time.second for time in times[1:]] == [10] * (len(times) - 1)
    assert len(times) == 4


def test_quarter_hours_are_sent_for_every_meter_and_minutes_not_for_pulses(world: World) -> None:
    made, gateway = feed(world, "Plant room", phase=0)
    assert [device.kind for device in gateway.devices] == ["counter", "counter", "counter", "interval"]
    found = sent(made, SINCE + SLOT - PERIOD, SINCE + SLOT, SINCE + SLOT + 5)
    assert [len(codes) for _, codes in found] == [3, 4]
    assert found[1][0] == datetime.fromtimestamp(SINCE + SLOT, UTC)


def test_quarter_hours_that_passed_meanwhile_are_sent_late_with_their_own_time(world: World) -> None:
    made, _ = feed(world, "Plant room")
    found = sent(made, SINCE + 4 * SLOT + 200)
    assert [time.timestamp() for time, _ in found] == [SINCE + n * SLOT for n in (1, 2, 3, 4)] + [SINCE + 4 * SLOT + 200]


def test_a_clock_set_back_sends_nothing_twice(world: World) -> None:
    made, _ = feed(world, "Plant room", phase=0)
    assert len(sent(made, SINCE + 2 * SLOT + 1)) == 3
    assert [time.timestamp() for time, _ in sent(made, SINCE + SLOT + 1)] == [SINCE + SLOT + 1]


def test_identities_are_kept_and_made_anew_for_another_authority(plain_cell: Cell) -> None:
    folder, macs = plain_cell.folder / "identities", ["02:7d:50:00:00:01", "02:7d:50:00:00:02"]
    asked: list[list[str]] = []

    def issue(settings: object, wanted: list[str]) -> list[object]:
        asked.append(wanted)
        return [plain_cell.identity(mac) for mac in wanted]

    for wanted in (macs[:1], macs, macs):
        keep_identities(folder, wanted, plain_cell.settings, issue)  # type: ignore[arg-type]
    (folder / "02-7d-50-00-00-01.json").write_text("{", encoding="ascii")
    keep_identities(folder, macs, plain_cell.settings, issue)  # type: ignore[arg-type]
    (plain_cell.settings.pki_dir / "ca.crt").write_bytes(b"another")
    keep_identities(folder, macs, plain_cell.settings, issue)  # type: ignore[arg-type]
    assert asked == [macs[:1], macs[1:], [], macs[:1], macs]
    assert {identity.mac for identity in read_identities(folder)} == set(macs)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))


@pytest.fixture
def plain_cell(plain_database: Database) -> Iterator[Cell]:
    """A broker and an empty migrated database."""
    made = Cell(plain_database)
    yield made
    made.close()


def test_as_a_process_it_is_heard_and_stops_when_told(plain_cell: Cell, tmp_path: Path) -> None:
    world = settle(plain_cell.database.owner, 1, "a long demo password", ANCHOR).world
    ingester = plain_cell.ingester()
    macs = [gateway.mac for gateway in world.gateways]
    keep_identities(tmp_path, macs, plain_cell.settings, lambda _, wanted: [plain_cell.identity(mac) for mac in wanted])
    since = int(time.time()) // SLOT * SLOT - SLOT
    arguments = [
        f"--anchor={ANCHOR.isoformat()}",
        "--months=1",
        f"--since={since}",
        f"--identities={tmp_path}",
        "--ingester=127.0.0.1",
    ]
    environment = os.environ | {
        "TDS_STATE_DIR": str(plain_cell.folder),
        "TDS_MQTT_PORT": str(plain_cell.settings.mqtt_port),
        "TDS_INGEST_PORT": str(ingester.port),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator.live", *arguments], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == READY
        with plain_cell.database.owner.transaction() as connection:
            rows = connection.execute(
                text(
                    "SELECT g.mac, d.code, r.time, r.value FROM tds.reading r JOIN tds.device d ON d.id = r.device_id"
                    " JOIN tds.gateway g ON g.id = d.gateway_id"
                )
            ).all()
        meters = {(gateway.mac, device.code): device.meter for _, gateway, device in world.devices()}
        assert len(rows) >= 24 + 23
        for mac, code, at, value in rows:
            assert value == reading(meters[mac, code], int(at.timestamp()))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with plain_cell.database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.rejection")).scalar() == 0
        offline = text("SELECT count(*) FROM tds.gateway_seen WHERE NOT online")
    wait_for(lambda: _scalar(plain_cell.database, offline) == len(macs))


def _scalar(database: Database, query: object) -> object:
    with database.owner.transaction() as connection:
        return connection.execute(query).scalar()  # type: ignore[call-overload]
