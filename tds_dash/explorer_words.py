"""What the explorer says in sentences: titles, periods, what is not as it was asked for, what stands beside what."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from tds_dash import wording
from tds_dash.comparing import OTHER
from tds_dash.exploring import Look
from tds_dash.grouping import Chart
from tds_dash.periods import Crumb, Days
from tds_dash.totals import Line, Part
from tds_dash.view import MOST_YEARS
from tds_dash.wording import number, portion, t


def title(look: Look, chart: Chart) -> str:
    """Name a chart by its resource, unit and step."""
    words = {"unit": chart.unit, "step": t(f"step.per_{look.step}", look.locale)}
    return t("chart.titled", look.locale, resource=t(f"resource.{chart.resource}", look.locale), **words)


def headline(look: Look) -> str:
    """Name what all charts together show."""
    if len(look.charts) == 1:
        return title(look, look.charts[0])
    return t("consumption.titled", look.locale, step=t(f"step.per_{look.step}", look.locale))


def sums(look: Look, line: Line, unit: str) -> str:
    """Say a total, how much of it is estimated and how much of the period was measured."""
    side, locale = line.side, look.locale
    said = [number(side.quantity, locale, unit, significant=6)]
    if side.quantity:
        share = portion(side.estimated / side.quantity, locale, 1)
        said.append(t("consumption.estimated_share", locale, percent=share))
    said.append(t("consumption.coverage", locale, percent=portion(side.coverage, locale)))
    return " · ".join(said)


def spoken(look: Look, found: list[Part]) -> str:
    """Say what a chart shows to whoever does not see it."""
    first, last = ends(look.span.start, look.span.end, look.zone)
    when = run(first, last, look.locale)
    return " ".join(f"{title(look, part.chart)}, {when}: {sums(look, part.whole, part.chart.unit)}." for part in found)


def remarks(look: Look) -> list[str]:
    """Say what is not as it was asked for."""
    locale, said = look.locale, []
    asked = look.asked
    if asked.period.span.remark:
        said.append(t(asked.period.span.remark, locale, years=MOST_YEARS))
    if look.wanted_step:
        words = {"asked": look.wanted_step, "step": look.step}
        said.append(
            t("consumption.step_widened", locale, **{name: t(f"step.{step}", locale).lower() for name, step in words.items()})
        )
    first, last = ends(look.span.start, look.span.end, look.zone)
    wanted = ends(asked.period.span.start, asked.period.span.end, look.zone)
    # Of the month that is running nothing but the future is added.
    today = look.now.astimezone(look.zone).date()
    if first != wanted[0] or (last != wanted[1] and wanted[1] < today):
        said.append(t("consumption.whole_months", locale, period=run(first, last, locale)))
    if look.crowded:
        said.append(t("consumption.too_many_beside", locale))
    if asked.compare == OTHER and look.other is None and look.charts:
        said.append(t("compare.other_unit" if asked.other else "compare.choose_other", locale))
    return said


def against(look: Look) -> str:
    """Say what stands beside what is shown, how bars are aligned, and up to where both go."""
    if look.other is None:
        return ""
    locale, then = look.locale, look.other.earlier
    if look.other.device is not None:
        said = t("compare.with_device", locale, name=look.other.device.name)
    else:
        said = t("compare.with_period", locale, period=other_name(look))
        said += " " + t("compare.by_month" if then.shift.months else "compare.by_weekday", locale)
    if then.running and then.reachable:
        said += " " + t(
            "compare.to_date",
            locale,
            **{name: wording.date_clock(moment, locale, look.zone) for name, moment in (("now", then.now), ("time", then.end))},
        )
    return said


def other_name(look: Look) -> str:
    """Name the other side, as a legend and a column do."""
    assert look.other is not None
    if look.other.device is not None:
        return look.other.device.name
    return run(*ends(look.other.earlier.start, look.other.earlier.end, look.zone), look.locale)


def ends(start: datetime, end: datetime, zone: tzinfo) -> tuple[date, date]:
    """Give the first and the last local day of a stretch."""
    return start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()


def run(first: date, last: date, locale: str) -> str:
    """Write days as one piece: `12 Nov 2026`, `1–23 Nov 2026`, `Nov 2025`, `27 Dec 2025–3 Jan 2026`."""
    if first == last:
        return wording.date(first, locale)
    if Days(first, last + timedelta(days=1)).months and first.day == 1:
        opens, closes = wording.month(first, locale), wording.month(last, locale)
        return opens if opens == closes else f"{opens}{wording.DASH}{closes}"
    if first.year == last.year:
        return f"{wording.days(first, last, locale)} {last.year}"
    return f"{wording.date(first, locale)} {wording.DASH} {wording.date(last, locale)}"


def crumb(found: Crumb, locale: str) -> str:
    """Name a step of the way."""
    days = found.days
    if found.level == "year":
        return str(days.first.year)
    if found.level == "month":
        return t(f"calendar.month_long_{days.first.month}", locale)
    if found.level == "day":
        return wording.days(days.first, days.first, locale)
    return wording.days(days.first, days.last, locale)
