"""The dialog of the gateways page: registering and changing a gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Input, Output, State, callback, html
from dash.development.base_component import Component

from sql.device_rules import checked_name
from sql.errors import Refused
from sql.fleet import normalize_mac
from sql.fleet_editing import GatewayState, check_capacity
from tds_dash import fleet_acts
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog
from tds_dash.components.fields import line_of_text
from tds_dash.fleet_forms import Faults, Form, done, saved
from tds_dash.fleet_view import act
from tds_dash.identity import locale
from tds_dash.pressing import pressed
from tds_dash.rights import require_editor
from tds_dash.wording import t

FORM = "gateways-form"
FIELDS = ("mac", "name", "capacity")
USUAL_CAPACITY = "8"
PLACES = {"mac_taken": "mac", "not_a_mac": "mac", "name": "name", "capacity": "capacity", "capacity_used": "capacity"}
GATEWAY = Form(FORM, "gateways", FIELDS, PLACES)


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
    verb, gateway_id = pressed(asked, "new", "edit")
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
    """Register or change a gateway, or say why not."""
    gateway_id = fleet_acts.id_of(seen)
    mac, name, room = (value.strip() if isinstance(value, str) else str(value or "") for value in values)
    capacity = int(room) if room.isascii() and room.isdigit() and len(room) < 4 else 0

    def carry_out() -> Component:
        if found := faults(mac if gateway_id is None else None, name, capacity):
            raise Faults(found)
        if gateway_id is None:
            return done("fleet.added_gateway", name=fleet_acts.add_gateway(mac, name, capacity).name)
        return done("fleet.changed_gateway", name=fleet_acts.change_gateway(seen, name, capacity).name)

    return saved(GATEWAY, seen, carry_out, lambda: fleet_acts.gateway_now(gateway_id))


def faults(mac: str | None, name: str, capacity: int) -> dict[str, Refused]:
    """Give what is wrong with what was typed, field by field."""
    found: dict[str, Refused] = {}
    checks: dict[str, Callable[[], object]] = {"capacity": lambda: check_capacity(capacity)}
    if mac is not None:
        checks["mac"] = lambda: normalize_mac(mac)
    if name:
        checks["name"] = lambda: checked_name(name, "a gateway's name")
    for field, check in checks.items():
        try:
            check()
        except Refused as fault:
            found[field] = fault
    return found


def connect() -> None:
    """Register the callbacks; the gateways page does so whenever it is registered itself."""
    plain = [(FORM, "is_open"), (f"{FORM}-title", "children"), (f"{FORM}-said", "children"), (f"{FORM}-where", "hidden"), (f"{FORM}-ways", "children"),
             (f"{FORM}-seen", "data")]  # fmt: skip
    callback(
        [Output(*one) for one in plain]
        + [Output(f"{FORM}-{name}", "value") for name in FIELDS]
        + [Output(one, "children") for one in GATEWAY.faults]
        + [Output(f"{FORM}-told", "children")],
        Input("gateways-asked", "data"),
        prevent_initial_call=True,
    )(open_form)
    callback(
        GATEWAY.outputs(),
        Input(f"{FORM}-save", "n_clicks"),
        State(f"{FORM}-seen", "data"),
        *(State(f"{FORM}-{name}", "value") for name in FIELDS),
        prevent_initial_call=True,
        running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_form)
