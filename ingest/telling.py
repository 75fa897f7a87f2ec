"""Telling recipients: one message is taken, sent by mail or to its webhook, and settled; at least once, each under its id."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from ingest.alarm_metrics import AlarmMetrics
from ingest.letters import letter
from post import mail, webhook
from settings import Settings
from sql import alarm_post
from sql.alarm_post import Message
from sql.engine import Store
from sql.errors import TdsError

log = logging.getLogger(__name__)


class NoMailServer(TdsError):
    """Nothing can be sent by mail."""


def tell(store: Store, settings: Settings, metrics: AlarmMetrics) -> bool:
    """Deliver the message that is due longest; tells whether there was one."""
    with store.transaction() as connection:
        message = alarm_post.take(connection, datetime.now(UTC), settings.public_url())
    if message is None:
        return False
    try:
        deliver(settings, message)
    except TdsError as error:
        metrics.failures.labels(message.channel).inc()
        log.warning("a message of alarms was not taken, try %d: %s", message.attempts, error)
        with store.transaction() as connection:
            alarm_post.failed(connection, message, " ".join(str(error).split()), datetime.now(UTC))
        return True
    metrics.delivered.labels(message.channel).inc()
    with store.transaction() as connection:
        alarm_post.sent(connection, message, datetime.now(UTC))
    return True


def deliver(settings: Settings, message: Message) -> None:
    """Send a message the way its recipient gets it; raises MailFailed, WebhookFailed or NoMailServer."""
    if message.channel == "mail":
        if settings.smtp_url is None:
            raise NoMailServer("no mail server is set (TDS_SMTP_URL)")
        subject, text = letter(message.body, message.locale, message.timezone)
        mail.send(settings, mail.message(settings, message.address, subject, text, str(message.id)))
        return
    body, timestamp = message.body.encode(), str(int(time.time()))
    headers = {
        "X-TDS-Id": str(message.id),
        "X-TDS-Timestamp": timestamp,
        "X-TDS-Signature": f"sha256={webhook.signature(message.secret or '', timestamp, body)}",
    }
    webhook.post(message.address, body, headers, settings.webhook_networks or ())
