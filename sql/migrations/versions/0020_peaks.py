"""What many meters took together. The body is sql/schema/022_peaks.sql."""

from alembic import context, op

from sql.statements import script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    op.get_bind().exec_driver_sql(script("schema/022_peaks.sql", web=facts["web"]).replace("%", "%%"))
