"""Who sees what: the database itself keeps accounts apart, whatever SQL is sent."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sql import ledger, people
from tests.conftest import PASSWORD, Database
from tests.sql.plant import Meter, feed, mac, meter, series

# A stranger's value, name and address that must be seen by nobody else, wherever they might lie.
SECRET = "918273645"


@dataclass
class Scene:
    """Two accounts with figures, and logins that try to see the other one's."""

    database: Database
    mine: Meter
    theirs: Meter
    me: int
    them: int
    tool: str

    @contextmanager
    def as_tool(self) -> Iterator[Connection]:
        """Open a transaction as the tool's login."""
        engine = create_engine(self.tool.replace("postgresql://", "postgresql+psycopg2://"))
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def scene(bench: Database) -> Iterator[Scene]:
    """Fill two accounts and make a login for a tool of the first, as `tds db-user add` does."""
    mine, theirs = meter(bench, "Europe/Madrid"), meter(bench, "Asia/Kolkata")
    feed(bench, mine, series("2026-01-01T00:00", 15, [1, 2, 3, 0, 1]))
    feed(bench, theirs, series("2026-01-01T00:00", 15, [SECRET, int(SECRET) + 1, int(SECRET) + 2, 0, 1]))
    with bench.owner.transaction() as connection:
        me = people.add_user(connection, "me@example.com", mine.account, "admin", PASSWORD)
        them = people.add_user(connection, f"them{SECRET}@example.com", theirs.account, "admin", PASSWORD)
        connection.execute(
            text("UPDATE tds.account SET name = :n WHERE id = :id"), {"n": f"Stranger {SECRET}", "id": theirs.account_id}
        )
        connection.execute(text("UPDATE tds.gateway SET name = :n WHERE mac = :m"), {"n": f"Gateway {SECRET}", "m": theirs.mac})
        connection.execute(text("UPDATE tds.device SET name = :n WHERE id = :id"), {"n": f"Meter {SECRET}", "id": theirs.id})
        for device in (mine, theirs):
            marks = {
                "d": device.id,
                "m": device.mac,
                "a": device.account_id,
                "s": SECRET if device is theirs else "harmless",
                "now": datetime.now(UTC),
            }
            connection.execute(
                text(
                    "INSERT INTO tds.decision (device_id, kind, at, event_kind, decided_by) VALUES (:d, 'accept', '2026-01-01 00:45Z', 'reset', :s)"
                ),
                marks,
            )
            connection.execute(text("INSERT INTO tds.gateway_seen SELECT id, :now, true FROM tds.gateway WHERE mac = :m"), marks)
            connection.execute(
                text(
                    "INSERT INTO tds.device_seen VALUES (:d, :now, CASE WHEN :s = 'harmless' THEN 1 ELSE CAST(:s2 AS numeric) END, :now)"
                ),
                marks | {"s2": SECRET},
            )
            connection.execute(text("INSERT INTO tds.revised VALUES (:d, '2026-01-01 00:07:30Z')"), marks)
            connection.execute(
                text(
                    "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after) VALUES (:s, 'gateway', :m, :s, :now, :now)"
                ),
                marks,
            )
            connection.execute(
                text(
                    "INSERT INTO tds.rejection (received_at, account_id, mac, reason, detail, topic, payload, digest) VALUES (:now, :a, :m, 'schema', :s, :s, convert_to(:s, 'UTF8'), convert_to(:s, 'UTF8'))"
                ),
                marks,
            )
        tool = login_for_tools(bench, connection, mine.account_id)
    yield Scene(bench, mine, theirs, me, them, tool)
    with bench.owner.transaction() as connection:
        name = urlsplit(tool).username
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA web FROM {name}"))
        connection.execute(text(f"REVOKE USAGE ON SCHEMA web FROM {name}"))
        connection.execute(text(f"DROP ROLE {name}"))


def login_for_tools(database: Database, connection: Connection, account: int) -> str:
    """Make a login that reads the account's views and nothing else."""
    name = f"{urlsplit(database.owner.url).path.strip('/')}_tool"
    password = secrets.token_hex(16)
    connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA web TO {name}"))
    connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA web TO {name}"))
    connection.execute(text("INSERT INTO tds.db_login VALUES (:n, :a)"), {"n": name, "a": account})
    parts = urlsplit(database.owner.url)
    return parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


RELATIONS = text(
    "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_toast', 'information_schema')"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') ORDER BY 1"
)


