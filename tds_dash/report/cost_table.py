"""The bill of a report: each resource by the parts of its cost, beside the month before, and the sum of all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sql.bills import KINDS, Line
from sql.pricing import EXACT
from tds_dash import wording
from tds_dash.cost_data import Found
from tds_dash.costs_view import key_of, plain_name, run_of, summed
from tds_dash.money import money
from tds_dash.report.gather import Report, Section
from tds_dash.report.paper import Box, Paper, Type
from tds_dash.wording import number, t

SECTION, HEAD = Type(9.5, bold=True), Type(7, "muted")
TEXT, STRONG, MUTED = Type(7.8), Type(7.8, bold=True), Type(7.2, "muted")
LINE = 4.3
AMOUNT, BEFORE, QUANTITY = 0.0, 27.0, 54.0  # how far from the right edge columns end
BETWEEN = 3.0


class Row(NamedTuple):
    """A line of the table."""

    name: str
    quantity: str
    before: str
    amount: str
    strong: bool = False


def draw(paper: Paper, report: Report, box: Box, locale: str) -> None:
    """Draw the table; where there is no room for every part, the smallest bills are shown by their sums."""
    with paper.tagged("H2"):
        paper.write(box.x, box.y, t("report.cost", locale), SECTION)
    priced = [one for one in report.sections if one.cost is not None]
    y = box.y + 6.2
    if not priced:
        with paper.tagged("P"):
            paper.paragraph(box.x, y, t("report.no_tariff", locale), MUTED, box.width, 3)
        return
    whole_days = report.running and any(one.cost and one.cost.compared.before for one in priced)
    if whole_days:
        with paper.tagged("P"):
            y = paper.paragraph(box.x, y - 1, t("report.whole_days", locale), MUTED, box.width, 2) + 1.2
    y = line(paper, box, y, heads(report, locale), HEAD, HEAD)
    for row in fitted(report, priced, Box(box.x, y, box.width, box.y + box.height - y), locale):
        with paper.decoration():
            paper.rule(box.x, y - 0.9, box.width)
        y = line(paper, box, y, row, STRONG if row.strong else TEXT, STRONG if row.strong else TEXT)
    if (total := report.total) is not None and len(priced) > 1:
        with paper.decoration():
            paper.rule(box.x, y - 0.9, box.width, "line-strong", 0.3)
        before = [one.cost.compared.before.total for one in priced if one.cost and one.cost.compared.before]
        then = sum((one for one in before if one is not None), Decimal(0)) if any(one is not None for one in before) else None
        line(paper, box, y, Row(t("report.all_costs", locale), "", money(then, report.account.currency, locale), money(total, report.account.currency, locale), True), STRONG, STRONG)  # fmt: skip


def heads(report: Report, locale: str) -> Row:
    """Name the columns."""
    before = next((one.cost.compared.before for one in report.sections if one.cost and one.cost.compared.before), None)
    if report.running and before is not None:
        now = next(one.cost.compared.bill for one in report.sections if one.cost)
        return Row("", t("costs.quantity", locale), run_of(before, locale), run_of(now, locale))
    then, now_ = "" if before is None else wording.month(before.start, locale), wording.month(report.month, locale)
    return Row("", t("costs.quantity", locale), then, t("report.so_far", locale, month=now_) if report.running else now_)


def line(paper: Paper, box: Box, y: float, row: Row, type_: Type, amounts: Type) -> float:
    """Write a row; gives where the next one begins."""
    right = box.x + box.width
    with paper.tagged("P"):
        beside = paper.width(row.quantity, type_) if row.quantity else 0
        paper.write(box.x, y, row.name, type_, most=box.width - QUANTITY - beside - BETWEEN)
        paper.write(right - QUANTITY, y, row.quantity, type_, end=True)
        paper.write(right - BEFORE, y, row.before, amounts if amounts is HEAD else MUTED, end=True)
        paper.write(right - AMOUNT, y, row.amount, amounts, end=True)
    return y + LINE


def fitted(report: Report, priced: Sequence[Section], box: Box, locale: str) -> list[Row]:
    """Give the rows of all bills, the parts of the largest first as long as there is room."""
    parts = {place: rows(report, one, locale) for place, one in enumerate(priced)}
    room = int(box.height / LINE) - 1
    largest = sorted(parts, key=lambda place: -total_of(report, priced[place].cost))
    while sum(map(len, parts.values())) > room and largest:
        parts[largest[-1]] = parts[largest.pop()][:1]
    return [row for found in parts.values() for row in found]


def total_of(report: Report, found: Found | None) -> Decimal:
    """Give what a bill comes to."""
    return (report.bill(found).total if found else None) or Decimal(0)


def rows(report: Report, section: Section, locale: str) -> list[Row]:
    """Give a bill: its sum, then its parts, those of several tariffs together."""
    found, currency = section.cost, report.account.currency
    assert found is not None
    bill, before = report.bill(found), found.compared.before
    lines = bill.lines
    then = before.total if before else None
    keys = sorted(dict.fromkeys(map(key_of, lines)), key=lambda key: KINDS.index(key[0]))
    whole = Row(
        t(f"resource.{section.resource}", locale),
        "",
        money(then, currency, locale),
        money(bill.total, currency, locale),
        True,
    )
    earlier = before.lines if before else ()
    return [
        whole,
        *(
            Row(
                f"    {plain_name(key, locale)}",
                quantity(lines, key, locale),
                money(summed(earlier, key), currency, locale) if any(key_of(one) == key for one in earlier) else "",
                money(summed(lines, key), currency, locale) if key[0] != "unpriced" else "",
            )
            for key in keys
        ),
    ]


def quantity(lines: Sequence[Line], key: tuple[str, str], locale: str) -> str:
    """Write how much of a part there was: consumption by its unit, demand as the largest, a tax as its rate."""
    own = [one for one in lines if key_of(one) == key and one.quantity is not None]
    if key[0] in ("energy", "unpriced"):
        units = {one.unit for one in own}
        return (
            number(EXACT.create_decimal(sum(one.quantity or 0 for one in own)), locale, units.pop(), significant=6)
            if len(units) == 1
            else ""
        )
    if key[0] in ("demand", "excess"):
        return number(max(one.quantity or Decimal(0) for one in own), locale, "kW", significant=4) if own else ""
    if key[0] == "tax":
        rates = {one.price for one in own}
        return number(rates.pop(), locale, "%") if len(rates) == 1 else ""
    return ""
