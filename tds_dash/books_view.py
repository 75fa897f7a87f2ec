"""Books as a page shows them: what was asked for, each device's statement, and the sum of the bar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from sql import calendar
from sql.books import Books
from sql.consumption import STEPS, Step
from sql.queries.reach import Reach
from tds_dash import wording
from tds_dash.components import data_table
from tds_dash.components.attributes import DECORATION
from tds_dash.components.tables import Cell, Column
from tds_dash.figures import ChartDevice, axes
from tds_dash.wording import number, portion, t

PLACES = 6
YEARS = (1970, 2200)


class Asked(NamedTuple):
    """A bar, or a whole chart: its periods (two where the clock went back), and the step of its buckets."""

    periods: list[tuple[datetime, datetime]]
    step: Step
    whole: bool


class DeviceBooks(NamedTuple):
    """The books of one device, a page per period, and how far its readings reach; closed: too old for readings to prove it."""

    device: ChartDevice
    pages: list[Books]
    reach: Reach | None
    closed: bool = False

    @property
    def consumption(self) -> Decimal:
        """What all pages booked."""
        return sum((page.consumption for page in self.pages), Decimal(0))

    @property
    def estimated(self) -> Decimal:
        """The part of it that is not measured."""
        return sum((page.estimated for page in self.pages), Decimal(0))

    @property
    def balanced(self) -> bool:
        """Tell whether every page balances."""
        return all(page.balanced for page in self.pages)


def read(bar: object, zone: ZoneInfo) -> Asked | None:
    """Read what the browser asks to open, None for anything that no chart of ours sends."""
    given = bar if isinstance(bar, dict) else {}
    step = next((name for name in STEPS if name == given.get("step")), None)
    if step is None:
        return None
    if "bucket" in given:
        wall = instant(given["bucket"])
        return Asked(bucket_periods(wall, step, zone), step, False) if wall and wall.tzinfo is None else None
    start, end = instant(given.get("from")), instant(given.get("to"))
    if start is None or end is None or start.tzinfo is None or end.tzinfo is None or start >= end:
        return None
    return Asked([(start.astimezone(UTC), end.astimezone(UTC))], step, True)


def instant(text: object) -> datetime | None:
    """Read an ISO instant within the years that calendars and databases agree on."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) <= 32 else None
    except ValueError:
        return None
    return found if found and YEARS[0] <= found.year <= YEARS[1] else None


