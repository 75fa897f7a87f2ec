"""The half-minute beat of a page, and its heading's words."""

from __future__ import annotations

from datetime import datetime

from dash import dcc, html

from tds_dash import wording
from tds_dash.identity import locale, zone
from tds_dash.wording import t

EVERY_MS = 30_000


def beat(id: str) -> html.Div:  # noqa: A002 - Dash's own word
    """Give the interval `id` of a page; assets/shell.js stops it while nobody looks."""
    return html.Div([dcc.Interval(id=id, interval=EVERY_MS), html.Span(hidden=True, **{"data-refreshes": id})], hidden=True)


def refreshed(now: datetime) -> str:
    """Say when what is shown was asked for."""
    return t("overview.refreshed", locale(), time=wording.clock(now, locale(), zone(), seconds=True))


def page_title(key: str) -> str:
    """Give the browser's title of a page."""
    return f"{t(key, locale())} · {t('app.name', locale())}"
