"""What a history looks at: the period of its controls, the part of it zoomed into, and what it is drawn with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from sql.consumption import STEPS, Step
from tds_dash import view
from tds_dash.figures import axes
from tds_dash.view import Span

READINGS: Literal["readings"] = "readings"
Drawn = Step | Literal["readings"]
TWO_YEARS = "two_years"
PRESETS = ("day", "week", "month", "quarter", "year", TWO_YEARS)
BETWEEN = "~"
LEAST = timedelta(minutes=15)  # a zoom is no narrower
YEARS = (1970, 2200)
# Up to which length readings are drawn as they are, unless something else is asked for: a level says more than its means,
# quarter-hours of a register say more than the register until there are only a few of them.
RAW = {"gauge": timedelta(days=2), "": timedelta(hours=3)}
# The longest period for which a step of a line is chosen by itself: a line bears more points than there can be bars.
LINE: tuple[tuple[timedelta, Step], ...] = (
    (timedelta(days=10), "15min"),
    (timedelta(days=62), "hour"),
    (timedelta(days=366 * 5), "day"),
)


class Window(NamedTuple):
    """The whole period, and the part of it that is seen."""

    whole: Span
    seen: Span
    zoomed: bool


def window(period: object, first: object, last: object, zoom: object, zone: tzinfo, now: datetime) -> Window:
    """Give what the controls ask for; a zoom that cannot be read is none."""
    whole = two_years(zone, now) if period == TWO_YEARS else view.span(period, first, last, zone, now)
    part = zoomed(zoom, zone)
    return Window(whole, whole if part is None else part, part is not None)


def two_years(zone: tzinfo, now: datetime) -> Span:
    """Give the last 24 whole months and the running one."""
    today = now.astimezone(zone).date()
    first = today.replace(year=today.year - 2, day=1)
    return Span(view.midnight(first, zone), view.midnight(today + timedelta(days=1), zone))


def zoomed(given: object, zone: tzinfo) -> Span | None:
    """Read `2026-11-20T10:00~2026-11-20T16:00`, wall times of the zone, as a period of at least a quarter-hour and at most ten years."""
    parts = given.split(BETWEEN) if isinstance(given, str) and len(given) < 80 else []
    ends = [instant(part, zone) for part in parts]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
        return None
    start, end = ends[0], ends[1]
    return Span(max(start, end - timedelta(days=366 * view.MOST_YEARS)), max(end, start + LEAST))


def instant(text: str, zone: tzinfo) -> datetime | None:
    """Read a wall time to the minute; None for anything else."""
    try:
        found = datetime.fromisoformat(text.strip()[:16])
    except ValueError:
        return None
    if found.tzinfo is not None or not YEARS[0] < found.year < YEARS[1]:
        return None
    return found.replace(tzinfo=zone).astimezone(UTC)


def written(span: Span, zone: tzinfo) -> list[str]:
    """Give a period's ends as wall times, as a browser's axis takes them."""
    return [axes.wall(moment, zone) for moment in (span.start, span.end)]


def drawn_with(asked: object, seen: Span, kind: str, interval: int) -> tuple[Drawn, Drawn | None]:
    """Give what to draw, readings or a step, and what was asked for where that would be too much."""
    fitting = by_itself(seen, kind, interval)
    if asked == READINGS:
        return (READINGS, None) if readings_fit(seen, interval) else (fitting, READINGS)
    if asked not in STEPS:
        return fitting, None
    return view.chosen_step(asked, seen)


def by_itself(seen: Span, kind: str, interval: int) -> Drawn:
    """Give what a length is drawn with where nothing is asked for."""
    if seen.length <= RAW.get(kind, RAW[""]) and readings_fit(seen, interval):
        return READINGS
    if kind != "gauge":
        return view.automatic_step(seen)
    return next((step for longest, step in LINE if seen.length <= longest), "month")


def readings_fit(seen: Span, interval: int) -> bool:
    """Tell whether the readings of a period are few enough to be gone through."""
    return seen.length / timedelta(seconds=max(interval, 1)) <= view.MOST_ROWS


def step_of(drawn: Drawn, seen: Span) -> Step:
    """Give the step by which the figures beside drawn readings are added up."""
    return view.chosen_step(view.AUTOMATIC, seen)[0] if drawn == READINGS else drawn
