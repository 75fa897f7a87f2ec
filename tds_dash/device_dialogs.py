"""The dialogs of the devices page: registering and changing a device, putting it behind another gateway."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from sql.device_rules import KINDS, RESOURCES
from sql.errors import Refused
from sql.fleet_editing import DeviceState
from sql.queries.fleet import places
from tds_dash import device_form, doors, fleet_acts, typed
from tds_dash.components import sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.choosers import chooser
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import line_of_text, one_of
from tds_dash.device_form import FIELDS, PLACES, Typed, empty, filled
from tds_dash.fleet_forms import Faults, Form, done, saved
from tds_dash.fleet_view import act
from tds_dash.identity import locale
from tds_dash.pressing import pressed
from tds_dash.rights import require_editor
from tds_dash.wording import t

FORM = "devices-form"
DEVICE = Form(FORM, "devices", FIELDS, PLACES)
MOVE = Form("devices-move", "devices", ("gateway", "code"), PLACES)
VALUES = [State(f"{FORM}-{name}", "value") for name in FIELDS]


def form(language: str) -> Component:
    """Give the dialog in which a device is described, closed."""
    text = {name: line_of_text(f"{FORM}-{name}", t(f"fleet.field_{name}", language), t(f"fleet.hint_{name}", language), **given)
            for name, given in (("code", {"maxLength": 64}), ("name", {"maxLength": 200}), ("unit", {"maxLength": 16}), *number_fields())}  # fmt: skip
    resource = one_of(f"{FORM}-resource", t("field.resource", language), words("resource", RESOURCES, language))
    kind = one_of(f"{FORM}-kind", t("field.kind", language), words("kind", KINDS, language), t("fleet.hint_kind", language))
    more = [
        html.Summary(t("fleet.more", language)),
        pair(text["max_rate"], text["resolution"]),
        pair(text["jitter"], text["modulus"]),
        text["stuck_after"],
    ]
    active = dbc.Switch(id=f"{FORM}-active", label=t("fleet.active", language), value=True)
    fields = [
        html.Div(id=f"{FORM}-said", className="tds-muted"),
        html.Div([gateway_chooser(f"{FORM}-gateway", language), text["code"]], id=f"{FORM}-where", className="tds-form"),
        text["name"],
        pair(resource, kind),
        pair(text["unit"], text["interval"]),
        html.Details(more, id=f"{FORM}-more"),
        html.Div([active, html.Div(id=f"{FORM}-active-fault", hidden=True)]),
        html.Div(id=f"{FORM}-told", **LIVE),
        html.Div(id=f"{FORM}-ways", className="tds-ways"),
    ]
    title = html.Span(id=f"{FORM}-title")
    return dialog(FORM, title, fields, t("action.save", language))


def number_fields() -> list[tuple[str, dict[str, Any]]]:
    """Give the fields that hold numbers, with the keyboard that a phone shows."""
    decimal = {"inputMode": "decimal", "maxLength": 40}
    whole = {"inputMode": "numeric", "maxLength": 9}
    return [*((name, decimal) for name in device_form.QUANTITIES), ("interval", whole), ("stuck_after", whole)]


def words(group: str, values: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """Name values."""
    return [(value, t(f"{group}.{value}", language)) for value in values]


def pair(*fields: Component) -> html.Div:
    """Put two fields beside each other where there is room."""
    return html.Div(list(fields), className="tds-pair")


def gateway_chooser(id: str, language: str) -> html.Div:
    """Give a choice of gateways; a callback brings them."""
    choice = chooser(id, t("field.gateway", language), t("fleet.choose_gateway", language), locale=language)
    return html.Div([choice, html.Div(id=f"{id}-fault", className="tds-fault", **LIVE)], className="tds-field")


def mover(language: str) -> Component:
    """Give the dialog in which a device is put behind another gateway, closed."""
    fields = [
        html.P(id="devices-move-said"),
        gateway_chooser("devices-move-gateway", language),
        line_of_text("devices-move-code", t("fleet.field_code", language), t("fleet.hint_move_code", language), maxLength=64),
        html.P(t("fleet.move_keeps", language), className="tds-muted"),
        html.Div(id="devices-move-told", **LIVE),
    ]
    return dialog("devices-move", t("fleet.move_title", language), fields, t("fleet.move_save", language))


def offered(language: str) -> list[dict[str, Any]]:
    """Offer the gateways that have room, and say of each how much."""
    with doors.transaction() as conn:
        found = places(conn)
    return [
        {"label": t("fleet.place", language, name=one.name, mac=one.mac, n=one.free), "value": one.id, "disabled": one.free <= 0}
        for one in found
    ]


def open_form(asked: Any) -> tuple[Any, ...]:
    """Open the form: empty for a new device, with what it is for one that is there."""
    verb, device_id = pressed(asked, "new", "edit")
    language = locale()
    clear = [None] * (len(FIELDS) + 1)
    if verb == "new":
        require_editor()
        options = offered(language)
        said = None if options else notice(t("fleet.no_gateway", language), ok=False)
        return True, t("devices.new", language), said, False, options, [], {"id": None}, False, *empty(), *clear
    state = fleet_acts.device_now(device_id)
    where = sentence("fleet.behind", language, code=state.code, gateway=state.gateway_name)
    return (
        True,
        t("fleet.edit_title", language),
        where,
        True,
        [],
        ways(state, language),
        fleet_acts.seen_of(state),
        False,
        *filled(state, language),
        *clear,
    )


def ways(state: DeviceState, language: str) -> list[Component]:
    """Give what else may be done with a device."""
    verbs = ("move", "retire", "delete")
    return [act("devices", verb, state.id, state.settings.name or state.code, language, closes=FORM) for verb in verbs]


def save_form(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Register or change a device; a field that is faulty and folded away is shown."""
    device_id = fleet_acts.id_of(seen)
    code = fleet_acts.device_now(device_id).code if device_id is not None else None
    given = device_form.read(values, locale(), code)
    answer = saved(DEVICE, seen, lambda: carry_out(seen, values[0], given), lambda: fleet_acts.device_now(device_id))
    folded = any(fault for name, fault in zip(reversed(FIELDS), reversed(answer), strict=False) if name in device_form.FOLDED)
    return *answer, True if folded else False if answer[0] is False else no_update


