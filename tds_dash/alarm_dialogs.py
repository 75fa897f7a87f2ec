"""The dialogs of the alarms page about alarms and rules: taking note, making and changing a rule, deleting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.alarm_judging import KINDS, METERED
from sql.errors import Refused
from tds_dash import alarm_acts, alarm_words, typed
from tds_dash.components import sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.choosers import chooser
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.identity import locale, zone
from tds_dash.page_frame import stamp
from tds_dash.pressing import pressed
from tds_dash.wording import t

RULE = "alarms-rule"
FIELDS = ("kind", "target", "limit", "percent")


def note_dialog(language: str) -> Component:
    """Give the dialog in which an alarm is acknowledged, closed."""
    field = dbc.Textarea(id="alarms-note-text", maxlength=1000, rows=3, className="tds-input")
    fields = [
        html.P(id="alarms-note-said"),
        form_field("alarms-note-text", t("alarms.note", language), field, t("alarms.note_hint", language)),
        html.Div(id="alarms-note-told", **LIVE),
    ]
    return dialog("alarms-note", t("alarms.note_title", language), fields, t("alarms.note_save", language))


def rule_dialog(language: str) -> Component:
    """Give the dialog in which a rule is made or changed, closed, with what it would have done."""
    kinds = [(kind, t(f"alarms.kind_{kind}", language)) for kind in KINDS]
    limit = line_of_text(
        f"{RULE}-limit",
        t("alarms.rule_limit", language),
        t("alarms.rule_limit_hint", language),
        inputMode="decimal",
        debounce=0.4,
    )
    percent = line_of_text(
        f"{RULE}-percent",
        t("alarms.rule_percent", language),
        t("alarms.rule_percent_hint", language),
        inputMode="numeric",
        debounce=0.4,
    )
    target = chooser(f"{RULE}-target", t("alarms.rule_target", language), t("alarms.rule_choose", language), locale=language)
    fields = [
        html.P(id=f"{RULE}-said"),
        html.Div(
            [
                one_of(f"{RULE}-kind", t("alarms.rule_kind", language), kinds, t("alarms.hint_daily", language)),
                html.Div([target, html.Div(id=f"{RULE}-target-fault", className="tds-fault", **LIVE)], className="tds-field"),
            ],
            id=f"{RULE}-what",
            className="tds-form",
        ),
        html.Div([limit, html.Div(percent, id=f"{RULE}-share")], id=f"{RULE}-limits", className="tds-pair"),
        html.Div(id=f"{RULE}-preview", className="tds-muted", **LIVE),
        html.Div(id=f"{RULE}-told", **LIVE),
    ]
    return dialog(RULE, html.Span(id=f"{RULE}-title"), fields, t("action.save", language))


def drop_dialog(language: str) -> Component:
    """Give the dialog that asks before something is deleted, closed."""
    fields = [html.P(id="alarms-drop-said"), html.Div(id="alarms-drop-told", **LIVE)]
    return dialog("alarms-drop", t("alarms.drop_title", language), fields, t("action.delete", language))


def open_note(asked: Any) -> tuple[Any, ...]:
    """Ask for a word about an alarm."""
    _, number = pressed(asked, "acknowledge")
    alarm = alarm_acts.alarm_to_note(number)
    said = [html.Strong(alarm.name), ": ", alarm_words.said(alarm, zone(), locale())]
    return True, said, "", None


def save_note(_: Any, asked: Any, note: Any) -> tuple[Any, ...]:
    """Acknowledge an alarm, or say who was faster."""
    _, number = pressed(asked, "acknowledge")
    try:
        alarm_acts.acknowledge(number, note)
    except Refused as error:
        return notice(alarm_words.refusal(error, zone(), locale()), ok=False), no_update, no_update, stamp()
    return None, False, notice(t("alarms.done_acknowledge", locale()), ok=True), stamp()


def open_rule(asked: Any) -> tuple[Any, ...]:
    """Open the form: empty for a new rule, with its limit for one that is there."""
    verb, number = pressed(asked, "rule", "edit")
    language = locale()
    if verb == "rule":
        return (
            True,
            t("alarms.new_rule", language),
            None,
            False,
            "daily",
            None,
            "",
            "",
            {"id": None},
            None,
            None,
            None,
            None,
            None,
        )
    rule = alarm_acts.rule_to_edit(number)
    limit = typed.shown(rule.threshold, language) if rule.threshold is not None else ""
    percent = "" if rule.percent is None else str(rule.percent)
    seen = {"id": rule.id, "version": rule.version}
    said = html.Strong(alarm_words.named(rule, language))
    target = f"d:{rule.device_id}" if rule.device_id is not None else f"r:{rule.resource}:{rule.unit}"
    return (
        True,
        t("alarms.edit_rule", language),
        said,
        True,
        rule.kind,
        target,
        limit,
        percent,
        seen,
        None,
        None,
        None,
        None,
        None,
    )


def explain(kind: Any) -> tuple[Any, ...]:
    """Say what a kind of rule means, offer what it may be for, and show the fields that it has."""
    name = kind if isinstance(kind, str) and kind in KINDS else KINDS[0]
    return t(f"alarms.hint_{name}", locale()), alarm_acts.offered(name), name not in METERED, name != "base"


def look_ahead(kind: Any, target: Any, limit: Any, percent: Any, opened: Any) -> Any:
    """Say what a rule would have done, as soon as it is whole."""
    if opened is not True:
        raise PreventUpdate
    try:
        draft, _faults = alarm_acts.draft_of(kind, target, limit, percent)
    except Refused:
        draft = None
    if draft is None:
        return None
    found, names = alarm_acts.look_ahead(draft, datetime.now(UTC))
    return alarm_words.previewed(found, draft, names, zone(), locale())


def save_rule(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Make or change a rule; or say beside each field what is wrong."""
    if not isinstance(seen, dict) or "id" not in seen:
        raise PreventUpdate
    kind, target, limit, percent = values
    try:
        if seen["id"] is None:
            draft, found = alarm_acts.draft_of(kind, target, limit, percent)
            if draft is None:
                return refused(found, None)
            alarm_acts.add_rule(draft)
        else:
            rule = alarm_acts.rule_to_edit(seen["id"])
            wrong: dict[str, Refused] = {}
            limits = alarm_acts.limits_of(rule.kind, limit, percent, wrong)
            if wrong:
                return refused(wrong, None)
            alarm_acts.change_rule(rule.id, seen.get("version"), *limits)
    except Refused as error:
        place = alarm_acts.PLACES.get(error.key)
        if place in FIELDS:
            return refused({place: error}, None)
        return refused({}, notice(alarm_words.refusal(error, zone(), locale()), ok=False))
    done = "alarms.rule_added" if seen["id"] is None else "alarms.rule_changed"
    return False, None, notice(t(done, locale()), ok=True), stamp(), None, None, None, None


