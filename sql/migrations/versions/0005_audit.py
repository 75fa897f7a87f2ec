"""Audit: who changed what, when, from where. The body is sql/schema/009_audit.sql."""

from alembic import context, op

from sql.statements import script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/009_audit.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
