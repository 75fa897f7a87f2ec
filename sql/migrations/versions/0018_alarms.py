"""Alarms. The body is sql/schema/018_alarms.sql."""

from alembic import context, op

from sql.statements import script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/018_alarms.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
