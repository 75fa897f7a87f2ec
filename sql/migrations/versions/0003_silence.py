"""Silence and delivery: what a gateway and a meter should have sent, and did. The body is sql/schema/007_silence.sql."""

from alembic import context, op

from sql.statements import script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/007_silence.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
