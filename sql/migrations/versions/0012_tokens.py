"""Tokens for programs. The body is sql/schema/016_tokens.sql."""

from alembic import context, op

from sql.statements import script

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/016_tokens.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
