"""The watch of the alarms, one round at a time: what changed is judged, what is not heard is found, and both are put into messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql import alarm_figures, alarm_late
from sql.alarm_figures import Found, Pace, Pair
from sql.alarm_judging import Close, Figure, Keep, Open, judge
from sql.consumption import Step
from sql.engine import Store
from sql.statements import statements

FILE = "alarm_watch.sql"
WATCH_LOCK = 7_245_114
# An alarm that comes back so soon is the same one; its closing is told once it has lasted that long.
SETTLING = timedelta(minutes=15)
# After a message to somebody the next one gathers for so long; a peak that can still be avoided does not wait.
GATHERING = timedelta(minutes=5)
# Whether changed or not, each device is looked at every ten minutes for what came late, and every hour for its night.
LATE_TURNS, NIGHT_TURNS = 10, 60
SUMMED: dict[str, Step] = {"daily": "day", "monthly": "month"}
TICK = timedelta(microseconds=1)


class Round(NamedTuple):
    """What a round found: alarms opened, kept and closed by figures, silences opened and closed; none where another worker watches."""

    opened: int
    kept: int
    closed: int
    silences: int
    heard: int


def watch(store: Store, now: datetime, minutes: Sequence[int] = (), silences: bool = True) -> Round | None:
    """Do a round as of an instant; `minutes` are those whose share of devices is looked at, changed or not.

    Without `silences` nothing is said of what is not heard: after a start, before what had been kept for us has arrived.
    Gives None where another worker watches.
    """
    with store.transaction() as connection:
        if not connection.execute(statements(FILE)["take"], {"key": WATCH_LOCK}).scalar():
            return None
        found = _live(connection, now)
        if minutes:
            found = _share(connection, now, minutes) | found
            connection.execute(statements(FILE)["close_gone"], {"now": now})
        counts = _write(connection, judged(found), now)
        over = connection.execute(statements(FILE)["close_over"], {"now": now}).rowcount
        silent, heard = _silences(connection, now) if silences else (0, 0)
        connection.execute(statements(FILE)["tell"], {"now": now, "settling": SETTLING, "gathering": GATHERING})
        return Round(counts[0], counts[1], counts[2] + over, silent, heard)


def open_by_kind(connection: Connection) -> dict[str, int]:
    """Count the open alarms of all accounts."""
    return {kind: int(count) for kind, count in connection.execute(statements(FILE)["count_open"])}


Judged = tuple[Pair, Open | Keep | Close]


def _live(connection: Connection, now: datetime) -> Found:
    """Give the running day, month and quarter-hour of the devices whose ledger has changed."""
    due = [Pair(*row) for row in connection.execute(statements(FILE)["due"])]
    if not due:
        return {}
    found: Found = {}
    for kind, step in SUMMED.items():
        found |= alarm_figures.sums(connection, [pair for pair in due if pair.kind == kind], step, now, now + TICK)
    peaks, paces = alarm_figures.peaks(connection, [pair for pair in due if pair.kind == "peak"], now)
    _see(connection, due, paces)
    return found | peaks


def _share(connection: Connection, now: datetime, minutes: Sequence[int]) -> Found:
    """Look at a share of the devices for what came late, and at a smaller one for the night."""
    running = alarm_late.note(connection, _pairs(connection, alarm_late.KINDS, LATE_TURNS, minutes), now)
    return running | alarm_figures.nights(connection, _pairs(connection, ("base",), NIGHT_TURNS, minutes), now)


def _pairs(connection: Connection, kinds: Iterable[str], turns: int, minutes: Sequence[int]) -> list[Pair]:
    binds = {"kinds": list(kinds), "turns": turns, "turn": sorted({minute % turns for minute in minutes})}
    return [Pair(*row) for row in connection.execute(statements(FILE)["share"], binds)]


def judged(found: Found) -> list[Judged]:
    """Give what the figures of each rule and device change; of a pair that was looked at twice the last figures count."""
    once = {(pair.rule_id, pair.device_id): (pair, figures) for pair, figures in found.items()}
    return [(pair, change) for pair, figures in once.values() for change in judge(pair.kind, pair.standing, figures)]


def _see(connection: Connection, due: Sequence[Pair], paces: dict[int, Pace]) -> None:
    versions = {pair.device_id: pair.version for pair in due}
    points = [paces.get(device_id) or (None, None, None, None) for device_id in versions]
    names = ("older_ats", "older_quantities", "newer_ats", "newer_quantities")
    binds: dict[str, Any] = {name: [point[place] for point in points] for place, name in enumerate(names)}
    connection.execute(statements(FILE)["see"], {"devices": list(versions), "versions": list(versions.values()), **binds})


def _write(connection: Connection, changes: Sequence[Judged], now: datetime) -> tuple[int, int, int]:
    """Write changes down: closings first, so that a new day's alarm may open beside the one that it ends."""
    closed = [(pair.alarm_id, change) for pair, change in changes if isinstance(change, Close)]
    kept = [(pair.alarm_id, change.figure) for pair, change in changes if isinstance(change, Keep)]
    opened = [(pair, change.figure) for pair, change in changes if isinstance(change, Open)]
    counts = [0, 0, 0]
    if closed:
        ended = {"outcomes": [change.outcome for _, change in closed], "values": [change.value for _, change in closed]}
        binds = {"alarms": [alarm for alarm, _ in closed], **ended, "now": now}
        counts[2] = connection.execute(statements(FILE)["close"], binds).rowcount
    if kept:
        binds = {"alarms": [alarm for alarm, _ in kept], **_columns([figure for _, figure in kept])}
        counts[1] = connection.execute(statements(FILE)["keep"], binds).rowcount
    if opened:
        pairs = {"rules": [pair.rule_id for pair, _ in opened], "devices": [pair.device_id for pair, _ in opened]}
        sinces = {"sinces": [min(figure.since, now) for _, figure in opened]}
        binds = {**pairs, **sinces, **_columns([figure for _, figure in opened]), "now": now, "settling": SETTLING}
        connection.execute(statements(FILE)["open"], binds)
        counts[0] = len(opened)
    return counts[0], counts[1], counts[2]


def _columns(figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        "starts": [figure.start for figure in figures],
        "ends": [figure.end for figure in figures],
        "values": [figure.value for figure in figures],
        "estimates": [figure.estimated for figure in figures],
        "thresholds": [figure.threshold for figure in figures],
        "usuals": [figure.usual for figure in figures],
        "projections": [figure.projected for figure in figures],
    }


def _silences(connection: Connection, now: datetime) -> tuple[int, int]:
    row = connection.execute(statements(FILE)["silences"], {"now": now, "settling": SETTLING}).one()
    return int(row.opened), int(row.closed)
