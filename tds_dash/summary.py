"""The overview's figures per resource: this month so far against the same part of last month, today, the last 30 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sql.consumption import ConsumptionRow, grouped
from sql.queries.reach import newest
from sql.to_date import beyond
from sql.together import One
from tds_dash import comparing
from tds_dash.amounts import FAIR, Amount, amount, daily, in_main_unit, members, stand_ins
from tds_dash.comparing import Shift
from tds_dash.components import Change
from tds_dash.figures import ChartDevice, by_unit
from tds_dash.view import midnight
from tds_dash.wording import days as days_in_words
from tds_dash.wording import percent, t

SPARK_DAYS = 30


class MonthSoFar(NamedTuple):
    """The instants that a comparison of this month with the last goes by; `same` lies where `known` lies, a month earlier.

    `known` is the newest reading, `ends` where that of each meter lies, a month earlier.
    """

    start: datetime
    today: datetime
    now: datetime
    last_start: datetime
    last_day: datetime
    same: datetime
    comparable: bool
    ends: Mapping[int, datetime] = {}

    def length(self, devices: Sequence[int]) -> timedelta:
        """Give how long the part of last month is for some meters, in the mean."""
        cut = sum((self.same - self.ends[one] for one in devices if one in self.ends), timedelta(0))
        return self.same - self.last_start - cut / max(len(devices), 1)


class ResourceSummary(NamedTuple):
    """What one resource's card says."""

    resource: str
    unit: str
    month: Amount
    before: Amount
    today: Amount
    spark: list[Decimal | None]
    devices: int


def month_so_far(now: datetime, zone: ZoneInfo, known: Mapping[int, datetime] | None = None) -> MonthSoFar:
    """Give the two comparable parts of this month and the last, each up to how far meters are known.

    Not comparable on a day that the last month does not have.
    """
    local = now.astimezone(zone)
    first = local.date().replace(day=1)
    last_first = (first - timedelta(days=1)).replace(day=1)
    start, last_start = midnight(first, zone), midnight(last_first, zone)
    moments = {number: max(moment, start) for number, moment in (known or {}).items()}
    back = {moment: comparing.back(moment, Shift(months=1), zone) for moment in {*moments.values(), now}}
    same = back[max(moments.values(), default=now)]
    comparable = back[now] is not None and same is not None
    ends = {number: back[moment] or start for number, moment in moments.items()} if comparable else {}
    last_day = midnight(last_first + timedelta(days=local.day - 1), zone) if comparable else start
    return MonthSoFar(start, midnight(local.date(), zone), now, last_start, last_day, same or start, comparable, ends)


def summaries(conn: Connection, devices: Sequence[ChartDevice], now: datetime, zone: ZoneInfo) -> list[ResourceSummary]:
    """Ask for days since the start of last month and for the part of a day that ends the comparison; a few queries in all."""
    metered = [device for device in devices if device.kind != "gauge"]
    if not metered:
        return []
    period = month_so_far(now, zone, newest(conn, [device.id for device in metered], now))
    standing, groups = stand_ins(metered)
    oldest = min(period.last_start, spark_days(now, zone)[0])
    tomorrow = midnight(now.astimezone(zone).date() + timedelta(days=1), zone)
    days = grouped(conn, groups, "day", oldest, tomorrow, zone.key)
    part = last_part(conn, groups, period, zone)
    shown, days = in_main_unit(standing, days)
    part = in_main_unit(standing, part)[1]
    found = [summary(group, members(group, groups), days, part, period, zone) for group in by_unit(shown).values()]
    return [one for one in found if any(value is not None for value in (one.month.quantity, one.before.quantity, *one.spark))]


def last_part(conn: Connection, groups: Mapping[int, int], period: MonthSoFar, zone: ZoneInfo) -> list[ConsumptionRow]:
    """Give the part of a day that ends the comparison, less what each meter took after the moment up to which it is known now."""
    if not period.comparable:
        return []
    until = max(comparing.whole_quarters(period.same), period.last_day)
    rows = grouped(conn, groups, "15min", period.last_day, until, zone.key) if until > period.last_day else []
    ends = {device: period.ends.get(device, period.same) for device in groups}
    return rows + beyond(conn, [One(device, number, 1) for device, number in groups.items()], ends, until, zone.key)


def summary(
    group: Sequence[ChartDevice],
    meters: Sequence[int],
    days: Sequence[ConsumptionRow],
    part: Sequence[ConsumptionRow],
    period: MonthSoFar,
    zone: ZoneInfo,
) -> ResourceSummary:
    """Add up one unit's meters, or those that stand for them."""
    ids, count = {device.id for device in group}, len(meters)
    days = [row for row in days if row.device_id in ids]
    part = [row for row in part if row.device_id in ids]
    earlier = [row for row in days if period.last_start <= row.bucket < period.last_day]
    before = comparing.side([("day", earlier), ("15min", part)], period.length(meters), count, zone)
    this_month = [row for row in days if row.bucket >= period.start]
    return ResourceSummary(
        group[0].resource,
        group[0].unit,
        amount(this_month, "day", zone, period.now - period.start, count),
        Amount(before.quantity, before.coverage),
        amount([row for row in days if row.bucket >= period.today], "day", zone, period.now - period.today, count),
        daily(days, spark_days(period.now, zone)),
        count,
    )


def spark_days(now: datetime, zone: tzinfo) -> list[datetime]:
    """Give the starts of the last 30 local days, today's last."""
    today = now.astimezone(zone).date()
    return [midnight(today - timedelta(days=back), zone) for back in range(SPARK_DAYS - 1, -1, -1)]


def change(found: ResourceSummary, now: datetime, zone: ZoneInfo, locale: str) -> Change:
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
