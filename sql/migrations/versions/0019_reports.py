"""Monthly reports by mail. The body is sql/schema/019_reports.sql."""

from alembic import context, op

from sql.statements import script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/019_reports.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
