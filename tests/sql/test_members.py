"""Members, invitations, sessions, second factors and operators: who may change whom, and what ends when."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sql import attempts, links, members, operators, people, second_factor, sessions
from sql.attempts import Bucket, Limit
from sql.errors import NotFound, Refused
from sql.queries.session import session_goes_on, signed_in
from tests.conftest import PASSWORD, Database
from tests.sql.plant import account, number


class Cast:
    """An account with an admin, an editor and a viewer; `act` opens a transaction as one of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.name, self.account = account(database)
        with database.owner.transaction() as conn:
            self.ids = {
                role: people.add_user(conn, f"{role}{number()}@x.example", self.name, role, PASSWORD) for role in people.ROLES
            }

    def act(self, role: str = "admin") -> AbstractContextManager[Connection]:
        return self.database.web.transaction(account_id=self.account, user_id=self.ids[role])

    def role(self, person: str) -> str | None:
        with self.database.owner.transaction() as conn:
            found = {one.id: one.role for one in members.members(conn, self.account)}
        return found.get(self.ids[person])

    def email(self, person: str) -> str:
        with self.database.owner.transaction() as conn:
            return str(conn.execute(text("SELECT email FROM tds.app_user WHERE id = :i"), {"i": self.ids[person]}).scalar_one())


@pytest.fixture
def cast(bench: Database) -> Cast:
    return Cast(bench)


def test_an_admin_changes_roles_and_removes(cast: Cast) -> None:
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", "editor")
    assert cast.role("viewer") == "editor"
    with pytest.raises(Refused) as told, cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", "admin")
    assert told.value.key == "changed_meanwhile"
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "editor", None)
    assert cast.role("viewer") is None


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_nobody_else_does(cast: Cast, role: str) -> None:
    for becomes in ("admin", None):
        with pytest.raises(Refused) as told, cast.act(role) as conn:
            members.change(conn, cast.ids["admin"], "admin", becomes)
        assert told.value.key == "no_right"
    with cast.act(role) as conn:  # but everybody may leave
        members.change(conn, cast.ids[role], role, None)
    assert cast.role(role) is None


def test_a_stranger_is_not_there(cast: Cast, bench: Database) -> None:
    other = Cast(bench)
    for becomes in ("admin", None):
        with pytest.raises(NotFound), cast.act() as conn:
            members.change(conn, other.ids["viewer"], "viewer", becomes)
    with bench.web.transaction(account_id=other.account, user_id=cast.ids["admin"]) as conn, pytest.raises(Refused):
        members.change(conn, other.ids["viewer"], "viewer", "admin")


@pytest.mark.parametrize("statement", ["UPDATE tds.membership SET role = 'viewer' WHERE user_id = :u", "DELETE FROM tds.membership WHERE user_id = :u",
                                       "DELETE FROM tds.app_user WHERE id = :u"])  # fmt: skip
def test_the_last_admin_stays_whoever_asks(cast: Cast, statement: str) -> None:
    for becomes in ("viewer", None):
        with pytest.raises(Refused) as told, cast.act() as conn:
            members.change(conn, cast.ids["admin"], "admin", becomes)
        assert told.value.key == "last_admin"
    with pytest.raises(DBAPIError, match="at least one admin"), cast.database.owner.transaction() as conn:
        conn.execute(text(statement), {"u": cast.ids["admin"]})
    with pytest.raises(Refused, match="only administrator"), cast.database.owner.transaction() as conn:
        members.disable(conn, cast.email("admin"), True)


