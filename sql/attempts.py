"""Failed tries, and requests of programs, counted in the database: every worker and every web server counts the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "people.sql"


class Limit(NamedTuple):
    """At most so many failed tries within so many seconds."""

    most: int
    seconds: int


class Bucket(NamedTuple):
    """What tries are counted for: a purpose and whom or what it concerns; kept as a hash alone."""

    limit: Limit
    purpose: str
    parts: tuple[str, ...]

    @property
    def key(self) -> str:
        """Give its name in the database."""
        return hashlib.sha256("\x1f".join((self.purpose, *self.parts)).encode("utf-8", "replace")).hexdigest()


def admit(connection: Connection, buckets: Sequence[Bucket]) -> int:
    """Count a try; gives 0 where it may go on, else the seconds to wait."""
    given = {
        "buckets": [bucket.key for bucket in buckets],
        "most": [bucket.limit.most for bucket in buckets],
        "within": [bucket.limit.seconds for bucket in buckets],
    }
    return int(connection.execute(statements(FILE)["admit_attempt"], given).scalar_one())


def forget(connection: Connection, buckets: Sequence[Bucket]) -> None:
    """Take back the last counted try, which did not fail."""
    connection.execute(statements(FILE)["forget_attempt"], {"buckets": [bucket.key for bucket in buckets]})


class Allowance(NamedTuple):
    """What is left of a limit, and the seconds to wait where nothing is."""

    left: int
    wait: int


def count(connection: Connection, bucket: Bucket) -> Allowance:
    """Count a request; what is refused does not count."""
    given = {"asker": bucket.key, "most": bucket.limit.most, "within": bucket.limit.seconds}
    return Allowance(*connection.execute(statements(FILE)["count_asking"], given).one())
