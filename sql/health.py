"""What `tds doctor` and /readyz ask of the store."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from settings import Settings, SettingsError
from sql import alarm_post, engine, ledger, migrate, replica, report_post, rollups, upkeep
from sql.errors import TdsError
from sql.findings import Finding
from sql.queries.certificates import expiring
from sql.signs import signs

LEAST_FREE = 1 << 30
SLOW_LEDGER = 600
OLD_REPLICA = 10
CLOCK_APART = 5


# Within so many days of its end a gateway's certificate is named, by the name of the query's tier.
CERTIFICATE_DAYS = {"week": 7, "month": 30, "quarter": 90}


def health(settings: Settings) -> list[Finding]:
    """Check store, schema, engine, clock, ledger and disk; never raises."""
    findings = []
    try:
        store = engine.open_store(settings, "owner", pool_size=1)
        try:
            engine.check(store)
            findings.append(Finding("store", True, "the database answers"))
            with store.transaction() as connection:
                findings += _in_database(connection, settings)
        finally:
            store.close()
    except (TdsError, SettingsError, DBAPIError) as error:
        findings.append(Finding("store", False, engine.reason(error)))
    return [*findings, *_replica(settings), _disk(settings)]


def usable(connection: Connection) -> str | None:
    """Give the reason why the schema cannot be used, or None."""
    fault = migrate.being_restored(connection)
    if fault is not None:
        return fault
    version = migrate.schema_version(connection)
    if version is None:
        return "the database has no schema yet: run `tds migrate`"
    if version > migrate.newest_version():
        return f"the schema is at version {version}, newer than this program knows: install the program that made it"
    if version != migrate.newest_version():
        return f"the schema is at version {version}, this program needs {migrate.newest_version()}: run `tds migrate`"
    return None


def _in_database(connection: Connection, settings: Settings) -> list[Finding]:
    fault = usable(connection)
    if fault is not None:
        return [Finding("schema", False, fault)]
    here = datetime.now(UTC)
    there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = abs((there - here).total_seconds())
    lag = ledger.lag_seconds(connection)
    version = connection.execute(text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")).scalar()
    server = connection.execute(text("SHOW server_version")).scalar_one()
    kind = (
        f"TimescaleDB {version} on PostgreSQL {server}"
        if rollups.engine_of(connection) == "timescaledb"
        else f"PostgreSQL {server}"
    )
    waiting = connection.execute(text("SELECT count(*) FROM tds.zone WHERE ready_at IS NULL")).scalar_one()
    return [
        Finding("schema", True, f"version {migrate.newest_version()}"),
        Finding("engine", True, kind),
        Finding("clock", apart < CLOCK_APART, f"{apart:.1f} s between this machine and the database"),
        Finding(
            "ledger",
            lag < SLOW_LEDGER,
            "no readings wait"
            if not lag
            else f"readings wait since {lag:.0f} s: is a ledger worker running, and what does it log?",
        ),
        _books(connection),
        Finding(
            "zones",
            not waiting,
            "every zone has its rollups" if not waiting else f"{waiting} time zones wait for rollups: run `tds migrate`",
        ),
        *signs(connection, settings.mqtt_client_id, there),
        _gateway_certificates(connection, here),
        _alarms(connection),
        _reports(connection, settings),
    ]


def _alarms(connection: Connection) -> Finding:
    """Look at whether recipients of alarms are told: no mail is the operator's fault, a webhook is its account's."""
    found = alarm_post.failing(connection)
    if not found:
        return Finding("alarms", True, "every message to a recipient was taken")
    told = [f"{one.channel}: {one.recipients} told nothing since {one.since:%Y-%m-%d %H:%M} UTC ({one.fault})" for one in found]
    return Finding("alarms", all(one.channel != "mail" for one in found), "; ".join(told), warning=True)


def _reports(connection: Connection, settings: Settings) -> Finding:
    """Look at whether monthly reports reach their recipients."""
    found = report_post.failing(connection)
    if found is not None:
        many = "1 recipient" if found.recipients == 1 else f"{found.recipients} recipients"
        return Finding("reports", False, f"not sent to {many} since {found.since:%Y-%m-%d %H:%M} UTC ({found.fault})")
    named = report_post.named(connection)
    if named and settings.smtp_url is None:
        return Finding("reports", True, "there are recipients of reports and no mail server (TDS_SMTP_URL)", warning=True)
    return Finding("reports", True, "every report by mail was taken")


def _gateway_certificates(connection: Connection, now: datetime) -> Finding:
    """Look at the last certificate of every gateway in use, of all accounts: one that is over is a fault, one that ends soon a warning."""
    found = expiring(connection, now)
    if not found:
        return Finding("gateway certs", True, f"none ends within {max(CERTIFICATE_DAYS.values())} days")
    told = []
    for one in found:
        first = f"{one.gateways} {'gateway' if one.gateways == 1 else 'gateways'}, the first {one.name} on {one.first:%Y-%m-%d}"
        told.append(f"ended: {first}" if one.tier == "over" else f"end within {CERTIFICATE_DAYS[one.tier]} days: {first}")
    return Finding("gateway certs", found[0].tier != "over", f"{'; '.join(told)}: renew them", warning=True)


def _books(connection: Connection) -> Finding:
    night = connection.execute(text("SELECT value FROM tds.meta WHERE key = 'nightly'")).scalar()
    differing = upkeep.last_difference(connection)
    if differing:
        return Finding(
            "books", False, f"{differing} rows differed in the night of {night}: see what is left with `tds ledger verify`"
        )
    return Finding("books", True, f"no difference in the night of {night}" if night else "the nightly check has not run yet")


def _replica(settings: Settings) -> list[Finding]:
    """Look at the replica that figures are read from, where one is set."""
    if settings.database_read_url is None:
        return []
    try:
        primary = engine.open_store(settings, "web", pool_size=1)
        follower = replica.Replica(settings, primary, pool_size=1)
    except (TdsError, SettingsError) as error:
        return [Finding("replica", False, str(error))]
    try:
        seen = follower.look(aloud=False)
    finally:
        primary.close()
        follower.store.close()
    if seen.fault is not None or seen.age is None:
        return [Finding("replica", False, f"not used, figures come from the primary: {seen.fault}")]
    return [Finding("replica", True, f"its data are {seen.age:.0f} s old", warning=seen.age > OLD_REPLICA)]


def _disk(settings: Settings) -> Finding:
    folder = settings.state_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding("disk", free > LEAST_FREE, f"{free / (1 << 30):.1f} GiB free for {settings.state_dir}")
