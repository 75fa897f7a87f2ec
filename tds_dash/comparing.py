"""Comparisons: which earlier stretch stands beside what is shown, which of its bars beside which, and whether that is fair.

By day and finer an earlier stretch lies a whole number of weeks back, so that a Monday stands beside a Monday; by month it
lies whole months back. What is still running is compared up to the same moment and no further: each meter up to where its newest
reading lies, since nothing is known of it after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from sql import calendar
from tds_dash import periods
from tds_dash.amounts import FAIR
from tds_dash.figures import axes
from tds_dash.figures.series import Bucket
from tds_dash.periods import Period
from tds_dash.view import Span
from tds_dash.wording import percent, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

NONE, PREVIOUS, LAST_YEAR, OTHER = "none", "previous", "last_year", "device"
HOWS = (NONE, PREVIOUS, LAST_YEAR, OTHER)
WEEK = 7
QUARTER = timedelta(minutes=15)
COARSER_FIRST: tuple[Step, ...] = ("month", "day", "hour", "15min")


class Shift(NamedTuple):
    """How far back the other side lies: whole days, a multiple of weeks, or whole months; neither for another device."""

    days: int = 0
    months: int = 0


class Piece(NamedTuple):
    """A stretch [start, end) of the other side and the step to read it at; `into` is its bar where it is a part of one."""

    step: Step
    start: datetime
    end: datetime
    into: datetime | None = None


class Earlier(NamedTuple):
    """The other side of a comparison: how far back, from where to where, and whether it goes up to the same moment, which is `now`.

    `ends` is where it ends for meters that are not known as far as that.
    """

    shift: Shift
    start: datetime
    end: datetime
    running: bool = False
    reachable: bool = True
    now: datetime = datetime.min
    ends: Mapping[int, datetime] = {}

    def length(self, devices: Sequence[int]) -> timedelta:
        """Give how long it is for some meters, in the mean."""
        cut = sum((self.end - self.ends[one] for one in devices if one in self.ends), timedelta(0))
        return self.end - self.start - cut / max(len(devices), 1)


def shift(how: str, period: Period, span: Span, step: Step, zone: ZoneInfo) -> Shift:
    """Say how far back to look."""
    if how == OTHER:
        return Shift()
    first, after = (moment.astimezone(zone).date() for moment in (span.start, span.end + timedelta(days=1, seconds=-1)))
    if step == "month":
        shown = len(axes.buckets(span.start, span.end, "month", zone))
        return Shift(months=12 if how == LAST_YEAR else period.months or shown)
    then = calendar.months_later(first, -12) if how == LAST_YEAR else periods.before(period).first
    days, shown = (first - then).days, (after - first).days
    # Years lie a year apart however long is shown; the period before, which may be shorter, must not reach into this one.
    apart = how == PREVIOUS and period.kind != periods.TWELVE_MONTHS
    return Shift(days=in_weeks(days, shown if apart else min(days, shown)))


def in_weeks(back: int, least: int) -> int:
    """Give the whole weeks nearest to some days back, and no fewer days than the least."""
    return max(-(-max(least, 1) // WEEK) * WEEK, (back + WEEK // 2) // WEEK * WEEK)


def earlier(shift: Shift, span: Span, now: datetime, zone: ZoneInfo, known: Mapping[int, datetime] | None = None) -> Earlier:
    """Give the other side of what is shown, of what is running up to the same moment; `known` is how far each meter is known."""
    running = span.start < now < span.end
    start, whole = back(span.start, shift, zone), back(span.end, shift, zone)
    if start is None or whole is None:
        raise ValueError("only whole months lie whole months back")
    if not running:
        return Earlier(shift, start, whole, now=span.end)
    moments = {number: min(max(moment, span.start), span.end) for number, moment in (known or {}).items()}
    newest = max(moments.values(), default=now)
    same = back(newest, shift, zone)
    if same is None:
        return Earlier(shift, start, whole, running, reachable=False, now=newest)
    ends = {number: back(moment, shift, zone) or same for number, moment in moments.items()}
    return Earlier(shift, start, same, running, now=newest, ends=ends)


def back(moment: datetime, shift: Shift, zone: ZoneInfo) -> datetime | None:
    """Give the same wall time so far back; None where that month has no such day."""
    local = moment.astimezone(zone)
    then = local.date() - timedelta(days=shift.days)
    if shift.months:
        year, month = periods.months_on(local.date(), -shift.months)
        then = periods.opening(year, month, local.day)
        if then.day != local.day:
            return None
    if moment == calendar.first_instant(local.date(), zone.key):
        return calendar.first_instant(then, zone.key)
    return datetime.combine(then, local.time(), tzinfo=zone).astimezone(UTC)


def whole_quarters(moment: datetime) -> datetime:
    """Give the end of the quarter-hour that an instant lies in; the instant itself where one begins with it."""
    return moment + timedelta(seconds=-moment.timestamp() % QUARTER.total_seconds())


def pieces(step: Step, start: datetime, end: datetime, zone: ZoneInfo) -> list[Piece]:
    """Part a stretch that ends within a bar: its whole bars, and what the last one holds by ever finer steps, to a whole quarter-hour."""
    end = whole_quarters(end)
    edge = calendar.bucket_start(step, end, zone.key)
    found = [Piece(step, start, edge)] if edge > start else []
    into, low = max(edge, start), max(edge, start)
    for finer in COARSER_FIRST[COARSER_FIRST.index(step) + 1 :]:
        high = max(calendar.bucket_start(finer, end, zone.key), low)
        if high > low:
            found.append(Piece(finer, low, high, into))
        low = high
    return found


def cut(step: Step, rows: Iterable[ConsumptionRow], zone: ZoneInfo) -> list[tuple[Piece, list[ConsumptionRow]]]:
    """Give what is taken off, by quarter-hour, as pieces of the bars that it is taken off from."""
    found: dict[datetime, list[ConsumptionRow]] = {}
    for row in rows:
        found.setdefault(calendar.bucket_start(step, row.bucket, zone.key), []).append(row)
    return [(Piece("15min", bar, bar + QUARTER, bar if step != "15min" else None), some) for bar, some in found.items()]


def key_of(moment: datetime, step: Step, shift: Shift, zone: ZoneInfo, shown: Mapping[date, str]) -> str:
    """Give the wall time, on the axis of what is shown, of the bar beside which an earlier one stands."""
    local = moment.astimezone(zone).replace(tzinfo=None)
    if step in axes.SHORT:
        return (local + timedelta(days=shift.days)).strftime("%Y-%m-%d %H:%M")
    months = date(*periods.months_on(local.date(), shift.months), 1) if shift.months else None
    day = months or local.date() + timedelta(days=shift.days)
    return shown.get(day) or day.isoformat()


def keys_by_day(starts: Iterable[datetime], step: Step, zone: ZoneInfo) -> dict[date, str]:
    """Give the wall time that each day or month shown bears on the axis: some begin at 1 o'clock."""
    return {start.astimezone(zone).date(): axes.wall(start, zone, step) for start in starts}


