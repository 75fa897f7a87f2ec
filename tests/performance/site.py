"""A large account for what is measured in its pages: a thousand meters behind gateways, two years of quarter-hours.

The ledger is written as it would be by then, week by week and compressed where the engine does so; readings only where an
export needs them. Every figure comes from the meter's number and the time, so that a second run makes the same site.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from sql import fleet, people, rollups
from sql.calendar import bucket_start
from sql.engine import Store
from sql.refresh import refresh

ZONE, ACCOUNT = "America/Sao_Paulo", "Large"
EMAIL, PASSWORD = "manager@large.example", "twelve green bottles"
PER_GATEWAY = 8
READ = 48  # meters that have readings
WEEK = timedelta(days=7)

GATEWAYS = """
INSERT INTO tds.gateway (account_id, mac, name, capacity)
SELECT :account, '02:00:01:' || substr(h, 1, 2) || ':' || substr(h, 3, 2) || ':' || substr(h, 5, 2), 'Building ' || n, 32
  FROM (SELECT n, lpad(to_hex(n), 6, '0') AS h FROM generate_series(1, :gateways) n) x;
"""
# Of ten meters seven count electricity, two water, one gas.
DEVICES = """
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution)
SELECT :account, (SELECT min(id) FROM tds.gateway WHERE account_id = :account) + n / :each, 'D' || lpad((n % :each + 1)::text, 2, '0'),
       initcap(r) || ' meter ' || n, 'counter', r, CASE r WHEN 'electricity' THEN 'kWh' ELSE 'm³' END, 900, 1000, 0.001
  FROM (SELECT n, CASE WHEN n % 10 < 7 THEN 'electricity' WHEN n % 10 < 9 THEN 'water' ELSE 'gas' END AS r
          FROM generate_series(0, :devices - 1) n) x
RETURNING id
"""
# A curve of the day, weekends at a third, a size by number; of every hundredth hour nothing is measured.
LEDGER = """
INSERT INTO tds.ledger (device_id, middle, quantity, estimated, covered, readings)
SELECT d, t, q, CASE WHEN lost THEN q ELSE 0 END, CASE WHEN lost THEN 0 ELSE 900000000 END, CASE WHEN lost THEN 0 ELSE 1 END
  FROM (SELECT d, t, hashint8(extract(epoch FROM date_trunc('hour', t))::bigint / 3600 + d * 7919) % 100 = 0 AS lost,
               round(((1 + d * 7919 % 97) * c.share * (1 + ((d + extract(epoch FROM t)::bigint / 900) * 31 % 17) / 100.0))::numeric, 3) AS q
          FROM (SELECT t, (0.2 + 0.1 * (1 + sin((extract(epoch FROM t) - 36000) / 43200 * pi())))
                          * CASE WHEN extract(isodow FROM t) > 5 THEN 0.35 ELSE 1 END AS share
                  FROM generate_series(CAST(:start AS timestamptz) + interval '450 seconds', CAST(:end AS timestamptz) - interval '1 second', interval '15 minutes') t) c,
               unnest(CAST(:ids AS integer[])) d) x
"""
READINGS = """
INSERT INTO tds.reading
SELECT d, t, round(((1 + d * 7919 % 97) * 0.3 * extract(epoch FROM t - CAST(:start AS timestamptz)) / 900)::numeric, 3)
  FROM unnest(CAST(:ids AS integer[])) d, generate_series(CAST(:start AS timestamptz), :end, interval '15 minutes') t
"""


def build(store: Store, devices: int, months: int, now: datetime | None = None) -> dict[str, Any]:
    """Make the site up to now; gives what was made."""
    now = now or datetime.now(UTC)
    until = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    ids = register(store, devices)
    start = bucket_start("month", until - timedelta(days=30.5 * (months - 1)), ZONE)
    fill(store, ids, start, until)
    read = until - timedelta(days=220)
    execute(store, READINGS, ids=ids[:READ], start=max(read, start), end=until)
    seen = "INSERT INTO tds.device_seen SELECT id, :at, 1000, :at FROM tds.device"
    execute(store, seen, at=until)
    execute(store, "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) SELECT id, :at FROM tds.gateway", at=until)
    return {"devices": len(ids), "since": start.isoformat(), "until": until.isoformat()}


def register(store: Store, devices: int) -> list[int]:
    """Register account, person, gateways and devices."""
    with store.transaction() as connection:
        account = fleet.add_account(connection, ACCOUNT, timezone=ZONE, locale="en")
        connection.execute(text(GATEWAYS), {"account": account, "gateways": -(-devices // PER_GATEWAY)})
        ids = connection.execute(text(DEVICES), {"account": account, "devices": devices, "each": PER_GATEWAY}).scalars().all()
        people.add_user(connection, EMAIL, ACCOUNT, "viewer", PASSWORD)
    rollups.add_missing_zones(store)
    return list(ids)


def fill(store: Store, ids: list[int], start: datetime, until: datetime) -> None:
    """Write the ledger week by week, then everything that is made from it."""
    week = start
    while week < until:
        execute(store, LEDGER, ids=ids, start=week, end=min(week + WEEK, until))
        week += WEEK
        compress(store, week - 2 * WEEK)
    roll_up(store, start, until)
    outside(store, "VACUUM (ANALYZE)")


def roll_up(store: Store, start: datetime, until: datetime) -> None:
    """Bring the rollups up to the ledger, as the engine does so."""
    with store.transaction() as connection:
        timescale = rollups.engine_of(connection) == "timescaledb"
    if timescale:
        refresh(store, datetime.now(UTC))
        return
    created = "CREATE TEMPORARY TABLE touched (device_id integer PRIMARY KEY, low timestamptz, high timestamptz) ON COMMIT DROP"
    with store.transaction() as connection:
        connection.execute(text(created))
        connection.execute(text("INSERT INTO touched SELECT id, :low, :high FROM tds.device"), {"low": start, "high": until})
        rollups.rewrite_touched(connection)


def compress(store: Store, before: datetime) -> None:
    """TimescaleDB: compress what the policy would have compressed by now."""
    with store.transaction() as connection:
        timescale = rollups.engine_of(connection) == "timescaledb"
    if timescale and before < datetime.now(UTC) - WEEK:
        chunks = "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('tds.ledger', older_than => CAST(:before AS timestamptz)) c"
        execute(store, chunks, before=before)


def execute(store: Store, statement: str, **values: Any) -> None:
    """Run one statement in a transaction of its own."""
    with store.transaction() as connection:
        connection.execute(text(statement), values)


def outside(store: Store, statement: str) -> None:
    """Run what no transaction may hold."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
