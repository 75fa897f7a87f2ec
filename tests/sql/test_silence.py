"""How gateways and devices do: the one definition of offline, silent, late, stuck and never heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import fleet
from sql.errors import Refused
from sql.queries.devices import devices
from sql.queries.gateways import Trouble, fleet_status, gateways, troubles
from tests.conftest import Database

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
FIRST, SECOND_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Plant:
    """An account with gateways and devices that are seen as the test says."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.account = database.account("Aurora")
        self.stranger = database.account("Boreal")
        with database.owner.transaction() as connection:
            self.gateway = fleet.add_gateway(connection, FIRST, "Aurora", "Substation", capacity=32)
        self.execute("UPDATE tds.gateway SET created_at = :at", at=NOW - 30 * DAY)

    def execute(self, sql: str, **values: Any) -> None:
        with self.database.owner.transaction() as connection:
            connection.execute(text(sql), values)

    def device(self, code: str, interval: int = 900, kind: str = "counter", mac: str = FIRST, **more: Any) -> int:
        """Add a device that was registered a month ago."""
        with self.database.owner.transaction() as connection:
            facts = {"kind": kind, "resource": "electricity", "unit": "kWh", "interval": interval, **more}
            device = fleet.add_device(connection, mac, code, **facts)
        self.execute("UPDATE tds.device SET created_at = :at WHERE id = :id", at=NOW - 30 * DAY, id=device)
        return device

    def hear(self, ago: timedelta = timedelta(0), online: bool = True, gateway: int | None = None) -> None:
        """Let a message of the gateway have come."""
        self.execute(
            "INSERT INTO tds.gateway_seen VALUES (:id, :at, :online)"
            " ON CONFLICT (gateway_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, online = excluded.online",
            id=gateway or self.gateway,
            at=NOW - ago,
            online=online,
        )

    def read(self, device: int, taken: timedelta, moved: timedelta | None = None, received: timedelta | None = None) -> None:
        """Let the newest reading of a device be so old, with a value that it has shown for so long."""
        at = NOW - taken
        self.execute(
            "INSERT INTO tds.device_seen VALUES (:id, :at, 5, :received, :moved) ON CONFLICT (device_id) DO UPDATE SET time = excluded.time,"
            " received_at = excluded.received_at, moved_at = excluded.moved_at",
            id=device,
            at=at,
            received=at if received is None else NOW - received,
            moved=at if moved is None else NOW - moved,
        )

    def gateway_state(self, now: datetime = NOW) -> str:
        with self.database.web.transaction(account_id=self.account) as connection:
            return next(one.state for one in gateways(connection, now) if one.id == self.gateway)

    def states(self, now: datetime = NOW) -> dict[str, str]:
        """How each device does, as the web sees it."""
        with self.database.web.transaction(account_id=self.account) as connection:
            found = devices(connection, now)
        assert all(one.reporting == (one.state in ("reporting", "stuck")) for one in found)
        return {one.code: one.state for one in found}

    def troubles(self, now: datetime = NOW) -> list[Trouble]:
        with self.database.web.transaction(account_id=self.account) as connection:
            return troubles(connection, now)


@pytest.fixture
def plant(emptied: Database) -> Plant:
    """A plant on each engine."""
    return Plant(emptied)


def test_a_gateway_is_offline_after_three_of_its_shortest_intervals(plant: Plant) -> None:
    plant.device("D01", interval=3600)
    plant.device("D02", interval=60)
    plant.hear(180 * SECOND - SECOND)
    assert plant.gateway_state() == "online"
    plant.hear(180 * SECOND)
    assert plant.gateway_state() == "offline"


def test_a_gateway_that_reports_once_a_day_may_be_quiet_for_three(plant: Plant) -> None:
    daily = plant.device("D01", interval=86_400)
    plant.hear(3 * DAY - HOUR)
    plant.read(daily, 3 * DAY - HOUR)
    assert (plant.gateway_state(), plant.states()) == ("online", {"D01": "reporting"})
    plant.hear(3 * DAY)
    assert plant.gateway_state() == "offline"


