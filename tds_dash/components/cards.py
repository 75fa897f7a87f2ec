"""The cards of a page: one number each, what it is compared with, its last 30 days; the whole card is a link."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from tds_dash import theme, wording
from tds_dash.components.attributes import DECORATION
from tds_dash.wording import t


class Change(NamedTuple):
    """A change against the comparable part of the period before; where it would not be fair, only the reason."""

    share: Decimal | None
    period: str = ""
    reason: str = ""


def metric_card(
    label: str,
    number: str,
    unit: str = "",
    *,
    locale: str,
    change: Change | None = None,
    sparkline: go.Figure | None = None,
    href: str = "",
    resource: str = "",
    note: Component | str = "",
) -> html.Div:
    """Give a card: label, number with unit, change or note, sparkline; `resource` colours its edge."""
    figures: list[Any] = [html.Span(number, className="tds-card-number")]
    if unit:
        figures += [" ", html.Span(unit, className="tds-card-unit")]
    lower: list[Any] = [html.Div(change_note(change, locale) if change else note, className="tds-card-note")]
    if sparkline is not None:
        lower.append(dcc.Graph(figure=sparkline, config=theme.STILL, className="tds-sparkline", responsive=True))
    body = [html.Div(label, className="tds-card-label"), html.Div(figures, className="tds-card-value"), *lower]
    edge = f" tds-edge-{resource}" if resource else ""
    inner: Component = (
        dcc.Link(body, href=href, className=f"tds-card tds-metric{edge}")
        if href
        else html.Div(body, className=f"tds-card tds-metric{edge}")
    )
    return html.Div(inner, className="tds-card-slot")


def metric_cards(cards: Sequence[Component], *, id: str | None = None, compact: bool = False) -> html.Div:
    """Put cards in a row: four on a laptop, two on a tablet, one on a phone; compact ones have no sparkline."""
    given: dict[str, Any] = {"id": id} if id else {}
    return html.Div(list(cards), className="tds-cards tds-cards-compact" if compact else "tds-cards", **given)


def change_note(change: Change, locale: str) -> html.Span:
    """Say a change in percent with its direction; grey with the reason where there is none."""
    if change.share is None:
        return html.Span(change.reason or t("change.none_before", locale), className="tds-change tds-change-none")
    share = wording.percent(change.share, locale, sign=True)
    if wording.percent(change.share, locale) == wording.percent(0, locale):
        return html.Span(t("change.same", locale, period=change.period), className="tds-change")
    arrow = "arrow-up-right" if change.share > 0 else "arrow-down-right"
    icon = html.I(className=f"bi bi-{arrow}", **DECORATION)
    said = t("change.against", locale, percent=share, period=change.period)
    return html.Span([icon, " ", said], className="tds-change")
