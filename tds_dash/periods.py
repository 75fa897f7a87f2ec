"""Periods of a page: named ones, billing periods from any day of the month, those before and after, the calendar's around them.

A period is asked for by words of the address (`period`, `from`, `to`, `day`, `at`), none of which is trusted; where it leads
is given as such words again.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from sql.calendar import months_later
from tds_dash import view
from tds_dash.view import CUSTOM, Span, midnight

BILLING, THIS_MONTH, LAST_MONTH, THIS_YEAR, TWELVE_MONTHS = "billing", "this_month", "last_month", "this_year", "year"
KINDS = (THIS_MONTH, LAST_MONTH, "month", THIS_YEAR, TWELVE_MONTHS, BILLING, CUSTOM)
DAY = timedelta(days=1)

Words = dict[str, str]


class Days(NamedTuple):
    """Local days [first, after)."""

    first: date
    after: date

    @property
    def last(self) -> date:
        """The last of them."""
        return self.after - DAY

    @property
    def months(self) -> int:
        """Of how many months they are made, from any day of the month to the day before it; 0 where of days alone."""
        apart = (self.after.year - self.first.year) * 12 + self.after.month - self.first.month
        return apart if self.after.day == self.first.day and apart > 0 else 0


class Period(NamedTuple):
    """What is looked at: the whole period by its days, the instants up to the day that is running, and of which kind it is."""

    kind: str
    days: Days
    span: Span
    months: int = 0
    billing_day: int = 1


def read(asked: Mapping[str, object], zone: tzinfo, now: datetime, default: str = TWELVE_MONTHS) -> Period:
    """Give the period that words of an address ask for; the default's where they name none."""
    kind = asked.get("period")
    day = billing_day(asked.get("day"))
    today = now.astimezone(zone).date()
    if kind == BILLING:
        days = billing(day, view.day_of(asked.get("at")) or today)
        return Period(BILLING, days, until_today(days, zone, today), 1, day)
    if kind == THIS_YEAR:
        days = year_of(today)
        return Period(THIS_YEAR, days, until_today(days, zone, today), 12, day)
    span = view.span(kind, asked.get("from"), asked.get("to"), zone, now, default)
    name = str(kind) if kind in view.PRESETS or (kind == CUSTOM and is_of_days(asked, span)) else default
    days = whole(name, span, zone, today)
    return Period(name, days, span, 12 if name == TWELVE_MONTHS else days.months, day)


def is_of_days(asked: Mapping[str, object], span: Span) -> bool:
    """Tell whether the two days of a period could be used, if only in part."""
    both = all(view.day_of(asked.get(name)) for name in ("from", "to"))
    return both and span.remark in ("", "period.too_long")


def whole(kind: str, span: Span, zone: tzinfo, today: date) -> Days:
    """Give a period's days, those of the running month that are still to come as well."""
    if kind == THIS_MONTH:
        return month_of(today)
    return Days(span.start.astimezone(zone).date(), (span.end - timedelta(seconds=1)).astimezone(zone).date() + DAY)


def until_today(days: Days, zone: tzinfo, today: date) -> Span:
    """Give the instants of the days that have come."""
    come = so_far(days, today)
    return Span(midnight(come.first, zone), midnight(come.after, zone))


def billing_day(given: object) -> int:
    """Read the day of the month on which billing periods begin; the first where it is none."""
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 1
    return number if 1 <= number <= 31 else 1


def billing(day: int, at: date) -> Days:
    """Give the billing period that holds a day; in a month without its opening day it begins on the month's last."""
    first = opening(at.year, at.month, day)
    if at < first:
        return Days(opening(*months_on(at, -1), day), first)
    return Days(first, opening(*months_on(at, 1), day))


def opening(year: int, month: int, day: int) -> date:
    """Give the day of a month, or its last where it is shorter."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def months_on(day: date, months: int) -> tuple[int, int]:
    """Give year and month so many months after a day's."""
    index = day.year * 12 + day.month - 1 + months
    return index // 12, index % 12 + 1


def month_of(day: date) -> Days:
    """Give the calendar month of a day."""
    return Days(day.replace(day=1), date(*months_on(day, 1), 1))


def year_of(day: date) -> Days:
    """Give the calendar year of a day."""
    return Days(date(day.year, 1, 1), date(day.year + 1, 1, 1))


def before(period: Period) -> Days:
    """Give the period of the same kind that ends where this one begins."""
    days = period.days
    if period.kind == BILLING:
        return billing(period.billing_day, days.first - DAY)
    return Days(months_later(days.first, -period.months) if period.months else days.first - (days.after - days.first), days.first)


def after(period: Period) -> Days:
    """Give the period of the same kind that begins where this one ends."""
    days = period.days
    if period.kind == BILLING:
        return billing(period.billing_day, days.after)
    return Days(days.after, months_later(days.after, period.months) if period.months else days.after + (days.after - days.first))


def previous(period: Period) -> Words | None:
    """Say in words of the address where back leads; None where calendars end."""
    days = before(period)
    return words(period, days) if days.first.year >= 1970 else None


def following(period: Period, today: date) -> Words | None:
    """Say in words of the address where forward leads; None where nothing has happened yet."""
    days = after(period)
    if days.first > today:
        return None
    if days == month_of(today):
        return {"period": THIS_MONTH}
    if days == year_of(today):
        return {"period": THIS_YEAR}
    if period.kind == BILLING and days.first <= today < days.after:
        return {"period": BILLING, "day": str(period.billing_day)}
    return words(period, days)


def words(period: Period, days: Days) -> Words:
    """Name days in words of the address: a billing period by a day in it, others by their ends."""
    if period.kind == BILLING:
        return {"period": BILLING, "day": str(period.billing_day), "at": days.first.isoformat()}
    return custom(days)


def custom(days: Days) -> Words:
    """Name days by the first and the last."""
    return {"period": CUSTOM, "from": days.first.isoformat(), "to": days.last.isoformat()}


class Crumb(NamedTuple):
    """A step of the way from the year to what is shown: which, its days, and where it leads; nowhere from what is shown."""

    level: str
    days: Days
    words: Words | None


def crumbs(period: Period, today: date) -> list[Crumb]:
    """Give the year, the month and the day that hold the whole period, what is shown last; none where it spans years."""
    days = period.days
    around = [("year", year_of(days.first)), ("month", month_of(days.first)), ("day", Days(days.first, days.first + DAY))]
    levels = [(name, level) for name, level in around if days.after <= level.after]
    exact = [place for place, (_, level) in enumerate(levels) if level == days]
    same = [place for place, (_, level) in enumerate(levels) if so_far(level, today) == so_far(days, today)]
    found = [*same, *exact]
    above = levels[: found[-1]] if found else levels
    here = levels[found[-1]] if found else ("days", days)
    way = [Crumb(name, level, leads_to(name, level, today)) for name, level in above]
    return [*way, Crumb(*here, None)] if levels else []


def so_far(days: Days, today: date) -> Days:
    """Give what of some days has come."""
    return Days(days.first, max(min(days.after, today + DAY), days.first + DAY))


def leads_to(level: str, days: Days, today: date) -> Words:
    """Give the words for a year by months, a month by days, a day by hours."""
    running = {"year": THIS_YEAR, "month": THIS_MONTH}.get(level)
    found = {"period": running} if running and days.first <= today < days.after else custom(days)
    return found | {"step": {"year": "month", "month": "day", "day": "hour"}[level]}