def test_devices_switched_off_or_retired_do_not_make_a_gateways_interval(plant: Plant) -> None:
    off, gone = plant.device("D01", interval=60), plant.device("D02", interval=60)
    plant.device("D03", interval=3600)
    plant.hear(2 * HOUR)
    assert plant.gateway_state() == "offline"
    plant.execute("UPDATE tds.device SET active = false WHERE id = :id", id=off)
    plant.execute("UPDATE tds.device SET retired_at = now() WHERE id = :id", id=gone)
    assert plant.gateway_state() == "online"
    assert plant.states() == {"D01": "inactive", "D03": "never"}


def test_a_gateway_without_devices_has_the_interval_of_a_device_that_says_none(plant: Plant) -> None:
    plant.hear(45 * 60 * SECOND - SECOND)
    assert plant.gateway_state() == "online"
    plant.hear(45 * 60 * SECOND)
    assert plant.gateway_state() == "offline"


def test_a_last_will_takes_a_gateway_and_what_is_behind_it_offline_at_once(plant: Plant) -> None:
    device = plant.device("D01")
    plant.read(device, SECOND)
    plant.hear(SECOND, online=False)
    assert (plant.gateway_state(), plant.states()) == ("offline", {"D01": "offline"})
    assert [(one.what, one.state, one.since) for one in plant.troubles()] == [("gateway", "offline", NOW - SECOND)]


def test_a_single_device_goes_silent_behind_a_live_gateway(plant: Plant) -> None:
    well, silent, slow = plant.device("D01"), plant.device("D02"), plant.device("D03", interval=86_400)
    plant.hear()
    plant.read(well, 2700 * SECOND - SECOND)
    plant.read(silent, 2700 * SECOND)
    plant.read(slow, 2 * DAY)
    assert plant.states() == {"D01": "reporting", "D02": "silent", "D03": "reporting"}
    assert [(one.id, one.state, one.since) for one in plant.troubles()] == [(silent, "silent", NOW - 2700 * SECOND)]


def test_what_was_kept_and_comes_late_makes_no_meter_alive_now(plant: Plant) -> None:
    device = plant.device("D01")
    plant.hear()
    plant.read(device, 3 * DAY, received=SECOND)
    assert plant.states() == {"D01": "late"}
    assert plant.states(NOW + HOUR) == {"D01": "offline"}
    plant.hear(-HOUR)
    assert plant.states(NOW + HOUR) == {"D01": "silent"}


def test_a_reading_from_a_clock_that_is_ahead_counts_from_when_it_came(plant: Plant) -> None:
    device = plant.device("D01", interval=60)
    plant.hear()
    plant.read(device, -10 * 60 * SECOND, received=SECOND)
    assert plant.states() == {"D01": "reporting"}
    plant.hear(-200 * SECOND)
    assert plant.states(NOW + 200 * SECOND) == {"D01": "silent"}


def test_a_device_is_stuck_that_shows_one_value_for_a_day_while_a_counter_moved(plant: Plant) -> None:
    still, moving = plant.device("D01"), plant.device("D02")
    plant.hear()
    plant.read(moving, timedelta(0), moved=timedelta(0))
    plant.read(still, timedelta(0), moved=24 * HOUR - SECOND)
    assert plant.states() == {"D01": "reporting", "D02": "reporting"}
    plant.read(still, timedelta(0), moved=24 * HOUR)
    assert plant.states() == {"D01": "stuck", "D02": "reporting"}
    assert [(one.id, one.state, one.since) for one in plant.troubles()] == [(still, "stuck", NOW - 24 * HOUR)]


def test_where_nothing_of_the_gateway_moves_nothing_is_stuck(plant: Plant) -> None:
    for code in ("D01", "D02"):
        plant.read(plant.device(code), timedelta(0), moved=30 * HOUR)
    plant.hear()
    assert set(plant.states().values()) == {"reporting"}


