"""The demo world is believable: people, gateways, weekdays, nights, seasons, and what befell the meters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulator.meters import MILLION, SLOT, Integers, Interval, Register
from simulator.world import Account, Device, World, build_world, history_start

ANCHOR = datetime(2026, 11, 23, 16, 5, 17, tzinfo=UTC)


@pytest.fixture(scope="module", name="world")
def made_world() -> World:
    """The demo as set up on 23 November 2026."""
    return build_world(ANCHOR, 13)


def grid(account: Account, months: int = 13) -> Integers:
    """Every quarter-hour of an account's history."""
    return np.arange(history_start(ANCHOR, months, account.part.timezone), int(ANCHOR.timestamp()) + 1, SLOT, dtype=np.int64)


def registers(world: World) -> list[tuple[Account, Device, Register]]:
    """Every device that counts, with its register."""
    found = []
    for account, _, device in world.devices():
        meter = device.meter.register if isinstance(device.meter, Interval) else device.meter
        if isinstance(meter, Register):
            found.append((account, device, meter))
    return found


def local(times: Integers, zone: str) -> tuple[Integers, Integers]:
    """Weekday (Monday is 0) and hour on the account's clock, by the standard library."""
    clocks = [datetime.fromtimestamp(int(time), ZoneInfo(zone)) for time in times]
    return np.array([clock.weekday() for clock in clocks]), np.array([clock.hour for clock in clocks])


def test_it_has_three_accounts_in_two_zones_and_24_meters_behind_gateways_of_at_most_eight(world: World) -> None:
    assert len({account.name for account in world.accounts}) == 3
    assert len({account.part.timezone for account in world.accounts}) == 2
    assert {account.part.locale for account in world.accounts} == {"pt-BR", "en"}
    assert len(list(world.devices())) == 24
    assert max(len(gateway.devices) for gateway in world.gateways) <= 8
    assert len({gateway.mac for gateway in world.gateways}) == len(world.gateways)
    assert {device.kind for _, _, device in world.devices()} == {"counter", "interval", "gauge"}
    assert {device.part.resource for _, _, device in world.devices()} == {"electricity", "water", "gas", "temperature"}


def test_its_people_have_every_role_and_one_works_for_several_accounts(world: World) -> None:
    assert {role for person in world.people for _, role in person.roles} == {"admin", "editor", "viewer"}
    assert len(world.people[0].roles) == 3
    assert {name for person in world.people for name, _ in person.roles} == {account.name for account in world.accounts}


def test_its_history_has_about_nine_hundred_thousand_readings(world: World) -> None:
    count = sum(int((~device.incidents.missing(grid(account))).sum()) for account, _, device in world.devices())
    assert 890_000 < count < 930_000


def test_it_is_the_same_world_whenever_it_is_built(world: World) -> None:
    again = build_world(ANCHOR, 13)
    for (account, _, one), (_, _, other) in zip(world.devices(), again.devices(), strict=True):
        times = grid(account)[::997]
        assert np.array_equal(one.meter.values(times), other.meter.values(times))
        assert one.incidents == other.incidents


def test_nights_are_below_forty_percent_of_days_and_weekends_differ(world: World) -> None:
    for account, device, meter in registers(world):
        times = grid(account)[-8 * 7 * 96 :]
        weekday, hour = local(times[:-1], account.part.timezone)
        used = np.diff(meter.total(times)).astype(float)
        night = used[(hour < 6) | (hour >= 22)].mean()
        assert night < 0.4 * used[(hour >= 6) & (hour < 22)].mean(), device.part.name
        assert used[hour < 5].mean() > 0, device.part.name
        weekend = used[weekday >= 5].mean() / used[weekday < 5].mean()
        assert not 0.85 < weekend < 1.15, device.part.name


def test_gas_follows_the_season_of_its_hemisphere(world: World) -> None:
    by_name = {device.part.name: meter for _, device, meter in registers(world)}
    january, july = (np.array([datetime(2026, month, day, tzinfo=UTC).timestamp() for day in (1, 29)]) for month in (1, 7))

    def use(name: str, days: Integers) -> int:
        return int(np.diff(by_name[name].total(days.astype(np.int64)))[0])

    assert use("Gás da caldeira", july) > 1.5 * use("Gás da caldeira", january)
    assert use("Gas for offices", january) > 3 * use("Gas for offices", july)


def test_no_meter_is_faster_than_what_is_believable(world: World) -> None:
    limits = {"electricity": 1000, "water": 100, "gas": 100}  # units per hour, the defaults of registration
    for account, device, meter in registers(world):
        assert np.diff(meter.total(grid(account))).max() * 4 < limits[device.part.resource] * MILLION


@pytest.mark.parametrize("months", [1, 3, 13])
def test_every_meter_has_a_gap_that_counts_as_one(months: int) -> None:
    for account, _, device in build_world(ANCHOR, months).devices():
        times = grid(account, months)
        received = times[~device.incidents.missing(times)]
        assert np.diff(received).max() > 3 * SLOT, device.part.name
        assert received[0] == times[0]
        assert received[-1] == times[-1]


@pytest.mark.parametrize("months", [1, 3, 13])
def test_one_meter_wraps_once_one_is_replaced_and_one_reads_zeros(months: int) -> None:
    world = build_world(ANCHOR, months)
    wraps = replacements = zeros = 0
    for account, _, device in world.devices():
        times = grid(account, months)
        times = times[~device.incidents.missing(times)]
        values = device.meter.values(times)
        if device.modulus is not None:
            wraps += int((np.diff(values) < 0).sum())
            assert values.max() < int(device.modulus) * MILLION
        if device.replacement is not None:
            replacements += int((np.diff(values) < 0).sum())
            assert times[0] < device.replacement.at.timestamp() < times[-1]
            assert device.replacement.final > device.replacement.initial == 0
        run = times[device.incidents.zeroed(times)]
        if run.size:
            zeros += 1
            assert run.size >= 3
            assert run[-1] - run[0] + 2 * SLOT < 7200  # from the last good reading to the one that returns
            assert values.min() > 1000 * MILLION
    assert (wraps, replacements, zeros) == (1, 1, 1)


@pytest.mark.parametrize(
    ("anchor", "months", "day"),
    [("2026-11-23T02:00", 13, "2025-10-22"), ("2026-03-31T12:00", 1, "2026-02-28"), ("2026-01-15T12:00", 1, "2025-12-15")],
)
def test_history_starts_at_a_local_midnight_so_many_months_ago(anchor: str, months: int, day: str) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    start = history_start(datetime.fromisoformat(anchor).replace(tzinfo=UTC), months, zone.key)
    assert datetime.fromtimestamp(start, zone) == datetime.fromisoformat(day).replace(tzinfo=zone)


def test_a_world_built_later_with_the_same_anchor_continues(world: World) -> None:
    later = int((ANCHOR + timedelta(days=40)).timestamp()) // SLOT * SLOT
    for _, device, meter in registers(world):
        assert meter.total_at(later) > meter.total_at(later - 40 * 86_400), device.part.name
