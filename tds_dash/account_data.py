"""What an administrator does with a whole account: take everything it holds along, and have it deleted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from sql import account_orders, second_factor
from sql.account_orders import Export
from sql.engine import Store
from sql.queries.account import Part
from tds_dash import auditing, doors, exporting
from tds_dash.certificate_routes import attachment
from tds_dash.identity import ACCOUNT, account, locale, person, store
from tds_dash.profile import own_password_problem
from tds_dash.rights import require_admin
from tds_dash.streaming import for_request
from tds_dash.wording import t

log = logging.getLogger(__name__)
MOVES_WITHIN = timedelta(minutes=2)
blueprint = Blueprint("account", __name__)


def install(server: Flask) -> None:
    """Add the addresses; of one process at most one export at a time is written, so that the pages keep their threads."""
    server.extensions["tds_exports"] = threading.BoundedSemaphore(1)
    server.register_blueprint(blueprint)


@blueprint.post("/_account/export.zip")
def export() -> ResponseReturnValue:
    """Hand out everything that the account holds; how far it is can be asked meanwhile."""
    slot: threading.BoundedSemaphore = current_app.extensions["tds_exports"]
    if running() or not slot.acquire(blocking=False):
        return jsonify({"error": {"code": "busy", "message": t("account.busy", locale())}}), 409
    opened, who = doors.acting()
    wanted = exporting.parts(opened, who)
    with doors.transaction() as conn:
        number = account_orders.begin_export(conn, who[0], account().name, person().row.email, len(wanted))
        auditing.note(conn, "account.exported", account().name)
    ended: list[bool] = []

    def close() -> None:
        slot.release()
        with opened.transaction(*who) as conn:
            account_orders.finish_export(conn, number, {"whole": bool(ended)})

    body = written(opened, who, number, wanted, account().name, ended)
    response = Response(for_request(body), mimetype="application/zip")
    response.call_on_close(close)
    return attachment(response, f"tds-account-{datetime.now(UTC):%Y-%m-%d}.zip")


def written(
    opened: Store, who: tuple[int, int], number: str, wanted: list[Part], name: str, ended: list[bool]
) -> Iterator[bytes]:
    """Give the ZIP, and note how far it is."""
    for done, piece in exporting.pieces(opened, who, wanted, name):
        if done is not None:
            with opened.transaction(*who) as conn:
                account_orders.move_export(conn, number, done)
        yield piece
    ended.append(True)


@blueprint.get("/_account/export")
def progress() -> ResponseReturnValue:
    """Say how far the last export is."""
    with doors.transaction() as conn:
        last = account_orders.last_export(conn, account().id)
    if last is None:
        return jsonify({"export": None})
    return jsonify({"export": {"done": last.progress.done, "total": last.progress.total, "state": state(last)}})


def running() -> bool:
    """Tell whether an export of this account is being written, by whichever process."""
    with doors.transaction() as conn:
        last = account_orders.last_export(conn, account().id)
    return last is not None and state(last) == "running"


def state(export: Export) -> str:
    """Say of an export whether it is running, whole, or broken off: by whoever left, or with the process that wrote it."""
    if export.outcome is not None:
        return "whole" if export.outcome.get("whole") else "broken"
    return "running" if datetime.now(UTC) - export.progress.moved_at < MOVES_WITHIN else "broken"


def ask_second_factor(wanted: bool) -> None:
    """Have the account ask its members for a second factor, or no longer."""
    require_admin()
    with doors.transaction() as conn:
        before = second_factor.ask(conn, wanted)
        if before is not None and before != wanted:
            auditing.note(conn, "account.changed", account().name, {"second_factor": before}, {"second_factor": wanted})


@blueprint.get("/account/delete")
def ask_deletion() -> ResponseReturnValue:
    """Say what would be deleted, and ask for the account's name and one's own password."""
    return _deletion_form()


@blueprint.post("/account/delete")
def order_deletion() -> ResponseReturnValue:
    """Have the account deleted."""
    typed = request.form.get("name", "").strip()[:200]
    problems = {}
    if typed != account().name:
        problems["name"] = t("account.name_differs", locale(), name=account().name)
    problem = own_password_problem("password")
    if problem:
        problems["password"] = problem
    if problems:
        return _deletion_form(typed, problems), 400
    with doors.transaction() as conn:
        auditing.note(conn, "account.closed", account().name)
        order = account_orders.order_deletion(conn, account().id)
    log.warning("the deletion of account %d was ordered", account().id)
    session.pop(ACCOUNT, None)
    return redirect(url_for("account.deletion", order=order))


@blueprint.get("/deletion/<order>")
def deletion(order: str) -> ResponseReturnValue:
    """Say how far a deletion is, to whoever holds its number: their account is gone, and they may be gone with it."""
    with store().transaction() as conn:
        found = account_orders.deletion(conn, order)
    return render_template("deletion.html", progress=found, percent=int(found.share * 100))


def _deletion_form(typed: str = "", problems: dict[str, str] | None = None) -> str:
    with doors.transaction() as conn:
        held = account_orders.holdings(conn, account().id)
    return render_template("delete_account.html", account=account().name, typed=typed, problems=problems or {}, held=held)
