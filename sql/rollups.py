"""Rollups of the ledger: hour, local day, local month; made per zone, rewritten (plain) or refreshed (TimescaleDB)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from sql import calendar
from sql.engine import Store
from sql.statements import quote_identifier, quote_literal, raw_statements, script, statements

COLUMNS = ("quantity", "estimated", "covered", "readings", "largest", "value_seconds", "minimum", "maximum")
COMMENTS = {
    "device_id": "Device, as in web.device.id",
    "bucket": "Start of the hour (UTC), of the local day or of the local month",
    "quantity": "Consumption in the device's unit; null for gauges and where no pair of readings reaches",
    "estimated": "The part of quantity that is not measured",
    "covered": "Measured time within the bucket, in microseconds",
    "readings": "Accepted readings within the bucket",
    "largest": "Largest measured quarter-hour; times 4 it is the peak demand per hour",
    "value_seconds": "Gauges: integral over the measured time; divided by covered seconds it is the mean",
    "minimum": "Gauges: smallest reading",
    "maximum": "Gauges: largest reading",
}
HOUR, QUARTERS = "consumption_hour", "consumption_quarters"
WRAPPED = "every_zone"  # a view over several zones is one SELECT from their union
PACKED = {
    "measured": "What was measured in each quarter-hour of the UTC day: each shifted by 14 decimal places more than the one before",
    "unmeasured": "The same, by 20 places, of quarter-hours of which a part is estimated: a hundred million more in each",
    "bound": "What no quarter-hour of the day is above, in size",
}
SLOTS, LANE, WIDE_LANE = 96, 14, 20  # quarter-hours of a UTC day, and how many decimal places each has in rollups/quarters.sql
ELECTION_LOCK = 7_245_111
DEVICES_OF_ZONE = "SELECT d.id FROM tds.device d JOIN tds.account a ON a.id = d.account_id WHERE a.timezone = :zone"


class Rollup(NamedTuple):
    """One rollup of the database: its table or aggregate, its step and, unless it is of UTC hours or days, its zone."""

    name: str
    step: str
    zone: str | None
    refreshed_until: datetime | None

    @property
    def packed(self) -> bool:
        """Whether it holds quarter-hours, packed by UTC day."""
        return self.name == QUARTERS

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what it holds of a device and bucket."""
        return tuple(PACKED) if self.packed else COLUMNS

    def start(self, instant: datetime) -> datetime:
        """Give the start of the bucket that an instant lies in."""
        return calendar.bucket_start(self.step, instant, self.zone or "UTC")

    def following(self, bucket: datetime) -> datetime:
        """Give the start of the bucket after the one that starts at an instant."""
        return calendar.next_bucket(self.step, bucket, self.zone or "UTC")


def slug(zone: str) -> str:
    """Give the part of a rollup's name that stands for a zone."""
    return zone.lower().replace("/", "_")


def engine_of(connection: Connection) -> str:
    """Tell the engine of the schema: `timescaledb` or `plain`."""
    return str(connection.execute(text("SELECT value FROM tds.meta WHERE key = 'engine'")).scalar_one())


def all_rollups(connection: Connection) -> list[Rollup]:
    """List the rollups, hour first, days before the months that are made from them."""
    rows = connection.execute(
        text(
            "SELECT name, step, zone, CASE WHEN isfinite(refreshed_until) THEN refreshed_until END FROM tds.rollup"
            " ORDER BY array_position(ARRAY['hour', 'day', 'month'], step), name"
        )
    )
    return [Rollup(*row) for row in rows]


def body(rollup: Rollup) -> str:
    """Give the SELECT that defines a rollup, up to its source, without grouping."""
    if rollup.step == "hour":
        return script("rollups/hour.sql")
    if rollup.packed:
        lanes, wide_lanes = (",".join(f"1e{width * slot}" for slot in range(SLOTS)) for width in (LANE, WIDE_LANE))
        return script("rollups/quarters.sql", lanes=f"{{{lanes}}}", wide_lanes=f"{{{wide_lanes}}}")
    zone = rollup.zone or "UTC"
    return script(f"rollups/{rollup.step}.sql", zone=zone, day=f"consumption_day_{slug(zone)}")


