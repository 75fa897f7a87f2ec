"""The monthly chart of a large account in a large installation, in the database alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from sql.consumption import grouped
from sql.engine import Store
from sql.ranked import Member, ranked
from tests.performance import site

VISITS = 40


def chart(store: Store, devices: int, months: int, keep: Path | None = None) -> dict[str, float]:
    """Time the chart; against the same one of an account with a hundredth of the ledger, and against readings."""
    made = site.made(store, devices, months, keep)
    start, end = datetime.fromisoformat(made["since"]), datetime.fromisoformat(made["until"])
    ids, sparse = (site.ids_of(store, account) for account in (site.ACCOUNT, site.SPARSE))
    (few, _), (many, whole) = _charts_ms(store, [sparse, ids], start, end)
    twelve = _twelve_ms(store, ids, start, end)
    sample = ids[: max(1, devices // 100)]
    if not made.get("sampled"):
        site.execute(store, site.READINGS, ids=sample, start=start, end=end)
        site.remember(keep, {**made, "sampled": True})
    raw = _ms(lambda: _from_readings(store, sample, start, end)) * devices / len(sample)
    return {
        "devices": devices,
        "installation": made["installation"],
        "chart_p50_ms": many,
        "with_rows_ms": whole,
        "twelve_and_others_ms": twelve,
        "growth": many / few,
        "from_readings_ms": raw,
        "faster_than_readings": raw / many,
    }


def _charts_ms(store: Store, accounts: Sequence[Sequence[int]], start: datetime, end: datetime) -> list[tuple[float, float]]:
    """Give the median times of the overview's chart of accounts, all devices added up: in the database, and with its rows made, in ms.

    They are visited in turn, so that their ratio owes nothing to what else the machine did meanwhile.
    """
    inside: list[list[float]] = [[] for _ in accounts]
    whole: list[list[float]] = [[] for _ in accounts]
    spent = [0.0]

    def before(connection: Any, *_: Any) -> None:
        connection.info["began"] = time.perf_counter()

    def after(connection: Any, *_: Any) -> None:
        spent[0] += time.perf_counter() - connection.info["began"]

    def visit(ids: Sequence[int]) -> None:
        with store.transaction() as connection:
            grouped(connection, dict.fromkeys(ids, 1), "month", start, end, site.ZONE)

    event.listen(store.engine, "before_cursor_execute", before)
    event.listen(store.engine, "after_cursor_execute", after)
    for _ in range(VISITS):
        for number, ids in enumerate(accounts):
            spent[0] = 0.0
            whole[number].append(_ms(partial(visit, ids)))
            inside[number].append(spent[0] * 1000)
    event.remove(store.engine, "before_cursor_execute", before)
    event.remove(store.engine, "after_cursor_execute", after)
    return [(statistics.median(one[3:]), statistics.median(other[3:])) for one, other in zip(inside, whole, strict=True)]


def _twelve_ms(store: Store, ids: Sequence[int], start: datetime, end: datetime) -> float:
    """Give the median time of the explorer's chart, the twelve largest devices and the rest together, in milliseconds."""
    taken = []
    members = [Member(number, number) for number in ids]
    for _ in range(VISITS):
        with store.transaction() as connection:
            taken.append(_ms(lambda: ranked(connection, members, "month", start, end, site.ZONE, 12)))
    return statistics.median(taken[3:])


def _from_readings(store: Store, ids: Sequence[int], start: datetime, end: datetime) -> None:
    with store.transaction() as connection:
        connection.execute(
            text(
                "SELECT device_id, date_trunc('month', time, :zone), sum(d) FROM (SELECT device_id, time, value - lag(value) OVER"
                " (PARTITION BY device_id ORDER BY time) AS d FROM tds.reading WHERE device_id = any(:ids) AND time >= :start AND time < :end) x GROUP BY 1, 2"
            ),
            {"zone": site.ZONE, "ids": ids, "start": start, "end": end},
        ).all()


def _ms(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000
