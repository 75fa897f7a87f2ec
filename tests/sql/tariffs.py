"""A second opinion on tariffs: what each band of each day and each month costs, slot by slot in plain Python, from the ledger's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from sql import ledger, tariffs
from sql.consumption import Step
from sql.holidays import add_holidays
from sql.tariff_rules import Period, Terms, schedule_of
from tests.conftest import Database
from tests.sql.plant import Meter

D = Decimal
Sums = dict[tuple[int, datetime], Decimal]


def flat(day: str, price: str, **more: Any) -> Terms:
    """Give a tariff of one price."""
    return Terms("electricity", date.fromisoformat(day), f"Flat from {day}", "kWh", {"all": D(price)}, **more)


def banded(day: str, prices: dict[str, str], periods: Iterable[Period], rest: str = "off_peak", **more: Any) -> Terms:
    """Give a tariff with hours."""
    decimals = {band: D(price) for band, price in prices.items()}
    return Terms("electricity", date.fromisoformat(day), f"Hours from {day}", "kWh", decimals, schedule_of(periods, rest), **more)


def give(database: Database, meter: Meter, *terms: Terms, holidays: Iterable[str] = ()) -> list[tariffs.Tariff]:
    """Give an account its tariffs and holidays, and have its bands made."""
    with database.owner.transaction() as connection:
        if holidays:
            add_holidays(connection, meter.account_id, {date.fromisoformat(day): "Holiday" for day in holidays})
        found = [tariffs.add_tariff(connection, meter.account_id, one) for one in terms]
    ledger.drain(database.owner)
    return found


def take_away(database: Database, meter: Meter) -> None:
    """Leave an account without tariffs and holidays."""
    with database.owner.transaction() as connection:
        for table in ("tariff", "holiday"):
            connection.execute(text(f"DELETE FROM tds.{table} WHERE account_id = :a"), {"a": meter.account_id})
    ledger.drain(database.owner)


def slot_rows(database: Database, devices: Iterable[int]) -> list[tuple[int, datetime, Decimal]]:
    """Give the ledger's quarter-hours of devices by their starts."""
    with database.owner.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT device_id, middle - interval '450 seconds', quantity FROM tds.ledger"
                " WHERE device_id = any(:d) AND quantity IS NOT NULL ORDER BY 1, 2"
            ),
            {"d": list(devices)},
        )
        return [(row[0], row[1], row[2]) for row in rows]


def wall_bucket(step: Step, start: datetime, zone: str) -> datetime:
    """Give the start of the bucket that a quarter-hour lies in, found by walking back along the wall clock."""
    place = ZoneInfo(zone)
    wall = start.astimezone(place)
    if step == "15min":
        return start
    same = {
        "hour": lambda one: (one.date(), one.hour, one.utcoffset()),
        "day": lambda one: one.date(),
        "month": lambda one: (one.year, one.month),
    }[step]
    if step in ("day", "month"):
        first = wall.date() if step == "day" else wall.date().replace(day=1)
        return datetime(first.year, first.month, first.day, tzinfo=place).astimezone(start.tzinfo)
    while same((start - timedelta(minutes=15)).astimezone(place)) == same(wall):
        start -= timedelta(minutes=15)
    return start


def price_of(
    start: datetime, zone: str, terms: Iterable[Terms], periods: dict[str, tuple[list[Period], str]], holidays: set[date]
) -> Decimal | None:
    """Give the price of a quarter-hour: the tariff with the latest day, then the period that holds its wall time."""
    wall = start.astimezone(ZoneInfo(zone))
    valid = [one for one in terms if one.valid_from <= wall.date()]
    if not valid:
        return None
    tariff = max(valid, key=lambda one: one.valid_from)
    if tariff.schedule is None:
        return tariff.prices["all"]
    kind = "holiday" if wall.date() in holidays else {5: "saturday", 6: "sunday"}.get(wall.weekday(), "weekday")
    own, rest = periods[tariff.name]
    minutes = wall.hour * 60 + wall.minute
    for period in own:
        if kind in period.days and period.start * 15 <= minutes < period.end * 15:
            return tariff.prices[period.band]
    return tariff.prices[rest]


def expected(rows: Iterable[tuple[int, datetime, Decimal]], step: Step, zone: str, *oracle: Any) -> Sums:
    """Add up what quarter-hours cost, by device and bucket; what has no price is left out."""
    sums: dict[tuple[int, datetime], Decimal] = defaultdict(Decimal)
    prices: dict[datetime, Decimal | None] = {}
    for device, start, quantity in rows:
        price = prices[start] if start in prices else prices.setdefault(start, price_of(start, zone, *oracle))
        if price is not None:
            sums[device, wall_bucket(step, start, zone)] += quantity * price
    return dict(sums)