def direct_body(rollup: Rollup) -> str:
    """Give the SELECT of a rollup taken from the ledger itself, also for a month; what the rollup must equal."""
    day = script("rollups/day.sql", zone=rollup.zone or "UTC")
    return body(rollup) if rollup.step != "month" else day.replace("interval '1 day'", "interval '1 month'")


def devices_in(connection: Connection, rollup: Rollup, device_ids: Sequence[int]) -> list[int]:
    """Give those of the devices that a rollup holds: on the plain engine a zone's rollups hold the devices of its accounts."""
    if rollup.zone is None:
        return list(device_ids)
    held = set(connection.execute(text(DEVICES_OF_ZONE), {"zone": rollup.zone}).scalars())
    return [device for device in device_ids if device in held]


def add_missing_zones(store: Store, packed: bool = True) -> list[str]:
    """Make the rollups of every zone that an account uses and that has none yet, with their history; gives the zones added. Beside
    them those of no zone: an older installation gets the packed ones only where that is said, an empty one always."""
    added = []
    with store.transaction() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ELECTION_LOCK})
        kind = engine_of(connection)
        known = {rollup.name for rollup in all_rollups(connection)}
        for rollup in (Rollup(HOUR, "hour", None, None), Rollup(QUARTERS, "day", None, None)):
            if rollup.name not in known and (packed or not known):
                _create(connection, kind, rollup)
                _fill(connection, kind, rollup)
        for zone in connection.execute(text("SELECT name FROM tds.zone WHERE ready_at IS NULL ORDER BY name")).scalars().all():
            for step in ("day", "month"):
                rollup = Rollup(f"consumption_{step}_{slug(zone)}", step, zone, None)
                if rollup.name not in known:
                    _create(connection, kind, rollup)
                    _fill(connection, kind, rollup)
            connection.execute(text("UPDATE tds.zone SET ready_at = now() WHERE name = :zone"), {"zone": zone})
            added.append(zone)
        if added or HOUR not in known:
            _account_views(connection)
    return added


def mend_views(store: Store) -> None:
    """Make the account's views over several zones anew where an older program made them a bare UNION ALL.

    PostgreSQL takes such a view apart although it is a barrier, and asks a reader's own function of rows before whose they are.
    """
    with store.transaction() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ELECTION_LOCK})
        found = connection.execute(text("SELECT pg_get_viewdef(to_regclass('web.consumption_month'))")).scalar() or ""
        if "UNION ALL" in found and WRAPPED not in found:
            _account_views(connection)


def _create(connection: Connection, kind: str, rollup: Rollup) -> None:
    name = quote_identifier(rollup.name)
    if kind == "timescaledb":
        live = "true" if rollup.step == "month" or rollup.packed else "false"
        connection.exec_driver_sql(
            f"CREATE MATERIALIZED VIEW tds.{name} WITH (timescaledb.continuous, timescaledb.materialized_only = {live}) AS "
            + body(rollup).replace("%", "%%")
            + " GROUP BY 1, 2 WITH NO DATA"
        )
    else:
        connection.exec_driver_sql(f"CREATE TABLE tds.{name} AS {body(rollup)} GROUP BY 1, 2 WITH NO DATA")
        connection.exec_driver_sql(f"ALTER TABLE tds.{name} ADD PRIMARY KEY (device_id, bucket)")
    connection.execute(
        text("INSERT INTO tds.rollup (name, step, zone, refreshed_until) VALUES (:name, :step, :zone, :until)"),
        {
            "name": rollup.name,
            "step": rollup.step,
            "zone": rollup.zone,
            "until": "-infinity" if kind == "timescaledb" else "infinity",
        },
    )
    devices = "WHERE device_id = any (array(SELECT unnest(tds.current_devices())))"
    _account_view(connection, rollup.name, f"SELECT * FROM tds.{name}", devices, rollup.columns)
    if rollup.step == "day" and not rollup.packed:
        # What is materialised, without the live part: a month needs its closed days, and reads today by hours instead.
        closed = quote_identifier(f"{rollup.name}_closed")
        connection.exec_driver_sql(f"CREATE VIEW tds.{closed} AS SELECT * FROM {_materialised(connection, kind, rollup)}")
        _account_view(connection, f"{rollup.name}_closed", f"SELECT * FROM tds.{closed}", devices)


