"""People: passwords are kept as Argon2id hashes, and a place in an account is given once."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from sql import people
from sql.errors import Refused
from tests.conftest import PASSWORD, Database
from tests.sql.plant import account, number, refused, tds


def email() -> str:
    return f"person{number()}@example.com"


def add(database: Database, address: str, name: str, role: str = "viewer", password: str = PASSWORD) -> object:
    return tds(database, "user", "add", address, "--account", name, "--role", role, stdin=f"{password}\n")


@pytest.mark.usefixtures("real_passwords")
def test_a_person_signs_in_with_the_password_given(bench: Database) -> None:
    name, _ = account(bench)
    address = email()
    result = tds(bench, "user", "add", address.upper(), "--account", name, "--role", "admin", stdin=f"{PASSWORD}\r\n")
    assert (result.code, result.out) == (0, f"{address} is admin of {name}.\n")
    with bench.web.transaction() as connection:
        user = people.find_for_sign_in(connection, f"  {address.title()} ")
    assert user is not None
    assert user.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, for where memory is scarce
    assert PASSWORD not in user.password_hash
    assert people.check_password(user, PASSWORD)
    assert not people.check_password(user, PASSWORD.upper())
    assert not people.check_password(user, "")
    assert not people.check_password(user._replace(disabled=True), PASSWORD)
    assert not people.check_password(user._replace(password_hash="garbled"), PASSWORD)
    assert not people.check_password(None, PASSWORD)


def test_a_known_person_keeps_their_password_in_a_second_account(bench: Database) -> None:
    (first, one), (second, two) = account(bench), account(bench)
    address = email()
    assert add(bench, address, first).code == 0  # type: ignore[attr-defined]
    told = add(bench, address, second, "editor", "another password")
    assert (told.code, "keeps the password that they have" in told.out) == (0, True)  # type: ignore[attr-defined]
    with bench.web.transaction() as connection:
        user = people.find_for_sign_in(connection, address)
    assert user is not None
    assert people.check_password(user, PASSWORD)
    with bench.web.transaction(user_id=user.id) as connection:
        places = people.memberships(connection, user.id)
    assert [(place.account_id, place.role) for place in sorted(places)] == [(one, "viewer"), (two, "editor")]
    assert "has a place in" in refused(add(bench, address, first, "admin"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", ["", "nobody", "@example.com", "a@", "a@b@c", "a b@example.com", "x" * 250 + "@e.com", "a@b\n.com"]
)
def test_what_is_no_address_is_refused(bench: Database, given: str) -> None:
    name, _ = account(bench)
    assert "is not an e-mail address" in refused(add(bench, given, name))  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["short", "x" * 9, "x" * 1001])
def test_a_password_too_short_or_too_long_is_refused(bench: Database, password: str) -> None:
    name, _ = account(bench)
    address = email()
    assert "password has" in refused(add(bench, address, name, password=password))  # type: ignore[arg-type]
    with bench.owner.transaction() as connection:
        assert not connection.execute(text("SELECT 1 FROM tds.app_user WHERE email = :e"), {"e": address}).scalar()


def test_no_password_no_account_no_role(bench: Database) -> None:
    name, _ = account(bench)
    assert "no password" in refused(tds(bench, "user", "add", email(), "--account", name, "--role", "viewer"))
    assert "no account named" in refused(add(bench, email(), "Nobody"))  # type: ignore[arg-type]
    assert tds(bench, "user", "add", email(), "--account", name, "--role", "owner").code == 2
    with pytest.raises(Refused, match="the role must be"), bench.owner.transaction() as connection:
        people.add_user(connection, email(), name, "owner", PASSWORD)
