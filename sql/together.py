"""Which totals of whole groups answer what is asked of many devices, for which stretches, and what is still read device by device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sql.statements import raw_statements

FILE = "consumption.sql"
FEWEST = 12  # of fewer devices nobody keeps totals
MOST_PIECES = 3
Stretch = tuple[datetime, datetime]


class One(NamedTuple):
    """A device, the number under which it is added up, and its factor."""

    device_id: int
    number: int
    factor: Decimal | int


class Total(NamedTuple):
    """The totals of a group: they stand for all its members under one number."""

    group_id: int
    number: int
    factor: Decimal
    members: list[int]


class Plan(NamedTuple):
    """The totals to read, the stretches that they tell of, and those that they do not."""

    totals: list[Total]
    told: list[Stretch]
    untold: list[Stretch]


def plan(
    connection: Connection, asked: Sequence[One], step: str, zone: str, starts: Sequence[datetime], end: datetime
) -> Plan | None:
    """Say how totals help with buckets that start at some instants; None where they do not."""
    if not starts:
        return None
    values = {
        "devices": [one.device_id for one in asked],
        "numbers": [one.number for one in asked],
        "factors": [one.factor for one in asked],
        "zone": zone if step != "15min" else None,
    }
    number_of = {one.device_id: one.number for one in asked}
    rows = connection.execute(text(raw_statements(FILE)["totals_of"]), values)
    found = [Total(*row) for row in rows]
    totals = [one for one in found if sum(number_of[member] != one.number for member in one.members) * 2 < len(one.members)]
    if not totals:
        return None
    binds = {"total_groups": [one.group_id for one in totals], "total_step": step, "start": starts[0], "end": end}
    waiting = connection.execute(text(raw_statements(FILE)[names_of(step)["waiting"]]), binds).all()
    told, untold = parted(starts, end, [(row.low, row.high) for row in waiting])
    return Plan(totals, told, untold) if told else None


def names_of(step: str) -> Mapping[str, str]:
    """Name the statements that give a step's totals, and what of them waits."""
    kind = "quarters" if step == "15min" else "buckets"
    return {"totals": f"total_{kind}", "waiting": f"waiting_{kind}"}


def parted(starts: Sequence[datetime], end: datetime, waiting: Iterable[Stretch]) -> tuple[list[Stretch], list[Stretch]]:
    """Part buckets into stretches that totals tell of and such that they do not; a few stretches, of which the latter may hold too much."""
    stretches = list(waiting)
    known = [not any(low <= start < high for low, high in stretches) for start in starts]
    if known.count(False) and _pieces(known) > MOST_PIECES:
        first, last = known.index(False), len(known) - known[::-1].index(False)
        known[first:last] = [False] * (last - first)
    told: list[Stretch] = []
    untold: list[Stretch] = []
    for place, (start, tells) in enumerate(zip(starts, known, strict=True)):
        after = starts[place + 1] if place + 1 < len(starts) else end
        into = told if tells else untold
        if place and known[place - 1] == tells:
            into[-1] = (into[-1][0], after)
        else:
            into.append((start, after))
    return told, untold


def _pieces(known: Sequence[bool]) -> int:
    """Count the stretches of buckets that totals do not tell of."""
    return sum(not tells and (not place or known[place - 1]) for place, tells in enumerate(known))


def binds_of(asked: Sequence[One], totals: Sequence[Total], step: str) -> tuple[list[int], dict[str, Any]]:
    """Give the devices that are read beside totals, and what their statement is told.

    A device that stands under another number than its group's totals is added there, and taken away here.
    """
    of = {member: one for one in totals for member in one.members}
    lines: list[tuple[int, int, Decimal | int, int]] = []
    for one in asked:
        total = of.get(one.device_id)
        if total is None or total.number != one.number:
            lines.append((one.device_id, one.number, one.factor, 1))
            if total is not None:
                lines.append((one.device_id, total.number, one.factor, -1))
    ids, numbers, factors, signs = (list(column) for column in zip(*lines, strict=True)) if lines else ([], [], [], [])
    values: dict[str, Any] = {"ids": ids, "numbers": numbers, "factors": factors, "signs": signs, "total_step": step}
    values |= {"total_groups": [one.group_id for one in totals], "total_numbers": [one.number for one in totals]}
    values |= {
        "total_factors": [one.factor for one in totals],
        "total_members": [member for one in totals for member in one.members],
    }
    return sorted(set(ids)), values
