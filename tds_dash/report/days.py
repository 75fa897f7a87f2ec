"""The small chart of a report: a bar for each day of the month, its estimated part hatched; a day of which nothing is known is a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil
from zoneinfo import ZoneInfo

from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.figures.series import Bucket
from tds_dash.report.paper import Box, Paper, Type
from tds_dash.wording import number

LABEL = Type(6.2, "muted")
LABEL_HEIGHT, AXIS_GAP = 3.4, 1.2
STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
LINES = 3
LEAST_BAR = 0.2
MARKED_DAYS = (1, 5, 10, 15, 20, 25, 30)


def day_chart(paper: Paper, box: Box, days: Sequence[Bucket], resource: str, zone: ZoneInfo, locale: str, now: datetime) -> None:
    """Draw the days of a month into a box."""
    top = max((bucket.consumption for bucket in days if bucket.consumption is not None), default=Decimal(0))
    marks = scale(top)
    words = [number(mark, locale, significant=3) if mark else "0" for mark in marks]
    left = max(paper.width(word, LABEL) for word in words) + AXIS_GAP
    plot = Box(box.x + left, box.y + 1, box.width - left, box.height - 1 - LABEL_HEIGHT)
    for mark, word in zip(marks, words, strict=True):
        y = plot.y + plot.height * (1 - float(mark / marks[-1]))
        paper.rule(plot.x, y, plot.width)
        paper.write(plot.x - AXIS_GAP, y - 1.0, word, LABEL, end=True)
    width = plot.width / max(len(days), 1)
    for place, bucket in enumerate(days):
        middle = plot.x + (place + 0.5) * width
        bar(paper, plot, bucket, middle, width, marks[-1], resource, 1.0 if not is_running(bucket, now, zone) else theme.RUNNING_OPACITY)  # fmt: skip
        day = bucket.start.astimezone(zone).day
        if day in MARKED_DAYS:
            label = str(day)
            paper.write(middle - paper.width(label, LABEL) / 2, plot.y + plot.height + 1.1, label, LABEL)


def bar(
    paper: Paper, plot: Box, bucket: Bucket, middle: float, width: float, top: Decimal, resource: str, opacity: float
) -> None:
    """Draw one day: what is measured below, what is estimated on top of it."""
    if bucket.consumption is None or bucket.consumption <= 0:
        return
    wide = width * theme.BAR_SHARE
    whole = max(plot.height * float(bucket.consumption / top), LEAST_BAR)
    share = min(max(float(bucket.estimated / bucket.consumption), 0.0), 1.0)
    hatched = whole * share
    foot = plot.y + plot.height
    if hatched < whole:
        paper.fill(Box(middle - wide / 2, foot - whole + hatched, wide, whole - hatched), resource, opacity)
    if hatched:
        paper.hatch(Box(middle - wide / 2, foot - whole, wide, hatched), resource)


def is_running(bucket: Bucket, now: datetime, zone: ZoneInfo) -> bool:
    """Tell whether a day has begun and not ended."""
    return axes.is_running(bucket.start, now, "day", zone)


def scale(top: Decimal) -> list[Decimal]:
    """Give round numbers from nought to a little above the largest value."""
    if top <= 0:
        return [Decimal(0), Decimal(1)]
    rough = top / LINES
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(one * power for one in STEPS if one * power >= rough)
    count = ceil(top / step)
    return [step * place for place in range(count + 1)]
