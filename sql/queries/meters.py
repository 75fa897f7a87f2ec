"""Devices of the account that a transaction acts for, as charts need them: what they measure and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/meters.sql"


class Meter(NamedTuple):
    """One device and its gateway; how it does is not asked, since for a thousand of them that takes longer than their figures."""

    id: int
    name: str
    code: str
    kind: str
    resource: str
    unit: str
    gateway_id: int
    gateway_name: str
    retired: bool


def meters(conn: Connection, ids: Sequence[int] = ()) -> list[Meter]:
    """Give the devices in use, and those of the given ids that this account has, retired ones too; by id."""
    return [Meter._make(row) for row in conn.execute(statements(FILE)["meters"], {"ids": list(ids)}).all()]
