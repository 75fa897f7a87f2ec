"""What a page looks at: a period and a step, read from an address or from its controls; nothing that arrives is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from sql.consumption import STEPS, Step, outward

WIDTH = {
    "15min": timedelta(minutes=15),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=30),
}
MOST_BUCKETS = 2_000  # of one trace
MOST_ROWS = 200_000  # of one query
MOST_BARS = 10_000  # of one figure, as many as a browser draws and a server makes without anybody waiting
MOST_YEARS = 10
NO_DAYS = ("period.not_a_date", "period.not_a_year")
YEARS = (1970, 2200)  # of a day that can be looked at
MOST_IDS = 1_000  # of one address
PRESETS = ("day", "week", "month", "quarter", "this_month", "last_month", "year")
CUSTOM = "custom"
AUTOMATIC = "auto"
# The longest period for which a step is chosen by itself; longer ones are shown by month.
COMFORTABLE: tuple[tuple[timedelta, Step], ...] = (
    (timedelta(days=2), "15min"),
    (timedelta(days=10), "hour"),
    (timedelta(days=100), "day"),
)


class Span(NamedTuple):
    """A period [start, end) as instants, and the key of the sentence to say of it where it is not what was asked for."""

    start: datetime
    end: datetime
    remark: str = ""

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def outward(self, step: Step, zone: str) -> Span:
        """Move it outwards to whole buckets."""
        start, end = outward(step, self.start, self.end, zone)
        return Span(start, end, self.remark)


def span(period: object, first: object, last: object, zone: tzinfo, now: datetime, default: str = "week") -> Span:
    """Give the period of a preset, or of two days (both included) where the period is `custom`; else the default's."""
    if period != CUSTOM:
        return preset(str(period) if period in PRESETS else default, zone, now)
    days = [day_of(text) for text in (first, last)]
    if days[0] is None or days[1] is None:
        return preset(default, zone, now)._replace(remark=no_day(first, last) if first and last else "")
    if days[0] > days[1]:
        return preset(default, zone, now)._replace(remark="period.wrong_order")
    oldest = days[1] - timedelta(days=366 * MOST_YEARS)
    begin, remark = (days[0], "") if days[0] >= oldest else (oldest, "period.too_long")
    return Span(midnight(begin, zone), midnight(days[1] + timedelta(days=1), zone), remark)


def preset(name: str, zone: tzinfo, now: datetime) -> Span:
    """Give a named period that ends with the day, or for `day` with the hour, that is running."""
    today = now.astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    first_of_month = today.replace(day=1)
    if name == "day":
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return Span(end - timedelta(days=1), end)
    if name == "last_month":
        return Span(midnight((first_of_month - timedelta(days=1)).replace(day=1), zone), midnight(first_of_month, zone))
    begin = {
        "week": today - timedelta(days=6),
        "month": today - timedelta(days=29),
        "quarter": today - timedelta(days=89),
        "this_month": first_of_month,
        "year": first_of_month.replace(year=today.year - 1),
    }[name]
    return Span(midnight(begin, zone), midnight(tomorrow, zone))


def midnight(day: date, zone: tzinfo) -> datetime:
    """Give the instant at which a local day begins."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def calendar_day(text: object) -> date | None:
    """Read `YYYY-MM-DD`, of whichever year; None for what is no day of a calendar."""
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None


def day_of(text: object) -> date | None:
    """Read `YYYY-MM-DD` within the years that calendars and databases agree on; None for anything else."""
    day = calendar_day(text)
    return day if day and YEARS[0] <= day.year <= YEARS[1] else None


def no_day(*given: object) -> str:
    """Give the key of the sentence that says what is wrong with days: one does not exist, or lies beyond the years; empty for none."""
    wrong = [one for one in given if one and day_of(one) is None]
    if not wrong:
        return ""
    return NO_DAYS[all(map(calendar_day, wrong))]


def chosen_step(asked: object, period: Span, devices: int = 1, series: int = 1) -> tuple[Step, Step | None]:
    """Give the step to draw with, and the one asked for where that would make too many bars or rows."""
    wanted: Step = next((step for step in STEPS if step == asked), automatic_step(period))
    finest = STEPS[STEPS.index(wanted) :]
    step: Step = next((step for step in finest if fits(step, period, devices, series)), "month")
    return step, (wanted if step != wanted else None)


def automatic_step(period: Span) -> Step:
    """Give the step at which a period is comfortable to read."""
    return next((step for longest, step in COMFORTABLE if period.length <= longest), "month")


def fits(step: Step, period: Span, devices: int, series: int = 1) -> bool:
    """Tell whether a period can be drawn with a step in so many series, and read for so many devices."""
    buckets = period.length / WIDTH[step]
    return buckets <= MOST_BUCKETS and buckets * max(series, 1) <= MOST_BARS and buckets * max(devices, 1) <= MOST_ROWS


def numbers(given: object) -> list[int]:
    """Read ids as an address (`3,5,8-12`) or a control (a list) gives them; what is no id, and what is too many, is left out."""
    return ids(given)[:MOST_IDS]


def is_too_many(given: object) -> bool:
    """Tell whether more ids are given than are read."""
    return len(ids(given)) > MOST_IDS


def ids(given: object) -> list[int]:
    """Read ids up to one more than are taken."""
    parts: Sequence[object] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    found: set[int] = set()
    for part in parts:
        low, dash, high = str(part).partition("-") if isinstance(part, int | str) else ("", "", "")
        first, last = number(low), number(high if dash else low)
        if 0 < first <= last:
            found.update(range(first, min(last, first + MOST_IDS) + 1))
        if len(found) > MOST_IDS:
            break
    return sorted(found)[: MOST_IDS + 1]


def number(text: str) -> int:
    """Read an id; nought for what is none."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    return found if found < 2**31 else 0
