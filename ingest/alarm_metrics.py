"""What the alarms count: how many are open, what was delivered and what was not."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from sql.alarm_judging import KINDS
from sql.alarm_recipients import CHANNELS


class AlarmMetrics:
    """Counters and gauges of the alarms that this process watches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("tds_alarms_open", "Alarms that are open, of all accounts, by kind", ["kind"], registry=registry)
        self.delivered = Counter("tds_alarm_deliveries", "Messages of alarms that were taken", ["channel"], registry=registry)
        self.failures = Counter(
            "tds_alarm_delivery_failures", "Tries to deliver a message of alarms that failed", ["channel"], registry=registry
        )
        self.seconds = Gauge("tds_alarm_watch_seconds", "How long the last round of the watch took", registry=registry)
        for channel in CHANNELS:
            self.delivered.labels(channel)
            self.failures.labels(channel)
        self.show({})

    def show(self, counts: Mapping[str, int]) -> None:
        """Show how many are open."""
        for kind in KINDS:
            self.open.labels(kind).set(counts.get(kind, 0))
