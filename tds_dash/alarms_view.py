"""What the alarms page answers: what is open, what was, the rules, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from sql.alarm_recipients import Recipient
from sql.alarm_rules import Rule
from sql.alarms import Alarm, Waiting
from sql.fleet import Account
from tds_dash import alarm_words
from tds_dash.components import data_table, empty_state
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.states import badge
from tds_dash.components.tables import Column
from tds_dash.wording import t


class Shown(NamedTuple):
    """How alarms are shown: as of now, in which zone and language, to whom."""

    now: datetime
    zone: tzinfo
    locale: str
    may_edit: bool
    is_admin: bool = False


# What only administrators may ask for is asked for apart: else a press of somebody else's would be refused in their name.
OF_ADMINS = ("recipient", "wishes", "try")


def act(verb: str, number: int | None, words: str, label: str, look: str = "btn-outline-secondary") -> html.Button:
    """Give a button that asks the page for something; assets/fleet.js sends it."""
    thing = "alarms-who" if verb in OF_ADMINS else "alarms"
    facts: Any = {"data-fleet": verb, "data-thing": thing, **({"data-id": str(number)} if number is not None else {})}
    return html.Button(words, className=f"btn btn-sm {look}", **facts, **labelled(label))


def listed(alarms: Sequence[Alarm], counts: Waiting | None, shown: Shown) -> Component:
    """Give alarms as a list under a heading that counts what is open."""
    heading = t("alarms.history_title", shown.locale) if counts is None else t("alarms.open_n", shown.locale, n=counts.open)
    waiting = None
    if counts is not None and counts.unacknowledged:
        waiting = html.P(t("alarms.waiting", shown.locale, n=counts.unacknowledged), className="tds-muted")
    items = html.Ul([item(alarm, shown) for alarm in alarms], className="tds-events")
    return html.Div([html.H2(heading, className="tds-section-title"), waiting, items])


def item(alarm: Alarm, shown: Shown) -> html.Li:
    """Give one alarm: what kind, of what, the sentence, since when, who took note."""
    icon = html.I(className=f"bi bi-{alarm_words.ICONS[alarm.kind]}", **DECORATION)
    kind = t(f"alarms.kind_{alarm.kind}", shown.locale)
    look = "tds-event-unresolved" if alarm.closed_at is None and alarm.acknowledged_at is None else ""
    head = html.Div([html.Span([icon, kind], className=f"tds-event-kind {look}"), link(alarm)], className="tds-event-head")
    words: list[Component] = [
        head,
        html.P(alarm_words.said(alarm, shown.zone, shown.locale), className="tds-event-said"),
        html.Div(alarm_words.lasted(alarm, shown.now, shown.zone, shown.locale), className="tds-event-when"),
    ]
    if was := alarm_words.taken(alarm, shown.zone, shown.locale):
        words.append(html.Div([html.I(className="bi bi-check2", **DECORATION), was], className="tds-event-decided"))
    button = None
    if shown.may_edit and alarm.acknowledged_at is None:
        label = t("alarms.acknowledge_of", shown.locale, name=alarm.name, kind=kind)
        look = "btn-primary" if alarm.closed_at is None else "btn-outline-secondary"
        button = html.Div(
            act("acknowledge", alarm.id, t("alarms.acknowledge", shown.locale), label, look), className="tds-event-actions"
        )
    return html.Li([html.Div(words), button], className="tds-event")


def link(alarm: Alarm) -> Component:
    """Name what it is about, and lead there."""
    if alarm.device_id is None:
        return dcc.Link(alarm.name, href=f"/gateway/{alarm.gateway_id}")
    swatch = html.Span(className=f"tds-swatch tds-swatch-{alarm.resource}", **DECORATION)
    return dcc.Link([swatch, alarm.name], href=f"/device/{alarm.device_id}")


def nothing(view: str, filtered: bool, has_rules: bool, locale: str) -> Component:
    """Say that there is nothing, and what would be here."""
    key = "nothing_filtered" if filtered else "no_history" if view == "history" else "calm" if has_rules else "no_rules_open"
    return empty_state(
        t(f"alarms.{key}", locale), t(f"alarms.{key}_text", locale), icon="bell" if key != "calm" else "check-circle"
    )


def rules(found: Sequence[Rule], shown: Shown) -> Component:
    """Give the rules as a table."""
    if not found:
        return empty_state(t("alarms.no_rules", shown.locale), t("alarms.no_rules_text", shown.locale), icon="sliders")
    columns = [
        Column(t("alarms.rule_kind", shown.locale), wraps=True),
        Column(t("alarms.rule_target", shown.locale), wraps=True),
        Column(t("alarms.rule_limit", shown.locale), "end"),
        Column(t("alarms.rule_state", shown.locale)),
        Column(t("alarms.rule_open", shown.locale), "end", secondary=True),
        *([Column(t("field.actions", shown.locale), "end")] if shown.may_edit else []),
    ]
    heading = html.H2(t("alarms.rules_n", shown.locale, n=len(found)), className="tds-section-title")
    lines = [rule_line(rule, shown) for rule in found]
    table = data_table(columns, lines, caption=t("alarms.rules_caption", shown.locale))
    return html.Div([heading, html.Div(table, className="tds-fleet-list")])


def rule_line(rule: Rule, shown: Shown) -> list[Any]:
    """Give a rule's cells."""
    words = {"rule": alarm_words.named(rule, shown.locale)}
    buttons = []
    if rule.threshold is not None or rule.percent is not None:
        buttons.append(act("edit", rule.id, t("action.edit", shown.locale), t("alarms.edit_of", shown.locale, **words)))
    verb = "pause" if rule.active else "resume"
    buttons.append(act(verb, rule.id, t(f"alarms.{verb}", shown.locale), t(f"alarms.{verb}_of", shown.locale, **words)))
    buttons.append(act("delete", rule.id, t("action.delete", shown.locale), t("alarms.delete_of", shown.locale, **words)))
    icon = html.I(className=f"bi bi-{alarm_words.ICONS[rule.kind]} me-2", **DECORATION)
    return [
        html.Span([icon, t(f"alarms.kind_{rule.kind}", shown.locale)]),
        alarm_words.target(rule, shown.locale),
        alarm_words.limit(rule, shown.locale) if rule.kind not in ("silence", "stuck") else "",
        badge("online" if rule.active else "retired", t(f"alarms.rule_{'on' if rule.active else 'off'}", shown.locale)),
        str(rule.open or ""),
        *([html.Div(buttons, className="tds-row-actions")] if shown.may_edit else []),
    ]