def carry_out(seen: Any, gateway_id: Any, given: Typed) -> Component:
    """Register or change a device as it was read, and say so; raises Refused."""
    fresh, found = fleet_acts.id_of(seen) is None, dict(given.faults)
    if fresh and not gateway_id:
        found["gateway"] = Refused("choose a gateway", "gateway_missing")
    if found:
        raise Faults(found)
    if fresh:
        return done("fleet.added", name=fleet_acts.add_device(gateway_id, given.code, given.settings).settings.name)
    return done("fleet.changed", name=fleet_acts.change_device(seen, given.settings, given.active).settings.name)


def open_mover(asked: Any) -> tuple[Any, ...]:
    """Open the dialog with where the device is."""
    _, device_id = pressed(asked, "move")
    state, language = fleet_acts.device_now(device_id), locale()
    said = sentence("fleet.move_said", language, name=state.settings.name, code=state.code, gateway=state.gateway_name)
    return True, said, offered(language), None, state.code, fleet_acts.seen_of(state), None, None, None


def save_move(_: Any, seen: Any, gateway: Any, code: Any) -> tuple[Any, ...]:
    """Put the device there, or say why not."""

    def move() -> Component:
        made = fleet_acts.move_device(seen, gateway, typed.line(code))
        return done("fleet.moved", name=made.settings.name, gateway=made.gateway_name, code=made.code)

    return saved(MOVE, seen, move, lambda: fleet_acts.device_now(fleet_acts.id_of(seen)))


def connect() -> None:
    """Register the callbacks; the devices page does so whenever it is registered itself."""
    plain = [(FORM, "is_open"), (f"{FORM}-title", "children"), (f"{FORM}-said", "children"), (f"{FORM}-where", "hidden"), (f"{FORM}-gateway", "options"),
             (f"{FORM}-ways", "children"), (f"{FORM}-seen", "data"), (f"{FORM}-more", "open")]  # fmt: skip
    callback(
        [Output(*one) for one in plain]
        + [Output(f"{FORM}-{name}", "value") for name in FIELDS]
        + [Output(one, "children") for one in DEVICE.faults]
        + [Output(f"{FORM}-told", "children")],
        Input("devices-asked", "data"),
        prevent_initial_call=True,
    )(open_form)
    callback(
        [*DEVICE.outputs(), Output(f"{FORM}-more", "open", allow_duplicate=True)],
        Input(f"{FORM}-save", "n_clicks"),
        State(f"{FORM}-seen", "data"),
        *VALUES,
        prevent_initial_call=True,
        running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_form)
    callback(
        Output("devices-move", "is_open"),
        Output("devices-move-said", "children"),
        Output("devices-move-gateway", "options"),
        Output("devices-move-gateway", "value"),
        Output("devices-move-code", "value"),
        Output("devices-move-seen", "data"),
        Output("devices-move-gateway-fault", "children"),
        Output("devices-move-code-fault", "children"),
        Output("devices-move-told", "children"),
        Input("devices-asked", "data"),
        prevent_initial_call=True,
    )(open_mover)
    callback(
        MOVE.outputs(),
        Input("devices-move-save", "n_clicks"),
        State("devices-move-seen", "data"),
        State("devices-move-gateway", "value"),
        State("devices-move-code", "value"),
        prevent_initial_call=True,
        running=[(Output("devices-move-save", "disabled"), True, False)],
    )(save_move)
