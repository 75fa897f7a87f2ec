"""What could not be stored: one by one, a single one whole, and summed up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from sql import rejections
from sql.errors import Refused
from sql.rejections import REASONS, Rejection, Wanted
from sql.reports import instant
from tds_dash import doors, payloads, rejections_view
from tds_dash.api.parameters import answer, not_one_of, plain, shown, whole_number
from tds_dash.identity import account

MOST, MOST_GROUPS = 500, 1000

blueprint = Blueprint("api_rejections", __name__)


@blueprint.get("/rejections")
def list_rejections() -> Response:
    """List a page of rejections, newest first; `next` is the place to go on from."""
    limit = whole_number("limit", default=50, least=1, most=MOST)
    given = request.args.get("after", "")
    place, _ = rejections_view.position(f"older.{given}")
    if given and place is None:
        raise Refused("after must be the `next` of the page before", "api_after")
    with doors.transaction() as conn:
        page = rejections.rejections_page(conn, wanted(conn), limit, place, cut=payloads.SHOWN)
    following = rejections_view.written(page.older, "older").removeprefix("older.")
    return answer({"rejections": [document(one) for one in page.rejections], "next": following or None})


@blueprint.get("/rejections/<rejection_id>")
def one_rejection(rejection_id: str) -> Response:
    """Show one rejection with all that was received."""
    with doors.transaction() as conn:
        return answer(document(doors.rejection_for_user(conn, rejection_id)))


@blueprint.get("/rejections/summary")
def summary() -> Response:
    """Sum up what was rejected, by reason, gateway and device; and tell what was refused and not kept."""
    with doors.transaction() as conn:
        chosen = wanted(conn)
        found = rejections.groups(conn, chosen, MOST_GROUPS)
        unkept = rejections.unkept(conn, account().id, chosen.gateway)
    groups = [
        {name: value for name, value in plain(group).items() if name not in ("newest", "in_use", "groups")} for group in found
    ]
    return answer({"groups": groups, "not_kept": [plain(one) for one in unkept]})


def wanted(conn: Connection) -> Wanted:
    """Read the filters: reason, gateway, from, to."""
    reason, gateway = request.args.get("reason") or None, request.args.get("gateway")
    if reason is not None and reason not in REASONS:
        raise not_one_of("reason", REASONS)
    number = doors.gateway_for_user(conn, gateway).id if gateway else None
    return Wanted(account().id, reason, number, moment("from"), moment("to"))


def moment(name: str) -> datetime | None:
    """Read a date, local to the account, or an instant; None where it is not given."""
    given = request.args.get(name)
    return instant(given, account().timezone) if given else None


def document(one: Rejection) -> dict[str, Any]:
    """Give a rejection with its instant in the account's zone."""
    return {name: shown(value) for name, value in one.document().items()}
