"""The page of a report: head, a card for each resource, the bill, the largest devices, how well it is known, foot."""

from __future__ import annotations

from decimal import Decimal

from tds_dash import wording
from tds_dash.comparing import Compared
from tds_dash.money import money
from tds_dash.report import cost_table, words
from tds_dash.report.days import day_chart
from tds_dash.report.gather import Report, Section
from tds_dash.report.paper import HEIGHT, INNER, MARGIN, WIDTH, Box, Paper, Type
from tds_dash.wording import SPACE, number, percent, t

TITLE, NAME, SMALL = Type(20, bold=True), Type(11), Type(7.5, "muted")
SECTION = Type(9.5, bold=True)
BIG, UNIT = Type(17, bold=True), Type(9, "muted")
TEXT, STRONG, MUTED = Type(7.8), Type(7.8, bold=True), Type(7.2, "muted")
AMBER = Type(7.8, "stale-text")
GAP, PAD, RADIUS, EDGE = 4.0, 3.2, 2.2, 1.0
CARDS_MOST = 4
CARD_TEXT, CARD_TEXT_NARROW, CHART = 50.0, 67.0, 51.0  # heights within a card; where it is narrow, lines wrap
BESIDE_TEXT = 62.0  # width of the text where the chart stands beside it
SIDE = 60.0  # width of the right-hand column below
LINE = 4.3


def pdf(report: Report, locale: str, url: str) -> bytes:
    """Give a report as a PDF of one page in a language; `url` is where the pages are."""
    paper = Paper(words.title(report, locale), report.account.name, locale, report.now.astimezone(report.zone))
    y = head(paper, report, locale)
    y = cards(paper, report, locale, y)
    below(paper, report, locale, y + GAP)
    foot(paper, report, locale, url)
    return paper.output()


def head(paper: Paper, report: Report, locale: str) -> float:
    """Write what it is, of whom, of which month, made when."""
    with paper.tagged("P"):
        paper.write(MARGIN, 13.5, t("report.title", locale), Type(9, "accent", True))
    with paper.tagged("H1"):
        paper.write(MARGIN, 18, words.heading(report, locale), TITLE, most=INNER - 62)
    with paper.tagged("P"):
        paper.write(MARGIN, 26.3, report.account.name, NAME, most=INNER - 62)
    facts = [
        words.days(report, locale),
        t("report.zone", locale, zone=report.account.timezone),
        t("report.made", locale, time=wording.date_clock(report.now, locale, report.zone)),
    ]
    for place, fact in enumerate(facts):
        with paper.tagged("P"):
            paper.write(WIDTH - MARGIN, 18.6 + 4 * place, fact, SMALL, end=True, most=60)
    y = 33.0
    notes = [t("report.running", locale, time=wording.date_clock(report.now, locale, report.zone))] if report.running else []
    notes += [t("report.remaking", locale)] if report.remaking else []
    for note in notes:
        with paper.tagged("P"):
            y = paper.paragraph(MARGIN, y, note, AMBER, INNER, 2) + 0.6
    with paper.decoration():
        paper.rule(MARGIN, y, INNER, "line-strong", 0.3)
    return y + GAP


def cards(paper: Paper, report: Report, locale: str, y: float) -> float:
    """Draw a card for each resource, beside each other; gives where they end."""
    shown = report.sections[:CARDS_MOST]
    alone, text = len(shown) == 1, CARD_TEXT_NARROW if len(shown) == CARDS_MOST else CARD_TEXT
    width = (INNER - GAP * (len(shown) - 1)) / len(shown)
    height = text + PAD if alone else text + CHART + PAD
    for place, section in enumerate(shown):
        card(paper, report, section, Box(MARGIN + place * (width + GAP), y, width, height), locale, text if not alone else 0.0)
    with paper.tagged("P"):
        legend(paper, report, locale, y + height + 1.6)
    return y + height + 5.4


def card(paper: Paper, report: Report, section: Section, box: Box, locale: str, text: float) -> None:
    """Draw one resource: its sum, cost, both comparisons, its peak, how well it is known, its days; `text` above them, 0 beside."""
    with paper.decoration():
        paper.frame(box, RADIUS)
        paper.fill(Box(box.x + RADIUS, box.y - 0.12, box.width - 2 * RADIUS, EDGE), section.resource)
    x, y = box.x + PAD, box.y + PAD
    inner = (box.width if text else BESIDE_TEXT) - 2 * PAD
    with paper.tagged("H2"):
        paper.write(x, y, t(f"resource.{section.resource}", locale), SECTION, most=inner)
    with paper.tagged("P"):
        big = number(section.side.quantity, locale, significant=6)
        wide = paper.write(x, y + 5, big, BIG)
        paper.write(x + wide + 1.2, y + 8, section.unit, UNIT)
    y += 13.2
    for line, type_ in cost_lines(report, section, locale):
        with paper.tagged("P"):
            y = paper.paragraph(x, y, line, type_, inner, 2) + 0.4
    y += 0.8
    for other, compared in section.compared:
        y = comparison(paper, x, y, inner, words.other(other, report, locale), compared, locale)
    for line in [*words.peak(section, report.zone, locale), words.known(section, locale)]:
        with paper.tagged("P"):
            y = paper.paragraph(x, y, line, MUTED, inner, 2) + 0.3
    chart = Box(x, box.y + text, inner, CHART)
    if not text:
        chart = Box(box.x + BESIDE_TEXT, box.y + PAD, box.width - BESIDE_TEXT - PAD, box.height - 2 * PAD)
    daily(paper, report, section, chart, locale)


