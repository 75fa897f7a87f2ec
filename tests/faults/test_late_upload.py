"""A gateway back after three weeks uploads its buffer, by MQTT, while everything runs: a minute later every bar and total is right."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from sql import calendar, ledger
from sql.consumption import ConsumptionRow, Step, consumption
from tests.faults.cell import Cell, wait_for
from tests.ingest.cast import MAC, payload, query
from tests.sql.plant import put
from tests.sql.test_compressed import compress

ZONE, SLOT = "America/Sao_Paulo", timedelta(minutes=15)
BEFORE, AWAY, PER_MESSAGE = 3, 21, 96
Reading = tuple[datetime, Decimal]


def whole_register() -> list[Reading]:
    """Give the readings of the meter from a local midnight of four weeks ago until now, no two days alike."""
    dice, now = random.Random(3), datetime.now(UTC)
    start = calendar.bucket_start("day", now - timedelta(days=BEFORE + AWAY + 2), ZONE)
    values = accumulate(Decimal(dice.randrange(5000)) / 1000 for _ in range(int((now - start) / SLOT)))
    return [(start + i * SLOT, value) for i, value in enumerate(values)]


def by_day(readings: list[Reading]) -> dict[date, Decimal]:
    """Add up what each local day consumed; a reading at midnight ends the day before."""
    days: Counter[date] = Counter()
    for (_, before), (at, after) in pairwise(readings):
        days[(at - SLOT / 2).astimezone(ZoneInfo(ZONE)).date()] += after - before  # type: ignore[assignment]
    return dict(days)  # type: ignore[arg-type]


def bars(cell: Cell, device: int, step: Step, readings: list[Reading]) -> list[ConsumptionRow]:
    """Give the bars of the whole time as a page asks for them."""
    with cell.database.web.transaction(account_id=_account(cell)) as connection:
        return consumption(connection, [device], step, readings[0][0], readings[-1][0] + SLOT, ZONE)


def _account(cell: Cell) -> int:
    return int(query(cell.database, "SELECT id FROM tds.account")[0][0])


def test_three_weeks_uploaded_late_are_right_and_marked_within_a_minute(cell: Cell) -> None:
    ((device,),) = query(
        cell.database,
        "SELECT d.id FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id WHERE g.mac = :mac AND d.code = 'D01'",
        mac=MAC,
    )
    whole = whole_register()
    away = slice(BEFORE * 96 + 1, (BEFORE + AWAY) * 96 + 1)
    put(cell.database, device, whole[: away.start] + whole[away.stop :])
    ledger.drain(cell.database.owner)
    if cell.database.engine == "timescaledb":
        assert compress(cell.database) >= 6
    cell.ingester().wait_until_subscribed()
    publisher = cell.publisher(MAC)

    buffered = whole[away]
    for number in range(0, len(buffered), PER_MESSAGE):
        part = buffered[number : number + PER_MESSAGE]
        publisher.publish(payload([("D01", str(value), "kWh", at) for at, value in part], part[-1][0], seq=number))
    wanted = by_day(whole)

    def right() -> bool:
        found = {row.bucket.astimezone(ZoneInfo(ZONE)).date(): row for row in bars(cell, device, "day", whole)}
        return {day: row.consumption for day, row in found.items()} == wanted and not any(row.estimated for row in found.values())

    wait_for(right, 150)
    total = whole[-1][1] - whole[0][1]
    for step in ("15min", "hour", "day", "month"):
        assert sum(row.consumption or 0 for row in bars(cell, device, step, whole)) == total, step  # type: ignore[arg-type]
    marked = query(cell.database, "SELECT DISTINCT CAST(middle AT TIME ZONE :z AS date) FROM tds.revised", z=ZONE)
    assert len(by_day(buffered)) == AWAY
    assert {day for (day,) in marked} >= set(by_day(buffered))
    wait_for(lambda: len(publisher.confirmed) == len(range(0, len(buffered), PER_MESSAGE)))
    ledger.drain(cell.database.owner)
    assert ledger.verify(cell.database.owner) == []
