"""Programs at the API: who they are by `Authorization: Bearer`, how often they may ask, and answers they need not fetch twice."""

from __future__ import annotations

from flask import Flask, Response, abort, current_app, g, request
from flask_login import current_user

from sql import attempts, tokens
from sql.attempts import Allowance, Bucket, Limit
from sql.queries.session import signed_in
from tds_dash import throttle
from tds_dash.identity import Person, store

API = "/api/v1/"
LONGEST = 200
# Counted in the database, for all workers together: by token or person; of who has none, the wrong tokens by address.
PER_ASKER, PER_STRANGER = Limit(600, 60), Limit(30, 60)
STREAMED = ("/api/v1/export/",)


def install(server: Flask) -> None:
    """Recognise tokens before the guard asks who is there."""
    server.config.setdefault("TDS_API_RATE", PER_ASKER)
    server.before_request(recognise)
    server.after_request(finish)


def install_limit(server: Flask) -> None:
    """Count what is asked of the API, once it is known who asks: call this after the guard is installed."""
    server.before_request(count)


def recognise() -> None:
    """Let a token stand for its person in this request alone; one that is no good is 401, whatever cookie came with it."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if not request.path.startswith(API) or kind.lower() != "bearer":
        return
    found = holder(given.strip())
    if found is None:
        # Only what is wrong counts: whoever guesses keeps nobody out who has a token, not even from the same address.
        if counted(Bucket(PER_STRANGER, "token", (throttle.address(),))).wait:
            abort(429)
        abort(401)
    g._login_user, g.token = found  # the first as flask-login keeps whoever a session is for


def holder(token: str) -> tuple[Person, int] | None:
    """Give whom a token stands for, with the role that it has, and its number; None for one that is no good."""
    if not token.startswith(tokens.PREFIX) or len(token) > LONGEST:
        return None
    with store().transaction() as conn:
        found = tokens.holder(conn, token)
    if found is None:
        return None
    with store().transaction(user_id=found.user_id) as conn:
        row = signed_in(conn, found.user_id, found.account_id)
    return (Person(row._replace(role=found.role)), found.token_id) if row is not None else None


def count() -> None:
    """Refuse whoever asks the API more often than a program needs to."""
    if not request.path.startswith(API) or not current_user.is_authenticated:
        return
    who = ("token", str(g.token)) if "token" in g else ("person", str(current_user.id))
    g.allowance = counted(Bucket(current_app.config["TDS_API_RATE"], "api", who))
    if g.allowance.wait:
        abort(429)


def counted(bucket: Bucket) -> Allowance:
    """Count a request, and keep how long to wait where it is one too many."""
    with store().transaction() as conn:
        found = attempts.count(conn, bucket)
    if found.wait:
        g.wait = found.wait
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
        limit: Limit = current_app.config["TDS_API_RATE"]
        response.headers["RateLimit"] = f"limit={limit.most}, remaining={g.allowance.left}, reset={limit.seconds}"
    if response.status_code == 200 and not request.path.startswith(STREAMED) and not response.is_streamed:
        response.add_etag(weak=True)
        response.make_conditional(request)
    return response
