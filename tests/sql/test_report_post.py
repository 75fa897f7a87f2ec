"""Reports by mail in the store: when one is due, who holds it, what is tried again; and whose business recipients are."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import people, report_post
from sql.audit import Actor
from sql.errors import NotFound, Refused
from sql.report_post import LEASE, PATIENCE, Mail
from sql.report_recipients import MOST, Recipient, add_recipient, ask, drop_recipient, find_recipient, pause, recipients, resume
from tests.conftest import PASSWORD, Database
from tests.sql.plant import account, at, number

SOMEBODY = Actor("admin@x.example")


class Office:
    """An account in São Paulo with a recipient on the third at eight, named in January."""

    def __init__(self, database: Database, zone: str = "America/Sao_Paulo") -> None:
        self.database = database
        self.name, self.account = account(database, zone)
        self.recipient = self.add("energy@example.com")
        self.execute("UPDATE tds.report_recipient SET created_at = '2026-01-01T00:00Z'")

    def add(self, address: str, day: int = 3, hour: int = 8) -> Recipient:
        with self.database.owner.transaction() as conn:
            return add_recipient(conn, self.account, address, "en", day, hour, SOMEBODY)

    def execute(self, statement: str, **given: Any) -> int:
        with self.database.owner.transaction() as conn:
            return int(conn.execute(text(statement), given).rowcount)

    def take(self, now: datetime) -> Mail | None:
        with self.database.owner.transaction() as conn:
            report_post.note_due(conn, now)
            assert report_post.waits(conn, now) or report_post.take(conn, now) is None
            return report_post.take(conn, now)


@pytest.fixture
def office(emptied: Database) -> Office:
    return Office(emptied)


def settle(office: Office, mail: Mail, now: datetime, fault: str | None = None) -> None:
    with office.database.owner.transaction() as conn:
        report_post.sent(conn, mail, now) if fault is None else report_post.failed(conn, mail, fault, now)


def test_it_is_due_on_its_day_and_hour_of_the_accounts_zone_once_a_month(office: Office) -> None:
    now = at("2026-03-03T08:00-03:00")
    assert office.take(at("2026-02-03T07:59-03:00")) is None
    february = office.take(now)
    assert february
    assert (february.address, february.month.isoformat(), february.account.name, february.asked_by) == (
        "energy@example.com",
        "2026-02-01",
        office.name,
        SOMEBODY.name,
    )
    settle(office, february, now)
    for later in (timedelta(minutes=1), timedelta(days=1), timedelta(days=20)):
        assert office.take(now + later) is None
    march = office.take(at("2026-04-15T00:00Z"))
    assert march
    assert march.month.isoformat() == "2026-03-01", "late, where nobody was at work; an older one is not made up for"


def test_who_is_named_after_the_day_waits_for_the_next_one(office: Office) -> None:
    office.execute("UPDATE tds.report_recipient SET created_at = '2026-03-03T11:00Z'")
    assert office.take(at("2026-03-20T00:00Z")) is None
    assert office.take(at("2026-04-03T12:00Z")) is not None


def test_who_is_paused_gets_nothing_until_the_next_day_after_going_on(office: Office) -> None:
    waiting = office.take(at("2026-03-03T12:00Z"))
    assert waiting
    settle(office, waiting, at("2026-03-03T12:00Z"), "no mail server")
    with office.database.owner.transaction() as conn:
        pause(conn, office.recipient, SOMEBODY)
        pause(conn, office.recipient, SOMEBODY)
        found = find_recipient(conn, office.account, office.recipient.id)
        assert (found.paused_at is not None, found.month) == (True, None), "what waited is forgotten"
        with pytest.raises(Refused, match="paused"):
            ask(conn, found, waiting.month, SOMEBODY)
    assert office.take(at("2026-04-15T00:00Z")) is None
    with office.database.owner.transaction() as conn:
        resume(conn, office.recipient, SOMEBODY)
    assert office.take(datetime.now(UTC)) is None, "what had become due meanwhile"
    next_month = (datetime.now(UTC).replace(day=1) + timedelta(days=40)).replace(day=5)
    assert office.take(next_month) is not None
    with office.database.owner.transaction() as conn:
        said = conn.execute(
            text("SELECT action FROM tds.audit WHERE account_id = :a ORDER BY id"), {"a": office.account}
        ).scalars()
        assert list(said)[-2:] == ["report.recipient_paused", "report.recipient_resumed"]


def test_an_account_that_is_closed_gets_nothing(office: Office) -> None:
    office.execute("UPDATE tds.account SET closed_at = now() WHERE id = :id", id=office.account)
    assert office.take(at("2026-03-05T12:00Z")) is None


def test_two_workers_never_hold_one_mail(office: Office) -> None:
    for n in range(9):
        office.add(f"n{n}@example.com")
    office.execute("UPDATE tds.report_recipient SET created_at = '2026-01-01T00:00Z'")
    now, taken, lock = at("2026-03-05T12:00Z"), list[Mail](), threading.Lock()

    def work() -> None:
        while (mail := office.take(now + timedelta(seconds=1))) is not None:
            with lock:
                taken.append(mail)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert len(taken) == 10
    assert len({mail.id for mail in taken}) == 10


def test_what_failed_is_tried_again_until_patience_ends(office: Office) -> None:
    now = at("2026-03-05T12:00Z")
    mail = office.take(now)
    assert mail
    assert office.take(now + LEASE - timedelta(seconds=1)) is None, "held"
    settle(office, mail, now, "451 try again later")
    with office.database.owner.transaction() as conn:
        found = report_post.failing(conn)
    assert found
    assert (found.recipients, found.fault) == (1, "451 try again later")
    again = office.take(now + timedelta(minutes=2))
    assert again
    assert (again.id, again.attempts) == (mail.id, 2)
    settle(office, again, now + PATIENCE.lasts + timedelta(minutes=1), "451 try again later")
    assert office.take(now + 2 * PATIENCE.lasts) is None, "given up"
    [one] = listed(office)
    assert one.given_up_at
    assert one.fault


def test_a_mail_outlives_whoever_held_it(office: Office) -> None:
    now = at("2026-03-05T12:00Z")
    first = office.take(now)
    second = office.take(now + LEASE + timedelta(seconds=1))
    assert first
    assert second
    assert first.id == second.id, "the same Message-ID"


def test_what_is_sent_at_once_is_not_sent_again_on_its_day(office: Office) -> None:
    now = at("2026-03-01T12:00Z")
    with office.database.owner.transaction() as conn:
        ask(conn, office.recipient, at("2026-02-01T00:00Z").date(), SOMEBODY)
        with pytest.raises(Refused, match="already"):
            ask(conn, office.recipient, at("2026-02-01T00:00Z").date(), SOMEBODY)
    office.execute("UPDATE tds.report_mail SET next_at = :now", now=now)
    mail = office.take(now)
    assert mail
    settle(office, mail, now)
    assert office.take(at("2026-03-03T12:00Z")) is None


def listed(office: Office) -> list[Recipient]:
    with office.database.owner.transaction() as conn:
        return recipients(conn, office.account)


@pytest.mark.parametrize(
    ("address", "locale", "day", "hour", "key"),
    [
        ("nobody", "en", 3, 8, "email_wrong"),
        ("a@b.example\r\nBcc: c@d.example", "en", 3, 8, "email_wrong"),
        ("", "en", 3, 8, "email_wrong"),
        ("a@b.example", "tlh", 3, 8, "report_locale"),
        ("a@b.example", "en", 0, 8, "report_day"),
        ("a@b.example", "en", 29, 8, "report_day"),
        ("a@b.example", "en", 3, 24, "report_day"),
        ("a@b.example", "en", 3, -1, "report_day"),
        ("ENERGY@example.com", "en", 3, 8, "report_exists"),
    ],
)
def test_what_no_recipient_can_be(office: Office, address: str, locale: str, day: int, hour: int, key: str) -> None:
    with office.database.owner.transaction() as conn, pytest.raises(Refused) as refused:
        add_recipient(conn, office.account, address, locale, day, hour, SOMEBODY)
    assert refused.value.key == key


def test_there_are_not_too_many(office: Office) -> None:
    for n in range(MOST - 1):
        office.add(f"n{n}@example.com")
    with pytest.raises(Refused, match="at most"):
        office.add("onemore@example.com")


def test_each_change_has_its_line_in_the_audit(office: Office) -> None:
    with office.database.owner.transaction() as conn:
        drop_recipient(conn, office.recipient, SOMEBODY)
        with pytest.raises(NotFound):
            find_recipient(conn, office.account, office.recipient.id)
        lines = conn.execute(
            text("SELECT actor, action, object FROM tds.audit WHERE account_id = :a AND action LIKE 'report.%' ORDER BY id"),
            {"a": office.account},
        ).all()
    assert lines == [
        (SOMEBODY.name, "report.recipient_added", "energy@example.com"),
        (SOMEBODY.name, "report.recipient_removed", "energy@example.com"),
    ]


WRITES = (
    "INSERT INTO tds.report_recipient (account_id, address, locale, day, hour) VALUES (:a, 'x@example.com', 'en', 1, 1)",
    "DELETE FROM tds.report_recipient",
    "INSERT INTO tds.report_mail (recipient_id, account_id, month) VALUES (:r, :a, '2026-01-01')",
    "UPDATE tds.report_recipient SET paused_at = now()",
)
NEVER = (
    "UPDATE tds.report_recipient SET address = 'x@example.com'",
    "UPDATE tds.report_mail SET sent_at = now()",
    "DELETE FROM tds.report_mail WHERE sent_at IS NOT NULL",
    "INSERT INTO tds.report_mail (recipient_id, account_id, month, sent_at) VALUES (:r, :a, '2026-02-01', now())",
)


def test_recipients_are_the_administrators_business_alone(office: Office) -> None:
    theirs = Office(office.database)
    who = {}
    with office.database.owner.transaction() as conn:
        for role in ("admin", "editor", "viewer"):
            who[role] = people.add_user(conn, f"{role}{number()}@x.example", office.name, role, PASSWORD)
        stranger = people.add_user(conn, f"stranger{number()}@x.example", theirs.name, "admin", PASSWORD)
    actors = [(office.account, who["editor"]), (office.account, who["viewer"]), (theirs.account, stranger), (office.account, stranger)]  # fmt: skip
    for account_id, user in actors:
        for statement in WRITES:
            assert not changed(office, account_id, user, statement), (user, statement)
        assert office.recipient.address not in seen(office, account_id, user) or account_id == theirs.account
        with office.database.web.transaction(account_id=account_id, user_id=user) as conn, pytest.raises(NotFound):
            find_recipient(conn, account_id, office.recipient.id)
    for statement in NEVER:
        for account_id, user in [(office.account, who["admin"]), *actors]:
            assert not changed(office, account_id, user, statement), statement
    assert changed(office, office.account, who["admin"], WRITES[0]) == 1
    assert changed(office, office.account, who["admin"], WRITES[2]) == 1
    assert changed(office, office.account, who["admin"], WRITES[3]) == 1
    assert changed(office, office.account, who["admin"], WRITES[1]) == 1, "their own account's"


def changed(office: Office, account_id: int, user: int, statement: str) -> int:
    """Try somebody's own SQL against our account; gives how many of our rows it changed."""
    try:
        with office.database.web.transaction(account_id=account_id, user_id=user) as conn:
            found = conn.execute(text(statement), {"a": office.account, "r": office.recipient.id}).rowcount
            left = conn.execute(text("SELECT count(*) FROM tds.report_recipient WHERE account_id = :a"), {"a": office.account})
            left.close()
            conn.rollback()
            return 0 if account_id != office.account else int(found)
    except DBAPIError:
        return 0


def seen(office: Office, account_id: int, user: int) -> set[str]:
    with office.database.web.transaction(account_id=account_id, user_id=user) as conn:
        return set(conn.execute(text("SELECT address FROM tds.report_recipient")).scalars())
