"""Alarms for programs: what is open, what was, and taking note of one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from sql import alarms
from sql.alarm_judging import KINDS
from sql.alarms import Alarm, Wanted
from sql.errors import Refused
from tds_dash import alarm_acts, doors
from tds_dash.api.parameters import answer, not_one_of, shown, whole_number
from tds_dash.identity import account

MOST = 500
STATES = {"open": True, "closed": False, "all": None}

blueprint = Blueprint("api_alarms", __name__)


@blueprint.get("/alarms")
def list_alarms() -> Response:
    """List alarms by number, the newest first; `next` is the number to go on from."""
    limit = whole_number("limit", default=50, least=1, most=MOST)
    below = whole_number("after", default=0, least=0, most=2**31 - 1)
    state, kind = request.args.get("state") or "open", request.args.get("kind") or None
    if state not in STATES:
        raise not_one_of("state", STATES)
    if kind is not None and kind not in KINDS:
        raise not_one_of("kind", KINDS)
    given = {name: request.args.get(name) for name in ("device", "gateway")}
    with doors.transaction() as conn:
        device = doors.device_for_user(conn, given["device"]).id if given["device"] else None
        gateway = doors.gateway_for_user(conn, given["gateway"]).id if given["gateway"] else None
        wanted = Wanted(account().id, STATES[state], kind, device, gateway, below=below or None)
        found = alarms.alarms(conn, wanted, limit + 1, ranked=False)
    following = found[limit - 1].id if len(found) > limit else None
    return answer({"alarms": [document(one) for one in found[:limit]], "next": following})


@blueprint.get("/alarms/<alarm_id>")
def one_alarm(alarm_id: str) -> Response:
    """Show one alarm."""
    with doors.transaction() as conn:
        return answer(document(doors.alarm_for_user(conn, alarm_id)))


@blueprint.post("/alarms/<alarm_id>/acknowledge")
def acknowledge_alarm(alarm_id: str) -> Response:
    """Take note of an alarm; the body may be JSON with a `note`."""
    given = request.get_json(silent=True) if request.data else {}
    note = given.get("note", "") if isinstance(given, dict) else None
    if not isinstance(note, str):
        raise Refused('the body is JSON such as {"note": "text"}, or empty', "api_note")
    return answer(document(alarm_acts.acknowledge(alarm_id, note)))


def document(one: Alarm) -> dict[str, Any]:
    """Give an alarm with its instants in the account's zone."""
    return {name: shown(value) for name, value in one.document().items()}
