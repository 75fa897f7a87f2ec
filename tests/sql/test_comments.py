"""Grafana and psql show what a column means: every one that other tools may read says it."""

from __future__ import annotations

from tests.conftest import Database
from tests.ingest.cast import query


def test_every_column_of_the_views_has_a_comment(database: Database) -> None:
    database.account("Aurora")
    found = query(
        database,
        "SELECT format('%s.%s', c.relname, a.attname), col_description(c.oid, a.attnum) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'web'::regnamespace AND c.relkind IN ('v', 'm', 'r') ORDER BY 1",
    )
    assert len(found) > 100
    assert [name for name, comment in found if not comment] == []
