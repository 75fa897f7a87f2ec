"""What came late: a past day, month or quarter-hour that broke a limit before anybody knew, or did not break it after all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from sql import rollups
from sql.alarm_figures import Found, Pair, by_zone, sums
from sql.alarm_judging import Figure
from sql.calendar import QUARTER, bucket_start
from sql.statements import quote_identifier, raw_statements, statements

FILE = "alarm_watch.sql"
KINDS = ("daily", "monthly", "peak")
# So far back late readings raise alarms, and take them away; a month counts until so long after its end.
LOOK_BACK = timedelta(days=7)
TICK = timedelta(microseconds=1)


def note(connection: Connection, pairs: Sequence[Pair], now: datetime) -> Found:
    """Write alarms of past periods down, each open and closed at once, and withdraw those that turned out to be none.

    Gives the figures of the running day and month: what came late for an earlier hour is not in them before the rollups are refreshed.
    """
    running: Found = {}
    for zone, group in by_zone(pairs).items():
        today, month = bucket_start("day", now, zone), bucket_start("month", now, zone)
        days = sums(connection, [pair for pair in group if pair.kind == "daily"], "day", today - LOOK_BACK, now + TICK)
        begin = bucket_start("month", month - TICK, zone) if now < month + LOOK_BACK else month
        months = sums(connection, [pair for pair in group if pair.kind == "monthly"], "month", begin, now + TICK)
        for found, edge in ((days, today), (months, month)):
            _note(connection, [(pair, one) for pair, figures in found.items() for one in figures if one.start < edge], now)
            running |= {pair: [one for one in figures if one.start >= edge] for pair, figures in found.items()}
        _note_peaks(connection, [pair for pair in group if pair.kind == "peak"], zone, now)
    connection.execute(statements(FILE)["withdraw_peaks"], {"low": now - LOOK_BACK, "now": now})
    return running


def _note(connection: Connection, every: Sequence[tuple[Pair, Figure]], now: datetime) -> None:
    # A rule is not held against what was over before there was such a rule.
    broken = [(pair, figure) for pair, figure in every if figure.value > figure.threshold and pair.rule_since < figure.end]
    if broken:
        _open(connection, broken, now)
    if every:
        binds = {
            "rules": [pair.rule_id for pair, _ in every],
            "devices": [pair.device_id for pair, _ in every],
            "starts": [figure.start for _, figure in every],
            "values": [figure.value for _, figure in every],
            "now": now,
        }
        connection.execute(statements(FILE)["withdraw"], binds)


def _note_peaks(connection: Connection, pairs: Sequence[Pair], zone: str, now: datetime) -> None:
    """Look for quarter-hours of the running day in the ledger, and of the last days by the largest of each day, so that few are read."""
    if not pairs:
        return
    running = bucket_start("15min", now, "UTC")
    binds = {
        "rules": [pair.rule_id for pair in pairs],
        "devices": [pair.device_id for pair in pairs],
        "thresholds": [pair.threshold for pair in pairs],
        "sinces": [pair.rule_since for pair in pairs],
        "low": bucket_start("day", now - LOOK_BACK, zone),
        "high": bucket_start("day", now, zone),
        "until": running - 2 * QUARTER,  # what is newer is the watch's own
    }
    by_key = {(pair.rule_id, pair.device_id): pair for pair in pairs}
    found = connection.execute(statements(FILE)["today_broken"], binds).all()
    name = f"consumption_day_{rollups.slug(zone)}"
    if name in {rollup.name for rollup in rollups.all_rollups(connection)}:
        # Closed days alone: what is live would be added up of every device that there is.
        statement = raw_statements(FILE)["days_broken"].format(day=f"tds.{quote_identifier(f'{name}_closed')}")
        found = [*found, *connection.execute(text(statement), binds)]
    broken = [
        (by_key[row.rule_id, row.device_id], Figure(row.start, row.start + QUARTER, row.value, row.threshold, row.start))
        for row in found
    ]
    if broken:
        _open(connection, broken, now)


def _open(connection: Connection, broken: Sequence[tuple[Pair, Figure]], now: datetime) -> None:
    binds = {
        "rules": [pair.rule_id for pair, _ in broken],
        "devices": [pair.device_id for pair, _ in broken],
        "starts": [figure.start for _, figure in broken],
        "ends": [figure.end for _, figure in broken],
        "values": [figure.value for _, figure in broken],
        "estimates": [figure.estimated for _, figure in broken],
        "thresholds": [figure.threshold for _, figure in broken],
        "now": now,
    }
    connection.execute(statements(FILE)["open_late"], binds)
