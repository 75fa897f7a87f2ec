"""The dialog that says first what retiring, deleting or taking back would do, and asks for the name where something is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.errors import Refused
from sql.fleet_editing import Weight
from tds_dash import fleet_acts, fleet_imports, wording
from tds_dash.components import sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import line_of_text
from tds_dash.event_words import refusal
from tds_dash.fleet_view import Question
from tds_dash.identity import locale, zone
from tds_dash.page_frame import stamp
from tds_dash.pressing import pressed
from tds_dash.rights import is_admin
from tds_dash.typed import line
from tds_dash.wording import t

VERBS = ("retire", "reinstate", "delete", "undo")


def confirmation(thing: str, language: str) -> Component:
    """Give the dialog of a page (`devices`, `gateways`), closed."""
    fields = [
        html.Div(id=f"{thing}-confirm-said", className="tds-form"),
        html.Div(line_of_text(f"{thing}-confirm-word", t("fleet.type_word", language)), id=f"{thing}-confirm-lost", hidden=True),
        html.Div(id=f"{thing}-confirm-told", **LIVE),
    ]
    title, save = html.Span(id=f"{thing}-confirm-title"), html.Span(id=f"{thing}-confirm-text")
    return html.Div([dialog(f"{thing}-confirm", title, fields, save), dcc.Store(id=f"{thing}-confirm-asked")])


def question(thing: str, verb: str, id: object) -> Question:
    """Say what would happen."""
    if verb == "undo":
        return fleet_imports.question(id)
    language = locale()
    title, save = t(f"fleet.{verb}_title_{thing}", language), t(f"fleet.{verb}_save", language)
    if thing == "devices":
        if verb == "delete":
            device, weight = fleet_acts.weight_of_device(id)
            return lost(title, save, device.settings.name or device.code, device.code, weight, not weight.nothing)
        named: Any = {
            "name": (state := fleet_acts.device_now(id)).settings.name,
            "gateway": state.gateway_name,
            "code": state.code,
        }
    else:
        if verb == "delete":
            gateway, weight, heard = fleet_acts.weight_of_gateway(id)
            return lost(title, save, gateway.name, gateway.mac, weight, heard or not weight.nothing, devices=True)
        named = {"name": (found := fleet_acts.gateway_now(id)).name, "n": found.devices, "mac": found.mac}
    said: list[Component] = [html.P(sentence(f"fleet.{verb}_said_{thing}", language, **named))]
    if thing == "gateways" and verb == "retire":
        said.append(html.P(dcc.Link(t("fleet.retire_certificate", language), href=f"/certificates?search={named['mac']}")))
    return Question(title, said, save)


def lost(title: str, save: str, name: str, word: str, weight: Weight, used: bool, devices: bool = False) -> Question:
    """Say what would be lost; of what was measured only an administrator may say so."""
    language = locale()
    counted = [(f"fleet.lost_{one}", n) for one, n in (("devices", weight.devices if devices else 0), ("readings", weight.readings), ("months", weight.months),
               ("events", weight.events), ("decisions", weight.decisions)) if n]  # fmt: skip
    said: list[Component] = [html.P(sentence("fleet.delete_said" if counted else "fleet.delete_nothing", language, name=name))]
    if counted:
        said.append(
            html.Ul([html.Li(t(key, language, n=n, since=day(weight.since))) for key, n in counted], className="tds-lost")
        )
        said.append(html.P(t("fleet.delete_instead", language), className="tds-muted"))
    if used and not is_admin():
        said.append(notice(t("fleet.delete_admin", language, role=t("role.admin", language)), ok=False))
    return Question(title, said, save, word if used else "", not used or is_admin())


def day(moment: datetime | None) -> str:
    """Write a day, nothing for none."""
    return wording.date(moment, locale(), zone()) if moment else ""


def carry_out(thing: str, verb: str, id: object, typed: object) -> str:
    """Do what was asked, and say so; raises Refused."""
    language = locale()
    if verb == "delete":
        word = question(thing, verb, id).word
        if word and line(typed) != word:
            raise Refused(f"type {word} to delete it", "type_word", word=word)
        name = fleet_acts.delete_device(id).settings.name if thing == "devices" else fleet_acts.delete_gateway(id).name
        return t("fleet.deleted", language, name=name)
    if verb == "undo":
        return fleet_imports.take_back(id)
    if thing == "devices":
        name = fleet_acts.retire_device(id, verb == "retire").settings.name
    else:
        name = fleet_acts.retire_gateway(id, verb == "retire").name
    return t("fleet.retired_done" if verb == "retire" else "fleet.reinstated", language, name=name)


def connect(thing: str) -> None:
    """Register the callbacks of a page's dialog."""

    @callback(
        Output(f"{thing}-confirm", "is_open"),
        Output(f"{thing}-confirm-title", "children"),
        Output(f"{thing}-confirm-said", "children"),
        Output(f"{thing}-confirm-text", "children"),
        Output(f"{thing}-confirm-lost", "hidden"),
        Output(f"{thing}-confirm-word-hint", "children"),
        Output(f"{thing}-confirm-word", "value"),
        Output(f"{thing}-confirm-save", "disabled"),
        Output(f"{thing}-confirm-save", "className"),
        Output(f"{thing}-confirm-asked", "data"),
        Output(f"{thing}-confirm-told", "children"),
        Output(f"{thing}-confirm-word-fault", "children"),
        Input(f"{thing}-asked", "data"),
        prevent_initial_call=True,
    )
    def ask(asked: Any) -> tuple[Any, ...]:
        return asked_of(thing, asked)

    @callback(
        Output(f"{thing}-confirm", "is_open", allow_duplicate=True),
        Output(f"{thing}-confirm-told", "children", allow_duplicate=True),
        Output(f"{thing}-confirm-word-fault", "children", allow_duplicate=True),
        Output(f"{thing}-told", "children", allow_duplicate=True),
        Output(f"{thing}-changed", "data", allow_duplicate=True),
        Input(f"{thing}-confirm-save", "n_clicks"),
        State(f"{thing}-confirm-asked", "data"),
        State(f"{thing}-confirm-word", "value"),
        prevent_initial_call=True,
    )
    def answer(_: Any, asked: Any, typed: Any) -> tuple[Any, ...]:
        return answered(thing, asked, typed)


def asked_of(thing: str, asked: Any) -> tuple[Any, ...]:
    """Open the dialog and say what would happen."""
    verb, id = pressed(asked, *VERBS)
    if verb == "undo" and thing != "devices":
        raise PreventUpdate
    found = question(thing, verb, id)
    hint = t("fleet.type_hint", locale(), word=found.word) if found.word else ""
    kept = {"verb": verb, "id": id}
    return (
        True,
        found.title,
        found.said,
        found.save,
        not (found.word and found.allowed),
        hint,
        "",
        not found.allowed,
        f"btn btn-{'danger' if verb in ('delete', 'undo') else 'primary'}",
        kept,
        None,
        None,
    )


def answered(thing: str, asked: Any, typed: Any) -> tuple[Any, ...]:
    """Do it, or say in the dialog why that cannot be."""
    verb, id = pressed(asked, *(VERBS if thing == "devices" else VERBS[:3]))
    try:
        done = carry_out(thing, verb, id, typed)
    except Refused as error:
        said = refusal(error, locale())
        if error.key == "type_word":
            return no_update, None, said, no_update, no_update
        return no_update, notice(said, ok=False), None, no_update, no_update
    return False, None, None, notice(done, ok=True), stamp()
