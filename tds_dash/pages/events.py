"""Events: the review queue of what registers did, with what was assumed; editors and administrators decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.decisions import Wanted, select_events
from sql.errors import Refused
from sql.queries.devices import devices
from tds_dash import deciding, doors, events_view, typed, view
from tds_dash.components import page_header, sentence, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.choosers import chooser
from tds_dash.components.dialogs import dialog, notice, register_field
from tds_dash.event_words import EXACT, KINDS, exactly, refusal, said
from tds_dash.events_view import Shown
from tds_dash.identity import account, locale, person, zone
from tds_dash.page_frame import beat, looks_until, register_page, stamp
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import number, t

TO_REVIEW, DECIDED = 100, 50
# After a decision the page looks again a few times: the figures follow within seconds.
LOOKS, LOOK_MS = 4, 1500

register_page(__name__, "nav.events", path="/events", order=5)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them."""
    language = locale()
    filters = html.Div(
        [
            chooser("events-device", t("events.device", language), t("events.all_devices", language), locale=language),
            chooser("events-kind", t("events.kind", language), t("events.all_kinds", language), locale=language),
        ],
        className="tds-filters",
    )
    return html.Div(
        [
            beat("events-refresh"),
            dcc.Store(id="events-wanted-device", data=view.numbers(query.get("device"))),
            dcc.Store(id="events-wanted-kind", data=query.get("kind") if query.get("kind") in KINDS else None),
            dcc.Store(id="events-asked"),
            dcc.Interval(id="events-follow", interval=LOOK_MS, max_intervals=0),
            page_header(t("events.title", language), lead=t("events.lead", language)),
            html.Div(id="events-right"),
            filters,
            html.Div(id="events-told", **LIVE),
            html.Section(html.Div(skeleton("table"), id="events-review"), className="tds-card"),
            html.Section(html.Div(skeleton("table"), id="events-decided"), className="tds-card"),
            correction(language),
        ],
        className="tds-page tds-stack",
    )


def correction(language: str) -> Component:
    """Give the dialog that asks for the two registers of a correction."""
    fields = [
        html.P(id="events-correct-said"),
        register_field("events-final", t("events.final", language)),
        register_field("events-initial", t("events.initial", language)),
        html.Div(id="events-correct-told", **LIVE),
    ]
    return dialog("events-correct", t("events.correct_title", language), fields, t("action.save", language))


@callback(
    Output("events-device", "options"),
    Output("events-device", "value"),
    Output("events-kind", "options"),
    Output("events-kind", "value"),
    Input("events-wanted-device", "data"),
    State("events-wanted-kind", "data"),
)
def offer(wanted: Any, kind: Any) -> tuple[Any, ...]:
    """Offer the account's devices and the kinds of events."""
    with doors.transaction() as conn:
        offered = [device for device in devices(conn, datetime.now(UTC)) if device.kind == "counter"]
    chosen = next((device.id for device in offered if device.id in view.numbers(wanted)), None)
    options = [{"label": f"{device.name} · {device.gateway_name}", "value": device.id} for device in offered]
    kinds = [{"label": t(f"events.{name}", locale()), "value": name} for name in KINDS]
    return options, chosen, kinds, kind if kind in KINDS else None


