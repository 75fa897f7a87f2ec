"""How a device's load lies over day and week, what never rests and whether something leaks: its charts, cards and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from sql.queries.devices import Device
from sql.queries.load import Base, Duration, Night, Profile
from tds_dash import wording
from tds_dash.components import data_table, metric_card
from tds_dash.components.attributes import DECORATION
from tds_dash.components.tables import Cell, Column
from tds_dash.figures import Look
from tds_dash.load_costs import Costs
from tds_dash.money import money
from tds_dash.rates import per_hour
from tds_dash.view import Span
from tds_dash.wording import card_number, number, percent, t

LEAK_NIGHTS = 3  # so many nights in a row without rest are a hint
OFTEN = 900  # seconds between readings up to which quarter-hours are measured
HOURLY = 3600
FLOWING = ("water", "gas")
MONTH = 30


class Loaded(NamedTuple):
    """A device's load over a period, in a zone and a language."""

    device: Device
    span: Span
    zone: ZoneInfo
    locale: str
    profile: Profile
    duration: Duration
    base: Base | None
    nights: list[Night]
    costs: Costs = Costs()
    currency: str = ""

    @property
    def gauge(self) -> bool:
        """Tell whether it is a level and no consumption."""
        return self.device.kind == "gauge"

    @property
    def unit(self) -> str:
        """Give the unit of its curves."""
        return self.device.unit if self.gauge else per_hour(self.device.unit)

    @property
    def look(self) -> Look:
        """Give how its figures look."""
        view = f"{self.device.id} {self.span.start:%Y%m%d} {self.span.length}"
        return Look(self.device.resource, self.unit, self.locale, view)


class Rest(NamedTuple):
    """In how many of the nights a flow came to rest, for how many of the last ones in a row it did not, and the least in those."""

    nights: int
    rested: int
    restless: int
    least: Decimal


def rest_of(nights: Sequence[Night]) -> Rest:
    """Tell whether a flow comes to rest at night."""
    rested = [night.least <= 0 for night in nights]
    run = next((index for index, still in enumerate(reversed(rested)) if still), len(rested))
    least = min((night.least for night in nights[len(nights) - run :]), default=Decimal(0))
    return Rest(len(nights), sum(rested), run, least)


def days(loaded: Loaded) -> str:
    """Say of which days it is, and how much of them was measured."""
    first = loaded.span.start.astimezone(loaded.zone)
    last = loaded.span.end.astimezone(loaded.zone) - timedelta(seconds=1)
    words = {"first": wording.date(first, loaded.locale), "last": wording.date(last, loaded.locale)}
    said = [t("load.measured", loaded.locale, n=loaded.profile.hours, **words)]
    if loaded.device.interval_seconds > HOURLY:
        every = wording.lasting(loaded.device.interval_seconds, loaded.locale)
        said.append(t("load.too_seldom", loaded.locale, interval=every))
    return " ".join(said)


def titles(loaded: Loaded) -> tuple[str, str, str]:
    """Name the three charts with their units."""
    return (
        t("load.week", loaded.locale, unit=loaded.unit),
        t("load.day", loaded.locale, unit=loaded.unit),
        t("load.duration", loaded.locale, unit=loaded.unit),
    )


def week_table(loaded: Loaded) -> Component:
    """Give the mean of every hour of the week as a table: a row per hour, a column per weekday."""
    locale = loaded.locale
    known = {(cell.weekday, cell.hour): cell.mean for cell in loaded.profile.week}
    columns = [
        Column(t("load.hour_heading", locale)),
        *(Column(t(f"calendar.weekday_{day}", locale), "end") for day in range(1, 8)),
    ]
    lines: list[list[Cell]] = [
        [t("load.hour", locale, hour=f"{hour:02}"), *(number(known.get((day, hour)), locale, fixed=True) for day in range(1, 8))]
        for hour in range(24)
    ]
    return data_table(columns, lines, caption=titles(loaded)[0])


def day_table(loaded: Loaded) -> Component:
    """Give the mean day as a table: of working days and weekends the mean and both edges of the band."""
    locale = loaded.locale
    known = {(one.weekend, one.hour): one for one in loaded.profile.day}
    kinds = ((False, t("load.weekdays", locale)), (True, t("load.weekends", locale)))
    edges = [t(f"load.{name}", locale) for name in ("mean", "low", "high")]
    columns = [Column(t("load.hour_heading", locale)), *(Column(f"{kind}, {edge}", "end") for _, kind in kinds for edge in edges)]
    lines: list[list[Cell]] = []
    for hour in range(24):
        found = [known.get((weekend, hour)) for weekend, _ in kinds]
        values = [value for one in found for value in ((one.mean, one.low, one.high) if one else (None, None, None))]
        lines.append([t("load.hour", locale, hour=f"{hour:02}"), *(number(value, locale, fixed=True) for value in values)])
    return data_table(columns, lines, caption=titles(loaded)[1])


def duration_table(loaded: Loaded) -> Component:
    """Give the duration curve as a table, in steps of five percent."""
    columns = [Column(t("load.share_of_time", loaded.locale)), Column(loaded.unit, "end")]
    lines: list[list[Cell]] = [
        [percent(share, loaded.locale), number(level, loaded.locale, fixed=True)]
        for share, level in loaded.duration.points
        if round(share * 100, 6) % 5 == 0
    ]
    return data_table(columns, lines, caption=titles(loaded)[2])