def refused(found: dict[str, Refused], told: Component | None) -> tuple[Any, ...]:
    """Leave the form open, with what is wrong beside each field."""
    faults = [alarm_words.refusal(found[name], zone(), locale()) if name in found else None for name in FIELDS]
    return no_update, told, no_update, no_update, *faults


def switch(asked: Any) -> tuple[Any, ...]:
    """Switch a rule off or on."""
    verb, number = pressed(asked, "pause", "resume")
    try:
        alarm_acts.switch_rule(number, verb == "resume")
    except Refused as error:
        return notice(alarm_words.refusal(error, zone(), locale()), ok=False), stamp()
    return notice(t("alarms.rule_changed", locale()), ok=True), stamp()


def open_drop(asked: Any) -> tuple[Any, ...]:
    """Ask before a rule is deleted or a recipient removed."""
    verb, number = pressed(asked, "delete", "remove")
    if verb == "delete":
        said = sentence("alarms.drop_rule", locale(), rule=alarm_words.named(alarm_acts.rule_to_edit(number), locale()))
    else:
        said = sentence("alarms.drop_recipient", locale(), address=alarm_acts.recipient_to_edit(number).target)
    return True, said, None


def drop(_: Any, asked: Any) -> tuple[Any, ...]:
    """Delete a rule, or remove a recipient."""
    verb, number = pressed(asked, "delete", "remove")
    if verb == "delete":
        alarm_acts.delete_rule(number)
        told = t("alarms.rule_deleted", locale())
    else:
        told = t("alarms.recipient_deleted", locale(), address=alarm_acts.remove_recipient(number).target)
    return False, notice(told, ok=True), stamp()


