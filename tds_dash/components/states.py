"""What stands where data should be: loading, empty, failing, stale, no right; and how a thing is doing."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal

from dash import dcc, html

from tds_dash import wording
from tds_dash.components.attributes import DECORATION
from tds_dash.wording import t

State = Literal["online", "offline", "silent", "never", "retired"]
# How a device does, and the look of the state that it shares.
LOOKS: dict[str, State] = {
    "reporting": "online",
    "stuck": "silent",
    "late": "silent",
    "silent": "silent",
    "offline": "offline",
    "never": "never",
    "inactive": "retired",
    "retired": "retired",
}


def sentence(key: str, locale: str, **values: object) -> html.Span:
    """Give a sentence as a component: what stands between asterisks in the table is stressed."""
    pieces = wording.template_of(key, locale, values).split("*")
    shown = wording.shown(values, locale)
    texts = [piece.format(**shown) for piece in pieces]
    return html.Span([html.Strong(text) if index % 2 else text for index, text in enumerate(texts) if text])


def status_badge(state: State, locale: str) -> html.Span:
    """Say how a gateway is doing by a word and a shape; the colour only helps."""
    return badge(state, t(f"status.{state}", locale))


def condition_badge(state: str, locale: str, *, title: str = "") -> html.Span:
    """Say how a device is doing, as `tds.device_state` judges it."""
    return badge(LOOKS[state], t(f"condition.{state}", locale), title)


def badge(look: State, word: str, title: str = "") -> html.Span:
    """Give a word behind its shape."""
    return html.Span(
        [html.Span(className="tds-dot", **DECORATION), word], className=f"tds-status tds-status-{look}", title=title or None
    )


def stale_note(last: datetime | None, interval: timedelta, *, now: datetime, zone: tzinfo, locale: str) -> html.Span:
    """Say when the last reading came; amber after twice the interval at which it is expected."""
    if last is None:
        return late(t("status.never", locale), "")
    exact = wording.date_clock(last, locale, zone)
    if now - last <= 2 * interval:
        return html.Span(t("state.stale", locale, ago=wording.since(last, now, locale)), className="tds-stale", title=exact)
    same_day = last.astimezone(zone).date() == now.astimezone(zone).date()
    time = wording.clock(last, locale, zone) if same_day else exact
    return late(t("state.stale_late", locale, time=time), exact)


def late(text: str, exact: str) -> html.Span:
    """Give a note in amber behind a diamond."""
    mark = html.Span(className="tds-dot", **DECORATION)
    return html.Span([mark, text], className="tds-stale tds-stale-late", title=exact or None)


def empty_state(
    title: str, text: str, *, action: str = "", href: str = "", icon: str = "inbox", whole_page: bool = False
) -> html.Div:
    """Say what will be here, and offer the one button that gets it; where it is the whole page, under the page's heading."""
    heading = (
        html.H1(title, tabIndex=-1, className="tds-state-title") if whole_page else html.P(title, className="tds-state-title")
    )
    children: list[Any] = [
        html.I(className=f"bi bi-{icon} tds-state-icon", **DECORATION),
        heading,
        html.P(text, className="tds-state-text"),
    ]
    if action and href:
        children.append(dcc.Link(action, href=href, className="btn btn-primary"))
    return html.Div(children, className="tds-state")


def error_state(
    what: str, *, error_id: str, since: datetime, zone: tzinfo, locale: str, retry_id: str | dict[str, Any] | None = None
) -> html.Div:
    """Say what failed, since when, an id to quote, and offer a retry."""
    time = wording.clock(since, locale, zone)
    children: list[Any] = [
        html.I(className="bi bi-exclamation-triangle tds-state-icon", **DECORATION),
        html.P(t("state.failed", locale, what=what), className="tds-state-title"),
        html.P(t("state.failed_text", locale), className="tds-state-text"),
        html.P(t("state.failed_since", locale, time=time, id=error_id), className="tds-state-id"),
    ]
    if retry_id is not None:
        children.append(html.Button(t("action.retry", locale), id=retry_id, className="btn btn-outline-primary"))
    return html.Div(children, className="tds-state tds-state-failed", role="alert")


def no_right_state(role: str, account: str, locale: str, whole_page: bool = False) -> html.Div:
    """Say which role may see this."""
    return empty_state(
        t("state.no_right", locale, role=t(f"role.{role}", locale)),
        t("state.no_right_text", locale, account=account),
        icon="lock",
        whole_page=whole_page,
    )


def skeleton(height: Literal["line", "card", "chart", "table"] = "chart") -> html.Div:
    """Give the shape of what is being loaded, of the same size; it shows itself after 300 ms."""
    return html.Div(className=f"tds-skeleton tds-skeleton-{height}", **DECORATION)


def card_skeletons(n: int = 4) -> list[html.Div]:
    """Give n card-sized skeletons for a row of metric cards."""
    return [html.Div(skeleton("card"), className="tds-card-slot") for _ in range(n)]
