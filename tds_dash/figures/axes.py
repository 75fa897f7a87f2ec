"""Time on a chart: wall times of the account's zone as plotly takes them, bucket widths, ticks and titles.

plotly ignores offsets, so every instant goes to it as a naive local time. When clocks go back an hour, that hour's
wall times come twice; callers keep their keys unique (`series.gather` sums the two into one bar).
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tds_dash import wording

if TYPE_CHECKING:
    from sql.consumption import Step

REMEMBERED = 8192  # every series of a chart asks of the same buckets
SHORT = {"15min": timedelta(minutes=15), "hour": timedelta(hours=1)}
LONGEST = {**SHORT, "day": timedelta(hours=25, minutes=30), "month": timedelta(days=32)}  # a bucket is no longer than that
FINER = {"month": "day", "day": "hour", "hour": "15min"}

# From fine to coarse: up to which tick distance (milliseconds, or months) a format serves. What stands after the
# line break is written only where it changes. (`%e`, not `%-d`: from that plotly would not see that a label is a day.)
TICKS = {
    "pt-BR": (
        (6 * 3_600_000, "%Hh%M\n%a %d/%m"),
        (20 * 3_600_000, "%Hh\n%a %d/%m"),
        (27 * 86_400_000, "%d/%m\n%Y"),
        ("M11", "%b\n%Y"),
        (None, "%Y"),
    ),
    "en": (
        (20 * 3_600_000, "%H:%M\n%a %e %b"),
        (27 * 86_400_000, "%e %b\n%Y"),
        ("M11", "%b\n%Y"),
        (None, "%Y"),
    ),
}

# How the hovered instant is named, by step; "" is an instant that is no bucket.
HOVER = {
    "pt-BR": {"month": "%b %Y", "day": "%a %d/%m/%Y", "": "%a %d/%m/%Y, %Hh%M"},
    "en": {"month": "%b %Y", "day": "%a %-d %b %Y", "": "%a %-d %b %Y, %H:%M"},
}


@lru_cache(REMEMBERED)
def wall(moment: datetime, zone: tzinfo, step: Step | None = None) -> str:
    """Give an instant as naive wall time of a zone, as short as its step allows (`2026-11-23`, `2026-11-23 14:30`)."""
    local = moment.astimezone(zone)
    if step in ("day", "month") and (local.hour, local.minute) == (0, 0):
        return local.strftime("%Y-%m-%d")
    if step is None and (local.second or local.microsecond):
        return local.strftime("%Y-%m-%d %H:%M:%S")
    return local.strftime("%Y-%m-%d %H:%M")


def shifted(key: str, milliseconds: float) -> str:
    """Give the wall time so long after another."""
    return (datetime.fromisoformat(key) + timedelta(milliseconds=milliseconds)).isoformat(" ")


def bucket_end(start: datetime, step: Step, zone: tzinfo) -> datetime:
    """Give the instant at which the bucket that begins at `start` ends."""
    if step in SHORT:
        return start + SHORT[step]
    local = start.astimezone(zone)
    following = local.replace(day=1) + timedelta(days=32) if step == "month" else local + timedelta(days=1)
    return datetime(following.year, following.month, 1 if step == "month" else following.day, tzinfo=zone)


def buckets(start: datetime, end: datetime, step: Step, zone: tzinfo) -> list[datetime]:
    """Give the starts of the buckets from the one that begins at `start` up to, without, `end`."""
    found = []
    while start < end:
        found.append(start)
        start = bucket_end(start, step, zone)
    return found


def last_months(now: datetime, months: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Give the period of the last months, the running one included."""
    local = now.astimezone(zone)
    first = local.year * 12 + local.month - months
    start = datetime(first // 12, first % 12 + 1, 1, tzinfo=zone)
    return start, bucket_end(local.replace(day=1, hour=0, minute=0, second=0, microsecond=0), "month", zone)


@lru_cache(REMEMBERED)
def width(start: datetime, step: Step, zone: tzinfo) -> float:
    """Give a bucket's width on the axis of wall times, in milliseconds."""
    if step in SHORT:
        return SHORT[step] / timedelta(milliseconds=1)
    opening = start.astimezone(zone).replace(tzinfo=None)
    closing = bucket_end(start, step, zone).astimezone(zone).replace(tzinfo=None)
    return (closing - opening) / timedelta(milliseconds=1)


def is_running(start: datetime, now: datetime, step: Step, zone: tzinfo) -> bool:
    """Tell whether a bucket has begun and not ended."""
    return start < now and now - start < LONGEST[step] and now < bucket_end(start, step, zone)


def elapsed(start: datetime, now: datetime, step: Step, zone: tzinfo) -> float:
    """Give the share of a bucket that has passed, 0 to 1."""
    whole = bucket_end(start, step, zone) - start
    return min(max((now - start) / whole, 0.0), 1.0)


def time_axis(start: datetime, end: datetime, zone: tzinfo, locale: str, step: Step | None = None) -> dict[str, Any]:
    """Give the settings of a time axis over [start, end)."""
    return {
        "type": "date",
        "range": [wall(start, zone), wall(end, zone)],
        "tickformatstops": ticks(locale),
        "hoverformat": HOVER[wording.known(locale)].get(step or "", HOVER[wording.known(locale)][""]),
        "ticklabelmode": "period" if step in ("day", "month") else "instant",
        "minallowed": wall(start, zone),
        "maxallowed": wall(end, zone),
    }


def ticks(locale: str) -> list[dict[str, Any]]:
    """Give plotly's tick formats by tick distance."""
    stops: list[dict[str, Any]] = []
    low: Any = None
    for high, text in TICKS[wording.known(locale)]:
        stops.append({"dtickrange": [low, high], "value": text})
        low = "M1" if isinstance(high, int) and high > 86_400_000 else high
    return stops


def title(start: datetime, step: Step, zone: tzinfo, locale: str) -> str:
    """Name a bucket: `nov. 2026`, `seg. 23/11/2026`, `seg. 23/11/2026, 14h00–15h00`."""
    local = start.astimezone(zone)
    if step == "month":
        return wording.month(local, locale)
    day = f"{wording.weekday_name(local, locale)} {wording.date(local, locale)}"
    if step == "day":
        return day
    closing = bucket_end(start, step, zone).astimezone(zone)
    return f"{day}, {wording.clock(local, locale)}{wording.DASH}{wording.clock(closing, locale)}"
