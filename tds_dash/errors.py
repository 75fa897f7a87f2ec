"""The one border where errors become answers: a page for people, JSON for programs and callbacks, never a traceback."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, jsonify, render_template, request
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError

from sql.errors import NotFound, Refused, StoreUnavailable
from tds_dash.guard import is_for_programs
from tds_dash.identity import locale, without_store
from tds_dash.tracing import request_id, shown_path
from tds_dash.wording import clock, t

log = logging.getLogger(__name__)
CODES = {
    400: "bad_request",
    401: "sign_in_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}


def install(server: Flask) -> None:
    """Answer every error in the shape its asker expects."""
    server.register_error_handler(HTTPException, _http)
    server.register_error_handler(NotFound, lambda error: answer(404))
    server.register_error_handler(Refused, lambda error: answer(400, detail=str(error)))
    server.register_error_handler(StoreUnavailable, _unavailable)
    server.register_error_handler(OperationalError, _unavailable)
    server.register_error_handler(TimeoutError, _unavailable)
    server.register_error_handler(Exception, _unexpected)


def answer(status: int, detail: str | None = None, quote: str | None = None) -> tuple[Response, int]:
    """Give the error as a page or as JSON; `quote` is the id under which the log has more."""
    code = CODES.get(status, "error" if status < 500 else "failure")
    if status >= 500:
        without_store()
    message = detail or t(f"http.{code}", locale())
    if is_for_programs(request.path):
        body = {"code": code, "message": message, **({"id": quote} if quote else {})}
        return jsonify({"error": body}), status
    page = render_template("error.html", status=status, code=code, message=message, quote=quote, now=_now())
    return Response(page), status


def _http(error: HTTPException) -> Response | tuple[Response, int] | HTTPException:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    if isinstance(error, InternalServerError):
        return _unexpected(error)
    detail = error.description if request.path.startswith("/api/") and error.code == 400 else None
    return answer(error.code, detail)


def _unavailable(error: Exception) -> tuple[Response, int]:
    quote = _quoted("The store cannot be used", error)
    return answer(503, quote=quote)


def _unexpected(error: Exception) -> tuple[Response, int]:
    return answer(500, quote=_quoted("Unexpected", error))


def _quoted(what: str, error: Exception) -> str:
    """Log an error under the request's id, to be found again by what the person quotes."""
    quote = request_id()
    log.error("%s [%s] %s %s", what, quote, request.method, shown_path(), exc_info=error)
    return quote


def _now() -> str:
    """Give the time of day, as whoever is asked for it reads it."""
    return clock(datetime.now(ZoneInfo(current_app.config["TDS"].timezone)), locale())