def _materialised(connection: Connection, kind: str, rollup: Rollup) -> str:
    if kind == "plain":
        return f"tds.{quote_identifier(rollup.name)}"
    return str(
        connection.execute(
            text(
                "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
                " FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'tds' AND view_name = :name"
            ),
            {"name": rollup.name},
        ).scalar_one()
    )


def tables(connection: Connection) -> list[str]:
    """Name the tables that hold the rollups' rows, ready to stand in a statement."""
    kind = engine_of(connection)
    return [_materialised(connection, kind, rollup) for rollup in all_rollups(connection)]


def _fill(connection: Connection, kind: str, rollup: Rollup) -> None:
    """Bring the history into a new rollup of the plain engine; TimescaleDB does so at its next refresh."""
    if kind == "plain":
        connection.exec_driver_sql("LOCK TABLE tds.ledger IN SHARE MODE")  # a batch could not see the rollup yet
        keep = "" if rollup.zone is None else f"WHERE device_id IN ({DEVICES_OF_ZONE})"
        connection.execute(
            text(f"INSERT INTO tds.{quote_identifier(rollup.name)} {body(rollup)} {keep} GROUP BY 1, 2"), {"zone": rollup.zone}
        )


def _account_views(connection: Connection) -> None:
    """Make web.consumption_hour, _day and _month, which show an account its own zone's rollups."""
    zoned = [rollup for rollup in all_rollups(connection) if rollup.zone is not None]
    for step in ("day", "month"):
        parts = [
            f"SELECT device_id, bucket, {', '.join(COLUMNS)} FROM tds.{quote_identifier(rollup.name)} WHERE device_id = any (array("
            f"SELECT d.id FROM tds.device d JOIN tds.account a ON a.id = d.account_id WHERE a.id = tds.current_account() AND a.timezone = '{rollup.zone}'))"
            for rollup in zoned
            if rollup.step == step
        ]
        if parts:
            _account_view(connection, f"consumption_{step}", f"SELECT * FROM ({' UNION ALL '.join(parts)}) {WRAPPED}", "")


def _account_view(connection: Connection, name: str, select: str, where: str, columns: Sequence[str] = COLUMNS) -> None:
    view = f"web.{quote_identifier(name)}"
    connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {view} WITH (security_barrier) AS {select} {where}")
    for column in ("device_id", "bucket", *columns):
        comment = quote_literal((COMMENTS | PACKED)[column])
        connection.exec_driver_sql(f"COMMENT ON COLUMN {view}.{column} IS {comment}")
    readers = connection.execute(
        text(
            "SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = 'web' AND table_name = 'ledger'"
            " AND privilege_type = 'SELECT' AND grantee <> current_user"
        )
    ).scalars()
    for login in readers.all():
        connection.exec_driver_sql(f"GRANT SELECT ON {view} TO {quote_identifier(login)}")


