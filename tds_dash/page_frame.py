"""What every page has: its place in the register, its title, the half-minute beat that keeps it fresh, and the looks after a change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash
import plotly.graph_objects as go
from dash import Patch, dcc, html

from tds_dash import wording
from tds_dash.identity import locale, zone
from tds_dash.wording import t

EVERY_MS = 30_000
_register: Any = dash.register_page  # carries no types


def register_page(module: str, title: str, **where: Any) -> None:
    """Register a page under its path; `title` is the key of its name, told in the reader's language at each visit."""
    _register(module, title=lambda **_: page_title(title), **where)


def page_title(key: str) -> str:
    """Give the browser's title of a page."""
    return f"{t(key, locale())} · {t('app.name', locale())}"


def beat(id: str) -> html.Div:
    """Give the interval `id` of a page; assets/shell.js stops it while nobody looks."""
    mark: dict[str, Any] = {"data-refreshes": id}
    return html.Div([dcc.Interval(id=id, interval=EVERY_MS), html.Span(hidden=True, **mark)], hidden=True)


def stamp() -> float:
    """Give a value that no other change has had, so that whatever shows what was changed looks again."""
    return datetime.now(UTC).timestamp()


def looks_until(looks: object, more: int) -> int:
    """Give the number of looks after which an interval that has made `looks` stops: so many more."""
    return (looks if isinstance(looks, int) else 0) + more


def goes_first(output: str) -> html.Span:
    """Name the output that a page is opened for; assets/first.js has the rest of it wait for that."""
    mark: dict[str, Any] = {"data-goes-first": output}
    return html.Span(hidden=True, **mark)


def redrawn(figure: go.Figure, drawn: object) -> go.Figure | Patch:
    """Give a figure for a graph that shows the view `drawn`: the whole, or only its data where the view is the same.

    Dash 4.4 writes a zoom into the figure that it keeps, and plotly's uirevision then takes the zoom for what was asked
    for; a new layout would undo it. So while the view stays, the layout stays with the browser.
    """
    view = drawn.get("view") if isinstance(drawn, dict) else drawn
    if view != figure.layout.uirevision:
        return figure
    patch = Patch()
    patch["data"] = figure.to_dict()["data"]
    return patch


def refreshed(now: datetime) -> str:
    """Say when what is shown was asked for."""
    return t("overview.refreshed", locale(), time=wording.clock(now, locale(), zone(), seconds=True))