def connect() -> None:
    """Register the callbacks; the alarms page does so whenever it is registered itself."""
    pressed, again = Input("alarms-asked", "data"), {"allow_duplicate": True}
    faults = [f"{RULE}-{name}-fault" for name in FIELDS]
    told, changed = Output("alarms-told", "children", **again), Output("alarms-changed", "data", **again)
    note = [
        ("alarms-note", "is_open"),
        ("alarms-note-said", "children"),
        ("alarms-note-text", "value"),
        ("alarms-note-told", "children"),
    ]
    callback([Output(*one) for one in note], pressed, prevent_initial_call=True)(open_note)
    callback(
        Output("alarms-note-told", "children", **again), Output("alarms-note", "is_open", **again), told, changed,
        Input("alarms-note-save", "n_clicks"), State("alarms-asked", "data"), State("alarms-note-text", "value"),
        prevent_initial_call=True, running=[(Output("alarms-note-save", "disabled"), True, False)],
    )(save_note)  # fmt: skip
    form = [(RULE, "is_open"), (f"{RULE}-title", "children"), (f"{RULE}-said", "children"), (f"{RULE}-what", "hidden"), *((f"{RULE}-{name}", "value") for name in FIELDS),
            (f"{RULE}-seen", "data"), (f"{RULE}-told", "children"), *((one, "children") for one in faults)]  # fmt: skip
    callback([Output(*one) for one in form], pressed, prevent_initial_call=True)(open_rule)
    callback(
        Output(f"{RULE}-kind-hint", "children"), Output(f"{RULE}-target", "options"), Output(f"{RULE}-limits", "hidden"), Output(f"{RULE}-share", "hidden"),
        Input(f"{RULE}-kind", "value"), prevent_initial_call=True,
    )(explain)  # fmt: skip
    callback(
        Output(f"{RULE}-preview", "children"),
        *(Input(f"{RULE}-{name}", "value") for name in FIELDS),
        Input(RULE, "is_open"),
        prevent_initial_call=True,
    )(look_ahead)
    callback(
        Output(RULE, "is_open", **again), Output(f"{RULE}-told", "children", **again), told, changed, *(Output(one, "children", **again) for one in faults),
        Input(f"{RULE}-save", "n_clicks"), State(f"{RULE}-seen", "data"), *(State(f"{RULE}-{name}", "value") for name in FIELDS),
        prevent_initial_call=True, running=[(Output(f"{RULE}-save", "disabled"), True, False)],
    )(save_rule)  # fmt: skip
    callback(told, changed, pressed, prevent_initial_call=True)(switch)
    callback(
        Output("alarms-drop", "is_open"),
        Output("alarms-drop-said", "children"),
        Output("alarms-drop-told", "children"),
        pressed,
        prevent_initial_call=True,
    )(open_drop)
    callback(
        Output("alarms-drop", "is_open", **again), told, changed, Input("alarms-drop-save", "n_clicks"), State("alarms-asked", "data"),
        prevent_initial_call=True, running=[(Output("alarms-drop-save", "disabled"), True, False)],
    )(drop)  # fmt: skip
