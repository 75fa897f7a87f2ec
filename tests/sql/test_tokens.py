"""Tokens: shown once, kept as a hash, bound to an account and to what their person may do."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql import tokens
from sql.errors import NotFound, Refused
from tests.conftest import Database
from tests.sql.plant import json_of, refused, tds
from tests.sql.test_fleet_editing import Crew, build


@pytest.fixture(scope="module")
def crew(bench: Database) -> Crew:
    """Build an account of its own."""
    return build(bench)


def test_a_token_is_kept_as_a_hash_and_stands_for_its_person(crew: Crew) -> None:
    with crew.acting() as connection:
        token, kept = tokens.add_token(connection, crew.account, crew.editor, "Grafana", "viewer", "editor", 30)
        assert [one.id for one in tokens.tokens(connection, crew.account)] == [kept.id]
    assert token.startswith(kept.hint)
    assert len(token) > 40
    with crew.database.owner.transaction() as connection:
        row = connection.execute(text("SELECT t::text FROM tds.token t WHERE id = :id"), {"id": kept.id}).scalar_one()
    assert token not in row
    with crew.database.web.transaction() as connection:
        assert tokens.holder(connection, token) == (kept.id, crew.editor, crew.account, "viewer")
        assert tokens.holder(connection, token + "x") is None
    with crew.acting() as connection:
        assert tokens.find_token(connection, crew.account, kept.id).last_used_at is not None
        tokens.revoke(connection, kept)
    with crew.database.web.transaction() as connection:
        assert tokens.holder(connection, token) is None


def test_it_may_never_do_more_than_its_person(crew: Crew) -> None:
    with crew.acting() as connection:
        token, kept = tokens.add_token(connection, crew.account, crew.editor, "x", "editor", "editor", 30)
    change(crew, "UPDATE tds.membership SET role = 'viewer' WHERE user_id = :user")
    with crew.database.web.transaction() as connection:
        assert tokens.holder(connection, token) == (kept.id, crew.editor, crew.account, "viewer")
    change(crew, "UPDATE tds.membership SET role = 'editor' WHERE user_id = :user")
    for ending in ("UPDATE tds.token SET expires_at = now()", "UPDATE tds.app_user SET disabled_at = now() WHERE id = :user"):
        change(crew, ending)
        with crew.database.web.transaction() as connection:
            assert tokens.holder(connection, token) is None
        change(crew, "UPDATE tds.token SET expires_at = now() + interval '1 day'")
    change(crew, "UPDATE tds.app_user SET disabled_at = NULL WHERE id = :user")


def change(crew: Crew, statement: str) -> None:
    with crew.database.owner.transaction() as connection:
        connection.execute(text(statement), {"user": crew.editor})


@pytest.mark.parametrize(
    ("role", "days", "name", "key"),
    [("admin", 1, "x", "token_above"), ("viewer", 0, "x", "token_days"), ("viewer", 9999, "x", "token_days"), ("god", 1, "x", "token_role"), ("viewer", 1, "", "name")],
)  # fmt: skip
def test_a_token_that_cannot_be(crew: Crew, role: str, days: int, name: str, key: str) -> None:
    with pytest.raises(Refused) as no, crew.acting() as connection:
        tokens.add_token(connection, crew.account, crew.editor, name, role, "editor", days)
    assert no.value.key == key


def test_the_database_lets_nobody_make_one_that_may_more_or_take_back_anothers(crew: Crew) -> None:
    with pytest.raises(DBAPIError, match="row-level security"), crew.acting() as connection:
        tokens.add_token(connection, crew.account, crew.editor, "x", "admin", "admin", 1)
    with pytest.raises(DBAPIError, match="row-level security"), crew.acting() as connection:
        tokens.add_token(connection, crew.account, crew.admin, "x", "viewer", "admin", 1)
    with pytest.raises(DBAPIError, match="permission denied"), crew.acting(crew.admin) as connection:
        connection.execute(text("SELECT hash FROM tds.token"))
    with crew.acting(crew.admin) as connection:
        _, kept = tokens.add_token(connection, crew.account, crew.admin, "x", "admin", "admin", 1)
    with crew.acting() as connection:
        tokens.revoke(connection, kept)
        with pytest.raises(NotFound):
            tokens.find_token(connection, crew.account, kept.id)
    with crew.acting(crew.admin) as connection:
        assert tokens.find_token(connection, crew.account, kept.id).revoked_at is None


def test_the_commands(crew: Crew, bench: Database) -> None:
    with bench.owner.transaction() as connection:
        account = connection.execute(text("SELECT name FROM tds.account WHERE id = :a"), {"a": crew.account}).scalar_one()
        email = connection.execute(text("SELECT email FROM tds.app_user WHERE id = :u"), {"u": crew.viewer}).scalar_one()
    token = tds(bench, "token", "add", email, "--account", account, "--days", "7").out.strip()
    assert "more than its person" in refused(tds(bench, "token", "add", email, "--account", account, "--role", "admin"))
    assert "no place" in refused(tds(bench, "token", "add", "nobody@example.com", "--account", account))
    (found,) = [one for one in json_of(tds(bench, "token", "list", "--account", account, "--json")) if one["email"] == email]
    assert (found["role"], found["hint"]) == ("viewer", token[:10])
    assert tds(bench, "token", "revoke", str(found["id"])).code == 0
    with bench.web.transaction() as connection:
        assert tokens.holder(connection, token) is None
    assert "no token" in refused(tds(bench, "token", "revoke", "999999"))
