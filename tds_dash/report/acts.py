"""What administrators do about reports by mail: the role first, then the change with its line in the audit."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import current_app

from sql import report_recipients
from sql.errors import Refused
from sql.report_recipients import LAST_DAY, Recipient
from tds_dash import auditing, doors
from tds_dash.identity import account
from tds_dash.report import gather
from tds_dash.rights import require_admin

# Beside which field a refusal is said; what has none is said above the form.
PLACES = {"email_wrong": "address", "report_exists": "address", "report_day": "day"}


def has_mail() -> bool:
    """Tell whether anything can be sent from here."""
    return current_app.config["TDS"].smtp_url is not None


def listed() -> list[Recipient]:
    """List who gets the account's reports."""
    require_admin()
    with doors.transaction() as conn:
        return report_recipients.recipients(conn, account().id)


def add(address: object, language: object, day: object, hour: object) -> Recipient:
    """Have somebody get the reports; raises Refused."""
    require_admin()
    wanted = address if isinstance(address, str) else ""
    with doors.transaction() as conn:
        return report_recipients.add_recipient(
            conn, account().id, wanted, str(language), whole(day), whole(hour), auditing.actor()
        )


def whole(given: object) -> int:
    """Read a whole number as a field gives it; -1 for what is none."""
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1


def remove(recipient_id: object) -> Recipient:
    """Send somebody no more reports."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.report_recipient_for_user(conn, recipient_id)
        report_recipients.drop_recipient(conn, found, auditing.actor())
        return found


def pause(recipient_id: object, *, going_on: bool = False) -> Recipient:
    """Send somebody nothing for a while, or reports again."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.report_recipient_for_user(conn, recipient_id)
        (report_recipients.resume if going_on else report_recipients.pause)(conn, found, auditing.actor())
        return found


def send_now(recipient_id: object) -> tuple[Recipient, date]:
    """Have the report of the month that was over last sent at once; raises Refused where it was sent already."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.report_recipient_for_user(conn, recipient_id)
        if not has_mail():
            raise Refused("no mail server is set (TDS_SMTP_URL)", "report_no_mail")
        month = gather.last_month(account(), datetime.now(UTC))
        report_recipients.ask(conn, found, month, auditing.actor())
        return found, month


def days() -> list[int]:
    """List the days of the month on which reports can be sent."""
    return list(range(1, LAST_DAY + 1))
