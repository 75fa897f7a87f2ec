"""The overview's figures per resource: this month so far against the same part of last month, today, the last 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql.consumption import ConsumptionRow, grouped
from tds_dash.amounts import FAIR, Amount, amount, daily, in_main_unit, members, stand_ins, together
from tds_dash.components import Change
from tds_dash.figures import ChartDevice, by_unit
from tds_dash.view import midnight
from tds_dash.wording import days as days_in_words
from tds_dash.wording import percent, t

SPARK_DAYS = 30
QUARTER = timedelta(minutes=15)


class MonthSoFar(NamedTuple):
    """The instants that a comparison of this month with the last goes by; `same` lies where `now` lies, a month earlier."""

    start: datetime
    today: datetime
    now: datetime
    last_start: datetime
    last_day: datetime
    same: datetime
    comparable: bool


class ResourceSummary(NamedTuple):
    """What one resource's card says."""

    resource: str
    unit: str
    month: Amount
    before: Amount
    today: Amount
    spark: list[Decimal | None]
    devices: int


def month_so_far(now: datetime, zone: tzinfo) -> MonthSoFar:
    """Give the two comparable parts of this month and the last; not comparable on a day that the last month does not have."""
    local = now.astimezone(zone)
    first = local.date().replace(day=1)
    last_first = (first - timedelta(days=1)).replace(day=1)
    start, last_start = midnight(first, zone), midnight(last_first, zone)
    comparable = (last_first + timedelta(days=local.day - 1)) < first
    last_day = midnight(last_first + timedelta(days=local.day - 1), zone) if comparable else start
    same = last_day + (now - midnight(local.date(), zone)) if comparable else start
    return MonthSoFar(start, midnight(local.date(), zone), now, last_start, last_day, floor(same), comparable)


def floor(moment: datetime) -> datetime:
    """Give the quarter-hour that an instant lies in; every zone's days begin on one."""
    return moment - timedelta(seconds=moment.timestamp() % QUARTER.total_seconds())


def summaries(conn: Connection, devices: Sequence[ChartDevice], now: datetime, zone: ZoneInfo) -> list[ResourceSummary]:
    """Ask for days since the start of last month and for the part of a day that ends the comparison; two queries in all."""
    period = month_so_far(now, zone)
    metered = [device for device in devices if device.kind != "gauge"]
    if not metered:
        return []
    standing, groups = stand_ins(metered)
    oldest = min(period.last_start, spark_days(now, zone)[0])
    tomorrow = midnight(now.astimezone(zone).date() + timedelta(days=1), zone)
    days = grouped(conn, groups, "day", oldest, tomorrow, zone.key)
    part = grouped(conn, groups, "15min", period.last_day, period.same, zone.key) if period.same > period.last_day else []
    shown, days = in_main_unit(standing, days)
    part = in_main_unit(standing, part)[1]
    found = [summary(group, len(members(group, groups)), days, part, period, zone) for group in by_unit(shown).values()]
    return [one for one in found if any(value is not None for value in (one.month.quantity, one.before.quantity, *one.spark))]


def summary(
    group: Sequence[ChartDevice],
    count: int,
    days: Sequence[ConsumptionRow],
    part: Sequence[ConsumptionRow],
    period: MonthSoFar,
    zone: tzinfo,
) -> ResourceSummary:
    """Add up one unit's `count` devices, or those that stand for them."""
    ids = {device.id for device in group}
    days = [row for row in days if row.device_id in ids]
    part = [row for row in part if row.device_id in ids]
    whole_days, rest = period.last_day - period.last_start, period.same - period.last_day
    earlier = [row for row in days if period.last_start <= row.bucket < period.last_day]
    before = together(amount(earlier, "day", zone, whole_days, count), whole_days, amount(part, "15min", zone, rest, count), rest)
    this_month = [row for row in days if row.bucket >= period.start]
    return ResourceSummary(
        group[0].resource,
        group[0].unit,
        amount(this_month, "day", zone, period.now - period.start, count),
        before,
        amount([row for row in days if row.bucket >= period.today], "day", zone, period.now - period.today, count),
        daily(days, spark_days(period.now, zone)),
        count,
    )


def spark_days(now: datetime, zone: tzinfo) -> list[datetime]:
    """Give the starts of the last 30 local days, today's last."""
    today = now.astimezone(zone).date()
    return [midnight(today - timedelta(days=back), zone) for back in range(SPARK_DAYS - 1, -1, -1)]


def change(found: ResourceSummary, now: datetime, zone: tzinfo, locale: str) -> Change:
    """Say how this month compares with the same part of last month, or why it cannot be compared."""
    period = month_so_far(now, zone)
    if not period.comparable:
        return Change(None, reason=t("change.longer", locale))
    if not found.before.quantity or found.month.quantity is None:
        return Change(None, reason=t("change.none_before", locale))
    if found.before.coverage < FAIR:
        return Change(None, reason=t("change.not_fair", locale, coverage=percent(found.before.coverage, locale)))
    if found.month.coverage < FAIR:
        return Change(None, reason=t("change.not_fair_now", locale, coverage=percent(found.month.coverage, locale)))
    first: date = period.last_start.astimezone(zone).date()
    last: date = period.last_day.astimezone(zone).date()
    share = found.month.quantity / found.before.quantity - 1
    return Change(share, period=days_in_words(first, last, locale))
