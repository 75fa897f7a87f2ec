"""Recipients of the monthly report: named by an account's administrators, each change with its line in the audit."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from settings import LOCALES
from sql.audit import Actor, Entry, write
from sql.errors import NotFound, Refused
from sql.people import checked_email
from sql.statements import statements

FILE = "report_post.sql"
MOST = 20
LAST_DAY, LAST_HOUR = 28, 23


class Recipient(NamedTuple):
    """Somebody who gets the report of the month before, on a day of each month and at an hour; and what became of the last one."""

    id: int
    account_id: int
    address: str
    locale: str
    day: int
    hour: int
    created_at: datetime
    created_by: str
    paused_at: datetime | None
    month: date | None
    sent_at: datetime | None
    fault: str | None
    given_up_at: datetime | None

    def facts(self) -> dict[str, object]:
        """Give what was said of them, by the names of the audit."""
        return {"locale": self.locale, "day": self.day, "hour": self.hour}


def recipients(connection: Connection, account_id: int) -> list[Recipient]:
    """List who gets an account's reports."""
    rows = connection.execute(statements(FILE)["recipients"], {"account": account_id, "id": None})
    return [Recipient(*row) for row in rows]


def find_recipient(connection: Connection, account_id: int, recipient_id: int) -> Recipient:
    """Give one recipient of an account; raises NotFound."""
    row = connection.execute(statements(FILE)["recipients"], {"account": account_id, "id": recipient_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no recipient {recipient_id}")
    return Recipient(*row)


def add_recipient(
    connection: Connection, account_id: int, address: str, locale: str, day: int, hour: int, actor: Actor
) -> Recipient:
    """Have somebody get the reports from the next day and hour of that name on; raises Refused."""
    address = checked_email(address)
    if locale not in LOCALES:
        raise Refused(f"the language must be {' or '.join(LOCALES)}", "report_locale")
    if not (1 <= day <= LAST_DAY and 0 <= hour <= LAST_HOUR):
        raise Refused(f"choose a day from 1 to {LAST_DAY} and an hour from 0 to {LAST_HOUR}", "report_day", last=LAST_DAY)
    if len(recipients(connection, account_id)) >= MOST:
        raise Refused(f"a report has at most {MOST} recipients", "report_most", most=MOST)
    binds = {"account": account_id, "address": address, "locale": locale, "day": day, "hour": hour, "by": actor.name}
    try:
        with connection.begin_nested():
            number = int(connection.execute(statements(FILE)["add_recipient"], binds).scalar_one())
    except IntegrityError as error:
        raise Refused("they get the report already", "report_exists") from error
    made = find_recipient(connection, account_id, number)
    write(connection, Entry(account_id, actor, "report.recipient_added", made.address, after=made.facts()))
    return made


def drop_recipient(connection: Connection, recipient: Recipient, actor: Actor) -> None:
    """Send somebody no more reports; what waits for them is forgotten."""
    connection.execute(statements(FILE)["drop_recipient"], {"id": recipient.id})
    write(connection, Entry(recipient.account_id, actor, "report.recipient_removed", recipient.address, before=recipient.facts()))


def pause(connection: Connection, recipient: Recipient, actor: Actor) -> None:
    """Send somebody nothing until they are resumed; what waits for them is forgotten. Somebody who is paused stays so."""
    if connection.execute(statements(FILE)["pause"], {"id": recipient.id}).rowcount:
        connection.execute(statements(FILE)["forget"], {"id": recipient.id})
        write(connection, Entry(recipient.account_id, actor, "report.recipient_paused", recipient.address))


def resume(connection: Connection, recipient: Recipient, actor: Actor) -> None:
    """Send somebody reports again, from the next day and hour of that name on."""
    if connection.execute(statements(FILE)["resume"], {"id": recipient.id}).rowcount:
        write(connection, Entry(recipient.account_id, actor, "report.recipient_resumed", recipient.address))


def ask(connection: Connection, recipient: Recipient, month: date, actor: Actor) -> None:
    """Have the report of a month sent now; it is then not sent a second time. Raises Refused where it was, is on its way, or nothing is to be sent."""
    if recipient.paused_at is not None:
        raise Refused("they are paused: resume them first", "report_paused")
    binds = {"id": recipient.id, "account": recipient.account_id, "month": month}
    if not connection.execute(statements(FILE)["ask"], binds).rowcount:
        raise Refused("the report of that month was sent to them already, or is on its way", "report_sent", month=month)
    write(connection, Entry(recipient.account_id, actor, "report.asked", recipient.address, after={"report": f"{month:%Y-%m}"}))
