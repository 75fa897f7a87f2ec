"""What `tds doctor` asks of the ingester that runs on this machine, if one does."""

from __future__ import annotations

from broker.probe import NotReached, ask, is_here
from settings import Settings
from sql.findings import Finding


def health(settings: Settings) -> list[Finding]:
    """Ask whether it goes round, whether it can store, and what the broker threw away; whether any stores at all, the store says."""
    where = (settings.ingest_host, settings.ingest_port)
    try:
        alive, ready, metrics = (ask(*where, path) for path in ("/healthz", "/readyz", "/metrics"))
    except NotReached as error:
        return [Finding("intake", False, str(error))]
    if not is_here(settings.ingest_host) and alive is None:
        return [
            Finding(
                "intake", False, f"nothing listens at {settings.ingest_host}:{settings.ingest_port}: is `tds ingest` running?"
            )
        ]
    if alive is None or ready is None or metrics is None:
        return [Finding("intake", True, "no ingester runs on this machine")]
    for status, text in (alive, ready):
        if status != 200:
            return [Finding("intake", False, text)]
    told = dict(line.rsplit(" ", 1) for line in metrics[1].splitlines() if line.startswith("tds_"))
    dropped = float(told.get("tds_broker_dropped_messages", 0))
    if dropped > 0:
        return [Finding("intake", False, f"the broker has thrown away {dropped:.0f} messages since it started: a queue was full")]
    if float(told.get("tds_active", 0)) == 0:
        return [Finding("intake", True, "the ingester here stands by for another one")]
    return [Finding("intake", True, f"the ingester here stores, {float(told.get('tds_queue_depth', 0)):.0f} messages wait in it")]
