"""An installation for what is measured in pages and charts: a large account of a thousand meters with two years of quarter-hours,
one as large whose meters have one row a day, and a wide one of ten thousand such meters.

The ledger is written as it would be by then, week by week and compressed where the engine does so; readings only where an
export needs them. Every figure comes from the meter's number and the time, so that a second run makes the same site.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sql import budgets, fleet, invoices, people, rollups, tariffs, totals
from sql.calendar import bucket_start
from sql.engine import Store
from sql.refresh import refresh
from sql.tariff_rules import Terms
from tests.performance.places import filled, note

ZONE = "America/Sao_Paulo"
ACCOUNT, SPARSE, WIDE = "Large", "Sparse", "Wide"
EMAIL, WIDE_EMAIL, PASSWORD = "manager@large.example", "manager@wide.example", "twelve green bottles"
WIDER = 10  # times the meters of the large account
PER_GATEWAY = 8
READ = 48  # meters that have readings
INVOICES = 12  # of each resource
QUARTER, ONE_DAY, WEEK = timedelta(minutes=15), timedelta(days=1), timedelta(days=7)
NOTE = "site"

GATEWAYS = """
INSERT INTO tds.gateway (account_id, mac, name, capacity)
SELECT :account, '02:00:0' || :account || ':' || substr(h, 1, 2) || ':' || substr(h, 3, 2) || ':' || substr(h, 5, 2), 'Building ' || n, 32
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
                  FROM generate_series(CAST(:start AS timestamptz) + interval '450 seconds', CAST(:end AS timestamptz) - interval '1 second', CAST(:step AS interval)) t) c,
               unnest(CAST(:ids AS integer[])) d) x
"""
READINGS = """
INSERT INTO tds.reading
SELECT d, t, round(((1 + d * 7919 % 97) * 0.3 * extract(epoch FROM t - CAST(:start AS timestamptz)) / 900)::numeric, 3)
  FROM unnest(CAST(:ids AS integer[])) d, generate_series(CAST(:start AS timestamptz), :end, interval '15 minutes') t
ON CONFLICT DO NOTHING
"""


def made(store: Store, devices: int, months: int, keep: Path | None = None) -> dict[str, Any]:
    """Make the installation up to now, unless a folder keeps one as large; gives what was made."""
    known = filled(keep, NOTE)
    if known is None:
        known = build(store, devices, months)
        remember(keep, known)
    if (known["devices"], known["months"]) != (devices, months):
        raise SystemExit(f"{keep} keeps another site: {known['devices']} devices, {known['months']} months")
    return known


def remember(keep: Path | None, known: dict[str, Any]) -> None:
    """Write down what was made."""
    note(keep, NOTE, known)


def build(store: Store, devices: int, months: int, now: datetime | None = None) -> dict[str, Any]:
    """Make the installation up to now; gives what was made."""
    now = now or datetime.now(UTC)
    until = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    ids = register(store, ACCOUNT, devices, EMAIL)
    others = register(store, SPARSE, devices) + register(store, WIDE, devices * WIDER, WIDE_EMAIL)
    rollups.add_missing_zones(store)
    start = bucket_start("month", until - timedelta(days=30.5 * (months - 1)), ZONE)
    fill(store, ids, others, start, until)
    read = until - timedelta(days=220)
    execute(store, READINGS, ids=ids[:READ], start=max(read, start), end=until)
    seen = "INSERT INTO tds.device_seen SELECT id, :at, 1000, :at FROM tds.device"
    execute(store, seen, at=until)
    execute(store, "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) SELECT id, :at FROM tds.gateway", at=until)
    known = "INSERT INTO tds.ledger_state (device_id, version, first_time, last_time, last_value) SELECT id, 1, :start, :at, 1000 FROM tds.device"
    execute(store, known, start=start, at=until)
    price(store, until)
    totals.drain(store)
    outside(store, "VACUUM (ANALYZE)")
    facts = {"devices": devices, "months": months, "installation": len(ids) + len(others)}
    return {**facts, "since": start.isoformat(), "until": until.isoformat()}


def price(store: Store, until: datetime) -> None:
    """Give the large account a price for each resource, a budget, and the invoices of a year."""
    with store.transaction() as connection:
        account = fleet.find_account(connection, ACCOUNT).id
        first = until.date().replace(day=1)
        for resource, unit in (("electricity", "kWh"), ("water", "m³"), ("gas", "m³")):
            prices = {"all": Decimal("0.5")}
            tariffs.add_tariff(connection, account, Terms(resource, date(2020, 1, 1), "Flat", unit, prices, tax=Decimal(20)))
            budgets.set_budget(connection, account, budgets.Budget(resource, first, "money", "", Decimal(100_000)))
            end = first
            for _ in range(INVOICES):
                last = end - ONE_DAY
                end = last.replace(day=1)
                asked = invoices.Invoice(0, resource, end, last, Decimal(900_000), unit, Decimal(500_000), None, EMAIL)
                invoices.add_invoice(connection, account, asked)


def register(store: Store, name: str, devices: int, email: str = "") -> list[int]:
    """Register an account with its devices, and a person who may look at them."""
    with store.transaction() as connection:
        account = fleet.add_account(connection, name, timezone=ZONE, locale="en")
        binds = {"account": account, "gateways": -(-devices // PER_GATEWAY)}
        connection.execute(text(GATEWAYS), binds)
        ids = connection.execute(text(DEVICES), {"account": account, "devices": devices, "each": PER_GATEWAY}).scalars().all()
        if email:
            people.add_user(connection, email, name, "viewer", PASSWORD)
    return list(ids)


def ids_of(store: Store, account: str) -> list[int]:
    """Give an account's devices."""
    wanted = text("SELECT d.id FROM tds.device d JOIN tds.account a ON a.id = d.account_id WHERE a.name = :name ORDER BY 1")
    with store.transaction() as connection:
        return list(connection.execute(wanted, {"name": account}).scalars())


def fill(store: Store, ids: list[int], others: list[int], start: datetime, until: datetime) -> None:
    """Write the ledger week by week, then everything that is made from it; of the others one row a day."""
    week = start
    while week < until:
        end = min(week + WEEK, until)
        execute(store, LEDGER, ids=ids, start=week, end=end, step=QUARTER)
        execute(store, LEDGER, ids=others, start=week, end=end, step=ONE_DAY)
        week += WEEK
        compress(store, week - 2 * WEEK)
    roll_up(store, start, until)


def roll_up(store: Store, start: datetime, until: datetime) -> None:
    """Bring the rollups up to the ledger, as the engine does so."""
    with store.transaction() as connection:
        timescale = rollups.engine_of(connection) == "timescaledb"
    if timescale:
        while refresh(store, datetime.now(UTC)):
            pass
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
