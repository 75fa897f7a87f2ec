"""Two people, or one person twice, in the same moment: one of them gets it, and nobody gets half of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import attempts, fleet_editing, links, members, people, second_factor, tokens
from sql.attempts import Bucket, Limit
from sql.device_rules import DeviceSettings
from sql.errors import Refused
from tests.conftest import PASSWORD, Database
from tests.sql.plant import number
from tests.sql.test_fleet_editing import build
from tests.sql.test_members import Cast

SENSOR = DeviceSettings("gauge", "other", "V", max_rate=Decimal(1))


@pytest.fixture
def cast(bench: Database) -> Cast:
    return Cast(bench)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do several things in the same moment; gives what each gave, or the key of its refusal."""
    ready, outcomes = threading.Barrier(len(acts)), list[Any]()

    def run(act: Callable[[], Any]) -> None:
        ready.wait()
        try:
            outcomes.append(act())
        except (Refused, DBAPIError) as error:
            outcomes.append(getattr(error, "key", "") or type(error).__name__)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_link_is_used_once(cast: Cast, bench: Database) -> None:
    address = f"new{number()}@x.example"
    with bench.web.transaction() as conn:
        made = links.open_reset(conn, cast.email("viewer"))
    assert made is not None
    with cast.act() as conn:
        invited = links.invite(conn, cast.account, address, "viewer", cast.email("admin"))

    def reset(password: str) -> str | None:
        with bench.web.transaction() as conn:
            return links.use_reset(conn, made[0], password)

    def join() -> int | None:
        with bench.web.transaction() as conn:
            return links.accept(conn, invited, PASSWORD, "", "")

    found = at_once(lambda: reset("the first password"), lambda: reset("the other password"))
    assert sorted(one is None for one in found) == [False, True]
    assert sorted(one is None for one in at_once(join, join)) == [False, True]


def test_somebody_new_who_accepts_two_invitations(cast: Cast, bench: Database) -> None:
    other, address = Cast(bench), f"new{number()}@x.example"
    secrets = []
    for whose in (cast, other):
        with whose.act() as conn:
            secrets.append(links.invite(conn, whose.account, address, "viewer", whose.email("admin")))

    def join(secret: str) -> int | None:
        with bench.web.transaction() as conn:
            return links.accept(conn, secret, PASSWORD, "", "")

    found = at_once(*(lambda secret=secret: join(secret) for secret in secrets))  # type: ignore[misc]
    assert sorted(isinstance(one, int) for one in found) == [False, True]
    assert set(found) - {one for one in found if isinstance(one, int)} <= {"joined_meanwhile", None}
    with bench.web.transaction() as conn:
        assert sorted(links.find(conn, secret).state for secret in secrets) == ["open", "used"]  # type: ignore[union-attr]


def test_a_code_is_used_once(cast: Cast, bench: Database) -> None:
    person = cast.ids["viewer"]
    with bench.web.transaction(user_id=person) as conn:
        second_factor.begin(conn, person, "sealed")
        codes = second_factor.confirm(conn, person)

    def spend(code: str | None) -> bool:
        with bench.web.transaction(user_id=person) as conn:
            return second_factor.spend_code(conn, person, code) if code else second_factor.spend(conn, person, 100)

    for code in (codes[0], None):
        assert sorted(at_once(lambda: spend(code), lambda: spend(code))) == [False, True]  # noqa: B023


def test_two_administrators_are_not_disabled_at_once(cast: Cast, bench: Database) -> None:
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", "admin")
    emails = [cast.email(person) for person in ("admin", "viewer")]

    def disable(email: str) -> str:
        with bench.owner.transaction() as conn:
            members.disable(conn, email, True)
        return "done"

    assert "done" in at_once(*(lambda email=email: disable(email) for email in emails))  # type: ignore[misc]
    with bench.owner.transaction() as conn:
        able = conn.execute(
            text("SELECT count(*) FROM tds.app_user WHERE email = any (:e) AND disabled_at IS NULL"), {"e": emails}
        )
        assert able.scalar() == 1


