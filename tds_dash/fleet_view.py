"""What the pages of the fleet answer: the status at a glance, one page of a list, what has no lines to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from sql.queries.fleet import DeviceLine, GatewayLine, in_state
from tds_dash import wording
from tds_dash.components import condition_badge, data_table, empty_state, status_badge
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.dialogs import labelled_field
from tds_dash.components.tables import Cell, Column
from tds_dash.wording import number, t


class Question(NamedTuple):
    """What is asked before something is done; `word`: to be typed where something is lost; `allowed`: false where it cannot be."""

    title: str
    said: list[Component]
    save: str
    word: str = ""
    allowed: bool = True


class Shown(NamedTuple):
    """How the fleet is shown: as of now, in which zone and language, to somebody who may change it or not."""

    now: datetime
    zone: tzinfo
    locale: str
    may_edit: bool


def glance(thing: str, counts: Mapping[str, int], states: Sequence[str], chosen: str, locale: str) -> Component:
    """Give each state with how many are in it, as buttons that filter by it; assets/fleet.js sets the filter."""
    found = []
    for state in states:
        n = in_state(counts, state)
        if not (n or state in ("", chosen)):
            continue
        word = t("fleet.in_use", locale) if not state else word_of(thing, state, locale)
        mark: dict[str, Any] = {
            "data-state-of": thing,
            "data-state": state,
            "aria-pressed": "true" if state == chosen else "false",
        }
        dot = html.Span(className="tds-dot", **DECORATION) if state else None
        look = f"tds-glance tds-status tds-status-{look_of(thing, state)}" if state else "tds-glance"
        found.append(html.Button([dot, html.Strong(number(n, locale)), word], className=look, **mark))
    return html.Div(found, className="tds-glances", role="group", **labelled(t("fleet.glance", locale)))


def word_of(thing: str, state: str, locale: str) -> str:
    """Name a state of a gateway or a device."""
    if state in ("attention", "full", "retired"):
        return t(f"fleet.{state}", locale)
    return t(f"status.{state}" if thing == "gateways" else f"condition.{state}", locale)


def look_of(thing: str, state: str) -> str:
    """Give the look of a state."""
    looks = {
        "reporting": "online",
        "late": "silent",
        "stuck": "silent",
        "inactive": "retired",
        "attention": "silent",
        "full": "silent",
    }
    return looks.get(state, state)


def devices_table(found: Sequence[DeviceLine], shown: Shown) -> Component:
    """Give one page of devices as a table, with buttons for whoever may use them."""
    locale = shown.locale
    columns = [
        Column(t("field.name", locale), wraps=True),
        Column(t("field.status", locale)),
        Column(t("field.last_reading", locale), "end"),
        Column(t("field.time", locale), secondary=True),
        Column(t("field.gateway", locale), wraps=True),
        Column(t("field.code", locale)),
    ]
    columns += [Column(t("field.actions", locale), "end")] if shown.may_edit else []
    lines = [[*device_cells(one, shown), *([device_buttons(one, locale)] if shown.may_edit else [])] for one in found]
    return data_table(columns, lines, caption=t("devices.caption", locale))


def device_cells(one: DeviceLine, shown: Shown) -> list[Cell]:
    """Give a device's cells."""
    locale = shown.locale
    swatch = html.Span(className=f"tds-swatch tds-swatch-{one.resource}", title=t(f"resource.{one.resource}", locale))
    return [
        dcc.Link([swatch, one.name], href=f"/device/{one.id}"),
        condition_badge(one.state, locale, title=wording.date_clock(one.since, locale, shown.zone) if one.since else ""),
        number(one.last_value, locale, one.unit) if one.last_value is not None else "",
        ago(one.last_time, shown),
        dcc.Link(one.gateway_name, href=f"/gateway/{one.gateway_id}"),
        html.Span(one.code, className="tds-code"),
    ]


def device_buttons(one: DeviceLine, locale: str) -> html.Div:
    """Give what may be done with a device from the list; the rest is in its dialog."""
    # One that is retired with its gateway moves to another; one that is retired itself is used again where it is.
    verbs = ("edit",) if one.state != "retired" else ("reinstate", "delete") if one.retired else ("move", "delete")
    return html.Div([act("devices", verb, one.id, one.name, locale) for verb in verbs], className="tds-row-actions")


def gateways_table(found: Sequence[GatewayLine], shown: Shown) -> Component:
    """Give one page of gateways as a table, with buttons for whoever may use them."""
    locale = shown.locale
    columns = [
        Column(t("field.name", locale), wraps=True),
        Column(t("field.status", locale), wraps=True),
        Column(t("field.last_seen", locale), secondary=True),
        Column(t("field.devices", locale), "end"),
        Column(t("field.mac", locale)),
    ]
    columns += [Column(t("field.actions", locale), "end")] if shown.may_edit else []
    lines = [[*gateway_cells(one, shown), *([gateway_buttons(one, locale)] if shown.may_edit else [])] for one in found]
    return data_table(columns, lines, caption=t("gateways.caption", locale))