def week_summary(loaded: Loaded) -> str:
    """Say where in the week the load is highest and lowest."""
    if not loaded.profile.week:
        return t("load.nothing", loaded.locale)
    ranked = sorted(loaded.profile.week, key=lambda cell: cell.mean)
    words = {}
    for name, cell in (("low", ranked[0]), ("high", ranked[-1])):
        hour = t("load.hour", loaded.locale, hour=f"{cell.hour:02}")
        words[name] = f"{t(f'calendar.weekday_{cell.weekday}', loaded.locale)} {hour}"
        words[f"{name}_value"] = card_number(cell.mean, loaded.locale, loaded.unit)
    return t("load.week_summary", loaded.locale, **words)


def duration_note(loaded: Loaded) -> str:
    """Say of what the curve is made, and its middle."""
    if not loaded.duration.points:
        return ""
    middle = loaded.duration.points[len(loaded.duration.points) // 2][1]
    said = [t("load.half_the_time", loaded.locale, value=card_number(middle, loaded.locale, loaded.unit))]
    if loaded.device.interval_seconds > OFTEN:
        said.append(t("load.spread", loaded.locale, interval=wording.lasting(loaded.device.interval_seconds, loaded.locale)))
    return " ".join(said)


def base_cards(loaded: Loaded) -> list[Component]:
    """Give what is used at night, at weekends and around the clock: in units, as a share, at which level, and in money where that is known."""
    base, locale, device = loaded.base, loaded.locale, loaded.device
    if base is None:
        return []
    cards = [
        base_card(loaded, "load.night", base.night, base.quantity, base.night_level, loaded.costs.night),
        base_card(loaded, "load.weekend", base.weekend, base.quantity, base.weekend_level, loaded.costs.weekend),
        base_card(loaded, "load.always", base.always, base.days_quantity, base.always_level, loaded.costs.always),
    ]
    if device.resource in FLOWING and loaded.nights:
        rest = rest_of(loaded.nights)
        least = min(night.least for night in loaded.nights)
        note = t("load.rested", locale, n=rest.nights, rested=number(rest.rested, locale))
        cards.append(metric_card(t("load.night_flow", locale), card_number(least, locale), loaded.unit, locale=locale, note=note))
    elif base.weekday_level is not None:
        note = t("load.weekday_note", locale, level=card_number(base.weekend_level, locale, loaded.unit))
        cards.append(
            metric_card(t("load.weekday", locale), card_number(base.weekday_level, locale), loaded.unit, locale=locale, note=note)
        )
    return cards


def base_card(
    loaded: Loaded, key: str, part: Decimal | None, whole: Decimal | None, level: Decimal | None, cost: Decimal | None
) -> Component:
    """Give one card: the quantity, its share of what was consumed meanwhile, its level, what it costs."""
    locale = loaded.locale
    said = [t("load.share", locale, percent=percent(part / whole, locale))] if part is not None and whole else []
    said += [t("load.level", locale, level=card_number(level, locale, loaded.unit))] if level is not None else []
    said += [money(cost, loaded.currency, locale, cents=False)] if cost is not None else []
    return metric_card(t(key, locale), card_number(part, locale), loaded.device.unit, locale=locale, note=" · ".join(said))


def leak_hint(loaded: Loaded) -> Component | None:
    """Say whether the flow comes to rest at night, and what it would lose if that is a leak; nothing of what does not flow."""
    if loaded.device.resource not in FLOWING or loaded.gauge:
        return None
    locale, rest = loaded.locale, rest_of(loaded.nights)
    if not rest.nights:
        return said("info-circle", t("load.no_nights", locale), alarming=False)
    if rest.restless < LEAK_NIGHTS:
        return said("check-circle", t("load.no_leak", locale, n=rest.nights, rested=number(rest.rested, locale)), alarming=False)
    words = {
        "least": card_number(rest.least, locale, loaded.unit),
        "day": card_number(rest.least * 24, locale, loaded.device.unit),
        "month": card_number(rest.least * 24 * MONTH, locale, loaded.device.unit),
    }
    return said("droplet", t(f"load.leak_{loaded.device.resource}", locale, n=rest.restless, **words), alarming=True)


def said(icon: str, text: str, *, alarming: bool) -> Component:
    """Give a sentence behind its sign, in amber where something may be wrong."""
    look = "alert alert-warning mb-0" if alarming else "tds-muted mb-0"
    return html.P([html.I(className=f"bi bi-{icon}", **DECORATION), " ", text], className=look, role="status")


def nights_table(loaded: Loaded) -> Component:
    """List the nights, newest first."""
    columns = [Column(t("load.night_of", loaded.locale)), Column(t("load.least", loaded.locale, unit=loaded.unit), "end")]
    columns.append(Column(t("load.flowed", loaded.locale, unit=loaded.device.unit), "end"))
    lines: list[list[Cell]] = [
        [
            wording.date(night.evening, loaded.locale),
            number(night.least, loaded.locale, fixed=True),
            number(night.quantity, loaded.locale, fixed=True),
        ]
        for night in reversed(loaded.nights)
    ]
    return data_table(columns, lines, caption=t("load.nights", loaded.locale, unit=loaded.unit))
