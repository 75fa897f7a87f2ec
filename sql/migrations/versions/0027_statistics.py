"""Statistics for the planner after an import. The body is sql/schema/027_statistics.sql."""

from alembic import context, op

from sql.statements import script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    op.get_bind().exec_driver_sql(script("schema/027_statistics.sql", web=facts["web"]).replace("%", "%%"))
