"""What the events page answers: the queue to review, what was decided, and what each event lets a person do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from sql.decisions import Event
from sql.fleet import Account
from sql.queries.devices import Device
from tds_dash import wording
from tds_dash.components import empty_state
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.dialogs import notice
from tds_dash.event_words import ICONS, between, decided, plainly, said
from tds_dash.wording import t

VERBS = ("accept", "correct", "ignore", "undo")


class Shown(NamedTuple):
    """How events are shown: as of now, in which zone and language, to whom, with which devices to link to."""

    now: datetime
    zone: tzinfo
    locale: str
    may_edit: bool
    devices: Mapping[int, Device]


def verbs(event: Event) -> tuple[str, ...]:
    """Give what may be done with an event as it stands, the likeliest first."""
    if event.decision is not None:
        return ("undo",)
    if event.kind == "unresolved":
        return ("correct", "ignore", "accept")
    return {"glitch": ("accept",), "replacement": ("accept", "correct")}.get(event.kind, ("accept", "correct", "ignore"))


def listed(events: Sequence[Event], most: int, shown: Shown, *, reviewed: bool) -> Component:
    """Give events as a list under a heading that counts them."""
    counted = t("events.decided" if reviewed else "events.to_review", shown.locale, n=min(len(events), most))
    items = html.Ul([item(event, shown) for event in events[:most]], className="tds-events")
    more = html.P(t("events.many_more", shown.locale), className="tds-muted") if len(events) > most else None
    return html.Div([html.H2(counted, className="tds-section-title"), items, more])


def nothing(at_all: bool, locale: str) -> Component:
    """Say that there is nothing to review, or nothing at all."""
    key = "events.empty" if at_all else "events.all_reviewed"
    return empty_state(t(key, locale), t(f"{key}_text", locale), icon="clipboard-check")


def none_decided(locale: str) -> Component:
    """Say that nothing was decided yet."""
    return html.P(t("events.none_decided", locale), className="tds-muted")


def item(event: Event, shown: Shown) -> html.Li:
    """Give one event: what kind, of which device, when, the sentence, what was decided, and the buttons."""
    icon = html.I(className=f"bi bi-{ICONS[event.kind]}", **DECORATION)
    kind = html.Span([icon, t(f"events.{event.kind}", shown.locale)], className=f"tds-event-kind tds-event-{event.kind}")
    found = t("events.detected", shown.locale, ago=wording.since(event.detected_at, shown.now, shown.locale))
    head = html.Div([kind, device_link(event, shown)], className="tds-event-head")
    when = html.Div(between(event, shown.zone, shown.locale), className="tds-event-when", title=found)
    was = decided(event, shown.zone, shown.locale)
    words = [head, html.P(said(event, shown.locale), className="tds-event-said"), when]
    if was:
        mark = html.I(className="bi bi-check2", **DECORATION)
        words.append(html.Div([mark, was], className="tds-event-decided"))
    return html.Li([html.Div(words), buttons(event, shown) if shown.may_edit else None], className="tds-event")


def device_link(event: Event, shown: Shown) -> Component:
    """Name the device; a retired one has no page to lead to."""
    device = shown.devices.get(event.device_id)
    if device is None:
        return html.Span(event.device_name)
    swatch = html.Span(className=f"tds-swatch tds-swatch-{device.resource}", **DECORATION)
    return dcc.Link([swatch, device.name], href=f"/device/{device.id}")


def buttons(event: Event, shown: Shown) -> html.Div:
    """Give the buttons of an event; assets/events.js sends what is pressed to the page's callbacks."""
    found = []
    for verb in verbs(event):
        first = verb == verbs(event)[0] and verb != "undo"
        look = "btn btn-sm btn-primary" if first else "btn btn-sm btn-outline-secondary"
        name = f"{event.device_name}. {plainly(event, shown.locale)}"
        words: dict[str, Any] = {"data-verb": verb, "data-event": str(event.id)}
        words |= labelled(t(f"events.{verb}_of", shown.locale, event=name))
        found.append(html.Button(t(f"events.{verb}", shown.locale), className=look, **words))
    return html.Div(found, className="tds-event-actions")


def no_right(role: str | None, account: Account, locale: str) -> Component:
    """Say which role may decide."""
    names = {name: t(f"role.{name}", locale) for name in ("editor", "admin")}
    mine = t(f"role.{role}", locale) if role else ""
    text = t("events.no_right", locale, **names, role=mine, account=account.name)
    return html.Div([html.I(className="bi bi-lock", **DECORATION), text], className="alert alert-warning tds-note", role="note")


def done(verb: str, locale: str) -> Component:
    """Say what was done and when the figures follow."""
    return notice(t(f"events.done_{verb}", locale), ok=True)