def test_an_administrator_is_not_disabled_while_the_other_is_demoted(cast: Cast, bench: Database) -> None:
    with cast.act() as conn:
        members.change(conn, cast.ids["viewer"], "viewer", "admin")

    def disable() -> str:
        with bench.owner.transaction() as conn:
            members.disable(conn, cast.email("admin"), True)
        return "done"

    def demote() -> str:
        with cast.act("viewer") as conn:
            members.change(conn, cast.ids["viewer"], "admin", "editor")
        return "done"

    assert "done" in at_once(disable, demote)
    with bench.owner.transaction() as conn:
        query = text("SELECT count(*) FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id"
                     " WHERE m.account_id = :a AND m.role = 'admin' AND u.disabled_at IS NULL")  # fmt: skip
        assert conn.execute(query, {"a": cast.account}).scalar() == 1


def test_of_two_edits_one_is_told_and_the_last_place_is_taken_once(bench: Database) -> None:
    crew = build(bench)

    def rename(name: str) -> str:
        with crew.acting() as conn:
            before = fleet_editing.device_state(conn, crew.device, 1, hold=True)
            return fleet_editing.change_device(conn, before, before.settings._replace(name=name), True).settings.name or ""

    def add(code: str) -> str:
        with crew.acting() as conn:
            return fleet_editing.add_device(conn, crew.second, code, SENSOR).code

    found = at_once(lambda: rename("Mine"), lambda: rename("Theirs"))
    assert "outdated" in found
    assert len({"Mine", "Theirs"} & set(found)) == 1
    assert sorted(at_once(lambda: add("A"), lambda: add("B")), key=len)[1] == "gateway_full"


def test_who_leaves_takes_no_token_along(cast: Cast, bench: Database) -> None:
    person = cast.ids["viewer"]
    with cast.act("viewer") as conn:
        token, _ = tokens.add_token(conn, cast.account, person, "t", "viewer", "viewer", 1)
        assert tokens.holder(conn, token)
    with cast.act() as conn:
        members.change(conn, person, "viewer", None)
    with bench.owner.transaction() as conn:
        people.add_user(conn, people_email(bench, person), cast.name, "viewer", PASSWORD)
    with bench.web.transaction() as conn:
        assert tokens.holder(conn, token) is None, "invited again, they make it anew"


def people_email(bench: Database, person: int) -> str:
    with bench.owner.transaction() as conn:
        return str(conn.execute(text("SELECT email FROM tds.app_user WHERE id = :i"), {"i": person}).scalar_one())


def test_requests_are_counted_in_a_window_that_moves(bench: Database) -> None:
    bucket = Bucket(Limit(4, 60), "api", (str(number()),))

    def ask() -> tuple[int, int]:
        with bench.web.transaction() as conn:
            return tuple(attempts.count(conn, bucket))  # type: ignore[return-value]

    def later(seconds: int) -> None:
        with bench.owner.transaction() as conn:
            conn.execute(text("UPDATE tds.asking SET began = began - make_interval(secs => :s) WHERE asker = :a"),
                         {"s": seconds, "a": bucket.key})  # fmt: skip

    assert [ask()[0] for _ in range(4)] == [3, 2, 1, 0]
    refused = [ask() for _ in range(3)]
    assert {left for left, _ in refused} == {0}
    assert all(1 <= wait <= 75 for _, wait in refused), refused
    later(120)
    assert ask() == (3, 0), "what is two spans ago counts no more"
    later(60)
    left, wait = ask()
    assert (left in (1, 2, 3), wait) == (True, 0), "of the span before, as much as of it is still within a minute"


def test_many_requests_at_once_are_counted_too(bench: Database) -> None:
    bucket = Bucket(Limit(5, 3600), "api", (str(number()),))

    def ask() -> int:
        with bench.web.transaction() as conn:
            return attempts.count(conn, bucket).wait

    assert at_once(*[ask] * 8).count(0) == 5
