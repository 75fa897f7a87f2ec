"""The month-end forecast on real ledger data of the simulated world: from day 15 within 10 % on nine of ten months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from simulator import history
from simulator.meters import Gauge
from simulator.world import World, build_world
from sql import fleet, ledger
from sql.consumption import consumption
from tds_dash.forecast import ONE_DAY, Day, Forecast, forecast
from tests.conftest import Database

ANCHOR = datetime(2026, 11, 3, 9, tzinfo=UTC)
# One of each kind of load: the others of the world are like these. The hardest is gas for heating, in spring and autumn.
CHOSEN = {"Linha de prensas", "Água da rua", "Gás da caldeira", "Áreas comuns do bloco A", "Compressor A", "Gas for offices"}


def kind(day: date) -> str:
    return ("weekday", "saturday", "sunday")[max(day.weekday() - 4, 0)]


def months(zone: str) -> list[tuple[date, date]]:
    """Give the ten months that are over."""
    found = []
    day = ANCHOR.astimezone(ZoneInfo(zone)).date().replace(day=1)
    for _ in range(10):
        end, day = day, (day - ONE_DAY).replace(day=1)
        found.append((day, end))
    return found


def recorded(database: Database, world: World) -> dict[tuple[str, str], dict[date, Day]]:
    """Store thirteen months of readings by the hour, have the ledger made, and give each meter's days, by zone and name."""
    wanted, until = [], int(ANCHOR.timestamp())
    with database.owner.transaction() as connection:
        for account, gateway, device in world.devices():
            if device.part.name not in CHOSEN or isinstance(device.meter, Gauge):
                continue
            if not connection.exec_driver_sql("SELECT count(*) FROM tds.account WHERE name = %s", (account.name,)).scalar():
                fleet.add_account(connection, account.name, timezone=account.part.timezone, locale="en")
            if not connection.exec_driver_sql("SELECT count(*) FROM tds.gateway WHERE mac = %s", (gateway.mac,)).scalar():
                fleet.add_gateway(connection, gateway.mac, account.name)
            part = device.part
            number = fleet.add_device(connection, gateway.mac, device.code, kind=device.kind, resource=part.resource, unit=part.unit,
                                      interval=3600, resolution=part.resolution, modulus=device.modulus)  # fmt: skip
            wanted.append((device, number, account.part.timezone, history.quarter_hours(until - 395 * 86_400, until)[::4]))
    raw = database.owner.engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("CREATE TEMPORARY TABLE lines (ordinal integer, device_id integer, time timestamptz, value numeric)")
    from io import StringIO

    for device, number, _zone, times in wanted:
        cursor.copy_expert("COPY lines FROM STDIN", StringIO("".join(history.lines(device, number, times))))
    cursor.execute("INSERT INTO tds.reading SELECT device_id, time, value FROM lines")
    raw.commit()
    raw.close()
    with database.owner.transaction() as connection:
        ledger.mark_dirty(connection, [number for _, number, _, _ in wanted])
    ledger.drain(database.owner, sessions=2)
    found = {}
    with database.owner.transaction() as connection:
        for device, number, zone, _ in wanted:
            rows = consumption(connection, [number], "day", ANCHOR - timedelta(days=395), ANCHOR, zone)
            days = {
                row.bucket.astimezone(ZoneInfo(zone)).date(): Day(row.consumption, row.coverage)
                for row in rows
                if row.consumption is not None
            }
            found[zone, device.part.name] = days
    return found


def test_from_day_15_nine_of_ten_months_are_within_ten_percent(plain_database: Database) -> None:
    world = build_world(ANCHOR, 13)
    within, inside, count = 0, 0, 0
    for (zone, name), days in recorded(plain_database, world).items():
        good = 0
        for start, end in months(zone):
            today = start + timedelta(days=14)
            known = {day: one for day, one in days.items() if day < today}
            found = forecast(known, kind, today, start, end)
            assert found is not None
            actual = sum((one.quantity for day, one in days.items() if start <= day < end), Decimal(0))
            good += abs(found.expected / actual - 1) <= Decimal("0.1")
            inside += found.low <= actual <= found.high
            count += 1
        assert good >= 9, name
        within += good
    assert count == len(CHOSEN) * 10
    assert within / count >= 0.95
    assert inside / count >= 0.7, "four of five months should end within the band"


def test_too_little_is_too_little() -> None:
    first = date(2026, 6, 1)
    days = {first - n * ONE_DAY: Day(Decimal(5), 1.0) for n in range(1, 10)}
    assert forecast(days, kind, first, first, date(2026, 7, 1)) is None
    poor = {first - n * ONE_DAY: Day(Decimal(5), 0.9) for n in range(1, 50)}
    assert forecast(poor, kind, first, first, date(2026, 7, 1)) is None


def test_a_steady_meter_ends_where_it_must() -> None:
    today, start, end = date(2026, 6, 16), date(2026, 6, 1), date(2026, 7, 1)
    days = {today - n * ONE_DAY: Day(Decimal(10), 1.0) for n in range(1, 57)} | {today: Day(Decimal(4), 0.3)}
    found = forecast(days, kind, today, start, end)
    assert found == Forecast(Decimal("300.0"), Decimal("300.0"), Decimal("300.0"), found.days if found else ())
    assert found is not None
    assert found.days[0] == (today, Decimal("160.0"))
    assert found.passes(Decimal(155)) == today
    assert found.passes(Decimal(215)) == date(2026, 6, 22)
    assert found.passes(Decimal(300)) is None


def test_a_day_that_has_passed_its_expectation_counts_as_it_is() -> None:
    today = date(2026, 6, 16)
    days = {today - n * ONE_DAY: Day(Decimal(10), 1.0) for n in range(1, 57)} | {today: Day(Decimal(25), 0.6)}
    found = forecast(days, kind, today, date(2026, 6, 1), date(2026, 7, 1))
    assert found is not None
    assert found.days[0] == (today, Decimal("175.0"))


@pytest.mark.parametrize("quantity", ["0", "0.000001"])
def test_a_meter_that_stands_still(quantity: str) -> None:
    today = date(2026, 6, 16)
    days = {today - n * ONE_DAY: Day(Decimal(quantity), 1.0) for n in range(1, 57)}
    found = forecast(days, kind, today, date(2026, 6, 1), date(2026, 7, 1))
    assert found is not None
    assert found.expected < Decimal("0.001")
