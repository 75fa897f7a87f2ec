"""One id from a click to its queries: in the answer's headers, in every log line of the request, and at the database."""

from __future__ import annotations

import logging
import secrets
import time

from flask import Flask, Response, g, has_request_context, request

from sql.engine import working_for

log = logging.getLogger(__name__)
SLOW = 2.0  # seconds from which a request is worth a line


def install(server: Flask) -> None:
    """Give every request its id, first of all; what the asker calls it is not believed."""

    @server.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        working_for.set(request_id())

    @server.after_request
    def name(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        if response.is_streamed and response.content_length is None:
            response.headers["X-Accel-Buffering"] = "no"  # made while it is sent: a proxy passes it on likewise
        took = time.perf_counter() - g.get("began", time.perf_counter())
        if took >= SLOW:
            log.warning("%s %s took %.1f s: %d", request.method, shown_path(), took, response.status_code)
        return response


def shown_path() -> str:
    """Give the path as a log may have it: without the secret of a link that sets a password."""
    return str(request.url_rule) if "secret" in (request.view_args or {}) else request.path


def request_id() -> str:
    """Give this request's id, eight digits; what a person quotes of an error."""
    if "request_id" not in g:
        g.request_id = secrets.token_hex(4)
    return str(g.request_id)


def name_record(record: logging.LogRecord) -> bool:
    """Put the id onto a log record that is written during a request; a filter that lets everything through."""
    if has_request_context():
        record.facts = {**getattr(record, "facts", {}), "request": request_id()}
    return True