def readable(connection: Connection, schemas: tuple[str, ...] = ()) -> dict[str, str]:
    """Give, for every relation that the login may read, of some schemas or of whatever one, all it gets to see of it, as text."""
    found = {}
    for name in connection.execute(RELATIONS).scalars().all():
        if schemas and name.split(".")[0] not in schemas:
            continue
        columns = connection.execute(
            text("SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = CAST(:n AS regclass) AND attnum > 0"
                 " AND NOT attisdropped AND has_column_privilege(attrelid, attnum, 'SELECT')"), {"n": name}
        ).scalar_one()  # fmt: skip
        try:
            with connection.begin_nested():
                rows = connection.execute(text(f"SELECT {columns} FROM {name}")).all()
        except DBAPIError:
            continue
        found[name] = "\n".join(str(tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)) for row in rows)
    return found


def leaks(seen: dict[str, str], scene: Scene) -> list[str]:
    """Name the relations that show something of the stranger."""
    marks = re.compile(f"{SECRET}|{int(SECRET) + 1}|{int(SECRET) + 2}|{scene.theirs.mac}")
    own = ("pg_catalog.pg_stat_activity",)  # shows a login the text of its own queries
    return [name for name, content in seen.items() if name not in own and marks.search(content)]


def test_the_owner_sees_both(scene: Scene) -> None:
    with scene.database.owner.transaction() as connection:
        found = leaks(readable(connection), scene)
    assert {"tds.reading", "tds.event", "tds.account", "tds.app_user", "tds.rejection", "tds.certificate", "tds.decision"} <= set(
        found
    )


def test_the_web_login_without_an_account_sees_nobody(scene: Scene) -> None:
    with scene.database.web.transaction() as connection:
        seen = readable(connection)
    assert leaks(seen, scene) == []
    assert "web.reading" in seen
    for name in (
        "web.reading",
        "web.ledger",
        "web.device",
        "web.gateway",
        "web.consumption_hour",
        "web.consumption_day",
        "tds.account",
        "tds.device",
        "tds.event",
    ):
        assert seen[name] == "", name


def test_the_web_login_acting_for_an_account_sees_that_one(scene: Scene) -> None:
    with scene.database.web.transaction(account_id=scene.mine.account_id, user_id=scene.me) as connection:
        seen = readable(connection)
        assert leaks(seen, scene) == []
        for name in ("web.reading", "web.ledger", "web.device", "web.gateway", "web.consumption_hour", "web.consumption_day", "web.consumption_month",
                     "tds.account", "tds.device", "tds.event", "tds.decision", "tds.rejection", "tds.certificate", "tds.revised", "tds.app_user"):  # fmt: skip
            assert seen[name] != "", name


def test_a_user_sees_their_own_accounts_before_one_is_chosen(scene: Scene) -> None:
    with scene.database.web.transaction(user_id=scene.me) as connection:
        assert [place.account_id for place in people.memberships(connection, scene.me)] == [scene.mine.account_id]
        assert people.memberships(connection, scene.them) == []
        assert leaks(readable(connection), scene) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tds.reading",
        "SELECT * FROM tds.ledger",
        "SELECT * FROM tds.consumption_hour",
        "SELECT * FROM tds.consumption_quarters",
        "SELECT * FROM tds.consumption_day_asia_kolkata",
        "SELECT password_hash FROM tds.app_user",
        "SELECT * FROM tds.db_login",
        "SELECT * FROM tds.dirty",
        "INSERT INTO tds.reading VALUES (1, now(), 1)",
        "INSERT INTO tds.ledger (device_id, middle, covered, readings) VALUES (1, now(), 1, 1)",
        "INSERT INTO tds.db_login VALUES (current_user, 1)",
        "DELETE FROM tds.decision",
        "UPDATE tds.decision SET at = now()",
        "UPDATE tds.account SET name = 'x'",
        "UPDATE tds.device SET account_id = 1",
        "UPDATE tds.app_user SET password_hash = 'x'",
        "UPDATE tds.app_user SET operator = true",
        "UPDATE tds.app_user SET epoch = 0",
        "INSERT INTO tds.app_user (email, password_hash) VALUES ('x@x.example', 'x')",
        "UPDATE tds.membership SET role = 'admin'",
        "INSERT INTO tds.membership VALUES (1, 1, 'admin')",
        "DELETE FROM tds.membership",
        "UPDATE tds.audit SET actor = 'somebody else'",
        "DELETE FROM tds.audit",
        "TRUNCATE tds.audit",
        "SELECT digest FROM tds.link",
        "UPDATE tds.link SET role = 'admin'",
        "SELECT * FROM tds.attempt",
        "DELETE FROM tds.session",
        "DELETE FROM tds.account_order",
        "UPDATE tds.account SET closed_at = NULL",
        "SELECT tds.end_sessions(1)",
        "SELECT tds.close_account(1, 'x')",
        "TRUNCATE tds.event",
        "DROP VIEW web.reading",
        "CREATE TABLE tds.mine (x int)",
        "CREATE VIEW web.mine AS SELECT 1",
        "ALTER TABLE tds.event DISABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE FUNCTION tds.current_account() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE postgres",
        "COPY tds.account TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_neither_login_gets_past_its_views(scene: Scene, statement: str) -> None:
    as_web = scene.database.web.transaction(account_id=scene.mine.account_id, user_id=scene.me)
    for login in (as_web, scene.as_tool()):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner|must be able|cannot|policy"),
            login as connection,
        ):
            connection.exec_driver_sql(statement)


