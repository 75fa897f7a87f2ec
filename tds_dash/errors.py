"""The one border where errors become answers: a page for people, JSON for programs and callbacks, never a traceback."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, jsonify, render_template, request
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError

from sql.engine import reason
from sql.errors import NotFound, Outdated, Refused, StoreUnavailable
from tds_dash.event_words import refusal
from tds_dash.guard import is_for_programs
from tds_dash.identity import locale, program_locale, without_store
from tds_dash.tracing import request_id, shown_path
from tds_dash.wording import clock, t

log = logging.getLogger(__name__)
# Connections that break or are not taken, a server that stops or starts, one that has no room: as classes of SQLSTATE.
AWAY = ("08", "57P0", "533")
API, ENGLISH = "/api/", "en"
CODES = {
    400: "bad_request",
    401: "sign_in_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "outdated",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}


def install(server: Flask) -> None:
    """Answer every error in the shape its asker expects."""
    server.register_error_handler(HTTPException, _http)
    server.register_error_handler(NotFound, lambda error: answer(404))
    server.register_error_handler(Outdated, lambda error: answer(409))
    server.register_error_handler(Refused, lambda error: answer(400, detail=said(error)))
    server.register_error_handler(StoreUnavailable, _unavailable)
    server.register_error_handler(OperationalError, _unavailable)
    server.register_error_handler(TimeoutError, _unavailable)
    server.register_error_handler(Exception, _unexpected)


def answer(status: int, detail: str | None = None, quote: str | None = None) -> tuple[Response, int]:
    """Give the error as a page or as JSON; `quote` is the id under which the log has more."""
    code = CODES.get(status, "error" if status < 500 else "failure")
    if status >= 500:
        without_store()
    message = detail or t(f"http.{code}", language())
    if is_for_programs(request.path):
        body = {"code": code, "message": message, **({"id": quote} if quote else {})}
        return jsonify({"error": body}), status
    page = render_template("error.html", status=status, code=code, message=message, quote=quote, now=_now())
    return Response(page), status


def language() -> str:
    """Give the language of a message: programs read English unless they ask for Portuguese, people their own."""
    return program_locale() if request.path.startswith(API) else locale()


def said(error: Refused) -> str:
    """Say why something was refused; to programs in their language."""
    return refusal(error, language()) if request.path.startswith(API) and language() != ENGLISH else str(error)


def _http(error: HTTPException) -> Response | tuple[Response, int] | HTTPException:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    if isinstance(error, InternalServerError):
        return _unexpected(error)
    detail = error.description if request.path.startswith(API) and error.code == 400 and language() == ENGLISH else None
    return answer(error.code, detail)


def _unavailable(error: Exception) -> tuple[Response, int]:
    """Answer that the store cannot be used: while it is away each request is a line of the log, of another fault all is kept."""
    quote = _quoted("The store cannot be used", error, because=why_away(error))
    return answer(503, quote=quote)


def why_away(error: Exception) -> str:
    """Say in a line why the database does not answer; empty where it does, and the fault is another one."""
    if isinstance(error, OperationalError):
        state = getattr(error.orig, "pgcode", None)
        return reason(error) if state is None or state.startswith(AWAY) else ""
    return str(error).strip().partition("\n")[0]


def _unexpected(error: Exception) -> tuple[Response, int]:
    return answer(500, quote=_quoted("Unexpected", error))


def _quoted(what: str, error: Exception, because: str = "") -> str:
    """Log an error under the request's id, to be found again by what the person quotes: in a line where that says all, else with its traceback."""
    quote = request_id()
    said = f": {because}" if because else ""
    log.error("%s [%s] %s %s%s", what, quote, request.method, shown_path(), said, exc_info=None if because else error)
    return quote


def _now() -> str:
    """Give the time of day, as whoever is asked for it reads it."""
    return clock(datetime.now(ZoneInfo(current_app.config["TDS"].timezone)), locale())
