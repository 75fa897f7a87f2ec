"""The commands `tds ingest` and `tds ledger work`."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from broker.material import crl_expires, crl_fault
from broker.signals import STOP, event_of
from ingest.alarm_worker import AlarmWorker
from ingest.connection import Target
from ingest.credentials import expiries, tls_context
from ingest.health import HealthServer
from ingest.inbox import Inbox
from ingest.metrics import Metrics
from ingest.replayer import Replayer
from ingest.report_worker import ReportWorker
from ingest.service import Service
from ingest.session import StoreLost, connect
from ingest.subscriber import Subscriber
from ingest.worker import LedgerWorker
from logs import log_to_stderr
from settings import Settings
from sql.engine import database_url
from sql.errors import StoreUnavailable
from sql.migrate import newest_version

log = logging.getLogger(__name__)

# How many messages may be unacknowledged: a batch in the database, one decoded ahead, and as many on their way in, so that
# nobody waits for anybody.
WINDOW = 16000
WATCH_SECONDS = 5.0


def ingest(settings: Settings, args: argparse.Namespace) -> int:
    """Store what gateways publish until told to stop; the ledger worker runs beside."""
    log_to_stderr(settings.log_format)
    tls_context(settings.pki_dir)
    require_schema(settings)
    stop = event_of(*STOP)
    metrics = Metrics()
    metrics.watch_crl(lambda: crl_expires(settings.pki_dir))
    metrics.watch_certificates(lambda: expiries(settings.pki_dir))
    inbox = Inbox(WINDOW)
    target = Target(settings.mqtt_host, settings.mqtt_port, settings.mqtt_root, settings.mqtt_client_id, WINDOW)
    subscriber = Subscriber(target, lambda: tls_context(settings.pki_dir), inbox, metrics, lambda: service.may_connect())
    service = Service(lambda: database_url(settings, "ingest"), settings.mqtt_client_id, inbox, subscriber, metrics, stop)

    def unready() -> str | None:
        return service.unready() or crl_fault(settings.pki_dir, datetime.now(UTC))

    health = HealthServer((settings.ingest_host, settings.ingest_port), metrics.text, service.hanging, unready)
    worker = ledger_worker(settings, lambda: len(inbox) >= WINDOW // 4)
    alarms = AlarmWorker(settings, metrics.registry) if worker else None
    reports = ReportWorker(settings) if worker else None
    replayer = Replayer(lambda: database_url(settings, "ingest"), metrics)
    health.start()
    replayer.start()
    if worker and alarms and reports:
        worker.start()
        alarms.start()
        reports.start()
    watch(service)
    try:
        service.run()
    finally:
        replayer.stop()
        if worker and alarms and reports:
            reports.stop()
            alarms.stop()
            worker.stop()
        health.stop()
    log.info("stopped")
    return 0


def work(settings: Settings, args: argparse.Namespace) -> int:
    """Run the ledger worker alone until told to stop, with the alarms that follow from it and the monthly reports by mail."""
    log_to_stderr(settings.log_format)
    stop = event_of(*STOP)
    worker, alarms, reports = LedgerWorker(settings), AlarmWorker(settings), ReportWorker(settings)
    worker.start()
    alarms.start()
    reports.start()
    stop.wait()
    reports.stop()
    alarms.stop()
    worker.stop()
    return 0


def require_schema(settings: Settings) -> None:
    """Raise unless the database answers and has the schema that this program knows."""
    try:
        connection = connect(database_url(settings, "ingest"))
    except StoreLost as error:
        raise StoreUnavailable(f"the database cannot be used (has `tds migrate` been run?): {error}") from error
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('tds_migration.version') IS NOT NULL")
        found = cursor.fetchone()
        if found == (True,):
            cursor.execute("SELECT version_num FROM tds_migration.version")
            found = cursor.fetchone()
    if found != (newest_version(),):
        raise StoreUnavailable("the database has no schema yet, or an older one: run `tds migrate`")


def watch(service: Service) -> None:
    """End the process when it hangs, so that whoever started it can start it anew: nothing acknowledged is lost by that."""

    def look() -> None:
        while True:
            threading.Event().wait(WATCH_SECONDS)
            service.hang_up()
            if reason := service.hanging():
                log.critical("%s: ending, to be started anew", reason)
                logging.shutdown()
                os._exit(1)

    threading.Thread(target=look, name="watchdog", daemon=True).start()


def ledger_worker(settings: Settings, intake_is_behind: Callable[[], bool]) -> LedgerWorker | None:
    """Make the worker, which works as the owner; None on a machine that was given the ingest login alone."""
    if settings.ingest_database_url is not None and settings.database_url is None:
        log.info("no TDS_DATABASE_URL here: the ledger is left to `tds ledger work` elsewhere")
        return None
    return LedgerWorker(settings, intake_is_behind)
