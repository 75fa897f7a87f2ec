"""Every view that a login may read keeps what is asked of it behind its own condition, also one that comes later."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from tests.conftest import Database
from tests.sql.plant import feed, meter, series

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


def test_a_readers_own_function_is_asked_of_its_rows_alone(bench: Database) -> None:
    mine, theirs = meter(bench, "Europe/Madrid"), meter(bench, "Asia/Kolkata")
    for one in (mine, theirs):
        feed(bench, one, series("2026-01-01T00:00", 15, [1, 2, 3]))
    heard: deque[str] = deque()  # the driver's own list keeps the last fifty alone
    with bench.web.transaction(account_id=mine.account_id) as connection:
        views = connection.exec_driver_sql(FIGURES).scalars().all()
        raw = cast("Any", connection.connection.dbapi_connection)
        raw.notices = heard
        with raw.cursor() as cursor:
            cursor.execute(SHOUT + "; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
            for name in views:
                cursor.execute(f"SELECT count(*) FROM {name} one WHERE pg_temp.shout('{name} ' || one::text)")
            cursor.execute("DROP FUNCTION pg_temp.shout")
        raw.notices = []
    assert any(f"consumption_month ({mine.id}," in line for line in heard)
    assert [line for line in heard if f"({mine.id}," not in line] == []
