"""The dialog of the gateways page: registering and changing a gateway."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from sql.errors import Refused
from sql.fleet_editing import GatewayState, Outdated
from tds_dash import fleet_acts
from tds_dash.adoption_dialog import stamp
from tds_dash.components import sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import line_of_text
from tds_dash.device_form import beside
from tds_dash.event_words import refusal
from tds_dash.fleet_view import act
from tds_dash.identity import locale
from tds_dash.rights import require_editor
from tds_dash.wording import t

FORM = "gateways-form"
FIELDS = ("mac", "name", "capacity")
USUAL_CAPACITY = "8"
PLACES = {"mac_taken": "mac", "not_a_mac": "mac", "name": "name", "capacity": "capacity", "capacity_used": "capacity"}


def form(language: str) -> Component:
    """Give the dialog in which a gateway is described, closed."""
    given: dict[str, dict[str, Any]] = {
        "mac": {"maxLength": 40},
        "name": {"maxLength": 200},
        "capacity": {"inputMode": "numeric", "maxLength": 2},
    }
    mac, name, capacity = (
        line_of_text(f"{FORM}-{field}", t(f"field.{field}", language), t(f"fleet.hint_gateway_{field}", language), **given[field])
        for field in FIELDS
    )
    fields = [
        html.Div(id=f"{FORM}-said", className="tds-muted"),
        html.Div(mac, id=f"{FORM}-where"),
        name,
        capacity,
        html.Div(id=f"{FORM}-told", **LIVE),
        html.Div(id=f"{FORM}-ways", className="tds-ways"),
    ]
    return dialog(FORM, html.Span(id=f"{FORM}-title"), fields, t("action.save", language))


def open_form(asked: Any) -> tuple[Any, ...]:
    """Open the form: empty for a new gateway, with what it is for one that is there."""
    verb, gateway_id = fleet_acts.asked_for(asked, "new", "edit")
    language = locale()
    clear = [None] * (len(FIELDS) + 1)
    if verb == "new":
        require_editor()
        return True, t("gateways.new", language), None, False, [], {"id": None}, "", "", USUAL_CAPACITY, *clear
    state = fleet_acts.gateway_now(gateway_id)
    values = state.mac, state.name, str(state.capacity)
    said = html.Code(state.mac)
    return (
        True,
        t("fleet.edit_title_gateways", language),
        said,
        True,
        ways(state, language),
        fleet_acts.seen_of(state),
        *values,
        *clear,
    )


def ways(state: GatewayState, language: str) -> list[Component]:
    """Give what else may be done with a gateway."""
    return [act("gateways", verb, state.id, state.name, language, closes=FORM) for verb in ("retire", "delete")]


def save_form(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Register or change a gateway; or say beside the field what is wrong, with everything still there as it was typed."""
    language = locale()
    gateway_id = fleet_acts.id_of(seen)
    mac, name, room = (value.strip() if isinstance(value, str) else str(value or "") for value in values)
    try:
        capacity = int(room) if room.isascii() and room.isdigit() and len(room) < 4 else 0
        if gateway_id is None:
            made = fleet_acts.add_gateway(mac, name, capacity)
        else:
            made = fleet_acts.change_gateway(seen, name, capacity)
    except Outdated:
        state = fleet_acts.gateway_now(gateway_id)
        return (
            no_update,
            notice(fleet_acts.what_changed(state, seen), ok=False),
            fleet_acts.seen_of(state),
            no_update,
            no_update,
            None,
            None,
            None,
        )
    except Refused as error:
        place = {PLACES[error.key]: error} if error.key in PLACES else {}
        told = None if place else notice(refusal(error, language), ok=False)
        return no_update, told, no_update, no_update, no_update, *beside(place, language, FIELDS)
    key = "fleet.added_gateway" if gateway_id is None else "fleet.changed_gateway"
    told = html.Div(sentence(key, language, name=made.name), className="alert tds-note tds-note-done", role="status")
    return False, None, no_update, told, stamp(), None, None, None


def connect() -> None:
    """Register the callbacks; the gateways page does so whenever it is registered itself."""
    plain = [(FORM, "is_open"), (f"{FORM}-title", "children"), (f"{FORM}-said", "children"), (f"{FORM}-where", "hidden"), (f"{FORM}-ways", "children"),
             (f"{FORM}-seen", "data")]  # fmt: skip
    faults = [f"{FORM}-{name}-fault" for name in FIELDS]
    callback(
        [Output(*one) for one in plain]
        + [Output(f"{FORM}-{name}", "value") for name in FIELDS]
        + [Output(one, "children") for one in faults]
        + [Output(f"{FORM}-told", "children")],
        Input("gateways-asked", "data"),
        prevent_initial_call=True,
    )(open_form)
    again: dict[str, Any] = {"allow_duplicate": True}
    callback(
        [
            Output(FORM, "is_open", **again),
            Output(f"{FORM}-told", "children", **again),
            Output(f"{FORM}-seen", "data", **again),
            Output("gateways-told", "children", **again),
            Output("gateways-changed", "data", **again),
            *(Output(one, "children", **again) for one in faults),
        ],
        Input(f"{FORM}-save", "n_clicks"),
        State(f"{FORM}-seen", "data"),
        *(State(f"{FORM}-{name}", "value") for name in FIELDS),
        prevent_initial_call=True,
        running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_form)