def cost_lines(report: Report, section: Section, locale: str) -> list[tuple[str, Type]]:
    """Say what it cost, and how that stands to the budget."""
    found: list[tuple[str, Type]] = []
    if section.cost is not None:
        spent = money(section.cost.bill.total, report.account.currency, locale)
        found.append((f"{spent} {t('costs.so_far', locale)}" if report.running else spent, STRONG))
    if section.budget is not None:
        over = section.budget_share is not None and section.budget_share > 1
        found.append((words.budget(section, report, locale), Type(7.8, "offline-text") if over else TEXT))
    return found


def comparison(paper: Paper, x: float, y: float, most: float, month: str, compared: Compared, locale: str) -> float:
    """Say how much more or less it was than in another month; grey, and why, where that is no fair question."""
    fair = not compared.reason
    share = words.share(compared, locale)
    with paper.tagged("P"):
        taken = paper.write(x, y, share, STRONG if fair else Type(7.8, "muted", True)) if share else 0.0
        against = words.against(month, compared.other, locale, begins=not share)
        type_, beside = TEXT if fair else MUTED, x + taken + (1.2 if share else 0)
        if share and paper.width(against, type_) > x + most - beside:
            y, beside = y + 3.6, x
        paper.write(beside, y, against, type_, most=x + most - beside)
    y += 3.9
    if not fair:
        with paper.tagged("P"):
            y = paper.paragraph(x, y, compared.reason, MUTED, most, 2) + 0.3
    return y + 0.5


def daily(paper: Paper, report: Report, section: Section, box: Box, locale: str) -> None:
    """Draw the days, with their unit above them."""
    title = t("report.per_day", locale, unit=section.unit)
    with paper.tagged("Figure", words.chart_in_words(section, report.zone, locale)):
        paper.write(box.x, box.y, title, MUTED)
        if section.days:
            chart = Box(box.x, box.y + 4.4, box.width, box.height - 4.4)
            day_chart(paper, chart, section.days, section.resource, report.zone, locale, report.now)
        else:
            paper.write(box.x, box.y + 5, t("report.too_many_meters", locale), MUTED, most=box.width)


def legend(paper: Paper, report: Report, locale: str, y: float) -> None:
    """Say what the two fillings mean, and which resources have no card."""
    x = MARGIN
    for filled, key in ((True, "chart.measured"), (False, "chart.estimated")):
        swatch = Box(x, y + 0.2, 3, 2)
        paper.fill(swatch, "other") if filled else paper.hatch(swatch, "other")
        x += 4 + paper.write(x + 4, y, t(key, locale), MUTED) + 4
    left = len(report.sections) - CARDS_MOST
    said = [t("report.gap", locale), *([t("report.more", locale, n=left)] if left > 0 else [])]
    paper.write(x, y, " · ".join(said), MUTED, most=WIDTH - MARGIN - x)


def below(paper: Paper, report: Report, locale: str, y: float) -> None:
    """Write the bill on the left, devices and quality on the right."""
    left, right = INNER - SIDE - 2 * GAP, WIDTH - MARGIN - SIDE
    cost_table.draw(paper, report, Box(MARGIN, y, left, HEIGHT - 22 - y), locale)
    end = ranking(paper, report, locale, right, y)
    quality(paper, report, locale, right, end + GAP)


def ranking(paper: Paper, report: Report, locale: str, x: float, y: float) -> float:
    """List the devices of the first resource that consumed most, each with a bar of its share."""
    first = report.sections[0]
    with paper.tagged("H2"):
        paper.write(x, y, t("report.largest", locale, resource=t(f"resource.{first.resource}", locale)), SECTION, most=SIDE)
    y += 6.2
    most = max((one.quantity for one in report.largest), default=Decimal(0))
    for one in report.largest:
        with paper.tagged("P"):
            part = f"  {percent(one.share, locale)}" if one.share is not None else ""
            amount = number(one.quantity, locale, first.unit, significant=4) + part
            paper.write(x, y, one.name, TEXT, most=SIDE - paper.width(amount, TEXT) - 2)
            paper.write(x + SIDE, y, amount, TEXT, end=True)
        with paper.decoration():
            paper.fill(Box(x, y + 3.7, SIDE, 0.9), "sunken")
            if most > 0:
                paper.fill(Box(x, y + 3.7, SIDE * max(float(one.quantity / most), 0.005), 0.9), first.resource)
        y += 6.6
    return y


def quality(paper: Paper, report: Report, locale: str, x: float, y: float) -> None:
    """Say how well all of it is known."""
    with paper.tagged("H2"):
        paper.write(x, y, t("report.quality", locale), SECTION)
    y += 6.2
    for line in words.quality(report, locale):
        with paper.tagged("P"):
            y = paper.paragraph(x, y, line, TEXT, SIDE, 3) + 0.9


def foot(paper: Paper, report: Report, locale: str, url: str) -> None:
    """Say where the same figures can be looked at, and what they are."""
    y = HEIGHT - 17.5
    with paper.decoration():
        paper.rule(MARGIN, y, INNER)
    with paper.tagged("P"):
        paper.write(MARGIN, y + 2, t("report.defined", locale), MUTED, most=INNER)
    address = f"{url}{report.link}"
    with paper.tagged("P"):
        said = t("report.look", locale) + SPACE
        taken = paper.write(MARGIN, y + 6, said, MUTED)
        shown = paper.write(MARGIN + taken, y + 6, address, Type(7.2, "accent"), most=INNER - taken)
    paper.link(Box(MARGIN + taken, y + 5.6, shown, 3.4), address)
