"""First boot: registrations of gateways that nobody knows yet. The body is sql/schema/008_first_boot.sql."""

from alembic import context, op

from sql.statements import script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/008_first_boot.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
