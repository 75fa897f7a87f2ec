"""Recipients of reports may be paused. The body is sql/schema/026_paused_reports.sql."""

from alembic import context, op

from sql.statements import script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    op.get_bind().exec_driver_sql(script("schema/026_paused_reports.sql", web=facts["web"]).replace("%", "%%"))
