"""Alembic's entry: runs the migrations on the connection that sql/migrate.py hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table="version", version_table_schema="tds_migration"
)
context.run_migrations()