def test_two_admins_cannot_demote_each_other_at_once(cast: Cast) -> None:
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", "admin")
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def demote(by: str, whom: str) -> None:
        ready.wait()
        try:
            with cast.act(by) as conn:
                members.change(conn, cast.ids[whom], "admin", "editor")
            outcomes.append("done")
        except (Refused, DBAPIError) as error:
            outcomes.append(getattr(error, "key", "deadlock"))

    threads = [threading.Thread(target=demote, args=pair) for pair in (("admin", "viewer"), ("viewer", "admin"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[0] in ("deadlock", "done")
    assert "admin" in (cast.role("admin"), cast.role("viewer"))


def test_an_invitation_makes_a_person_once(cast: Cast) -> None:
    address = f"new{number()}@x.example"
    with cast.act() as conn:
        first = links.invite(conn, cast.account, address.upper(), "editor", cast.email("admin"))
        secret = links.invite(conn, cast.account, address, "viewer", cast.email("admin"))
        assert [(one.email, one.role) for one in links.invitations(conn, cast.account)] == [(address, "viewer")]
    with cast.database.web.transaction() as conn:
        assert links.find(conn, first).state == "revoked"  # type: ignore[union-attr]
        assert links.find(conn, secret)[:6] == ("invitation", address, cast.name, "viewer", "open", False)  # type: ignore[index]
        assert links.find(conn, "guess") is None
        assert links.accept(conn, first, PASSWORD, "", "") is None
        assert links.accept(conn, secret, None, "", "") is None
        person = links.accept(conn, secret, PASSWORD, "1.2.3.4", "Firefox")
    assert person
    with cast.database.web.transaction() as conn:
        assert links.accept(conn, secret, PASSWORD, "", "") is None
        assert links.find(conn, secret).state == "used"  # type: ignore[union-attr]
        assert people.check_password(people.find_for_sign_in(conn, address), PASSWORD)
    with cast.act() as conn:
        assert ("user.joined", address, "1.2.3.4") in conn.execute(text("SELECT action, object, address FROM tds.audit")).all()


def test_a_known_person_joins_as_themselves_only(cast: Cast, bench: Database) -> None:
    other = Cast(bench)
    with cast.act() as conn:
        secret = links.invite(conn, cast.account, other.email("viewer"), "editor", cast.email("admin"))
    with bench.web.transaction() as conn:
        assert links.accept(conn, secret, "another password", "", "") is None
    with bench.web.transaction(user_id=other.ids["editor"]) as conn:
        assert links.accept(conn, secret, None, "", "") is None
    with bench.web.transaction(user_id=other.ids["viewer"]) as conn:
        assert links.accept(conn, secret, None, "", "") == other.ids["viewer"]
        assert sorted((one.account_id, one.role) for one in people.memberships(conn, other.ids["viewer"])) == [
            (cast.account, "editor"),
            (other.account, "viewer"),
        ]
        assert people.check_password(people.find_for_sign_in(conn, other.email("viewer")), PASSWORD)
    with pytest.raises(Refused) as told, cast.act() as conn:
        links.invite(conn, cast.account, other.email("viewer"), "admin", cast.email("admin"))
    assert told.value.key == "member_already"


def test_invitations_expire_and_are_taken_back(cast: Cast, bench: Database) -> None:
    with cast.act() as conn:
        late, revoked = (
            links.invite(conn, cast.account, f"p{number()}@x.example", "viewer", cast.email("admin")) for _ in range(2)
        )
        number_of = {one.email: one.id for one in links.invitations(conn, cast.account)}
        links.revoke(conn, cast.account, max(number_of.values()))
    with bench.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.link SET expires_at = now() WHERE digest = :d"), {"d": links.digest(late)})
    with bench.web.transaction() as conn:
        assert [links.find(conn, one).state for one in (late, revoked)] == ["expired", "revoked"]  # type: ignore[union-attr]
        assert links.accept(conn, late, PASSWORD, "", "") is None
        assert links.accept(conn, revoked, PASSWORD, "", "") is None
    other = Cast(bench)
    with pytest.raises(NotFound), other.act() as conn:
        links.revoke(conn, other.account, min(number_of.values()))


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_only_admins_invite_and_see_who_is_invited(cast: Cast, role: str) -> None:
    with cast.act() as conn:
        links.invite(conn, cast.account, f"p{number()}@x.example", "viewer", cast.email("admin"))
    with pytest.raises(DBAPIError, match="row-level security"), cast.act(role) as conn:
        links.invite(conn, cast.account, f"p{number()}@x.example", "admin", cast.email(role))
    with cast.act(role) as conn:
        assert links.invitations(conn, cast.account) == []
    with pytest.raises(DBAPIError, match="permission denied"), cast.act() as conn:
        conn.execute(text("SELECT digest FROM tds.link"))


def test_a_reset_sets_the_password_once_and_ends_every_session(cast: Cast, bench: Database) -> None:
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        session = sessions.begin(conn, cast.ids["viewer"], "1.1.1.1", "Firefox")
        before = signed_in(conn, cast.ids["viewer"], None)
        assert session_goes_on(conn, cast.ids["viewer"], session, used=True)
    with bench.web.transaction() as conn:
        assert links.open_reset(conn, "nobody@x.example") is None
        made = links.open_reset(conn, cast.email("viewer").upper())
        assert made is not None
        with pytest.raises(Refused):
            links.use_reset(conn, made[0], "short")
        assert links.use_reset(conn, made[0], "a new password") == cast.email("viewer")
        assert links.use_reset(conn, made[0], "a newer password") is None
        assert people.check_password(people.find_for_sign_in(conn, cast.email("viewer")), "a new password")
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        after = signed_in(conn, cast.ids["viewer"], None)
        assert not session_goes_on(conn, cast.ids["viewer"], session, used=True)
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch


@pytest.mark.parametrize(
    ("column", "ago", "goes_on"),
    [("seen_at", "1 hour 59 minutes", True), ("seen_at", "2 hours 1 minute", False), ("created_at", "11 hours 59 minutes", True), ("created_at", "12 hours 1 minute", False)],
)  # fmt: skip
def test_a_session_ends_when_idle_or_old(cast: Cast, bench: Database, column: str, ago: str, goes_on: bool) -> None:
    person = cast.ids["viewer"]
    with bench.web.transaction(user_id=person) as conn:
        session = sessions.begin(conn, person, "1.1.1.1", "Firefox")
    with bench.owner.transaction() as conn:
        conn.execute(text(f"UPDATE tds.session SET {column} = now() - interval '{ago}' WHERE id = :s"), {"s": session})
    with bench.web.transaction(user_id=person) as conn:
        assert session_goes_on(conn, person, session, used=False) is goes_on
        assert bool(sessions.open_sessions(conn, person)) is goes_on


def test_only_use_keeps_a_session_awake(cast: Cast, bench: Database) -> None:
    person = cast.ids["viewer"]
    with bench.web.transaction(user_id=person) as conn:
        session = sessions.begin(conn, person, "", "")
    with bench.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.session SET seen_at = now() - interval '1 hour' WHERE id = :s"), {"s": session})
    ages = []
    for used in (False, True):
        with bench.web.transaction(user_id=person) as conn:
            session_goes_on(conn, person, session, used=used)
            ages.append(conn.execute(text("SELECT now() - seen_at FROM tds.session WHERE id = :s"), {"s": session}).scalar_one())
    assert ages[0] > timedelta(minutes=59)
    assert ages[1] < timedelta(minutes=1)


def test_a_session_is_its_persons_own(cast: Cast, bench: Database) -> None:
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        session = sessions.begin(conn, cast.ids["viewer"], "", "")
    with bench.web.transaction(account_id=cast.account, user_id=cast.ids["admin"]) as conn:
        assert not sessions.end(conn, cast.ids["viewer"], session)
        assert not session_goes_on(conn, cast.ids["viewer"], session, used=True)
        assert conn.execute(text("SELECT count(*) FROM tds.session")).scalar() == 0
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        assert sessions.end(conn, cast.ids["viewer"], session)
        assert not session_goes_on(conn, cast.ids["viewer"], session, used=True)


def test_removal_ends_every_session(cast: Cast, bench: Database) -> None:
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        session = sessions.begin(conn, cast.ids["viewer"], "", "")
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", None)
    with bench.web.transaction(user_id=cast.ids["viewer"]) as conn:
        assert not session_goes_on(conn, cast.ids["viewer"], session, used=True)


def test_a_second_factor_is_its_persons_own_and_each_code_works_once(cast: Cast, bench: Database) -> None:
    person = cast.ids["viewer"]
    with bench.web.transaction(user_id=person) as conn:
        second_factor.begin(conn, person, "sealed")
        assert second_factor.spend(conn, person, 100)
        assert not second_factor.spend(conn, person, 100)
        assert not second_factor.spend(conn, person, 99)
        codes = second_factor.confirm(conn, person)
        second_factor.begin(conn, person, "another")  # what is confirmed stays
        assert second_factor.find(conn, person)[0] == "sealed"  # type: ignore[index]
        assert len(set(codes)) == second_factor.CODES
        assert second_factor.spend_code(conn, person, codes[0].upper())
        assert not second_factor.spend_code(conn, person, codes[0])
        assert second_factor.codes_left(conn, person) == second_factor.CODES - 1
    with bench.web.transaction() as conn:
        assert people.find_for_sign_in(conn, cast.email("viewer")).second_factor  # type: ignore[union-attr]
        assert not people.find_for_sign_in(conn, cast.email("admin")).second_factor  # type: ignore[union-attr]
    with cast.act() as conn:
        assert second_factor.find(conn, person) is None
        assert not second_factor.spend_code(conn, person, codes[1])


@pytest.fixture
def buckets() -> list[Bucket]:
    return [Bucket(Limit(3, 60), "pair", (str(number()), "here")), Bucket(Limit(5, 60), "address", (str(number()),))]


def test_tries_are_counted_and_those_that_do_not_fail_are_not(bench: Database, buckets: list[Bucket]) -> None:
    for _ in range(10):
        with bench.web.transaction() as conn:
            assert attempts.admit(conn, buckets) == 0
            attempts.forget(conn, buckets)
    answers = []
    for _ in range(4):
        with bench.web.transaction() as conn:
            answers.append(attempts.admit(conn, buckets))
    assert answers[:3] == [0, 0, 0]
    assert 0 < answers[3] <= 60
    with bench.web.transaction() as conn:
        assert attempts.admit(conn, [buckets[1]]) == 0  # the address has tries left


def test_many_tries_at_once_are_counted_too(bench: Database, buckets: list[Bucket]) -> None:
    answers: list[int] = []

    def attempt() -> None:
        with bench.web.transaction() as conn:
            answers.append(attempts.admit(conn, buckets))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(0) == 3


def test_the_operator_manages_accounts_and_sees_nothing_of_them(cast: Cast, bench: Database) -> None:
    chief = Cast(bench)
    with bench.owner.transaction() as conn:
        members.set_operator(conn, chief.email("viewer"), True)
    name = f"Fresh {number()}"
    with bench.web.transaction(user_id=chief.ids["viewer"]) as conn:
        made = operators.add_account(conn, name, "America/Lima", "en", "PEN")
        assert name in [one.name for one in operators.accounts(conn)]
        secret = operators.invite_admin(conn, made, "boss@x.example")
        assert links.find(conn, secret)[:6] == ("invitation", "boss@x.example", name, "admin", "open", False)  # type: ignore[index]
        with pytest.raises(Refused) as told:
            operators.invite_admin(conn, cast.account, "me@x.example")
        assert told.value.key == "has_admin"
        for table in ("tds.gateway", "tds.device", "tds.audit", "web.reading"):
            assert conn.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
    with pytest.raises(Refused) as told, bench.web.transaction(user_id=chief.ids["viewer"]) as conn:
        operators.add_account(conn, name, "America/Lima", "en", "PEN")
    assert told.value.key == "account_taken"
    with bench.web.transaction(user_id=chief.ids["admin"]) as conn:
        assert operators.accounts(conn) == []
        with pytest.raises(Refused):
            operators.add_account(conn, f"{name} 2", "UTC", "en", "BRL")
        with pytest.raises(NotFound):
            operators.invite_admin(conn, made, "me@x.example")


@pytest.mark.parametrize(
    ("password", "key"),
    [("short", "password_short"), ("basketball1", "password_common"), ("aaaaaaaaaaaa", "password_common"), ("ana.souza@x.example", "password_own"),
     ("ana.souza123", "password_own"), ("Aurora Foods!!", "password_own"), ("x" * 1001, "password_short")],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(password: str, key: str) -> None:
    with pytest.raises(Refused) as told:
        people.check_new_password(password, "ana.souza@x.example", "Aurora Foods")
    assert told.value.key == key
    people.check_new_password("twelve green bottles", "ana.souza@x.example", "Aurora Foods")
