"""What the ingester counts, by the names of the contract; one registry per process, nothing global."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from ingest.rejection import REASONS
from ingest.resolve import Resolved
from ingest.writer import Stored

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000)
_DELAYS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
# A series for each of 10,000 gateways is more than a scrape should carry: only the slowest are told, all of them are in the database.
MOST_GATEWAYS = 50


class Metrics:
    """Counters and gauges of one ingester."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.messages = Counter("tds_messages", "Messages stored or rejected", registry=registry)
        self.readings = Counter("tds_readings", "Readings stored", registry=registry)
        self.duplicates = Counter("tds_duplicates", "Readings that were stored already", registry=registry)
        self.late = Counter(
            "tds_late_readings", "Readings stored that arrived when their device had been silent already", registry=registry
        )
        self.rejections = Counter("tds_rejections", "Messages and readings rejected, by reason", ["reason"], registry=registry)
        for reason in REASONS:
            self.rejections.labels(reason)
        self.suppressed = Counter(
            "tds_rejections_suppressed",
            "Rejections counted but not kept: faster, or more, than a gateway may have",
            registry=registry,
        )
        self.replayed = Counter(
            "tds_replayed_readings", "Readings stored from rejections that were tried again", registry=registry
        )
        self.confirmed = Counter("tds_confirmed", "Sequence numbers confirmed to gateways", registry=registry)
        self.reconnects = Counter("tds_reconnects", "Connections to the broker that ended or failed", registry=registry)
        self.store_faults = Counter("tds_store_faults", "Batches that the database did not take at once", registry=registry)
        self.commit_seconds = Histogram("tds_commit_seconds", "Time to store a batch", buckets=_SECONDS, registry=registry)
        self.batch_messages = Histogram("tds_batch_messages", "Messages stored by one commit", buckets=_SIZES, registry=registry)
        self.delivery_delay = Histogram(
            "tds_delivery_delay_seconds",
            "From a reading to its storage, once for each gateway and commit",
            buckets=_DELAYS,
            registry=registry,
        )
        self.gateway_delay = Gauge(
            "tds_gateway_delay_seconds",
            f"From a gateway's last reading to its storage: the {MOST_GATEWAYS} slowest gateways",
            ["gateway"],
            registry=registry,
        )
        self._delays: dict[str, float] = {}
        self.queue_depth = Gauge("tds_queue_depth", "Messages received and not stored yet", registry=registry)
        self.broker_dropped = Gauge(
            "tds_broker_dropped_messages",
            "Messages the broker threw away since it started, because a queue was full",
            registry=registry,
        )
        self.connected = Gauge("tds_broker_connected", "1 while subscribed at the broker", registry=registry)
        self.active = Gauge(
            "tds_active", "1 while this ingester holds the lock of its client id, 0 on standby", registry=registry
        )
        self.ledger_lag = Gauge(
            "tds_ledger_lag_seconds", "Age of the oldest range that the ledger does not know yet", registry=registry
        )
        self.ledger_difference = Gauge(
            "tds_ledger_difference", "What the last comparison of rollups, ledger and readings found", registry=registry
        )
        self._crl_expires = Gauge(
            "tds_crl_expires_seconds", "Time until the broker's CRL must have been renewed", registry=registry
        )
        self._certificate_expires = Gauge(
            "tds_certificate_expires_seconds",
            "Time until a certificate of the authority, the broker or the ingester ends",
            ["certificate"],
            registry=registry,
        )
        self._certificates: Callable[[], Mapping[str, datetime]] = dict
        ProcessCollector(registry=self.registry)

    def observe_store(self, batch: Sequence[Resolved], stored: Stored, received_at: datetime, seconds: float) -> None:
        """Count one commit."""
        self.messages.inc(len(batch))
        self.readings.inc(stored.readings)
        self.duplicates.inc(stored.duplicates)
        self.late.inc(stored.late)
        for reason in stored.rejections:
            self.rejections.labels(reason).inc()
        self.suppressed.inc(sum(stored.suppressed.values()))
        self.commit_seconds.observe(seconds)
        self.batch_messages.observe(len(batch))
        times = {resolved.message.mac: resolved.rows[-1].time for resolved in batch if resolved.rows}
        delays = {mac: max(0.0, (received_at - time).total_seconds()) for mac, time in times.items()}
        for delay in delays.values():
            self.delivery_delay.observe(delay)
        self._delays |= delays

    def text(self) -> bytes:
        """Give the exposition text."""
        self.gateway_delay.clear()
        for mac, delay in heapq.nlargest(MOST_GATEWAYS, self._delays.copy().items(), key=lambda item: item[1]):
            self.gateway_delay.labels(mac).set(delay)
        self._certificate_expires.clear()
        for name, moment in self._certificates().items():
            self._certificate_expires.labels(name).set((moment - datetime.now(UTC)).total_seconds())
        return generate_latest(self.registry)

    def watch_certificates(self, expiries: Callable[[], Mapping[str, datetime]]) -> None:
        """Read when certificates end, by name, whenever the metrics are asked for."""
        self._certificates = expiries

    def watch_crl(self, expiry: Callable[[], datetime | None]) -> None:
        """Read the CRL's expiry whenever the metric is asked for; not a number where there is no CRL."""

        def seconds() -> float:
            moment = expiry()
            return float("nan") if moment is None else (moment - datetime.now(UTC)).total_seconds()

        self._crl_expires.set_function(seconds)