def gateway_cells(one: GatewayLine, shown: Shown) -> list[Cell]:
    """Give a gateway's cells."""
    locale, state = shown.locale, one.state
    return [
        dcc.Link(one.name, href=f"/gateway/{one.id}"),
        [status_badge(state, locale), *unwell(one, locale)],  # type: ignore[arg-type]
        ago(one.last_seen_at, shown),
        capacity(one, locale),
        html.Code(one.mac),
    ]


def gateway_buttons(one: GatewayLine, locale: str) -> html.Div:
    """Give what may be done with a gateway from the list; the rest is in its dialog."""
    verbs = ("reinstate", "delete") if one.state == "retired" else ("edit",)
    return html.Div([act("gateways", verb, one.id, one.name, locale) for verb in verbs], className="tds-row-actions")


def capacity(one: GatewayLine, locale: str) -> list[Component | str]:
    """Say how full a gateway is, with a bar that shows it."""
    said = t("gateways.devices_of", locale, n=one.devices, capacity=one.capacity)
    share: dict[str, Any] = {"data-full": str(min(10, round(10 * one.devices / one.capacity))), **DECORATION}
    return [html.Span(className="tds-full", **share), said]


def unwell(one: GatewayLine, locale: str) -> list[Component]:
    """Say how many of a gateway's devices do not do well behind it; nothing where all do."""
    counted = (("overview.devices_silent", one.devices_silent), ("overview.devices_stuck", one.devices_stuck))
    dot = html.Span(className="tds-dot", **DECORATION)
    return [html.Span([dot, t(key, locale, n=n)], className="tds-status tds-status-silent") for key, n in counted if n]


def ago(moment: datetime | None, shown: Shown) -> Component:
    """Say how long ago something was, and exactly when to whoever points at it."""
    exact = wording.date_clock(moment, shown.locale, shown.zone) if moment else None
    return html.Span(wording.since(moment, shown.now, shown.locale), title=exact)


def act(thing: str, verb: str, id: int, name: str, locale: str, look: str = "outline-secondary", closes: str = "") -> html.Button:
    """Give a button that says what it asks for; assets/fleet.js sends it to the page's callbacks."""
    words: dict[str, Any] = {"data-fleet": verb, "data-thing": thing, "data-id": str(id)}
    words |= {"data-closes": closes} if closes else {}
    words |= labelled(t(f"fleet.{verb}_of", locale, name=name))
    return html.Button(t(f"fleet.{verb}", locale), className=f"btn btn-sm btn-{look}", **words)


def nothing(thing: str, filtered: bool, locale: str) -> Component:
    """Say that there is nothing, or nothing that fits."""
    icon = "speedometer" if thing == "devices" else "hdd-network"
    if filtered:
        return empty_state(t("fleet.nothing_fits", locale), t("fleet.nothing_fits_text", locale), icon=icon)
    return empty_state(t(f"{thing}.empty", locale), t(f"{thing}.empty_text", locale), icon=icon)


def pager(thing: str, locale: str) -> html.Div:
    """Give the buttons to the pages before and after, and between them which lines are shown."""
    turn: dict[str, Any] = {"type": "button", "className": "btn btn-outline-primary", "disabled": True}
    return html.Div(
        [
            html.Button(t("action.previous", locale), id=f"{thing}-previous", **turn),
            html.Span(id=f"{thing}-range", className="tds-muted"),
            html.Button(t("action.next", locale), id=f"{thing}-next", **turn),
        ],
        className="tds-pager tds-actions",
    )


def search(thing: str, query: Mapping[str, Any], locale: str) -> html.Div:
    """Give the text to look for, as the address has it."""
    field = dbc.Input(
        id=f"{thing}-search",
        type="search",
        value=str(query.get("search") or "")[:100],
        debounce=0.4,
        maxLength=100,
        placeholder=t(f"fleet.search_{thing}", locale),
        className="tds-input",
    )
    return html.Div(labelled_field(f"{thing}-search", t("action.search", locale), field), className="tds-field-wide")


def select(thing: str, name: str, label: str, options: Sequence[tuple[str, str]], value: str) -> html.Div:
    """Give a filter of which one value is on."""
    choices = [{"value": key, "label": word} for key, word in options]
    field = dbc.Select(id=f"{thing}-{name}", options=choices, value=value)
    return html.Div(labelled_field(f"{thing}-{name}", label, field), className="tds-field-wide")