def bucket_periods(wall: datetime, step: Step, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Give the periods that a bar stands for: where the clock goes back, its wall time comes twice."""
    twice = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    starts = sorted({calendar.bucket_start(step, moment, zone.key) for moment in twice})
    periods = [(start, calendar.next_bucket(step, start, zone.key)) for start in starts]
    if len(periods) == 2 and periods[0][1] == periods[1][0]:
        return [(periods[0][0], periods[1][1])]
    return periods


def title(asked: Asked, zone: ZoneInfo, locale: str) -> str:
    """Name what is opened by its period."""
    start, end = asked.periods[0][0], asked.periods[-1][1]
    return t(
        "books.titled",
        locale,
        period=run(start, end, zone, locale) if asked.whole else axes.title(start, asked.step, zone, locale),
    )


def run(start: datetime, end: datetime, zone: tzinfo, locale: str) -> str:
    """Write a period: by its days where it has whole ones, else by its instants."""
    if (start.astimezone(zone).time(), end.astimezone(zone).time()) == (datetime.min.time(), datetime.min.time()):
        first, last = wording.date(start, locale, zone), wording.date(end - timedelta(seconds=1), locale, zone)
        return first if first == last else f"{first} {wording.DASH} {last}"
    return f"{wording.date_clock(start, locale, zone)} {wording.DASH} {wording.date_clock(end, locale, zone)}"


def single(kept: DeviceBooks, zone: tzinfo, locale: str) -> Component:
    """Show one device's books, a statement per period."""
    parts: list[Component | None] = []
    for page in kept.pages:
        heading = html.H3(run(page.start, page.end, zone, locale), className="tds-label") if len(kept.pages) > 1 else None
        parts += [heading, statement(page, kept, zone, locale)]
    return html.Div(parts, className="tds-statement")


def several(kept: Sequence[DeviceBooks], total: Decimal, unit: str, others: int, zone: tzinfo, locale: str) -> Component:
    """Show each device's books behind its line, and the sum, which is the bar."""
    more = html.P(t("books.others", locale, n=others), className="tds-muted") if others else None
    return html.Div([listed(kept, total, unit, len(kept) + others, zone, locale), more])


def listed(kept: Sequence[DeviceBooks], total: Decimal | None, unit: str, count: int, zone: tzinfo, locale: str) -> Component:
    """Show each device's books behind its line, and the sum of all `count` of them where they share a unit."""
    lines: list[Component | None] = [
        html.Details(
            [html.Summary(line(one, locale)), html.Div(single(one, zone, locale), className="tds-account-body")],
            className="tds-account",
        )
        for one in kept
    ]
    if total is not None:
        counted = f"{t('books.sum_of_bar', locale)} · {t('books.total', locale, n=count)}"
        sums = [html.Span(counted), html.Strong(number(total, locale, unit, PLACES))]
        lines.append(html.Div(sums, className="tds-accounts-total"))
    return html.Div(lines)


def line(kept: DeviceBooks, locale: str) -> list[Component]:
    """Give a device's name, what it consumed, how much of that is estimated, and whether its books balance."""
    share = kept.estimated / kept.consumption if kept.consumption else Decimal(0)
    said = t("consumption.estimated_share", locale, percent=portion(share, locale, 1)) if share else ""
    sums: list[Component] = [html.Span(said, className="tds-muted")] if said else []
    sums += [html.Strong(number(kept.consumption, locale, kept.device.unit, PLACES)), verdict(kept, locale)]
    return [html.Span(kept.device.name, className="tds-account-name"), html.Span(sums, className="tds-account-sum")]


def verdict(kept: DeviceBooks, locale: str) -> Component:
    """Say whether the books of a device balance; a dash where its readings are gone."""
    if kept.closed:
        return html.Span(wording.NOTHING, className="tds-muted", title=t("books.closed", locale))
    if kept.balanced:
        return mark(t("books.balanced", locale), t("books.balanced_hint", locale), True)
    gap = sum((apart(page) for page in kept.pages), Decimal(0))
    return mark(t("books.unbalanced", locale, difference=number(gap, locale, kept.device.unit, PLACES)), "", False)


def mark(text: str, hint: str, well: bool) -> Component:
    """Give a verdict as a word behind a sign."""
    icon = html.I(className=f"bi bi-{'check-circle-fill' if well else 'exclamation-triangle-fill'}", **DECORATION)
    return html.Span([icon, text], className=f"tds-verdict tds-verdict-{'balanced' if well else 'apart'}", title=hint or None)


def apart(page: Books) -> Decimal:
    """Give by how much registers and corrections miss the consumption."""
    moved = (
        (page.closing or Decimal(0)) - (page.opening or Decimal(0)) + sum((one.amount for one in page.corrections), Decimal(0))
    )
    return moved - page.consumption


def statement(page: Books, kept: DeviceBooks, zone: tzinfo, locale: str) -> Component:
    """Give a page of the books: registers, their difference, each correction, the consumption, and that they balance."""
    if kept.reach is None or not kept.reach.covers(page.start, page.end):
        return html.P(t("books.empty", locale), className="tds-muted")
    known = page.opening is not None and page.closing is not None
    lines = register_lines(page, kept.reach, zone, locale) if known else []
    digits = places([amount for *_, amount in lines] + [page.consumption, page.estimated])
    rows: list[list[Cell]] = [
        [entry, when, number(amount, locale, digits=digits, fixed=True, sign=index > 1)]
        for index, (entry, when, amount) in enumerate(lines)
    ]
    total = html.Strong(number(page.consumption, locale, digits=digits, fixed=True))
    rows.append([html.Strong(t("books.consumption", locale), className="tds-sum"), "", total])
    if page.estimated:
        share = portion(page.estimated / page.consumption, locale, 1) if page.consumption else ""
        rows.append([t("books.estimated", locale), share, number(page.estimated, locale, digits=digits, fixed=True)])
    columns = [
        Column(t("books.entry", locale), wraps=True),
        Column(t("books.when", locale), wraps=True),
        Column(kept.device.unit, "end"),
    ]
    table = data_table(columns, rows, caption=t("books.caption", locale, name=kept.device.name))
    return html.Div([table, html.P(words_below(page, kept, locale))])


def register_lines(page: Books, reach: Reach, zone: tzinfo, locale: str) -> list[tuple[str, str, Decimal]]:
    """Give the lines above the sum: opening, closing, their difference, each correction."""
    opening, closing = page.opening or Decimal(0), page.closing or Decimal(0)
    first, last = reach.first > page.start, reach.last < page.end
    begins = (t("books.first_reading" if first else "books.opening", locale), max(reach.first, page.start))
    ends = (t("books.last_reading" if last else "books.closing", locale), min(reach.last, page.end))
    edges = [(words, clock(moment, zone, locale), amount) for (words, moment), amount in ((begins, opening), (ends, closing))]
    corrections = [(t(f"events.{one.kind}", locale), clock(one.at, zone, locale), one.amount) for one in page.corrections]
    return [*edges, (t("books.difference", locale), "", closing - opening), *corrections]


def words_below(page: Books, kept: DeviceBooks, locale: str) -> list[Component | str]:
    """Say that a page balances, or why it cannot or does not."""
    if kept.closed:
        return [t("books.closed", locale)]
    if page.opening is None:
        return [t("books.no_register", locale)]
    if page.balanced:
        return [
            mark(t("books.balanced", locale), "", True),
            " ",
            html.Span(t("books.balanced_hint", locale), className="tds-muted"),
        ]
    gap = number(apart(page), locale, kept.device.unit, PLACES)
    return [mark(t("books.unbalanced", locale, difference=gap), "", False), " ", t("books.unbalanced_hint", locale)]


def clock(moment: datetime, zone: tzinfo, locale: str) -> str:
    """Write an instant, with seconds where there are any."""
    return f"{wording.date(moment, locale, zone)} {wording.clock(moment, locale, zone, seconds=bool(moment.second))}"


def places(values: Sequence[Decimal]) -> int:
    """Give the decimals that all values need, so that they stand under each other and add up as they are read."""
    return max((min(PLACES, max(0, -int(value.normalize().as_tuple().exponent))) for value in values if value), default=0)