@callback(
    Output("events-review", "children"),
    Output("events-decided", "children"),
    Output("events-right", "children"),
    Input("events-device", "value"),
    Input("events-kind", "value"),
    Input("events-refresh", "n_intervals"),
    Input("events-follow", "n_intervals"),
    Input("shell-decided", "data"),
)
def show(device_id: Any, kind: Any, *_: Any) -> tuple[Any, Any, Any]:
    """List what is to be reviewed, then what was decided."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        chosen = doors.device_for_user(conn, device_id).id if device_id else None
        wanted = Wanted(account().id, device=chosen, kind=kind if kind in KINDS else None)
        waiting = select_events(conn, wanted._replace(decided=False), TO_REVIEW + 1)
        decided = select_events(conn, wanted._replace(decided=True), DECIDED + 1)
        known = {device.id: device for device in devices(conn, now)}
    shown = Shown(now, zone(), language, may_edit(), known)
    return (
        still(events_view.listed(waiting, TO_REVIEW, shown, reviewed=False))
        if waiting
        else events_view.nothing(not decided, language),
        still(events_view.listed(decided, DECIDED, shown, reviewed=True)) if decided else events_view.none_decided(language),
        None if shown.may_edit else events_view.no_right(person().row.role, account(), language),
    )


@callback(
    Output("events-told", "children"),
    Output("shell-decided", "data"),
    Output("events-follow", "max_intervals"),
    Input("events-asked", "data"),
    State("events-follow", "n_intervals"),
    prevent_initial_call=True,
)
def decide(asked: Any, looks: Any) -> tuple[Any, Any, Any]:
    """Carry out accept, ignore or undo, and say what follows."""
    verb, event_id = deciding.pressed(asked)
    if verb not in deciding.DECIDE:
        raise PreventUpdate
    try:
        deciding.decide(verb, event_id)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), stamp(), no_update
    return events_view.done(verb, locale()), stamp(), looks_until(looks, LOOKS)


@callback(
    Output("events-correct", "is_open"),
    Output("events-correct-said", "children"),
    Output("events-final", "value"),
    Output("events-final-hint", "children"),
    Output("events-initial", "value"),
    Output("events-initial-hint", "children"),
    Input("events-asked", "data"),
    prevent_initial_call=True,
)
def open_dialog(asked: Any) -> tuple[Any, ...]:
    """Ask for the registers of a correction, beginning with the readings themselves."""
    verb, event_id = deciding.pressed(asked)
    if verb != "correct":
        raise PreventUpdate
    language = locale()
    with doors.transaction() as conn:
        event = deciding.event_to_change(conn, event_id)
    before, after = (typed.shown(value, language) for value in (event.value_before, event.value_after))
    hints = {"before": f"{exactly(event.value_before, language)}", "after": f"{exactly(event.value_after, language)}"}
    return (
        True,
        said(event, language),
        before,
        t("events.final_hint", language, **hints),
        after,
        t("events.initial_hint", language, **hints),
    )


@callback(
    Output("events-correct-told", "children"),
    Input("events-final", "value"),
    Input("events-initial", "value"),
    State("events-asked", "data"),
    prevent_initial_call=True,
)
def preview(final: Any, initial: Any, asked: Any) -> Any:
    """Say what consumption a correction would take."""
    verb, event_id = deciding.pressed(asked)
    if verb != "correct":
        raise PreventUpdate
    with doors.transaction() as conn:
        event = doors.event_for_user(conn, event_id)
    try:
        registers = [typed.register(given, locale()) for given in (final, initial)]
        taken = deciding.taken(event, *registers)
    except Refused as error:  # as `save` says it: whichever of the two answers last, the reason stands
        return notice(refusal(error, locale()), ok=False)
    return sentence("events.takes", locale(), taken=number(taken, locale(), event.unit, EXACT, sign=True))


@callback(
    Output("events-correct-told", "children", allow_duplicate=True),
    Output("events-correct", "is_open", allow_duplicate=True),
    Output("events-told", "children", allow_duplicate=True),
    Output("shell-decided", "data", allow_duplicate=True),
    Output("events-follow", "max_intervals", allow_duplicate=True),
    Input("events-correct-save", "n_clicks"),
    State("events-final", "value"),
    State("events-initial", "value"),
    State("events-asked", "data"),
    State("events-follow", "n_intervals"),
    prevent_initial_call=True,
)
def save(_: Any, final: Any, initial: Any, asked: Any, looks: Any) -> tuple[Any, ...]:
    """Correct an event, or say in the dialog why that cannot be."""
    verb, event_id = deciding.pressed(asked)
    if verb != "correct":
        raise PreventUpdate
    try:
        deciding.correct(event_id, final, initial, locale())
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update, no_update
    return None, False, events_view.done("correct", locale()), stamp(), looks_until(looks, LOOKS)
