"""Contracted demand. The body is sql/schema/021_contracted_demand.sql."""

from alembic import context, op

from sql.statements import script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/021_contracted_demand.sql", web=facts["web"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
