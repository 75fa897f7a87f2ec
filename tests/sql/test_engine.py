"""Connections: whose URL is what, transactions that act for an account, and a database that is not there."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import settings as settings_module
from settings import Settings, SettingsError
from sql import engine
from sql.engine import Store, database_url, derived_url
from sql.errors import StoreUnavailable
from tests.conftest import Database
from tests.sql.plant import account, refused, tds


def settings(**given: str) -> Settings:
    return replace(settings_module.load({}), **given)


def test_logins_are_derived_from_the_owners_url() -> None:
    ingest, web = (
        derived_url("postgresql://own:pw@db.example:5433/tds?sslmode=require", "ingest"),
        derived_url("postgresql://own:pw@db.example:5433/tds?sslmode=require", "web"),
    )
    assert ingest.startswith("postgresql://tds_ingest:")
    assert web.startswith("postgresql://tds_web:")
    assert web.endswith("@db.example:5433/tds?sslmode=require")
    passwords = {urlsplit(url).password for url in (ingest, web, "postgresql://own:pw@h/tds")}
    assert len(passwords) == 3
    assert derived_url("postgresql://own:pw@db.example:5433/tds?sslmode=require", "web") == web
    assert derived_url("postgresql://own:other@db.example:5433/tds", "web") != web


def test_a_percent_encoded_password_and_name_are_decoded_once() -> None:
    encoded, plain = derived_url("postgresql://o%40x:p%40%2F%25@h/my%20db", "web"), "my db_web"
    assert unquote(urlsplit(encoded).username or "") == plain
    assert urlsplit(encoded).path == "/my%20db"
    assert urlsplit(encoded).password == urlsplit(derived_url("postgresql://other:p%40%2f%25@h/my%20db", "web")).password


def test_a_url_without_a_password_derives_nothing() -> None:
    with pytest.raises(SettingsError, match="set TDS_WEB_DATABASE_URL"):
        derived_url("postgresql:///tds?host=/run/postgresql", "web")
    assert (
        database_url(settings(database_url="postgresql:///tds", web_database_url="postgresql://w:p@h/tds"), "web")
        == "postgresql://w:p@h/tds"
    )


def test_a_given_url_wins() -> None:
    given = settings(database_url="postgresql://o:p@h/d", ingest_database_url="postgresql://i:p@h/d")
    assert database_url(given, "owner") == "postgresql://o:p@h/d"
    assert database_url(given, "ingest") == "postgresql://i:p@h/d"
    assert database_url(given, "web").startswith("postgresql://d_web:")


def test_an_unreachable_database_is_one_line(database: Database) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gone = replace(database, owner=Store(f"postgresql://o:p@127.0.0.1:{port}/d", "owner"))
    line = refused(tds(gone, "account", "list"))
    assert line.startswith("the database cannot be reached: ")
    assert "refused" in line
    for part, says in (("nosuchdb", "does not exist"), ("", "password authentication failed")):
        url = urlsplit(database.owner.url)
        wrong = url._replace(path=f"/{part}").geturl() if part else database.owner.url.replace("correct", "wrong")
        assert says in refused(tds(replace(database, owner=Store(wrong, "owner")), "account", "list"))


def test_a_transaction_acts_for_its_account_and_no_longer(plain_database: Database) -> None:
    (_, one), (_, two) = account(plain_database), account(plain_database)
    asked = text("SELECT id FROM tds.account ORDER BY id")
    for acting in (one, two, one):
        with plain_database.web.transaction(account_id=acting) as connection:
            assert connection.execute(asked).scalars().all() == [acting]
        with plain_database.web.transaction() as connection:
            assert connection.execute(asked).scalars().all() == []
            # After the first transaction the setting is empty, not absent: it must not be read as a number.
            assert connection.execute(text("SELECT current_setting('tds.account_id', true)")).scalar() == ""


def test_an_error_rolls_the_transaction_back(plain_database: Database) -> None:
    with pytest.raises(DBAPIError), plain_database.owner.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO tds.meta (key, value) VALUES ('x', 'y'); SELECT 1/0")
    with plain_database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.meta WHERE key = 'x'")).scalar() == 0


def test_a_connection_that_was_cut_is_replaced(plain_database: Database) -> None:
    with plain_database.web.transaction() as connection:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with plain_database.owner.transaction() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :p AND usename = current_user"),
            {"p": number},
        )
    with plain_database.web.transaction() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize("role", ["owner", "ingest", "web"])
def test_names_are_looked_up_where_the_login_may_look(plain_database: Database, role: str) -> None:
    store: Store = getattr(plain_database, role)
    with store.transaction() as connection:
        path = connection.execute(text("SHOW search_path")).scalar_one()
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    assert path.replace(" ", "") == engine.SEARCH_PATH[role].replace(" ", "")  # type: ignore[index]


def test_a_url_that_cannot_be_parsed_is_a_setting_at_fault() -> None:
    with pytest.raises((SettingsError, StoreUnavailable)):
        engine.check(Store("postgresql//nothing", "owner"))
