"""Invoices can be corrected. The body is sql/schema/028_invoice_changes.sql."""

from alembic import context, op

from sql.statements import script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    op.get_bind().exec_driver_sql(script("schema/028_invoice_changes.sql", web=facts["web"]).replace("%", "%%"))
