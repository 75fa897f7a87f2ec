"""A streaming replica that figures are read from: looked at every two seconds, left alone when it is gone, strange or old."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from settings import Settings
from sql.engine import Store, database_url, reason
from sql.statements import statements

log = logging.getLogger("tds.replica")
FILE = "replica.sql"
LOOK_SECONDS = 2.0
# What was seen longer ago says nothing any more; data older than the limit are read from the primary again.
TRUSTED_SECONDS, OLDEST_SECONDS = 15.0, 300.0
REST_SECONDS = 10.0
# A request must not wait for a replica that is gone: the primary is there.
PATIENCE = {"connect_timeout": "2", "tcp_user_timeout": "5000", "keepalives_idle": "3", "keepalives_interval": "2"}
POSITION = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")


class Look(NamedTuple):
    """What was seen of a replica: the age of its data in seconds, or why it is not used."""

    age: float | None
    fault: str | None
    at: float


class Replica:
    """The replica in TDS_DATABASE_READ_URL, beside the primary's store."""

    def __init__(
        self, settings: Settings, primary: Store, pool_size: int = 5, tell: Callable[[Look], None] = lambda look: None
    ) -> None:
        self.primary, self.tell = primary, tell
        self.store = Store(read_url(settings), "web", pool_size, PATIENCE)
        self._last = Look(None, "it was not looked at yet", 0.0)
        self._level_at: float | None = None
        self._resting_until = 0.0
        self._watched_by: int | None = None
        self._starting = threading.Lock()

    def look(self, aloud: bool = True) -> Look:
        """Look once, and say in the log what changed, unless whoever asks says it themselves."""
        age, fault = None, None
        try:
            age, fault = self._compare()
        except DBAPIError as error:
            fault = f"it does not answer: {reason(error)}"
        except SQLAlchemyError as error:
            fault = f"it does not answer: {str(error).splitlines()[0]}"
        before, self._last = self._last, Look(age, fault, time.monotonic())
        if aloud and fault != before.fault:
            if fault:
                log.warning("the replica is not used, figures come from the primary: %s", fault)
            else:
                log.info("figures come from the replica")
        self.tell(self._last)
        return self._last

    def usable(self) -> bool:
        """Tell whether figures may be read from it now; has it watched from here on by this process."""
        self._watch()
        now = time.monotonic()
        return self._last.fault is None and now - self._last.at < TRUSTED_SECONDS and now >= self._resting_until

    def age(self) -> float | None:
        """Give how old its data are in seconds, where it is in use."""
        return self._last.age if self.usable() else None

    def give_up(self, error: DBAPIError) -> None:
        """Leave it alone for a while: it has just failed."""
        log.warning("the replica failed, the primary takes over: %s", reason(error))
        self._resting_until = time.monotonic() + REST_SECONDS

    def _compare(self) -> tuple[float | None, str | None]:
        sql = statements(FILE)
        with self.primary.transaction() as connection:
            here = connection.execute(sql["primary"]).one()
        with self.store.transaction() as connection:
            there = connection.execute(sql["replica"], {"written": here.written or "0/0"}).one()
            if there.follows and not there.level and self._level_at is None:
                time.sleep(0.3)  # at first sight, what is on its way must not be taken for as old as the last transaction
                there = connection.execute(sql["replica"], {"written": here.written or "0/0"}).one()
        if (there.cluster, there.database) != (here.cluster, here.database):
            return None, "TDS_DATABASE_READ_URL leads to another database, not to a replica of this one"
        if not there.follows:
            return (
                None,
                "TDS_DATABASE_READ_URL leads to a server that follows nobody: the primary itself, or one that was promoted",
            )
        if there.login != here.login:
            return None, f"TDS_DATABASE_READ_URL signs in as {there.login}: accounts are kept apart for {here.login} alone"
        now = time.monotonic()
        if there.level:
            self._level_at = now
            return 0.0, None
        ages = [there.behind, None if self._level_at is None else now - self._level_at]
        age = min((one for one in ages if one is not None), default=OLDEST_SECONDS + 1)
        if age > OLDEST_SECONDS:
            return age, f"its data are {age:.0f} s old"
        return age, None

    def _watch(self) -> None:
        """Have a thread of this process look: a worker is forked from a process that has none."""
        if self._watched_by == os.getpid():
            return
        with self._starting:
            if self._watched_by != os.getpid():
                self.look()
                self._watched_by = os.getpid()
                threading.Thread(target=self._go_on_looking, name="replica", daemon=True).start()

    def _go_on_looking(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception:  # a look that failed in an unforeseen way must not be the last
                log.exception("the replica could not be looked at")


def read_url(settings: Settings) -> str:
    """Give the replica's URL; where it names no login, with that of the web."""
    assert settings.database_read_url is not None
    given, web = urlsplit(settings.database_read_url), urlsplit(database_url(settings, "web"))
    if given.username:
        return settings.database_read_url
    return given._replace(netloc=f"{web.netloc.rpartition('@')[0]}@{given.netloc}").geturl()


def wrote(connection: Connection) -> bool:
    """Tell whether a transaction has changed anything by now."""
    return bool(connection.execute(statements(FILE)["wrote"]).scalar())


def written(connection: Connection) -> str:
    """Give how far the primary has been written."""
    return str(connection.execute(statements(FILE)["written"]).scalar_one())


def knows(connection: Connection, position: str) -> bool:
    """Tell whether a replica knows what had been written by then."""
    return bool(connection.execute(statements(FILE)["knows"], {"written": position}).scalar())
