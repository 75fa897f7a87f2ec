"""What a report says in sentences."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sql.errors import Refused
from tds_dash import wording
from tds_dash.comparing import Compared, Side
from tds_dash.money import money
from tds_dash.periods import Days, month_of
from tds_dash.report.gather import Report, Section
from tds_dash.wording import number, percent, portion, t


def title(report: Report, locale: str) -> str:
    """Name the document."""
    return t("report.document", locale, account=report.account.name, month=month(report.month, locale))


def month(day: date, locale: str) -> str:
    """Write a month in full: `outubro de 2026`, `October 2026`."""
    return t("report.month", locale, month=t(f"report.month_{day.month}", locale), year=str(day.year))


def heading(report: Report, locale: str) -> str:
    """Write the month, and of a running one that it is."""
    named = month(report.month, locale)
    return t("report.so_far", locale, month=named) if report.running else named


def other(days: Days, report: Report, locale: str) -> str:
    """Name another month, or the part of it that is as long as the running one: `out. 2025`, `1–28 out. 2025`."""
    if not report.running:
        return wording.month(days.first, locale)
    return f"{wording.days(days.first, days.last, locale)} {days.first.year}"


def days(report: Report, locale: str) -> str:
    """Say which days it is about: of a running month those that have come."""
    last = month_of(report.month).last
    if report.running:
        last = min(last, report.now.astimezone(report.zone).date())
    return f"{wording.date(report.month, locale)} – {wording.date(last, locale)}"


def budget(section: Section, report: Report, locale: str) -> str:
    """Say what was budgeted, and how much of that was used."""
    found = section.budget
    assert found is not None
    amount = (
        money(found.amount, report.account.currency, locale, cents=False)
        if found.measure == "money"
        else number(found.amount, locale, found.unit, significant=5)
    )
    if section.budget_share is None:
        return t("report.budget", locale, amount=amount)
    return t("report.budget_used", locale, share=percent(section.budget_share, locale), amount=amount)


def share(compared: Compared, locale: str) -> str:
    """Write how much more or less it was; nothing where there is nothing to compare."""
    return percent(compared.share, locale, 1, sign=True) if compared.share is not None else ""


def against(month: str, side: Side, locale: str, *, begins: bool) -> str:
    """Name the other month, and what it came to."""
    said = t("report.against_begins" if begins else "report.against", locale, month=month)
    return f"{said} ({number(side.quantity, locale, significant=4)})" if side.quantity is not None else said


def peak(section: Section, zone: ZoneInfo, locale: str) -> list[str]:
    """Say when all together took most, and who took most of that."""
    found = section.peak
    if found is None:
        return []
    shown = number(found.demand, locale, found.unit, significant=4)
    said = [t("report.peak", locale, demand=shown, time=day_clock(found.at, locale, zone))]
    if len(found.makers) and section.meters > 1:
        name, demand = found.makers[0]
        said.append(t("report.maker", locale, name=name, demand=number(demand, locale, found.unit, significant=3)))
    return said


def day_clock(at: datetime, locale: str, zone: ZoneInfo) -> str:
    """Write an instant of the month: `12 out. 14h30`, `12 Oct 14:30`."""
    day = at.astimezone(zone).date()
    return f"{wording.days(day, day, locale)} {wording.clock(at, locale, zone)}"


def known(section: Section, locale: str) -> str:
    """Say how much of it is measured, in a line."""
    return t("report.known", locale, coverage=portion(section.side.coverage, locale, 1), estimated=estimated(section, locale))


def estimated(section: Section, locale: str) -> str:
    """Write the estimated share."""
    return portion(section.side.estimated / section.side.quantity if section.side.quantity else Decimal(0), locale, 1)


def quality(report: Report, locale: str) -> list[str]:
    """Say of each resource how much was measured, estimated and revised, and what waits for a person."""
    said = [
        t("report.quality_of", locale, resource=t(f"resource.{one.resource}", locale), meters=t("report.meters", locale, n=one.meters),
          coverage=portion(one.side.coverage, locale, 1), estimated=estimated(one, locale))
        for one in report.sections
    ]  # fmt: skip
    late = max((one.revised for one in report.sections), default=0)
    said.append(t("report.revised", locale, n=late) if late else t("report.revised_none", locale))
    said.append(t("report.events", locale, n=report.events) if report.events else t("report.events_none", locale))
    return said


def chart_in_words(section: Section, zone: ZoneInfo, locale: str) -> str:
    """Say what the chart of the days shows to whoever does not see it."""
    name = t("report.chart", locale, resource=t(f"resource.{section.resource}", locale), unit=section.unit)
    values = [
        f"{wording.date(bucket.start.astimezone(zone), locale)}: {number(bucket.consumption, locale, significant=4)}"
        for bucket in section.days
    ]
    return f"{name} {'; '.join(values)}" if values else name


def refusal(error: Refused, locale: str) -> str:
    """Say why there is no report, in the reader's language."""
    values = {name: month(value, locale) if isinstance(value, date) else value for name, value in error.values.items()}
    return t(f"refused.{error.key}", locale, **values) if error.key else str(error)
