"""What many meters took together by hour, day and month. The body is sql/schema/024_totals.sql."""

from alembic import context, op

from sql.statements import script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/024_totals.sql", web=facts["web"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
