"""A second factor by account, the API's limits, what ends by itself. The body is sql/schema/020_safer_accounts.sql."""

from alembic import context, op

from sql.statements import script

revision = "0016"
down_revision = "0012"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/020_safer_accounts.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
