"""Devices by the file in the pages: what would happen said line by line first, then all of it; and taking it back."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Iterator, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask import Blueprint, Response

from sql import fleet_import
from sql.errors import Refused
from sql.fleet_import import Import, Plan, Planned
from sql.fleet_lines import COLUMNS, OPTIONAL, Line, read_lines
from sql.queries.fleet import exported
from tds_dash import auditing, doors, wording
from tds_dash.api.exports import stream
from tds_dash.certificate_dialogs import upload
from tds_dash.components import data_table, sentence
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog
from tds_dash.components.tables import Column
from tds_dash.event_words import refusal
from tds_dash.fleet_view import Question, act
from tds_dash.identity import account, locale, person, zone
from tds_dash.rights import require_editor
from tds_dash.wording import t

SHOWN = 300
IMPORTS = 5
MOST_BYTES = 3_000_000  # as a callback carries it, four thirds of that: less than the server takes
EXPORTED = (*COLUMNS, *OPTIONAL)

blueprint = Blueprint("fleet", __name__)


@blueprint.get("/_fleet/devices.csv")
def devices_csv() -> Response:
    """Stream the devices in use, in the columns that an import reads."""
    return stream("devices", EXPORTED, rows())


def rows() -> Iterator[Sequence[Any]]:
    """Give every device in use."""
    with doors.transaction() as conn:
        yield from exported(conn)


def importer(language: str) -> Component:
    """Give the dialog that takes a file, closed."""
    limit: dict[str, Any] = {
        "data-most-bytes": str(MOST_BYTES),
        "data-too-large": t("fleet.import_too_large", language),
        "data-told": "devices-import-told",
    }
    also = dbc.Checkbox(id="devices-import-gateways", label=t("fleet.import_gateways", language), value=False)
    fields = [
        html.P(sentence("fleet.import_lead", language, columns=", ".join(COLUMNS), more=", ".join(OPTIONAL))),
        html.Div(upload("devices-import-file", t("certificates.choose_file", language), ".csv,text/csv"), **limit),
        html.Div([also, html.Div(t("fleet.import_gateways_hint", language), className="tds-hint")]),
        html.Div(id="devices-import-told", className="tds-plan", **LIVE),
    ]
    return dialog("devices-import", t("fleet.import_title", language), fields, t("fleet.import_save", language), size="lg")


def read_upload(contents: object) -> list[Line]:
    """Read an uploaded file; raises Refused where it is no CSV of devices."""
    try:
        content = base64.b64decode(str(contents or "").partition(",")[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refused("this file cannot be read", "not_csv") from error
    return read_lines(decoded(content))


def decoded(content: bytes) -> str:
    """Read a file's bytes as text: UTF-8, UTF-16 where it says so, else Excel's own, where nobody chose anything."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def preview(contents: object, gateways: object) -> tuple[Component, bool]:
    """Say line by line what a file would do, and whether it may be done; raises Refused where it is no such file."""
    lines = read_upload(contents)
    require_editor()
    with doors.transaction() as conn:
        made = fleet_import.plan(conn, lines, gateways is True)
    return told(made), not made.faulty


def told(made: Plan) -> Component:
    """Give the plan: its sum, then its lines, those that cannot be used first."""
    language = locale()
    if made.faulty:
        head = t("fleet.import_faulty", language, n=len(made.faulty), total=len(made.lines))
    else:
        head = t("fleet.import_good", language, n=made.good, gateways=with_gateways(len(made.new_gateways), language))
    ordered = sorted(made.lines, key=lambda one: (one.fault is None, one.line.number))
    columns = [Column(t(key, language), wraps=True) for key in ("fleet.line", "field.gateway", "field.code", "fleet.outcome")]
    table = data_table(
        columns, [cells(one, language) for one in ordered[:SHOWN]], caption=t("fleet.import_caption", language), boxed=True
    )
    rest = (
        html.P(t("fleet.import_more", language, n=len(ordered) - SHOWN), className="tds-muted") if len(ordered) > SHOWN else None
    )
    return html.Div([html.P(html.Strong(head)), table, rest])


def with_gateways(n: int, language: str) -> str:
    """Say how many gateways come along; nothing of none."""
    return t("fleet.import_with", language, n=n) if n else ""


def cells(one: Planned, language: str) -> list[Any]:
    """Give a line's cells: its number, where its device goes, and what becomes of it."""
    if one.fault is not None:
        return [str(one.line.number), one.line.mac, one.line.code, html.Span(refusal(one.fault, language), className="tds-fault")]
    key = "fleet.outcome_device" if one.gateway_id else "fleet.outcome_both"
    name = one.line.device.name if one.line.device and one.line.device.name else one.line.code
    return [str(one.line.number), one.gateway, one.line.code, t(key, language, name=name)]


def carry_out(contents: object, name: object, gateways: object) -> str:
    """Import a file, and say so; raises Refused, and then nothing of it was imported."""
    lines = read_upload(contents)
    require_editor()
    with doors.transaction() as conn:
        made = fleet_import.carry_out(
            conn, account().id, name if isinstance(name, str) else "", lines, gateways is True, person().row.email
        )
        auditing.note(conn, "device.imported", made.name, after={"devices": made.devices, "gateways": made.gateways})
    return t("fleet.imported", locale(), n=made.devices, name=made.name)


def question(import_id: object) -> Question:
    """Say what taking an import back does."""
    language = locale()
    with doors.transaction() as conn:
        found = doors.import_for_user(conn, import_id)
    require_editor()
    said = sentence("fleet.undo_said", language, name=found.name, n=found.left, gateways=with_gateways(found.gateways, language))
    told: list[Component] = [html.P(said)]
    if found.edited:
        told.append(html.P(t("fleet.undo_edited", language, n=found.edited)))
    return Question(t("fleet.undo_title", language), told, t("fleet.undo_save", language), allowed=found.undone_at is None)


def take_back(import_id: object) -> str:
    """Take an import back, and say so; raises Refused where something has been received since."""
    with doors.transaction() as conn:
        found = doors.import_for_user(conn, import_id)
        require_editor()
        gone = fleet_import.undo(conn, found.id, person().row.email)
        auditing.note(
            conn,
            "device.import_undone",
            gone.name,
            before={"devices": found.left, "gateways": found.gateways, "edited": found.edited},
        )
    return t("fleet.undone", locale(), n=found.left, name=found.name)


def listed(found: Sequence[Import], may_edit: bool) -> Component:
    """Give the newest imports, each with what became of it."""
    language = locale()
    return html.Ul([item(one, may_edit, language) for one in found], className="tds-batches")


def item(one: Import, may_edit: bool, language: str) -> html.Li:
    """Give one import."""
    when = wording.date_clock(one.created_at, language, zone())
    said = [
        t("fleet.import_by", language, time=when, by=one.created_by),
        t("fleet.import_sum", language, n=one.devices, gateways=with_gateways(one.gateways, language)),
    ]
    if one.undone_at:
        said.append(
            t("fleet.import_undone", language, time=wording.date_clock(one.undone_at, language, zone()), by=one.undone_by or "")
        )
    words = html.Div(
        [html.Div(one.name, className="tds-batch-name"), html.Div(" · ".join(said), className="tds-muted")],
        className="tds-batch-words",
    )
    button = act("devices", "undo", one.id, one.name, language) if may_edit and one.undone_at is None else None
    return html.Li([words, button], className="tds-batch")
