"""Advisory locks: ours alone where a superuser has said so, and no tool's login keeps anything from its work."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from sql import locking
from tests.conftest import TIMESCALEDB, Database
from tests.databases import new_name
from tests.sql.plant import account, tds

TRY = text("SELECT pg_try_advisory_lock(7245120)")


@pytest.fixture
def superuser(database: Database, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Give a superuser in the test's database."""
    server = TIMESCALEDB if database.engine == "timescaledb" else request.getfixturevalue("embedded_server")
    assert server is not None
    url = make_url(server).set(drivername="postgresql+psycopg2", database=urlsplit(database.owner.url).path.strip("/"))
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        yield connection


def test_a_tools_login_holds_no_lock_of_ours(database: Database, superuser: Connection) -> None:
    owner, ingest, web = (
        unquote(urlsplit(store.url).username or "") for store in (database.owner, database.ingest, database.web)
    )
    name = f"lock_{new_name()}"
    made = tds(database, "db-user", "add", name, "--account", account(database)[0])
    assert (made.code, "can take advisory locks" in made.err) == (0, True), made
    tool = create_engine(make_url(made.out.strip()).set(drivername="postgresql+psycopg2"), poolclass=NullPool)
    with tool.connect() as connection:
        assert connection.execute(TRY).scalar(), "as PostgreSQL leaves it"
    with database.owner.transaction() as connection:
        locking.close(connection, [ingest, web])  # an owner without the right changes nothing
        assert locking.may_lock(connection, name)

    locking.close(superuser, [owner], hand_on=True)
    with database.owner.transaction() as connection:
        locking.close(connection, [ingest, web])

    with tool.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(TRY)
    for store in (database.owner, database.ingest, database.web):
        with store.transaction() as connection:
            assert connection.execute(text("SELECT pg_try_advisory_xact_lock(7245120)")).scalar()
    with database.owner.transaction() as connection:
        assert not locking.may_lock(connection, name)
    assert tds(database, "db-user", "remove", name).code == 0
