"""Rejections: adoption, limits per gateway. The body is sql/schema/006_rejections.sql."""

from alembic import context, op

from sql.statements import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/006_rejections.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
