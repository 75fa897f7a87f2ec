"""Programs at the API: who they are by `Authorization: Bearer`, how often they may ask, and answers they need not fetch twice."""

from __future__ import annotations

import math
import time

from flask import Flask, Response, abort, current_app, g, request
from flask_login import current_user
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from sql import tokens
from sql.queries.session import signed_in
from tds_dash.identity import Person, store

API = "/api/v1/"
LONGEST = 200
# Counted in each process's memory; a stranger's guesses by address, everybody else by token or person.
PER_ASKER, PER_STRANGER = "600 per minute", "30 per minute"
STREAMED = ("/api/v1/export/",)


def install(server: Flask) -> None:
    """Recognise tokens before the guard asks who is there, and count requests after it."""
    server.config.setdefault("TDS_API_RATE", PER_ASKER)
    server.extensions["tds_api_rate"] = MovingWindowRateLimiter(MemoryStorage())
    server.before_request(recognise)
    server.after_request(finish)


def install_limit(server: Flask) -> None:
    """Count what is asked of the API, once it is known who asks: call this after the guard is installed."""
    server.before_request(count)


def recognise() -> None:
    """Let a token stand for its person in this request alone; one that is no good is 401, whatever cookie came with it."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if not request.path.startswith(API) or kind.lower() != "bearer":
        return
    strangers = parse(PER_STRANGER)
    key = f"stranger {request.remote_addr or ''}"
    if not limiter().test(strangers, key):
        refuse(strangers, key)
    found = None
    token = token.strip()
    if token.startswith(tokens.PREFIX) and len(token) <= LONGEST:
        with store().transaction() as conn:
            found = tokens.holder(conn, token)
    person = None
    if found is not None:
        with store().transaction(user_id=found.user_id) as conn:
            row = signed_in(conn, found.user_id, found.account_id)
        person = Person(row._replace(role=found.role)) if row is not None else None
    if found is None or person is None:
        limiter().hit(strangers, key)
        abort(401)
    g._login_user = person  # as flask-login keeps whoever a session is for
    g.token = found.token_id


def count() -> None:
    """Refuse whoever asks the API more often than a program needs to."""
    if not request.path.startswith(API) or not current_user.is_authenticated:
        return
    limit = parse(current_app.config["TDS_API_RATE"])
    key = f"token {g.token}" if "token" in g else f"person {current_user.id}"
    if not limiter().hit(limit, key):
        refuse(limit, key)
    g.allowance = (limit, key)


def refuse(limit: RateLimitItem, key: str) -> None:
    """Answer 429, with how long to wait."""
    g.wait = max(1, math.ceil(limiter().get_window_stats(limit, key).reset_time - time.time()))
    abort(429)


def limiter() -> MovingWindowRateLimiter:
    """Give this process's counters."""
    found: MovingWindowRateLimiter = current_app.extensions["tds_api_rate"]
    return found


def finish(response: Response) -> Response:
    """Say how many requests are left or how long to wait; answer 304 to whoever has what they ask for already."""
    if not request.path.startswith(API):
        return response
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "wait" in g:
        response.headers["Retry-After"] = str(g.wait)
    if "allowance" in g:
        limit, key = g.allowance
        left = limiter().get_window_stats(limit, key).remaining
        response.headers["RateLimit"] = f"limit={limit.amount}, remaining={left}, reset={limit.get_expiry()}"
    if response.status_code == 200 and not request.path.startswith(STREAMED) and not response.is_streamed:
        response.add_etag(weak=True)
        response.make_conditional(request)
    return response
