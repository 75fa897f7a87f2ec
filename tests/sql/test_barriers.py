"""Every view that a login may read keeps what is asked of it behind its own condition, also one that comes later."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from sql.migrate import migrate
from sql.rollups import WRAPPED
from tests.conftest import Database
from tests.sql.plant import Meter, feed, meter, series

SHOUT = """CREATE FUNCTION pg_temp.shout(line text) RETURNS boolean LANGUAGE plpgsql COST 0.0000000001
    AS 'BEGIN RAISE NOTICE ''%'', line; RETURN true; END'"""
FIGURES = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'web'::regnamespace AND c.relname ~ '^(consumption|ledger|reading)'"


def test_every_view_that_a_login_may_read_is_a_barrier(bench: Database) -> None:
    with bench.web.transaction() as connection:
        views = connection.exec_driver_sql(
            "SELECT c.oid::regclass::text, coalesce('security_barrier=true' = any(c.reloptions), false)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'"
            " AND (n.nspname = 'web' OR n.nspname = 'tds' AND has_any_column_privilege(c.oid, 'SELECT'))"
        ).all()
    assert len(views) > 5
    assert [name for name, barrier in views if not barrier] == []


def heard(bench: Database, one: Meter) -> list[str]:
    """Give every row that a function of the reader's own is asked of, who acts for the account of a meter."""
    lines: deque[str] = deque()  # the driver's own list keeps the last fifty alone
    with bench.web.transaction(account_id=one.account_id) as connection:
        views = connection.exec_driver_sql(FIGURES).scalars().all()
        raw = cast("Any", connection.connection.dbapi_connection)
        raw.notices = lines
        with raw.cursor() as cursor:
            cursor.execute(SHOUT + "; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
            for name in views:
                cursor.execute(f"SELECT count(*) FROM {name} one WHERE pg_temp.shout('{name} ' || one::text)")
            cursor.execute("DROP FUNCTION pg_temp.shout")
        raw.notices = []
    return list(lines)


def test_a_readers_own_function_is_asked_of_its_rows_alone_of_an_older_database_too(bench: Database) -> None:
    mine, theirs = meter(bench, "Europe/Madrid"), meter(bench, "Asia/Kolkata")
    for one in (mine, theirs):
        feed(bench, one, series("2026-01-01T00:00", 15, [1, 2, 3]))
    found = heard(bench, mine)
    assert any(f"consumption_month ({mine.id}," in line for line in found)
    assert [line for line in found if f"({mine.id}," not in line] == []
    with bench.owner.transaction() as connection:  # as a program made it that did not wrap the union
        whole = connection.exec_driver_sql("SELECT pg_get_viewdef('web.consumption_month'::regclass)").scalar_one()
        bare = whole[whole.index("FROM (") + len("FROM (") : whole.rindex(f") {WRAPPED}")]
        connection.exec_driver_sql(f"CREATE OR REPLACE VIEW web.consumption_month WITH (security_barrier) AS {bare}")
    assert any(f"consumption_month ({theirs.id}," in line for line in heard(bench, mine))
    migrate(bench.settings)
    assert sorted(heard(bench, mine)) == sorted(found)