def test_a_decision_about_anothers_device_is_not_written(scene: Scene) -> None:
    statement = text(
        "INSERT INTO tds.decision (device_id, kind, at, event_kind, decided_by) VALUES (:d, 'ignore', now(), 'reset', 'me')"
    )
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        scene.database.web.transaction(account_id=scene.mine.account_id) as connection,
    ):
        connection.execute(statement, {"d": scene.theirs.id})
    with scene.database.web.transaction(account_id=scene.mine.account_id) as connection:
        assert (
            connection.execute(
                text("UPDATE tds.decision SET undone_at = now(), undone_by = 'me' WHERE device_id = :d"), {"d": scene.theirs.id}
            ).rowcount
            == 0
        )
        ledger.mark_dirty(connection, [scene.theirs.id])
    with scene.database.owner.transaction() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM tds.dirty WHERE device_id = :d"), {"d": scene.theirs.id}).scalar() == 0
        )


def test_a_tool_sees_its_account_and_no_other(scene: Scene) -> None:
    with scene.as_tool() as connection:
        seen = readable(connection)
        assert leaks(seen, scene) == []
        for name in (
            "web.reading",
            "web.ledger",
            "web.device",
            "web.gateway",
            "web.consumption_hour",
            "web.consumption_day",
            "web.consumption_month",
        ):
            assert seen[name] != "", name
        assert not [name for name in seen if name.startswith("tds.") and seen[name]]


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT set_config('tds.account_id', '{them}', false)",
        "SET tds.account_id = '{them}'",
        "SET LOCAL tds.user_id = '{user}'",
        "SELECT set_config('tds.account_id', '{them}', true), set_config('tds.user_id', '{user}', true)",
        "SET search_path = pg_temp, tds, web; CREATE FUNCTION pg_temp.current_account() RETURNS integer LANGUAGE sql AS 'SELECT {them}'",
        "CREATE TEMPORARY TABLE db_login (login text, account_id int); INSERT INTO db_login VALUES (session_user, {them}); SET search_path = pg_temp, tds",
        "CREATE TEMPORARY VIEW device AS SELECT {device} AS id, {them} AS account_id; SET search_path = pg_temp, web, tds",
        "SET session_replication_role = replica",
        "SET row_security = off",
    ],
)
def test_a_tool_is_bound_to_its_account_whatever_it_sets(scene: Scene, attack: str) -> None:
    with scene.as_tool() as connection:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(attack.format(them=scene.theirs.account_id, user=scene.them, device=scene.theirs.id))
        except DBAPIError:
            pass  # refused is as good
        assert leaks(readable(connection, ("tds", "web")), scene) == []
        assert connection.exec_driver_sql(f"SELECT count(*) FROM web.reading WHERE device_id = {scene.theirs.id}").scalar() == 0


def test_a_leaky_operator_sees_no_row_of_another_account(scene: Scene) -> None:
    """A cheap function in WHERE would be asked before the view's own condition, were the views no barriers."""
    with scene.as_tool() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION pg_temp.spy(v anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
            " $$ BEGIN RAISE NOTICE 'seen %%', v; RETURN true; END $$"
        )
        driver = connection.connection.driver_connection
        assert driver is not None
        rollups = [f"consumption_{step}" for step in ("hour", "quarters", "day", "month")]
        for relation in ("reading", "ledger", "device", "gateway", *rollups):
            driver.notices.clear()
            with driver.cursor() as cursor:
                cursor.execute(f"SELECT * FROM web.{relation} r WHERE pg_temp.spy(r::text)")
            said = "".join(driver.notices)
            assert "seen" in said, relation
            assert SECRET not in said, relation
            assert scene.theirs.mac not in said
            with connection.begin_nested() as attempt:
                # A division by zero in one row of a stranger would tell that it is there.
                connection.exec_driver_sql(
                    f"SELECT * FROM web.{relation} r WHERE 1 / (CASE WHEN r::text LIKE '%%{SECRET}%%' THEN 0 ELSE 1 END) = 1"
                ).all()
                attempt.rollback()


