"""Which database a request's figures are read from: the replica, unless it is gone or lacks what its reader has just changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Flask, Response, current_app, g, request
from prometheus_client import Gauge
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from settings import Settings
from sql import replica
from sql.engine import Store
from sql.replica import POSITION, Look, Replica
from tds_dash.wording import t

# Whoever changed something reads from the primary until the replica has it, for a minute at most.
COOKIE, COOKIE_SECONDS = "tds-changed", 60
# Data that are older than this are said to be.
OLD_SECONDS = 10.0


def install(server: Flask, settings: Settings, store: Store, pool_size: int) -> None:
    """Read figures from the replica where one is set."""
    if settings.database_read_url is None:
        return
    registry = server.extensions["tds_metrics"].registry
    age = Gauge("tds_replica_age_seconds", "Age of the replica's data.", registry=registry, multiprocess_mode="livemax")
    used = Gauge("tds_replica_used", "1 where figures are read from it.", registry=registry, multiprocess_mode="livemin")

    def tell(look: Look) -> None:
        used.set(look.fault is None)
        if look.age is not None:
            age.set(look.age)

    server.extensions["tds_replica"] = Replica(settings, store, pool_size, tell)

    @server.after_request
    def remember(response: Response) -> Response:
        if g.get("changed"):
            with store.transaction() as conn:
                position = replica.written(conn)
            secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
            response.set_cookie(COOKIE, position, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=secure)
        return response


def follower() -> Replica | None:
    """Give the replica, where one is set."""
    found: Replica | None = current_app.extensions.get("tds_replica")
    return found


def note(conn: Connection) -> None:
    """Remember at the end of a transaction that it changed something."""
    if follower() is not None and replica.wrote(conn):
        g.changed = True


@contextmanager
def reading(primary: Store, account_id: int, user_id: int) -> Iterator[Connection]:
    """Open a transaction that only reads: at the replica, or where that cannot be, at the primary."""
    following = follower()
    if following is not None and not g.get("changed") and following.usable():
        with ExitStack() as stack:
            conn = _opened(following, stack, account_id, user_id)
            if conn is not None:
                try:
                    yield conn
                except OperationalError as error:
                    following.give_up(error)
                    raise
                return
    with primary.transaction(account_id=account_id, user_id=user_id) as conn:
        yield conn


def _opened(following: Replica, stack: ExitStack, account_id: int, user_id: int) -> Connection | None:
    try:
        conn = stack.enter_context(following.store.transaction(account_id=account_id, user_id=user_id))
        position = request.cookies.get(COOKIE, "")
        if POSITION.fullmatch(position) and not replica.knows(conn, position):
            return None
    except OperationalError as error:
        following.give_up(error)
        return None
    return conn


def said(locale: str) -> str:
    """Say how old the figures are, where that is worth a word; empty where they are not."""
    following = follower()
    age = following.age() if following is not None else None
    return t("shell.old", locale, seconds=f"{age:.0f}") if age is not None and age > OLD_SECONDS else ""
