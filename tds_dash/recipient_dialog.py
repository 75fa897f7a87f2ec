"""The dialog of the alarms page in which a recipient is named: by mail or webhook, of which kinds, and when not."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.alarm_judging import KINDS
from sql.alarm_recipients import CHANNELS
from sql.errors import Refused
from tds_dash import alarm_acts, alarm_words
from tds_dash.components import sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.identity import locale, zone
from tds_dash.page_frame import stamp
from tds_dash.pressing import pressed
from tds_dash.rights import require_admin
from tds_dash.wording import t

FORM = "alarms-who"
VALUES = ("channel", "address", "kinds", "closings", "quiet-from", "quiet-to")
FAULTS = ("address", "kinds", "quiet")


def recipient_dialog(language: str) -> Component:
    """Give the dialog, closed."""
    kinds = dbc.Checklist(
        id=f"{FORM}-kinds",
        options=[{"value": kind, "label": t(f"alarms.kind_{kind}", language)} for kind in KINDS],
        value=list(KINDS),
    )
    clocks = [
        html.Div(
            [
                html.Label(t(f"alarms.quiet_{edge}", language), htmlFor=f"{FORM}-quiet-{edge}", className="tds-label"),
                dbc.Input(id=f"{FORM}-quiet-{edge}", type="time", className="tds-input"),
            ],
            className="tds-field",
        )
        for edge in ("from", "to")
    ]
    fields = [
        html.Div(
            [
                one_of(
                    f"{FORM}-channel",
                    t("alarms.channel", language),
                    [(one, t(f"alarms.channel_{one}", language)) for one in CHANNELS],
                ),
                line_of_text(
                    f"{FORM}-address", t("alarms.address", language), t("alarms.address_hint", language), maxLength=1000
                ),
            ],
            id=f"{FORM}-where",
            className="tds-form",
        ),
        html.P(id=f"{FORM}-said"),
        form_field(f"{FORM}-kinds", t("alarms.kinds", language), kinds),
        dbc.Switch(id=f"{FORM}-closings", label=t("alarms.closings", language), value=True),
        html.Div(clocks, className="tds-pair"),
        html.Div(t("alarms.quiet_hint", language), className="tds-hint"),
        html.Div(id=f"{FORM}-quiet-fault", className="tds-fault", **LIVE),
        html.Div(id=f"{FORM}-told", **LIVE),
    ]
    return dialog(FORM, html.Span(id=f"{FORM}-title"), fields, t("action.save", language))


def open_recipient(asked: Any) -> tuple[Any, ...]:
    """Open the form: empty for somebody new, with their wishes for one who is told already."""
    verb, number = pressed(asked, "recipient", "wishes")
    language, clear = locale(), [None] * 4
    if verb == "recipient":
        require_admin()
        return True, t("alarms.new_recipient", language), False, None, {"id": None}, "mail", "", list(KINDS), True, "", "", *clear
    one = alarm_acts.recipient_to_edit(number)
    clocks = [f"{edge:%H:%M}" if edge else "" for edge in (one.quiet_from, one.quiet_to)]
    seen = {"id": one.id, "version": one.version}
    return (
        True,
        t("alarms.edit_recipient", language),
        True,
        html.Strong(one.target),
        seen,
        one.channel,
        "",
        list(one.wishes.kinds),
        one.closings,
        *clocks,
        *clear,
    )


def save_recipient(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Name or change a recipient; a webhook's secret is shown, this once; or say beside the field what is wrong."""
    if not isinstance(seen, dict) or "id" not in seen:
        raise PreventUpdate
    channel, address, kinds, closings, low, high = values
    require_admin()
    try:
        wishes = alarm_acts.wishes_of(kinds, closings, low, high)
        if seen["id"] is None:
            made, secret = alarm_acts.add_recipient(channel, address, wishes)
            told = shown(made.target, secret)
        else:
            alarm_acts.change_recipient(seen["id"], seen.get("version"), wishes)
            told = notice(t("alarms.recipient_changed", locale()), ok=True)
    except Refused as error:
        said, place = alarm_words.refusal(error, zone(), locale()), alarm_acts.PLACES.get(error.key)
        faults = [said if name == place else None for name in FAULTS]
        return no_update, None if place in FAULTS else notice(said, ok=False), no_update, no_update, *faults
    return False, None, told, stamp(), None, None, None


def shown(address: str, secret: str | None) -> Component:
    """Say that somebody is told from now on, with the secret where there is one."""
    if secret is None:
        return notice(t("alarms.recipient_added", locale(), address=address), ok=True)
    words: Any = {"data-copies": "alarms-once", "data-copied": t("alarms.secret_copied", locale())}
    return html.Div(
        [
            html.Div(sentence("alarms.secret", locale(), address=address)),
            html.Code(secret, id="alarms-once", className="tds-once"),
            html.Button(t("alarms.secret_copy", locale()), type="button", className="btn btn-outline-primary", **words),
        ],
        className="tds-card tds-stack",
        role="status",
    )


def send_trial(asked: Any) -> tuple[Any, ...]:
    """Have a trial message sent."""
    _, number = pressed(asked, "try")
    try:
        told = notice(t("alarms.recipient_tried", locale(), address=alarm_acts.try_recipient(number).target), ok=True)
    except Refused as error:
        told = notice(alarm_words.refusal(error, zone(), locale()), ok=False)
    return told, stamp()


def connect() -> None:
    """Register the callbacks; the alarms page does so whenever it is registered itself."""
    pressed, again = Input("alarms-who-asked", "data"), {"allow_duplicate": True}
    told, changed = Output("alarms-told", "children", **again), Output("alarms-changed", "data", **again)
    faults = [f"{FORM}-{name}-fault" for name in FAULTS]
    form = [(FORM, "is_open"), (f"{FORM}-title", "children"), (f"{FORM}-where", "hidden"), (f"{FORM}-said", "children"), (f"{FORM}-seen", "data"),
            *((f"{FORM}-{name}", "value") for name in VALUES), (f"{FORM}-told", "children"), *((one, "children") for one in faults)]  # fmt: skip
    callback([Output(*one) for one in form], pressed, prevent_initial_call=True)(open_recipient)
    callback(
        Output(FORM, "is_open", **again), Output(f"{FORM}-told", "children", **again), told, changed, *(Output(one, "children", **again) for one in faults),
        Input(f"{FORM}-save", "n_clicks"), State(f"{FORM}-seen", "data"), *(State(f"{FORM}-{name}", "value") for name in VALUES),
        prevent_initial_call=True, running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_recipient)  # fmt: skip
    callback(told, changed, pressed, prevent_initial_call=True)(send_trial)
