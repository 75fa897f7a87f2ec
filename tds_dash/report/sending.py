"""Sending reports by mail: what is due is taken, made as the account's own pages would make it, sent, and settled.

The ingester's worker knows when something is due but may not know this room, which has the figures; so it starts this as a command of
its own, `tds mail-reports`, which ends when nothing waits. Making a page costs the intake nothing that way, and what a report needs in
memory is gone with the process. Several may run at once: each mail is taken by one (sql/report_post.py).
"""

from __future__ import annotations

import logging
from argparse import Namespace
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage

from sqlalchemy.exc import DBAPIError

from post import mail as post
from settings import Settings
from sql import engine, report_post
from sql.engine import Store
from sql.errors import Refused, TdsError
from sql.report_post import Mail
from tds_dash.report import words
from tds_dash.report.commands import made
from tds_dash.wording import t

log = logging.getLogger(__name__)


def mail_reports(settings: Settings, args: Namespace) -> int:
    """Send every report that is due; 1 where one could not be sent, which is tried again later."""
    if settings.smtp_url is None:
        raise TdsError("no mail server is set (TDS_SMTP_URL): nothing was sent")
    with (
        closing(engine.open_store(settings, "owner", pool_size=1)) as owner,
        closing(engine.open_store(settings, "web", pool_size=1)) as web,
    ):
        with owner.transaction() as connection:
            report_post.note_due(connection, datetime.now(UTC))
        outcomes = []
        while (outcome := send_one(owner, web, settings)) is not None:
            outcomes.append(outcome)
    print(f"{sum(outcomes)} of {len(outcomes)} reports were sent")
    return 0 if all(outcomes) else 1


def send_one(owner: Store, web: Store, settings: Settings) -> bool | None:
    """Send the report that is due longest; tells whether it was taken, None where nothing is due."""
    with owner.transaction() as connection:
        mail = report_post.take(connection, datetime.now(UTC))
    if mail is None:
        return None
    try:
        post.send(settings, written(web, settings, mail))
    except (TdsError, DBAPIError) as error:
        fault = engine.reason(error)
        log.warning("a report was not sent, try %d: %s", mail.attempts, fault)
        with owner.transaction() as connection:
            report_post.failed(connection, mail, " ".join(fault.split()), datetime.now(UTC))
        return False
    with owner.transaction() as connection:
        report_post.sent(connection, mail, datetime.now(UTC))
    return True


def written(web: Store, settings: Settings, mail: Mail) -> EmailMessage:
    """Write the mail: the report is attached; where there is nothing to report it says so instead."""
    locale, url = mail.locale, settings.public_url()
    month = words.month(mail.month, locale)
    names = {"account": mail.account.name, "month": month, "who": mail.asked_by, "link": f"{url}/reports"}
    try:
        content = made(web, settings, mail.account, mail.month, locale)
        said = t("report.mail_text", locale, **names)
    except Refused as error:
        content, said = None, words.refusal(error, locale)
    text = f"{said}\n\n-- \n{t('report.mail_why', locale, **names)}\n"
    subject = " ".join(t("report.mail_subject", locale, **names).split())
    found = post.message(settings, mail.address, subject, text, str(mail.id))
    if content is not None:
        found.add_attachment(content, maintype="application", subtype="pdf", filename=f"tds-report-{mail.month:%Y-%m}.pdf")
    return found