@pytest.mark.parametrize(("kind", "found"), [("counter", "stuck"), ("gauge", "reporting"), ("interval", "reporting")])
def test_only_a_counter_that_moves_says_that_the_plant_runs(plant: Plant, kind: str, found: str) -> None:
    still, moving = plant.device("D01"), plant.device("D02", kind=kind)
    plant.read(still, timedelta(0), moved=30 * HOUR)
    plant.read(moving, timedelta(0))
    plant.hear()
    assert plant.states()["D01"] == found


@pytest.mark.parametrize("kind", ["gauge", "interval"])
def test_a_level_or_an_amount_can_be_stuck_as_well(plant: Plant, kind: str) -> None:
    still, moving = plant.device("D01", kind=kind), plant.device("D02")
    plant.read(still, timedelta(0), moved=30 * HOUR)
    plant.read(moving, timedelta(0))
    plant.hear()
    assert plant.states() == {"D01": "stuck", "D02": "reporting"}


def test_a_counter_of_another_gateway_or_one_switched_off_says_nothing(plant: Plant) -> None:
    still, off = plant.device("D01"), plant.device("D02")
    with plant.database.owner.transaction() as connection:
        other = fleet.add_gateway(connection, SECOND_MAC, "Aurora")
    moving = plant.device("D01", mac=SECOND_MAC)
    plant.hear()
    plant.hear(gateway=other)
    plant.read(still, timedelta(0), moved=30 * HOUR)
    plant.read(moving, timedelta(0))
    plant.read(off, timedelta(0))
    plant.execute("UPDATE tds.device SET active = false WHERE id = :id", id=off)
    assert "stuck" not in plant.states().values()


def test_a_daily_meter_is_stuck_after_three_readings_not_after_one(plant: Plant) -> None:
    daily, moving = plant.device("D01", interval=86_400), plant.device("D02")
    plant.hear()
    plant.read(moving, timedelta(0))
    plant.read(daily, HOUR, moved=2 * DAY + HOUR)
    assert plant.states()["D01"] == "reporting"
    plant.read(daily, HOUR, moved=3 * DAY + HOUR)
    assert plant.states()["D01"] == "stuck"


def test_an_outage_makes_nobody_stuck(plant: Plant) -> None:
    """Before it the device moved; since then nothing has come of it, so nothing says that it stood still."""
    device, moving = plant.device("D01", interval=86_400), plant.device("D02")
    plant.hear()
    plant.read(moving, timedelta(0))
    plant.read(device, 2 * DAY, moved=2 * DAY)
    assert plant.states()["D01"] == "reporting"


def test_both_times_are_the_accounts_and_a_device_may_stand_still_as_it_says(plant: Plant) -> None:
    codes = {code: plant.device(code) for code in ("D01", "D02", "D03")}
    plant.hear()
    for code in codes.values():
        plant.read(code, 3000 * SECOND, moved=30 * HOUR)
    plant.read(codes["D01"], 3000 * SECOND)
    with plant.database.owner.transaction() as connection:
        fleet.set_account(connection, "Aurora", silent_after=4)
        fleet.set_device(connection, FIRST, "D02", stuck_after=31)
    assert plant.states() == {"D01": "reporting", "D02": "reporting", "D03": "stuck"}
    with plant.database.owner.transaction() as connection:
        fleet.set_account(connection, "Aurora", stuck_after=48)
        fleet.set_device(connection, FIRST, "D02", stuck_after=20)
    assert plant.states() == {"D01": "reporting", "D02": "stuck", "D03": "reporting"}
    with plant.database.owner.transaction() as connection:
        fleet.set_device(connection, FIRST, "D02", stuck_after=0)
    assert plant.states()["D02"] == "reporting"
    with plant.database.owner.transaction() as connection:
        fleet.set_account(connection, "Aurora", silent_after=3)
    assert set(plant.states().values()) == {"silent"}


