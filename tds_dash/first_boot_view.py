"""First boot as it is shown: who waits, what an admin finds by a label, and how far each gateway that was taken is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql.claims import Claim, Expected, Label, Waiting, claims, expected
from tds_dash import wording
from tds_dash.attention_item import Item
from tds_dash.certificates_view import Shown, button, note
from tds_dash.components import facts_list, sentence
from tds_dash.components.attributes import DECORATION
from tds_dash.components.states import badge
from tds_dash.components.tables import Cell
from tds_dash.condition import since
from tds_dash.wording import t

STEPS = ("taken", "signed", "delivered", "publishing")
ICONS = {"done": "check-circle-fill", "now": "hourglass-split", "open": "circle"}
KEY_SHOWN = 16


def demonstration(label: Label | None, shown: Shown) -> Component | None:
    """Say what is written on the demonstration's gateway, with a button that types it."""
    if label is None or not shown.may_act:
        return None
    said = sentence("first_boot.demonstration", shown.locale, mac=label.mac, serial=label.serial_number)
    take = claim_button(t("first_boot.take", shown.locale), label.mac, label.mac, shown, serial=label.serial_number)
    icon = html.I(className="bi bi-tag", **DECORATION)
    return html.Div([icon, said, take], className="alert alert-warning tds-note tds-first-boot-demo", role="note")


def expected_list(found: Sequence[Expected], shown: Shown) -> Component | None:
    """Give the gateways that the account registered and that wait."""
    if not found:
        return None
    head = html.H3(t("first_boot.expected", shown.locale), className="tds-section-title")
    return html.Div([head, html.Ul([expected_item(one, shown) for one in found], className="tds-batches")])


def expected_item(one: Expected, shown: Shown) -> html.Li:
    """Give one of them: its name, what it says of itself, since when it asks."""
    locale = shown.locale
    since = wording.date_clock(one.first_seen_at, locale, shown.zone)
    words: list[Component] = [
        name_line(one.gateway, one.mac),
        html.Div(t("first_boot.made", locale, model=one.model or wording.NOTHING, firmware=one.firmware or wording.NOTHING)),
        html.Div(
            t("first_boot.expected_since", locale, time=since, ago=wording.since(one.last_seen_at, shown.now, locale)),
            className="tds-muted",
        ),
    ]
    if one.certified:
        words.append(note(t("first_boot.expected_certified", locale), "exclamation-triangle"))
    if one.keys > 1:
        words.append(note(t("first_boot.expected_keys", locale, n=one.keys), "exclamation-triangle"))
    take = claim_button(t("first_boot.take", locale), one.gateway, one.mac, shown) if shown.may_act else None
    return item(words, [take] if take else [])


def claim_list(found: Sequence[Claim], shown: Shown) -> Component | None:
    """Give what the account decided, and how far each gateway is."""
    if not found:
        return None
    head = html.H3(t("first_boot.claims", shown.locale), className="tds-section-title")
    return html.Div([head, html.Ul([claim_item(one, shown) for one in found], className="tds-batches")])


def claim_item(one: Claim, shown: Shown) -> html.Li:
    """Give one gateway: what it is, who decided, its steps, and what comes next."""
    locale = shown.locale
    says = {"model": one.model or wording.NOTHING, "firmware": one.firmware or wording.NOTHING, "serial": one.serial_number}
    words: list[Component] = [
        name_line(one.gateway or one.mac, one.mac),
        html.Div(t("first_boot.says", locale, **says)),
        html.Div(decided(one, shown), className="tds-muted"),
    ]
    if one.state == "refused":
        words.append(badge("offline", t("first_boot.was_refused", locale)))
        take = claim_button(t("first_boot.take_after_all", locale), one.mac, one.mac, shown) if shown.may_act else None
        return item(words, [take] if take else [])
    if one.fault is not None:
        return item([*words, note(t("first_boot.fault", locale), "exclamation-octagon")], [])
    return item([*words, steps(one, locale), html.Div(next_step(one, shown))], [])


def steps(one: Claim, locale: str) -> html.Ol:
    """Give the way of a gateway, each step with a shape and a word for how it stands."""
    reached = [True, one.certificate_serial is not None, one.delivered_at is not None, one.heard_at is not None]
    done = max(place for place, there in enumerate(reached) if there)
    states = ["done" if place <= done else "now" if place == done + 1 else "open" for place in range(len(STEPS))]
    return html.Ol([step(name, state, locale) for name, state in zip(STEPS, states, strict=True)], className="tds-steps")


