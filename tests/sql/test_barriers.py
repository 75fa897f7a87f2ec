"""Every view that a login may read keeps what is asked of it behind its own condition, also one that comes later."""

from __future__ import annotations

from tests.conftest import Database


def test_every_view_that_a_login_may_read_is_a_barrier(bench: Database) -> None:
    with bench.web.transaction() as connection:
        views = connection.exec_driver_sql(
            "SELECT c.oid::regclass::text, coalesce('security_barrier=true' = any(c.reloptions), false)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'"
            " AND (n.nspname = 'web' OR n.nspname = 'tds' AND has_any_column_privilege(c.oid, 'SELECT'))"
        ).all()
    assert len(views) > 5
    assert [name for name, barrier in views if not barrier] == []