def test_how_long_is_too_long_changes_no_figure(plant: Plant) -> None:
    plant.device("D01")
    with plant.database.owner.transaction() as connection:
        fleet.set_device(connection, FIRST, "D01", stuck_after=5)
        assert connection.execute(text("SELECT count(*) FROM tds.dirty")).scalar() == 0
        for given in (-1, 8785):
            with pytest.raises(Refused, match="stuck"):
                fleet.set_device(connection, FIRST, "D01", stuck_after=given)
        for wrong in ({"silent_after": 0}, {"silent_after": 101}, {"stuck_after": 0}, {"stuck_after": 8785}):
            with pytest.raises(Refused, match=r"silent|stuck"):
                fleet.set_account(connection, "Aurora", **wrong)


def test_what_was_never_heard_needs_attention_once_it_was_due(plant: Plant) -> None:
    device = plant.device("D01")
    assert (plant.gateway_state(), plant.states()) == ("never", {"D01": "never"})
    assert [(one.what, one.state, one.since) for one in plant.troubles()] == [("gateway", "never", None)]
    plant.execute("UPDATE tds.gateway SET created_at = :at", at=NOW - 2000 * SECOND)
    assert plant.troubles() == []
    plant.hear()
    assert [(one.what, one.id, one.state) for one in plant.troubles()] == [("device", device, "never")]
    plant.execute("UPDATE tds.device SET created_at = :at", at=NOW - 2000 * SECOND)
    assert plant.troubles() == []


def test_a_gateway_without_devices_that_was_never_heard_waits_for_nobody(plant: Plant) -> None:
    assert (plant.gateway_state(), plant.troubles()) == ("never", [])


def test_imported_history_alone_makes_no_device_alive(plant: Plant) -> None:
    plant.read(plant.device("D01"), SECOND)
    assert plant.states() == {"D01": "offline"}


def test_devices_of_a_retired_gateway_stay_and_are_retired_with_it(plant: Plant) -> None:
    plant.read(plant.device("D01"), SECOND)
    plant.execute("UPDATE tds.gateway SET retired_at = now()")
    assert plant.states() == {"D01": "retired"}
    with plant.database.web.transaction(account_id=plant.account) as connection:
        assert fleet_status(connection, NOW) == (0, 0, 0, 0, 0)


def test_the_counts_agree_with_the_lists(plant: Plant) -> None:
    codes = [plant.device(f"D{n}") for n in range(6)]
    plant.hear()
    for place, device in enumerate(codes[:5]):
        plant.read(device, timedelta(0) if place < 3 else HOUR, moved=30 * HOUR if place == 2 else None)
    plant.execute("UPDATE tds.device SET active = false WHERE code = 'D4'")
    with plant.database.web.transaction(account_id=plant.account) as connection:
        (gateway,) = gateways(connection, NOW)
        assert fleet_status(connection, NOW) == (1, 1, 5, 3, 1)
    assert (gateway.devices, gateway.devices_silent, gateway.devices_stuck, gateway.silence_seconds) == (5, 1, 1, 2700)
    assert sorted(plant.states().values()) == ["inactive", "never", "reporting", "reporting", "silent", "stuck"]
    assert [one.state for one in plant.troubles()] == ["stuck", "silent", "never"]


def test_it_hides_other_accounts(plant: Plant) -> None:
    plant.read(plant.device("D01"), HOUR)
    plant.execute("INSERT INTO tds.delivery VALUES (:g, :at, 1, 1, '1 hour')", g=plant.gateway, at=NOW)
    plant.hear()
    for account in (plant.stranger, None):
        with plant.database.web.transaction(account_id=account) as connection:
            assert gateways(connection, NOW) == []
            assert devices(connection, NOW) == []
            assert troubles(connection, NOW) == []
            assert fleet_status(connection, NOW) == (0, 0, 0, 0, 0)
            assert connection.execute(text("SELECT count(*) FROM tds.delivery")).scalar() == 0
    with plant.database.web.transaction(account_id=plant.account) as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.delivery")).scalar() == 1
        assert [one.last_value for one in devices(connection, NOW)] == [Decimal(5)]
