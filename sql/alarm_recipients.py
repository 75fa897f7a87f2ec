"""Recipients: who is told of an account's alarms. Named by its administrators, each change with its line in the audit."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, time
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql.alarm_judging import KINDS
from sql.alarm_post import FILE
from sql.audit import Actor, Entry, changed, write
from sql.errors import NotFound, Outdated, Refused
from sql.people import checked_email
from sql.statements import statements

CHANNELS = ("mail", "webhook")
MOST, MOST_TRIALS = 50, 3


class Wishes(NamedTuple):
    """What a recipient wants to hear: of which kinds, also when it is over, and between which hours nothing."""

    kinds: tuple[str, ...] = KINDS
    closings: bool = True
    quiet_from: time | None = None
    quiet_to: time | None = None


class Recipient(NamedTuple):
    """Somebody who is told; `told_at` when something was last delivered, `failing_since` and `fault` since when and why nothing can be."""

    id: int
    account_id: int
    channel: str
    address: str
    kinds: list[str]
    closings: bool
    quiet_from: time | None
    quiet_to: time | None
    active: bool
    created_at: datetime
    created_by: str
    version: int
    changed_at: datetime | None
    changed_by: str | None
    told_at: datetime | None
    failing_since: datetime | None
    fault: str | None

    @property
    def wishes(self) -> Wishes:
        """What they want to hear."""
        return Wishes(tuple(kind for kind in KINDS if kind in self.kinds), self.closings, self.quiet_from, self.quiet_to)

    def facts(self) -> dict[str, object]:
        """Give what can be changed, by the names of the audit."""
        quiet = f"{self.quiet_from:%H:%M}–{self.quiet_to:%H:%M}" if self.quiet_from and self.quiet_to else None
        return {"kinds": ", ".join(self.wishes.kinds), "closings": self.closings, "quiet": quiet, "active": self.active}

    @property
    def target(self) -> str:
        """Name it for the audit; of a webhook without what may be a secret of its address."""
        return self.address if self.channel == "mail" else self.address.partition("?")[0]


def recipients(connection: Connection, account_id: int | None) -> list[Recipient]:
    """List who is told in an account."""
    return [Recipient(*row) for row in connection.execute(statements(FILE)["recipients"], {"account": account_id, "id": None})]


def find_recipient(connection: Connection, recipient_id: int, account_id: int | None = None) -> Recipient:
    """Give one recipient, of one account where it is given; raises NotFound."""
    row = connection.execute(statements(FILE)["recipients"], {"account": account_id, "id": recipient_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no recipient {recipient_id}: `tds alarm recipient list` shows them")
    return Recipient(*row)


def check_wishes(wishes: Wishes) -> None:
    """Refuse wishes that no recipient can have."""
    if not wishes.kinds or any(kind not in KINDS for kind in wishes.kinds):
        raise Refused(f"choose at least one kind of alarm: {', '.join(KINDS)}", "recipient_kinds")
    if (wishes.quiet_from is None) != (wishes.quiet_to is None) or (
        wishes.quiet_from is not None and wishes.quiet_from == wishes.quiet_to
    ):
        raise Refused("quiet hours have a beginning and another end, such as 22:00 and 06:00", "recipient_quiet")


def add_recipient(
    connection: Connection, account_id: int, channel: str, address: str, wishes: Wishes, actor: Actor
) -> tuple[Recipient, str | None]:
    """Name a recipient, whose address was checked where it is a webhook's; gives the secret that signs what a webhook gets, this once."""
    if channel not in CHANNELS:
        raise Refused("tell by mail or by webhook", "recipient_channel")
    address = checked_email(address) if channel == "mail" else address
    check_wishes(wishes)
    if len(recipients(connection, account_id)) >= MOST:
        raise Refused(f"an account has at most {MOST} recipients", "recipient_most", most=MOST)
    secret = f"tdsw_{secrets.token_urlsafe(32)}" if channel == "webhook" else None
    facts = {**wishes._asdict(), "kinds": list(wishes.kinds)}
    binds = {"account": account_id, "channel": channel, "address": address, "secret": secret, "by": actor.name, **facts}
    try:
        with connection.begin_nested():
            number = connection.execute(statements(FILE)["add_recipient"], binds).scalar_one()
    except IntegrityError as error:
        raise Refused("there is such a recipient already", "recipient_exists") from error
    made = find_recipient(connection, int(number), account_id)
    write(connection, Entry(account_id, actor, "alarm.recipient_added", made.target, after={"channel": channel, **_given(made)}))
    return made, secret


def change_recipient(connection: Connection, recipient: Recipient, wishes: Wishes, active: bool, actor: Actor) -> Recipient:
    """Change what a recipient hears; raises Outdated where somebody else has changed it since it was looked at."""
    check_wishes(wishes)
    if (
        connection.execute(statements(FILE)["hold_recipient"], {"id": recipient.id, "version": recipient.version}).scalar()
        is None
    ):
        find_recipient(connection, recipient.id, recipient.account_id)
        raise Outdated
    binds = {"id": recipient.id, "active": active, **wishes._asdict(), "kinds": list(wishes.kinds)}
    connection.execute(statements(FILE)["change_recipient"], binds)
    after = find_recipient(connection, recipient.id, recipient.account_id)
    old, new = changed(recipient.facts(), after.facts())
    if new:
        write(connection, Entry(recipient.account_id, actor, "alarm.recipient_changed", recipient.target, old, new))
    return after


def delete_recipient(connection: Connection, recipient: Recipient, actor: Actor) -> None:
    """Tell somebody no more; what waits for them is forgotten."""
    connection.execute(statements(FILE)["drop_recipient"], {"id": recipient.id})
    before = {"channel": recipient.channel, **_given(recipient)}
    write(connection, Entry(recipient.account_id, actor, "alarm.recipient_deleted", recipient.target, before=before))


def try_out(connection: Connection, recipient: Recipient, actor: Actor) -> None:
    """Have a trial message sent."""
    if int(connection.execute(statements(FILE)["tried"], {"id": recipient.id}).scalar_one()) >= MOST_TRIALS:
        raise Refused("trial messages wait already: see what becomes of them first", "recipient_trials")
    connection.execute(statements(FILE)["try_out"], {"account": recipient.account_id, "id": recipient.id})
    write(connection, Entry(recipient.account_id, actor, "alarm.recipient_tried", recipient.target))


def _given(recipient: Recipient) -> dict[str, object]:
    return {name: value for name, value in recipient.facts().items() if value is not None}


def kinds_of(names: Sequence[str]) -> tuple[str, ...]:
    """Give kinds in their order, each once."""
    return tuple(kind for kind in KINDS if kind in names)