def rewrite_touched(connection: Connection) -> None:
    """Plain engine: rewrite the buckets of the session's table `touched` (device_id, low, high middles, both included)."""
    for rollup in all_rollups(connection):
        name = quote_identifier(rollup.name)
        zone = rollup.zone or "UTC"
        source = "middle" if rollup.step != "month" else "bucket"
        edges = (
            f"SELECT t.device_id, tds.time_bucket(interval '1 {rollup.step}', t.low, :zone) AS low,"
            f" tds.time_bucket(interval '1 {rollup.step}', t.high, :zone) AS high FROM touched t"
        )
        if rollup.zone is not None:
            edges += f" WHERE t.device_id IN ({DEVICES_OF_ZONE})"
        until = f"tds.following_bucket('{rollup.step}', e.high, :zone)"
        columns = ", ".join(rollup.columns)
        assignments = ", ".join(f"{column} = excluded.{column}" for column in rollup.columns)
        connection.execute(
            text(
                f"WITH e AS MATERIALIZED ({edges}), fresh AS (SELECT f.* FROM e CROSS JOIN LATERAL ({body(rollup)}"
                f" WHERE device_id = e.device_id AND {source} >= e.low AND {source} < {until} GROUP BY 1, 2) f),"
                f" gone AS (DELETE FROM tds.{name} r USING e WHERE r.device_id = e.device_id AND r.bucket >= e.low AND r.bucket <= e.high"
                f" AND NOT EXISTS (SELECT FROM fresh f WHERE f.device_id = r.device_id AND f.bucket = r.bucket))"
                f" INSERT INTO tds.{name} AS r (device_id, bucket, {columns}) SELECT device_id, bucket, {columns} FROM fresh"
                f" ON CONFLICT (device_id, bucket) DO UPDATE SET {assignments}"
                f" WHERE ({', '.join('r.' + c for c in rollup.columns)}) IS DISTINCT FROM ({', '.join('excluded.' + c for c in rollup.columns)})"
            ),
            {"zone": zone},
        )
    connection.execute(statements("totals.sql")["share_lock"])
    connection.execute(statements("step_totals.sql")["queue"])


def differences(
    connection: Connection, rollup: Rollup, device_ids: Sequence[int], since: datetime | None
) -> list[tuple[int, int]]:
    """Count, by device, the buckets in which a rollup differs from a direct sum over the ledger."""
    columns = ", ".join(rollup.columns)
    # A month is read from its days until it has closed: what its rollup holds before that is nobody's figure.
    # Where its last midnight comes twice it closes an hour after we had it refreshed, and is materialised with the next.
    following = f"time_bucket(interval '1 month', bucket + interval '768 hours', '{rollup.zone}')"
    end = following if rollup.step == "month" else "bucket + interval '1 day'"
    closed = (
        f"{end} <= (SELECT refreshed_until FROM tds.rollup WHERE name = :name)"
        if rollup.step == "month" or rollup.packed
        else "true"
    )
    low = rollup.start(since) if since else "-infinity"
    rows = connection.execute(
        text(
            f"WITH wanted AS ({direct_body(rollup)} WHERE device_id = any(:devices) AND middle >= :low GROUP BY 1, 2),"
            f" kept AS (SELECT device_id, bucket, {columns} FROM tds.{rollup.name} WHERE device_id = any(:devices) AND bucket >= :low AND {closed})"
            f" SELECT device_id, count(*) FROM (SELECT device_id, bucket, {columns} FROM wanted WHERE {closed} EXCEPT SELECT * FROM kept"
            f" UNION ALL (SELECT * FROM kept EXCEPT SELECT device_id, bucket, {columns} FROM wanted WHERE {closed})) d GROUP BY 1 ORDER BY 1"
        ),
        {"devices": devices_in(connection, rollup, device_ids), "name": rollup.name, "low": low},
    )
    return [(int(device), int(count)) for device, count in rows]


def mend(connection: Connection, device_ids: Sequence[int], low: datetime, high: datetime) -> None:
    """Have the rollups of devices rewritten (plain) or refreshed (TimescaleDB) over a period."""
    if engine_of(connection) == "plain":
        connection.exec_driver_sql(raw_statements("ledger.sql")["create_tables"])
        connection.execute(text("TRUNCATE touched"))
        connection.execute(
            text("INSERT INTO touched SELECT unnest(CAST(:ids AS integer[])), :low, :high"),
            {"ids": list(device_ids), "low": low, "high": high},
        )
        rewrite_touched(connection)
    else:
        pending = text("INSERT INTO tds.refresh_pending (low, high, forced) VALUES (:low, :high, true)")
        connection.execute(pending, {"low": low, "high": high})
