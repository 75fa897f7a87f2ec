"""Keeping the fleet in order in the pages. The body is sql/schema/014_fleet_editing.sql."""

from alembic import context, op

from sql.statements import script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/014_fleet_editing.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