def recipients(found: Sequence[Recipient], shown: Shown) -> Component:
    """Give who is told as a table, with whether it arrives."""
    if not shown.may_edit:
        return empty_state(
            t("alarms.view_told", shown.locale), t("alarms.told_no_right", shown.locale, **_roles(shown.locale)), icon="lock"
        )
    if not found:
        text = t("alarms.no_recipients_text" if shown.is_admin else "alarms.admin_only", shown.locale)
        return empty_state(t("alarms.no_recipients", shown.locale), text, icon="envelope")
    columns = [
        Column(t("alarms.address", shown.locale), wraps=True),
        Column(t("alarms.kinds", shown.locale), wraps=True, secondary=True),
        Column(t("alarms.quiet", shown.locale), secondary=True),
        Column(t("alarms.delivery", shown.locale), wraps=True),
        *([Column(t("field.actions", shown.locale), "end")] if shown.is_admin else []),
    ]
    heading = html.H2(t("alarms.recipients_n", shown.locale, n=len(found)), className="tds-section-title")
    table = data_table(
        columns, [recipient_line(one, shown) for one in found], caption=t("alarms.recipients_caption", shown.locale)
    )
    return html.Div([heading, html.Div(table, className="tds-fleet-list")])


def recipient_line(one: Recipient, shown: Shown) -> list[Any]:
    """Give a recipient's cells."""
    words = {"address": one.target}
    buttons = [
        act("wishes", one.id, t("action.edit", shown.locale), t("alarms.edit_of", shown.locale, rule=one.target)),
        act("try", one.id, t("alarms.try", shown.locale), t("alarms.try_of", shown.locale, **words)),
        act("remove", one.id, t("alarms.remove", shown.locale), t("alarms.remove_of", shown.locale, **words)),
    ]
    icon = html.I(className=f"bi bi-{'envelope' if one.channel == 'mail' else 'link-45deg'} me-2", **DECORATION)
    whole = len(one.wishes.kinds) == len(alarm_words.ICONS)
    kinds = (
        t("alarms.every_kind", shown.locale)
        if whole
        else ", ".join(t(f"alarms.kind_{kind}", shown.locale) for kind in one.wishes.kinds)
    )
    quiet = f"{one.quiet_from:%H:%M}–{one.quiet_to:%H:%M}" if one.quiet_from and one.quiet_to else ""
    state = badge(
        "offline" if one.failing_since else "online" if one.told_at else "retired",
        alarm_words.delivery(one, shown.now, shown.zone, shown.locale),
    )
    return [
        html.Span([icon, one.target]),
        kinds,
        quiet,
        state,
        *([html.Div(buttons, className="tds-row-actions")] if shown.is_admin else []),
    ]


def actions(view: str, shown: Shown) -> list[Component]:
    """Give what may be made in a view."""
    if view == "told":
        words = t("alarms.new_recipient", shown.locale)
        return [act("recipient", None, words, words, "btn-primary")] if shown.is_admin else []
    words = t("alarms.new_rule", shown.locale)
    return [act("rule", None, words, words, "btn-primary")] if shown.may_edit else []


def no_right(role: str | None, account: Account, locale: str) -> Component:
    """Say which role may acknowledge."""
    mine = t(f"role.{role}", locale) if role else ""
    text = t("alarms.no_right", locale, **_roles(locale), role=mine, account=account.name)
    return html.Div([html.I(className="bi bi-lock", **DECORATION), text], className="alert alert-warning tds-note", role="note")


def _roles(locale: str) -> dict[str, str]:
    return {name: t(f"role.{name}", locale) for name in ("editor", "admin")}