def step(name: str, state: str, locale: str) -> html.Li:
    """Give one step."""
    said = html.Span(f" ({t(f'first_boot.step_{state}', locale)})", className="visually-hidden")
    icon = html.I(className=f"bi bi-{ICONS[state]}", **DECORATION)
    return html.Li([icon, t(f"first_boot.step_{name}", locale), said], className=f"tds-step tds-step-{state}")


def next_step(one: Claim, shown: Shown) -> list[Any]:
    """Say what a gateway waits for, or what it does."""
    locale = shown.locale
    if one.heard_at is None:
        waits = "signed" if one.certificate_serial is None else "delivered" if one.delivered_at is None else "publishing"
        return [t(f"first_boot.wait_{waits}", locale)]
    heard = t("first_boot.publishing_since", locale, ago=wording.since(one.heard_at, shown.now, locale))
    if one.devices:
        return [heard, " ", dcc.Link(t("first_boot.devices", locale, n=one.devices), href=f"/gateway/{one.gateway_id}")]
    link = dcc.Link(
        t("first_boot.devices_link", locale, gateway=one.gateway or one.mac), href=f"/rejections?gateway={one.gateway_id}"
    )
    return [heard, " ", t("first_boot.devices_missing", locale), " ", link]


def decided(one: Claim, shown: Shown) -> str:
    """Say who took or refused a gateway, and when."""
    words = {"time": wording.date_clock(one.decided_at, shown.locale, shown.zone), "by": one.decided_by}
    if one.state != "refused":
        return t("first_boot.taken_by", shown.locale, **words)
    return t(f"first_boot.refused_{'why' if one.reason else 'by'}", shown.locale, reason=one.reason or "", **words)


def found_facts(one: Waiting, shown: Shown) -> Component:
    """Give what a gateway that was looked for says of itself, and what a person should know before taking it."""
    locale = shown.locale
    facts: list[tuple[str, Cell]] = [
        (t("first_boot.model", locale), one.model or wording.NOTHING),
        (t("first_boot.firmware", locale), one.firmware or wording.NOTHING),
        (t("first_boot.waits_since", locale), wording.date_clock(one.first_seen_at, locale, shown.zone)),
        (t("first_boot.last_heard", locale), wording.since(one.last_seen_at, shown.now, locale)),
        (t("first_boot.key", locale), html.Code(one.key[:KEY_SHOWN], className="tds-code", title=one.key)),
    ]
    said = html.P(t("first_boot.found_refused" if one.refused else "first_boot.found", locale))
    warnings = [note(t("first_boot.others", locale), "exclamation-triangle")] if one.others else []
    return html.Div([said, facts_list(facts), *warnings], className="tds-form")


def name_line(name: str, mac: str) -> html.Div:
    """Give a gateway's name and its MAC, once where they are the same."""
    code = html.Code(mac, className="tds-code tds-muted")
    return html.Div(code if name == mac else [name, " ", code], className="tds-batch-name")


def claim_button(text: str, name: str, mac: str, shown: Shown, **more: str) -> html.Button:
    """Give a button that opens the dialog with the MAC typed already."""
    return button("claim", text, t("first_boot.take_of", shown.locale, gateway=name), "primary", mac=mac, **more)


def item(words: Sequence[Component], actions: Sequence[Component]) -> html.Li:
    """Put words and buttons of one gateway beside each other."""
    parts = [html.Div(list(words), className="tds-batch-words"), html.Div(list(actions), className="tds-row-actions")]
    return html.Li(parts if actions else parts[:1], className="tds-batch")


def attention_items(conn: Connection, now: datetime, zone: tzinfo, locale: str) -> list[Item]:
    """Give what an administrator should see to: gateways that wait for the account, and those that get no certificate."""
    items = [
        Item(
            "warning",
            sentence(
                f"first_boot.attention.{'certified' if one.certified else 'waiting'}",
                locale,
                name=one.gateway,
                time=since(one.first_seen_at, now, zone, locale),
            ),
            "/certificates",
            one.first_seen_at,
        )
        for one in expected(conn)
    ]
    faulty = (one for one in claims(conn) if one.fault is not None)
    return items + [
        Item(
            "fault", sentence("first_boot.attention.fault", locale, name=one.gateway or one.mac), "/certificates", one.decided_at
        )
        for one in faulty
    ]