def test_statistics_tell_nothing(scene: Scene) -> None:
    with scene.database.owner.transaction() as connection:
        connection.exec_driver_sql("ANALYZE tds.reading, tds.device, tds.gateway, tds.account, tds.app_user")
    with scene.as_tool() as connection:
        shown = str(
            connection.exec_driver_sql(
                "SELECT * FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).all()
        )
        assert SECRET not in shown
        plan = str(connection.exec_driver_sql("EXPLAIN ANALYZE SELECT * FROM web.reading").all())
        assert SECRET not in plan
    with scene.database.web.transaction(account_id=scene.mine.account_id) as connection:
        assert SECRET not in str(connection.exec_driver_sql("SELECT * FROM pg_stats WHERE schemaname = 'tds'").all())


def test_a_tool_may_call_nothing_that_acts_for_the_owner(scene: Scene) -> None:
    """Functions that run with the owner's rights are closed to everybody unless somebody says otherwise; PostgreSQL opens them."""
    with scene.as_tool() as connection:
        rows = connection.exec_driver_sql(
            "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('tds', 'web')"
            " AND p.prosecdef AND p.prorettype <> 'trigger'::regtype AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1"
        )
        assert rows.scalars().all() == ["current_account", "current_devices", "current_user_id"]


@pytest.mark.parametrize("function", ["web.user_for_sign_in('me@example.com')", "tds.mark_dirty(ARRAY[1])"])
def test_a_tool_may_not_call_what_the_web_login_may(scene: Scene, function: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scene.as_tool() as connection:
        connection.exec_driver_sql(f"SELECT {function}")


def test_the_ingest_login_stores_facts_and_sees_no_figures_and_no_people(scene: Scene) -> None:
    with scene.database.ingest.transaction() as connection:
        seen = readable(connection)
    tables = {name for name in seen if name.split(".")[0] in ("tds", "web")}
    assert tables == {"tds.meta", "tds.zone", "tds.account", "tds.gateway", "tds.device", "tds.gateway_seen", "tds.device_seen", "tds.reading", "tds.rejection", "tds.dirty", "tds.rollup", "tds.delivery", "tds.rejection_tally", "tds.replay"}  # fmt: skip
    for statement in (
        "SELECT * FROM tds.ledger",
        "SELECT * FROM tds.app_user",
        "SELECT * FROM tds.membership",
        "SELECT * FROM tds.event",
        "SELECT * FROM web.reading",
        "SELECT * FROM tds.consumption_hour",
        "SELECT * FROM web.user_for_sign_in('me@example.com')",
        "UPDATE tds.reading SET value = 0",
        "DELETE FROM tds.reading",
        "DELETE FROM tds.dirty",
        "UPDATE tds.rejection SET reason = 'schema'",
        "INSERT INTO tds.replay (account_id, gateway_id, reasons) VALUES (1, 1, '{unknown_device}')",
        "UPDATE tds.device SET unit = 'Wh'",
        "INSERT INTO tds.account (name, timezone, locale) VALUES ('x', 'UTC', 'en')",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), scene.database.ingest.transaction() as connection:
            connection.exec_driver_sql(statement)


def test_a_gateway_never_takes_its_readings_to_another_account(scene: Scene) -> None:
    with pytest.raises(DBAPIError, match="violates foreign key"), scene.database.owner.transaction() as connection:
        connection.execute(
            text("UPDATE tds.gateway SET account_id = :a WHERE mac = :m"), {"a": scene.mine.account_id, "m": scene.theirs.mac}
        )
    with pytest.raises(DBAPIError, match="gateway_mac"), scene.database.owner.transaction() as connection:
        connection.execute(
            text("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'x')"),
            {"a": scene.mine.account_id, "m": scene.theirs.mac},
        )
    assert mac() != scene.theirs.mac


def test_columns_of_the_views_are_explained(scene: Scene) -> None:
    with scene.as_tool() as connection:
        rows = connection.exec_driver_sql(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'web' AND c.relname LIKE 'consumption%%' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL"
        ).all()
        assert rows == []
