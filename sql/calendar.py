"""Local quarter-hours, hours, days and months as UTC instants, true across every change of the clock."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)


def bucket_start(step: str, instant: datetime, zone: str) -> datetime:
    """Give the start, in UTC, of the quarter-hour, local hour, local day or local month that an instant lies in."""
    if step == "15min":
        return _floor(instant, 900, 0)
    if step == "hour":
        start = _floor(instant, 3600, _offset(instant, zone))
        # Where the clock moves by half an hour (Lord Howe), the hour is cut at the change.
        while _offset(start, zone) % 3600 != _offset(instant, zone) % 3600:
            start += QUARTER
        return start
    local = instant.astimezone(ZoneInfo(zone)).date()
    return first_instant(local if step == "day" else local.replace(day=1), zone)


def next_bucket(step: str, bucket: datetime, zone: str) -> datetime:
    """Give the start, in UTC, of the bucket after the one that starts at an instant."""
    if step == "15min":
        return bucket + QUARTER
    if step == "hour":
        after = bucket + QUARTER
        while bucket_start("hour", after, zone) == bucket:
            after += QUARTER
        return after
    local = bucket.astimezone(ZoneInfo(zone)).date()
    return first_instant(local + timedelta(days=1) if step == "day" else month_after(local), zone)


def has_whole_hours(start: datetime, end: datetime, zone: str) -> bool:
    """Tell whether local hours are UTC hours throughout a period; offsets change at most a few times a year."""
    place, instant = ZoneInfo(zone), start
    while instant < end:
        if int((instant.astimezone(place).utcoffset() or timedelta()).total_seconds()) % 3600:
            return False
        instant += timedelta(days=7)
    return _offset(end, zone) % 3600 == 0


def repeats_midnight(start: datetime, end: datetime, zone: str) -> bool:
    """Tell whether a local midnight from start to end, both included, comes twice (Azores, Havana: in autumn); databases put that day elsewhere."""
    place = ZoneInfo(zone)
    day, last = start.astimezone(place).date(), end.astimezone(place).date()
    while day <= last:
        first, second = (datetime(day.year, day.month, day.day, tzinfo=place, fold=fold) for fold in (0, 1))
        if (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta()):
            return True
        day += timedelta(days=1)
    return False


def _offset(instant: datetime, zone: str) -> int:
    return int((instant.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()).total_seconds())


def _floor(instant: datetime, width: int, offset: int) -> datetime:
    seconds = int(instant.timestamp() // 1)
    return datetime.fromtimestamp(seconds - (seconds + offset) % width, UTC)


def first_instant(day: date, zone: str) -> datetime:
    """Give the first instant of a local day; where the clock skips midnight, the instant of the change."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def month_after(day: date) -> date:
    """Give the first day of the month after a day's own."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def months_later(day: date, months: int) -> date:
    """Give the day so many months on, or back; the last of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def is_month(start: date, end: date) -> bool:
    """Tell whether days, the end excluded, are one calendar month."""
    return start.day == 1 and end == month_after(start)


def joined(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Join stretches of time that touch each other; gives them in order."""
    found: list[tuple[datetime, datetime]] = []
    for low, high in sorted(stretches):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found
