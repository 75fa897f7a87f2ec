"""What every column of the views for other tools means. The body is sql/schema/025_column_comments.sql."""

from alembic import op

from sql.statements import script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().exec_driver_sql(script("schema/025_column_comments.sql"))
