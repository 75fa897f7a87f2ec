"""Demand beyond the contracted one. The body is sql/schema/023_excess_demand.sql."""

from alembic import context, op

from sql.statements import script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/023_excess_demand.sql", web=facts["web"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