def beside(
    parts: Sequence[tuple[Piece, Sequence[ConsumptionRow]]],
    step: Step,
    shift: Shift,
    zone: ZoneInfo,
    shown: Mapping[date, str],
) -> dict[int, dict[str, Bucket]]:
    """Put what was read of the other side beside the bars that are shown: by group, by wall time; nothing is lost or doubled."""
    found: dict[int, dict[str, Bucket]] = {}
    known: dict[datetime, str] = {}
    for piece, rows in parts:
        for row in rows:
            bar = piece.into or row.bucket
            if bar not in known:
                known[bar] = key_of(bar, step, shift, zone, shown)
            own = found.setdefault(row.device_id, {})
            own.setdefault(known[bar], Bucket(bar)).add(row._replace(bucket=bar))
    return found


def together(each: Iterable[Mapping[str, Bucket]]) -> dict[str, Bucket]:
    """Add what stands beside all groups up, by bar."""
    found: dict[str, Bucket] = {}
    for buckets in each:
        for key, bucket in buckets.items():
            total = found.setdefault(key, Bucket(bucket.start))
            if bucket.consumption is not None:
                total.consumption = (total.consumption or Decimal(0)) + bucket.consumption
            total.estimated += bucket.estimated
            total.covers += bucket.covers
            total.devices += bucket.devices
    return found


class Side(NamedTuple):
    """One side of a comparison: what was consumed, what of it is estimated, and the share of the time that was measured."""

    quantity: Decimal | None
    estimated: Decimal
    coverage: float


class Compared(NamedTuple):
    """Two sides, and why they cannot fairly be compared; the difference is theirs all the same."""

    now: Side
    other: Side
    reason: str = ""

    @property
    def difference(self) -> Decimal | None:
        """How much more this side is."""
        if self.now.quantity is None or self.other.quantity is None:
            return None
        return self.now.quantity - self.other.quantity

    @property
    def share(self) -> Decimal | None:
        """How much more this side is, as a share of the other."""
        if self.difference is None or not self.other.quantity or self.other.quantity < 0:
            return None
        return self.difference / self.other.quantity


def side(parts: Iterable[tuple[Step, Iterable[ConsumptionRow]]], length: timedelta, devices: int, zone: ZoneInfo) -> Side:
    """Add up a side: rows by step, over how long a stretch and of how many devices."""
    known: list[Decimal] = []
    doubtful: list[Decimal] = []
    measured = 0.0
    for step, rows in parts:
        some = list(rows)
        known += [row.consumption for row in some if row.consumption is not None]
        doubtful += [row.estimated for row in some if row.estimated]
        measured += sum(row.coverage * row.devices * seconds(row.bucket, step, zone) for row in some)
    whole = length.total_seconds() * devices
    share = min(measured / whole, 1.0) if whole > 0 else 0.0
    return Side(sum(known, Decimal(0)) if known else None, sum(doubtful, Decimal(0)), share)


@lru_cache(axes.REMEMBERED)
def seconds(start: datetime, step: Step, zone: ZoneInfo) -> float:
    """Give how long a bar lasts; every group asks of the same ones."""
    return (axes.bucket_end(start, step, zone) - start).total_seconds()


def compared(now: Side, other: Side, how: str, reachable: bool, locale: str) -> Compared:
    """Compare two sides where both are measured well enough; else say in one sentence why not."""
    if not reachable:
        return Compared(now, other, t("compare.longer", locale))
    if now.quantity is None and how != OTHER:
        return Compared(now, other, t("compare.nothing_now", locale))
    if other.quantity is None:
        return Compared(now, other, t("compare.nothing_other" if how == OTHER else "change.none_before", locale))
    if now.quantity is None:
        return Compared(now, other, t("compare.nothing_now", locale))
    if other.coverage < FAIR:
        key = "compare.not_fair_other" if how == OTHER else "compare.not_fair"
        return Compared(now, other, t(key, locale, coverage=percent(other.coverage, locale)))
    if now.coverage < FAIR:
        return Compared(now, other, t("compare.not_fair_now", locale, coverage=percent(now.coverage, locale)))
    return Compared(now, other)
